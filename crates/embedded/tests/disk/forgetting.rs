//! The cut of the audit trail against somebody who can write the file, and the file itself, which shrinks.

use std::fs;

use cc_devops_embedded::{Store, compact};
use cc_devops_kernel::audit::Section;
use cc_devops_kernel::ports::{AuditTrail, PortErrorKind, PortResult};
use cc_devops_requests::ports::{Ledger, Retention};
use cc_devops_requests::retention::Kept;
use cc_devops_testkit::sample::{self, after};

use crate::folder::{Folder, entry};

/// A trail of ten rows, whose first six are cut off; the last four and the cut's entry are left.
async fn cut_trail(clear: bool) -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for number in 1..=10 {
        store.audit().append(&entry(number)).await.unwrap();
    }
    cut(&store, 7).await.unwrap();
    while clear && store.audit().clear(2).await.unwrap() > 0 {}
    store.close();
    folder
}

/// Cuts off what was written before that second.
async fn cut(store: &Store, second: i64) -> PortResult<Section> {
    let section = store.audit().oldest(after(second), 100).await?.unwrap();
    let entry = section.entry(after(100 + second), after(second), None);
    store.audit().cut(&section, &entry).await?;
    Ok(section)
}

async fn broken_at(folder: &Folder) -> Vec<i64> {
    let store = folder.open();
    let verification = store.audit().verify().await.unwrap();
    store.close();
    verification.breaks.iter().map(|found| found.seq).collect()
}

#[tokio::test]
async fn a_cut_that_was_forged_moved_or_taken_away_shows() {
    let whole = cut_trail(true).await;
    let store = whole.open();
    let verification = store.audit().verify().await.unwrap();
    assert_eq!(
        (verification.rows, verification.cut, verification.breaks),
        (5, 6, vec![])
    );
    store.close();
    let cases: [(&str, &str, i64); 8] = [
        ("no record", "DELETE FROM audit_cut", 7),
        (
            "a further cut",
            "DELETE FROM audit WHERE seq <= 8; UPDATE audit_cut SET seq = 8",
            8,
        ),
        (
            "a further cut with its row's hash",
            "UPDATE audit_cut SET seq = 8, hash = (SELECT hash FROM audit WHERE seq = 8); \
             DELETE FROM audit WHERE seq <= 8",
            8,
        ),
        ("another hash", "UPDATE audit_cut SET hash = zeroblob(32)", 6),
        ("another time", "UPDATE audit_cut SET cut_at = cut_at + 1", 6),
        ("a short MAC", "UPDATE audit_cut SET mac = x'00'", 1),
        ("a row behind it", "DELETE FROM audit WHERE seq = 7", 8),
        ("the entry that tells of it", "DELETE FROM audit WHERE seq = 11", 11),
    ];
    let kept = fs::read(whole.database()).unwrap();
    for (what, sql, row) in cases {
        fs::write(whole.database(), &kept).unwrap();
        whole.intruder().execute_batch(sql).unwrap();
        let found = broken_at(&whole).await;
        assert!(found.contains(&row), "{what}: {found:?}");
    }
}

