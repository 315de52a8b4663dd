//! A database that has gone back, with all that authenticates it: what is kept beside it, and what the trail says,
//! tell of it.

use std::fs;

use cc_devops_embedded::{MasterKeySource, OpenError, Store, TrailMismatch};
use cc_devops_fleet::ports::Agents;
use cc_devops_kernel::audit::{AuditFilter, Mark, actions};
use cc_devops_kernel::ports::{AuditTrail, Checks};
use cc_devops_testkit::sample::{self, after, token};
use serde_json::json;

use crate::folder::{Folder, entry, given, put};
use crate::records::{older, older_head};

async fn append(store: &Store, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        store.audit().append(&entry(number)).await.unwrap();
    }
}

async fn head(store: &Store) -> Mark {
    store.audit().mark(None).await.unwrap().unwrap()
}

async fn broken(store: &Store) -> Vec<(i64, String)> {
    let breaks = store.audit().verify().await.unwrap().breaks;
    breaks.into_iter().map(|found| (found.seq, found.problem)).collect()
}

/// A trail of ten rows, put back to its first five.
async fn gone_back() -> (Folder, Mark) {
    let folder = Folder::new();
    let store = folder.open();
    append(&store, 1..=5).await;
    store.close();
    let older = fs::read(folder.database()).unwrap();
    let store = folder.open();
    append(&store, 6..=10).await;
    let mark = head(&store).await;
    store.close();
    fs::write(folder.database(), older).unwrap();
    (folder, mark)
}

#[tokio::test]
async fn an_older_database_put_in_place_is_told_at_the_start_by_verify_and_by_the_health() {
    let (folder, kept) = gone_back().await;
    let record = fs::read(folder.record()).unwrap();
    let store = folder.open();
    let found = head(&store).await;
    assert_eq!(store.doubt(), Some(TrailMismatch::Behind { kept, found }));
    assert!(matches!(&broken(&store).await[..], [(6, problem)] if problem.contains("had come to row 10")));
    let checks = store.checks().check().await;
    assert!(
        checks
            .iter()
            .any(|check| check.name == "audit_trail" && check.message.is_some())
    );

    // It goes on, and the evidence stays.
    append(&store, 11..=20).await;
    store.close();
    assert_eq!(fs::read(folder.record()).unwrap(), record);
    let store = folder.open();
    assert_eq!(store.doubt(), Some(TrailMismatch::Another { kept }));
    assert!(matches!(&broken(&store).await[..], [(10, problem)] if problem.contains("went on from an older")));
}

