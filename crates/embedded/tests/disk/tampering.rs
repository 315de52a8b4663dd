//! The audit trail shows every change made from outside, and names its row.

use std::fs;

use cc_devops_embedded::{MasterKeySource, Store};
use cc_devops_fleet::NewToken;
use cc_devops_fleet::ports::Agents;
use cc_devops_kernel::audit::{AuditFilter, AuditRow, Verification};
use cc_devops_kernel::ports::{AuditTrail, PortErrorKind};
use cc_devops_testkit::sample::{self, AGENT, after, agent_name, token};

use crate::folder::{Folder, entry};

const ROWS: i64 = 40;

async fn trail() -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for number in 1..=ROWS {
        store.audit().append(&entry(number)).await.unwrap();
    }
    let verification = store.audit().verify().await.unwrap();
    assert_eq!(
        (verification.rows, verification.breaks.len()),
        (40, 0),
        "{verification:?}"
    );
    store.close();
    folder
}

async fn verify(folder: &Folder) -> Verification {
    folder.open().audit().verify().await.unwrap()
}

fn places(verification: &Verification) -> Vec<i64> {
    verification.breaks.iter().map(|found| found.seq).collect()
}

#[tokio::test]
async fn every_edit_is_found_at_its_row() {
    let cases: [(&str, &str, i64); 14] = [
        ("an action", "UPDATE audit SET action = 'x' WHERE seq = 7", 7),
        ("a status", "UPDATE audit SET status = 'error' WHERE seq = 7", 7),
        ("an agent", "UPDATE audit SET agent = 'Other' WHERE seq = 7", 7),
        (
            "a principal that was none",
            "UPDATE audit SET principal = 'Other' WHERE seq = 7",
            7,
        ),
        ("a time", "UPDATE audit SET at = at + 1 WHERE seq = 7", 7),
        (
            "an entry",
            "UPDATE audit SET entry = replace(entry, 'needle-0007', 'needle-0008') WHERE seq = 7",
            7,
        ),
        (
            "white space in an entry",
            "UPDATE audit SET entry = entry || ' ' WHERE seq = 7",
            7,
        ),
        (
            "an unknown field",
            "UPDATE audit SET entry = replace(entry, '{\"at\"', '{\"x\":1,\"at\"') WHERE seq = 7",
            7,
        ),
        ("an entry that is none", "UPDATE audit SET entry = 'x' WHERE seq = 7", 7),
        ("a hash", "UPDATE audit SET hash = zeroblob(32) WHERE seq = 7", 7),
        ("a short hash", "UPDATE audit SET hash = x'00' WHERE seq = 7", 7),
        (
            "a hash before",
            "UPDATE audit SET prev_hash = zeroblob(32) WHERE seq = 7",
            7,
        ),
        ("a removed row", "DELETE FROM audit WHERE seq = 7", 8),
        (
            "two rows that changed places",
            "UPDATE audit SET seq = 1000 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 9; \
             UPDATE audit SET seq = 9 WHERE seq = 1000",
            7,
        ),
    ];
    let folder = trail().await;
    let kept = fs::read(folder.database()).unwrap();
    for (what, sql, row) in cases {
        fs::write(folder.database(), &kept).unwrap();
        folder.intruder().execute_batch(sql).unwrap();
        let verification = verify(&folder).await;
        assert!(places(&verification).contains(&row), "{what}: {verification:?}");
    }
}

#[tokio::test]
async fn a_chain_that_was_cut_or_lengthened_shows_at_its_end() {
    let cases = [
        ("the last rows", "DELETE FROM audit WHERE seq > 37", 38),
        ("all rows", "DELETE FROM audit", 1),
        ("the record of the end", "DELETE FROM audit_head", 40),
        (
            "rows and the record of the end",
            "DELETE FROM audit WHERE seq > 37; \
             UPDATE audit_head SET seq = 37, hash = (SELECT hash FROM audit WHERE seq = 37)",
            37,
        ),
        (
            "a row behind the end",
            "UPDATE audit_head SET seq = 39, hash = (SELECT hash FROM audit WHERE seq = 39)",
            39,
        ),
        (
            "a copied row",
            "INSERT INTO audit SELECT 41, at, principal, agent, action, status, entry, prev_hash, hash FROM audit WHERE seq = 40",
            41,
        ),
    ];
    let folder = trail().await;
    let kept = fs::read(folder.database()).unwrap();
    for (what, sql, row) in cases {
        fs::write(folder.database(), &kept).unwrap();
        folder.intruder().execute_batch(sql).unwrap();
        let verification = verify(&folder).await;
        assert!(places(&verification).contains(&row), "{what}: {verification:?}");
        if sql.contains("audit_head") {
            // Nothing is added to a chain whose end was forged: our MAC would cover it up.
            let error = folder.open().audit().append(&entry(99)).await.unwrap_err();
            assert_eq!(error.kind, PortErrorKind::Corrupt, "{what}: {error}");
        }
    }
}