#[tokio::test]
async fn a_cut_of_another_time_shows() {
    let folder = cut_trail(true).await;
    let conn = folder.intruder();
    let old: (i64, Vec<u8>, i64, Vec<u8>) = conn
        .query_row("SELECT seq, hash, cut_at, mac FROM audit_cut", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    conn.close().unwrap();
    let store = folder.open();
    cut(&store, 9).await.unwrap();
    while store.audit().clear(100).await.unwrap() > 0 {}
    store.close();
    assert_eq!(broken_at(&folder).await, [0; 0]);
    let conn = folder.intruder();
    conn.execute("UPDATE audit_cut SET seq = ?1, hash = ?2, cut_at = ?3, mac = ?4", old)
        .unwrap();
    conn.close().unwrap();
    assert_eq!(broken_at(&folder).await, [9], "rows 7 and 8 are missing");
}

#[tokio::test]
async fn a_row_that_is_cut_off_and_still_stands_is_not_changed_unseen() {
    let folder = cut_trail(false).await;
    assert_eq!(broken_at(&folder).await, [0; 0]);
    let kept = fs::read(folder.database()).unwrap();
    let cases = [
        ("UPDATE audit SET action = 'x' WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 3", 4),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 6", 6),
    ];
    for (sql, row) in cases {
        fs::write(folder.database(), &kept).unwrap();
        folder.intruder().execute_batch(sql).unwrap();
        let found = broken_at(&folder).await;
        assert!(found.contains(&row), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn a_broken_trail_is_not_cut() {
    let refused = |result: PortResult<Section>, what: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Corrupt, "{what}: {error}");
    };
    let cases = [
        "UPDATE audit SET entry = replace(entry, 'needle-0003', 'needle-0004') WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "UPDATE audit SET prev_hash = zeroblob(32) WHERE seq = 7",
    ];
    for sql in cases {
        let folder = Folder::new();
        let store = folder.open();
        for number in 1..=10 {
            store.audit().append(&entry(number)).await.unwrap();
        }
        folder.intruder().execute_batch(sql).unwrap();
        refused(cut(&store, 7).await, sql);
        let found = store.audit().verify().await.unwrap();
        assert!(
            !found.breaks.is_empty() && found.cut == 0,
            "{sql}: the proof is still there"
        );
        store.close();
    }
    let folder = cut_trail(false).await;
    folder.intruder().execute_batch("UPDATE audit_cut SET seq = 8").unwrap();
    let store = folder.open();
    refused(cut(&store, 9).await, "a forged cut");
    let error = store.audit().clear(100).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt, "a forged cut takes no rows with it");
    store.close();
}

/// Requests that fill some megabytes.
async fn fill(store: &Store) {
    for number in 0..200 {
        let request = sample::request(&format!("request-{number}"));
        let mut conclusion = sample::success(&request.head, 1);
        conclusion.output = Some("x".repeat(20_000));
        store.ledger().receive_concluded(&request, &conclusion).await.unwrap();
    }
}

async fn forget_outputs(store: &Store) {
    let mut place = None;
    loop {
        let step = store
            .retention()
            .forget(Kept::Outputs, after(100), place, 50)
            .await
            .unwrap();
        place = step.next;
        if place.is_none() {
            break;
        }
    }
}

#[tokio::test]
async fn the_file_shrinks_when_rows_are_forgotten() {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store).await;
    store.close();
    let full = fs::metadata(folder.database()).unwrap().len();
    let store = folder.open();
    forget_outputs(&store).await;
    let mut given_back = 0;
    loop {
        match store.retention().shrink().await.unwrap() {
            0 => break,
            bytes => given_back += bytes,
        }
    }
    store.close();
    let left = fs::metadata(folder.database()).unwrap().len();
    assert_eq!(full - left, given_back, "what is said to be given back is");
    assert!(left < full / 4, "{left} of {full} bytes are left");
    let vacuum: i64 = folder
        .intruder()
        .pragma_query_value(None, "auto_vacuum", |row| row.get(0))
        .unwrap();
    assert_eq!(vacuum, 2);
}

/// Makes the file as earlier versions made it.
fn make_rigid(folder: &Folder) {
    let conn = folder.intruder();
    conn.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    let vacuum: i64 = conn.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
    assert_eq!(vacuum, 0);
}

#[tokio::test]
async fn a_file_of_an_earlier_version_shrinks_once_it_was_compacted() {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store).await;
    forget_outputs(&store).await;
    store.close();
    make_rigid(&folder);
    // An operator's command leaves it alone: a server may run.
    let store = folder
        .try_open(cc_devops_embedded::MasterKeySource::File, false)
        .unwrap();
    fill_again(&store).await;
    forget_outputs(&store).await;
    assert_eq!(store.retention().shrink().await.unwrap(), 0);
    store.close();
    let compacted = compact(&folder.path("")).unwrap();
    assert!(compacted.after < compacted.before / 4, "{compacted:?}");
    assert_eq!(compacted.after, fs::metadata(folder.database()).unwrap().len());

    make_rigid(&folder);
    // A server's start does it by itself where the file is small.
    let store = folder.open();
    fill_again(&store).await;
    forget_outputs(&store).await;
    assert!(store.retention().shrink().await.unwrap() > 0);
    assert!(store.audit().verify().await.unwrap().breaks.is_empty());
    store.close();
}

async fn fill_again(store: &Store) {
    for number in 0..100 {
        let request = sample::request(&format!("again-{}-{number}", store.file().metadata().unwrap().len()));
        let mut conclusion = sample::success(&request.head, 1);
        conclusion.output = Some("x".repeat(20_000));
        store.ledger().receive_concluded(&request, &conclusion).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_store_weighs_is_told() {
    let folder = Folder::new();
    let store = folder.open();
    let weights = store.retention().weigh().await.unwrap();
    let parts: Vec<&str> = weights.iter().map(|weight| weight.part).collect();
    assert_eq!(parts, ["database", "write_ahead_log", "free"]);
    store.close();
}