#[tokio::test]
async fn an_operators_word_settles_it_and_is_on_record() {
    let (folder, _) = gone_back().await;
    let store = folder.open();
    let accepted = sample::audit_entry(actions::ROLL_BACK_ACCEPTED, 30);
    let mark = store.accept(accepted).await.unwrap();
    assert_eq!((store.doubt(), head(&store).await), (None, mark));
    assert!(broken(&store).await.is_empty());
    append(&store, 31..=32).await;
    store.close();
    let store = folder.open();
    assert_eq!(store.doubt(), None);
    let filter = AuditFilter {
        action: Some(actions::ROLL_BACK_ACCEPTED.to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(store.audit().list(&filter, None, 10).await.unwrap().items.len(), 1);
    assert!(broken(&store).await.is_empty());
}

#[tokio::test]
async fn a_lost_write_ahead_log_is_told() {
    let folder = Folder::new();
    let store = folder.open();
    append(&store, 1..=50).await;
    let mark = head(&store).await;
    // What follows a commit comes right after it.
    let kept = || {
        fs::read_to_string(folder.record())
            .unwrap()
            .contains(&mark.hash.to_string())
    };
    while !kept() {
        tokio::task::yield_now().await;
    }
    // As a kill leaves it, but for the log.
    let after = Folder::new();
    fs::copy(folder.database(), after.database()).unwrap();
    fs::copy(folder.key_file(), after.key_file()).unwrap();
    fs::copy(folder.record(), after.record()).unwrap();
    assert!(matches!(after.open().doubt(), Some(TrailMismatch::Behind { kept, .. }) if kept == mark));
    // With it, everything is there.
    fs::copy(folder.path("control-plane.db-wal"), after.path("control-plane.db-wal")).unwrap();
    assert_eq!(after.open().doubt(), None);
}

#[tokio::test]
async fn a_database_that_lost_everything_is_not_made_anew() {
    let folder = Folder::new();
    let store = folder.open();
    append(&store, 1..=3).await;
    store.close();
    fs::write(folder.database(), "").unwrap();
    for create in [true, false] {
        let error = folder.try_open(MasterKeySource::File, create).err().unwrap();
        assert!(matches!(error, OpenError::Emptied { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_record_that_is_gone_or_anothers_is_told_and_never_made_up() {
    let other = Folder::new();
    let store = other.open();
    append(&store, 1..=9).await;
    store.close();
    for (what, replaced) in [("gone", None), ("another's", Some(fs::read(other.record()).unwrap()))] {
        let folder = Folder::new();
        let store = folder.open();
        append(&store, 1..=3).await;
        store.close();
        let expected = match &replaced {
            None => {
                fs::remove_file(folder.record()).unwrap();
                TrailMismatch::Missing
            }
            Some(bytes) => {
                fs::write(folder.record(), bytes).unwrap();
                TrailMismatch::Foreign
            }
        };
        let store = folder.open();
        append(&store, 4..=5).await;
        assert_eq!(store.doubt().as_ref(), Some(&expected), "{what}");
        store.close();
        assert_eq!(fs::read(folder.record()).ok(), replaced, "{what}");
        assert_eq!(folder.open().doubt(), Some(expected), "{what}, at the next start too");
    }
}

#[tokio::test]
async fn a_record_with_a_torn_line_still_holds() {
    let folder = Folder::new();
    let store = folder.open();
    append(&store, 1..=3).await;
    store.close();
    let store = folder.open();
    append(&store, 4..=6).await;
    let mark = head(&store).await;
    store.close();
    let whole = fs::read(folder.record()).unwrap();
    assert_eq!(whole.len() % 2, 0);
    for (place, line) in whole.chunks(whole.len() / 2).enumerate() {
        let mut torn = whole.clone();
        torn[place * line.len() + 30] ^= 1;
        fs::write(folder.record(), &torn).unwrap();
        let store = folder.open();
        assert_eq!(store.doubt(), None, "line {place}");
        store.close();
    }
    fs::write(folder.record(), &whole).unwrap();
    assert_eq!(head(&folder.open()).await, mark);
}

/// Three versions of a secret, each with its row in the trail as the control plane writes it.
async fn written_thrice(name: &str) -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for number in 1..=3 {
        put(&store, name, &format!("value {number}"), number).await.unwrap();
        let mut told = entry(i64::try_from(number).unwrap());
        told.resource = Some(name.to_owned());
        told.detail = json!({"policies": ["own-prefixes"], "versionId": format!("{number:064x}")});
        store.audit().append(&told).await.unwrap();
    }
    store.close();
    folder
}

#[tokio::test]
async fn a_secret_put_back_to_an_older_version_shows() {
    let cases = [
        ("its number", "UPDATE secrets SET versions = 2"),
        (
            "its number, and the newest version",
            "UPDATE secrets SET versions = 2; DELETE FROM secret_versions WHERE version = 3",
        ),
        (
            "all that names the newest version",
            "UPDATE secrets SET versions = 2; \
             CREATE TEMP TABLE newest AS SELECT token FROM secret_versions WHERE version = 3; \
             DELETE FROM secret_versions WHERE version = 3; \
             UPDATE secret_versions SET token = (SELECT token FROM newest) WHERE version = 2",
        ),
    ];
    let name = "/contentcraft/contentorchestrator/key";
    for (what, sql) in cases {
        let folder = written_thrice(name).await;
        assert!(broken(&folder.open()).await.is_empty());
        folder.intruder().execute_batch(sql).unwrap();
        let told = broken(&folder.open()).await;
        assert!(
            matches!(&told[..], [(3, problem)] if problem.contains(name)),
            "{what}: {told:?}"
        );
    }
    // A write that is not concluded yet is ahead of the trail, and nothing is wrong with that.
    let folder = written_thrice(name).await;
    let store = folder.open();
    put(&store, name, "value 4", 4).await.unwrap();
    assert!(broken(&store).await.is_empty());
}

/// Beside a record of the trail, a database of a version that did not authenticate its agents was put there.
#[tokio::test]
async fn agents_of_an_older_schema_beside_a_record_are_nobody() {
    let folder = Folder::new();
    older(&folder, "control-plane.db");
    fs::write(folder.record(), older_head()).unwrap();
    let conn = folder.intruder();
    conn.execute_batch(
        "PRAGMA foreign_keys = off; INSERT INTO agents (name, role, secret_prefixes, stacks, created_at) VALUES ('Intruder', 'admin', '[]', '[]', 1)",
    )
    .unwrap();
    let hash = hex::encode(token(9).hash.0);
    conn.execute_batch(&format!(
        "INSERT INTO tokens (hash, agent, created_at) VALUES (x'{hash}', 'Intruder', 1); \
         DROP TABLE completion_messages; DROP TABLE completion_queues; ALTER TABLE requests DROP COLUMN via; \
         DROP TABLE stack_plans; DROP TABLE stack_changes; ALTER TABLE requests DROP COLUMN rests_since; \
         ALTER TABLE agents DROP COLUMN mac; ALTER TABLE tokens DROP COLUMN mac; \
         DROP TABLE records; DROP TABLE revenue_movements; ALTER TABLE revenue_days DROP COLUMN movements; \
         ALTER TABLE revenue_customers DROP COLUMN subscriptions; \
         ALTER TABLE revenue_customers DROP COLUMN opening_subscriptions; \
         ALTER TABLE secrets DROP COLUMN description; ALTER TABLE secrets DROP COLUMN tags; \
         ALTER TABLE secrets DROP COLUMN made_by; ALTER TABLE secrets DROP COLUMN changed_at; PRAGMA user_version = 8"
    ))
    .unwrap();
    conn.close().unwrap();
    let store = folder.try_open(given(7, None), false).unwrap();
    assert_eq!(store.agents().by_token(&token(9).hash, after(1)).await.unwrap(), None);
    assert!(
        broken(&store)
            .await
            .iter()
            .any(|(_, problem)| problem.contains("Intruder"))
    );
}