#[tokio::test]
async fn a_row_that_its_index_does_not_know_is_found() {
    let folder = trail().await;
    folder
        .intruder()
        .execute_batch(
            "PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET sql = 'CREATE INDEX audit_agent ON audit (agent) WHERE agent IS NULL' \
             WHERE name = 'audit_agent'; PRAGMA writable_schema = RESET",
        )
        .unwrap();
    folder
        .intruder()
        .execute_batch(
            "REINDEX audit_agent; PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET sql = 'CREATE INDEX audit_agent ON audit (agent) WHERE agent IS NOT NULL' \
             WHERE name = 'audit_agent'; PRAGMA writable_schema = RESET",
        )
        .unwrap();
    let verification = verify(&folder).await;
    assert!(
        !verification.breaks.is_empty() && places(&verification).iter().all(|seq| *seq > 0),
        "{verification:?}"
    );
}

fn rows_of(store: &Store) -> impl Future<Output = Option<Vec<AuditRow>>> {
    let audit = store.audit();
    async move {
        audit
            .list(&AuditFilter::default(), None, 100)
            .await
            .ok()
            .map(|page| page.items)
    }
}

#[tokio::test]
async fn one_changed_byte_in_a_row_names_the_row() {
    let folder = trail().await;
    let kept = fs::read(folder.database()).unwrap();
    for row in [1, 17, ROWS] {
        let needle = format!("needle-{row:04}");
        let at = kept
            .windows(needle.len())
            .position(|window| window == needle.as_bytes())
            .unwrap();
        // Around the needle lies the row: its entry, its columns before, its hashes behind.
        for distance in [-150_i64, -60, -3, 0, 5, 10, 40, 90, 130] {
            let place = usize::try_from(i64::try_from(at).unwrap() + distance).unwrap();
            let mut bytes = kept.clone();
            bytes[place] ^= 0x01;
            fs::write(folder.database(), &bytes).unwrap();
            let verification = verify(&folder).await;
            assert!(
                places(&verification).iter().any(|seq| (seq - row).abs() <= 1),
                "row {row}, byte {distance} from its id: {verification:?}"
            );
            if (0..10).contains(&distance) {
                assert_eq!(places(&verification), [row], "byte {distance}");
            }
        }
    }
}

/// Wherever one byte of the file is changed: the change is told, or it is none of the trail's.
#[tokio::test]
async fn no_changed_byte_changes_the_trail_unseen() {
    let folder = trail().await;
    let kept = fs::read(folder.database()).unwrap();
    let original = rows_of(&folder.open()).await.unwrap();
    let (mut told, mut refused) = (0, 0);
    for place in (0..kept.len()).step_by(509) {
        let mut bytes = kept.clone();
        bytes[place] ^= 0x20;
        fs::write(folder.database(), &bytes).unwrap();
        let Ok(store) = folder.try_open(MasterKeySource::File, false) else {
            refused += 1;
            continue;
        };
        let rows = rows_of(&store).await;
        match store.audit().verify().await {
            Err(_) => refused += 1,
            Ok(verification) if !verification.breaks.is_empty() => told += 1,
            Ok(_) => assert!(
                rows.as_ref() == Some(&original),
                "byte {place} changed the trail and nobody noticed"
            ),
        }
    }
    assert!(told > 0, "{told} told, {refused} refused");
}

#[tokio::test]
async fn what_cannot_be_put_on_record_is_not_done() {
    let folder = trail().await;
    let (name, first, second) = (agent_name(AGENT), token(1), token(2));
    let store = folder.open();
    let agents = store.agents();
    agents
        .add(&sample::agent(AGENT), &first, &sample::added())
        .await
        .unwrap();
    store.close();
    folder
        .intruder()
        .execute_batch("UPDATE audit_head SET seq = seq + 1")
        .unwrap();
    let store = folder.open();
    let agents = store.agents();
    let rotated = agents.rotate(&name, &second, after(1), &sample::rotated()).await;
    assert_eq!(rotated.unwrap_err().kind, PortErrorKind::Corrupt);
    let revoked = agents.revoke(&name, after(1), &sample::revoked()).await;
    assert_eq!(revoked.unwrap_err().kind, PortErrorKind::Corrupt);
    let opens = async |token: &NewToken| agents.by_token(&token.hash, after(2)).await.unwrap().is_some();
    assert!(opens(&first).await, "the token that was good still is");
    assert!(!opens(&second).await);
}
