//! Records and requests against somebody who can write the file.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use cc_devops_embedded::{MasterKeySource, OpenError, Restore, RestoreError, Store, TrailMismatch};
use cc_devops_kernel::audit::Verification;
use cc_devops_kernel::ports::{
    AuditTrail, Content, PortErrorKind, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use cc_devops_requests::ports::Ledger;
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::sample::{self, AGENT, after, request_id};

use crate::folder::{Folder, given};

const PLAN: &str = "plan-1";
const OTHER_PLAN: &str = "plan-2";
const SLACK_USER: &str = "U024BE7LH";

async fn write(store: &Store, kind: RecordKind, name: &str, version: u64, list: Option<&str>, body: &str) {
    let change = StateChange {
        key: RecordKey::new(kind, name),
        version,
        content: Some(Content {
            due_at: Some(after(5)),
            list: list.map(str::to_owned),
            body: body.to_owned(),
        }),
    };
    store.state().write(&[change], None).await.unwrap();
}

async fn found(store: &Store, kind: RecordKind, name: &str) -> Result<Option<Record>, PortErrorKind> {
    let read = store.state().read_one(&RecordKey::new(kind, name)).await;
    read.map_err(|error| {
        assert!(error.message.contains(name), "{error}");
        assert!(error.message.contains("restore the last backup"), "{error}");
        error.kind
    })
}

async fn listed(store: &Store, kind: RecordKind) -> Vec<String> {
    let list = store.state().list(kind, None, None, 10).await.unwrap();
    list.into_iter().map(|record| record.key.name).collect()
}

async fn verify(store: &Store) -> Verification {
    store.audit().verify().await.unwrap()
}

/// Two plans of which none is approved, who is who in Slack, and a request.
async fn folder() -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for name in [PLAN, OTHER_PLAN] {
        write(&store, RecordKind::Plan, name, 0, Some("open"), r#"{"approvals":[]}"#).await;
    }
    write(&store, RecordKind::SlackUser, SLACK_USER, 0, None, r#"{"agent":"Ana"}"#).await;
    store.ledger().receive(&sample::request("asked"), None).await.unwrap();
    store.ledger().receive(&sample::request("other"), None).await.unwrap();
    store.close();
    folder
}

/// What somebody does to the rows: a name for it, which record it is about, and how.
fn forgeries() -> [(&'static str, RecordKind, &'static str, String); 10] {
    let copy = "INSERT OR REPLACE INTO records (kind, name, version, due_at, list, body, mac)";
    [
        (
            "an approval",
            RecordKind::Plan,
            PLAN,
            format!("UPDATE records SET body = '{{\"approvals\":[\"Eve\"]}}' WHERE name = '{PLAN}'"),
        ),
        (
            "another list",
            RecordKind::Plan,
            PLAN,
            format!("UPDATE records SET list = 'shop-dev' WHERE name = '{PLAN}'"),
        ),
        (
            "no list",
            RecordKind::Plan,
            PLAN,
            format!("UPDATE records SET list = NULL WHERE name = '{PLAN}'"),
        ),
        (
            "another time",
            RecordKind::Plan,
            PLAN,
            format!("UPDATE records SET due_at = due_at + 1 WHERE name = '{PLAN}'"),
        ),
        (
            "another version",
            RecordKind::Plan,
            PLAN,
            format!("UPDATE records SET version = 7 WHERE name = '{PLAN}'"),
        ),
        (
            "another's content",
            RecordKind::Plan,
            PLAN,
            format!(
                "{copy} SELECT kind, '{PLAN}', version, due_at, list, body, mac FROM records WHERE name = '{OTHER_PLAN}'"
            ),
        ),
        (
            "another kind",
            RecordKind::SlackUser,
            PLAN,
            format!(
                "{copy} SELECT 'slack-user', name, version, due_at, list, body, mac FROM records WHERE name = '{PLAN}'"
            ),
        ),
        (
            "another operator",
            RecordKind::SlackUser,
            SLACK_USER,
            format!("UPDATE records SET body = '{{\"agent\":\"Eve\"}}' WHERE name = '{SLACK_USER}'"),
        ),
        (
            "a new user",
            RecordKind::SlackUser,
            "U0EVE",
            "INSERT INTO records (kind, name, version, body) VALUES ('slack-user', 'U0EVE', 1, '{\"agent\":\"Ana\"}')"
                .to_owned(),
        ),
        (
            "no code",
            RecordKind::Plan,
            PLAN,
            format!("UPDATE records SET mac = NULL WHERE name = '{PLAN}'"),
        ),
    ]
}

#[tokio::test]
async fn whoever_can_write_the_file_approves_nothing_and_is_nobody_in_slack() {
    for (what, kind, name, sql) in forgeries() {
        let folder = folder().await;
        let store = folder.open();
        folder.intruder().execute_batch(&sql).unwrap();
        let read = found(&store, kind, name).await;
        assert_eq!(read, Err(PortErrorKind::Corrupt), "{what}, while the store is open");
        store.close();

        let store = folder.open();
        assert_eq!(found(&store, kind, name).await, Err(PortErrorKind::Corrupt), "{what}");
        // The others are still found, and it holds up none of them.
        assert!(found(&store, RecordKind::Plan, OTHER_PLAN).await.unwrap().is_some());
        assert!(!listed(&store, kind).await.contains(&name.to_owned()), "{what}");
        assert!(listed(&store, RecordKind::Plan).await.contains(&OTHER_PLAN.to_owned()));
        let due = store.state().due(kind, after(100), 10).await.unwrap();
        assert!(due.iter().all(|record| record.key.name != name), "{what}");
        let next = store.state().next_due(RecordKind::Plan).await.unwrap();
        assert_eq!(next, Some(after(5)), "{what}");
        let told = verify(&store).await.breaks;
        assert!(
            told.iter()
                .any(|found| found.problem.contains("not written by this store") && found.problem.contains(name)),
            "{what}: {told:?}"
        );
    }
}

#[tokio::test]
async fn records_that_nobody_else_wrote_are_read_in_every_version() {
    let folder = folder().await;
    let store = folder.open();
    for version in 1..4 {
        let list = (version % 2 == 0).then_some("open");
        write(&store, RecordKind::Plan, PLAN, version, list, &format!("[{version}]")).await;
        let record = found(&store, RecordKind::Plan, PLAN).await.unwrap().unwrap();
        assert_eq!(
            (record.version, record.content.body),
            (version + 1, format!("[{version}]"))
        );
    }
    assert_eq!(listed(&store, RecordKind::Plan).await, [PLAN, OTHER_PLAN]);
    assert!(verify(&store).await.breaks.is_empty());
}

/// What is carried out is asked for by whoever asked.
#[tokio::test]
async fn a_request_whose_row_names_another_is_not_carried_out() {
    for (what, change) in [
        ("a principal", "principal = 'admin'"),
        ("a role", "role = 'admin'"),
        ("an agent", "agent = 'CostSentinel'"),
        ("all of them", "principal = 'admin', role = 'admin', agent = 'admin'"),
        (
            "another's detail",
            "(key_id, data_key, detail) = (SELECT key_id, data_key, detail FROM requests WHERE id = 'other')",
        ),
    ] {
        let folder = folder().await;
        folder
            .intruder()
            .execute_batch(&format!("UPDATE requests SET {change} WHERE id = 'asked'"))
            .unwrap();
        let store = folder.open();
        let claimed = store.ledger().claim_due(after(10), after(70), 10).await.unwrap();
        let claimed: Vec<&str> = claimed.iter().map(|claimed| claimed.head.id.as_str()).collect();
        assert_eq!(claimed, ["other"], "{what}");
        let record = store.ledger().find(&request_id("asked")).await.unwrap().unwrap();
        assert_eq!(record.state, RequestState::Received, "{what}: it stays open");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_and_requests_hold_when_the_master_key_is_replaced() {
    let folder = folder().await;
    let store = folder.open();
    store
        .rotate_master_key(after(1), &mut |_| ControlFlow::Continue(()))
        .await
        .unwrap();
    store.close();
    let store = folder.open();
    assert!(found(&store, RecordKind::Plan, PLAN).await.unwrap().is_some());
    assert!(
        found(&store, RecordKind::SlackUser, SLACK_USER)
            .await
            .unwrap()
            .is_some()
    );
    let claimed = store.ledger().claim_due(after(10), after(70), 10).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].detail.expose(), sample::request("asked").detail.expose());
    assert!(verify(&store).await.breaks.is_empty());
}

fn dir(folder: &Folder) -> PathBuf {
    folder.database().parent().unwrap().to_owned()
}

#[tokio::test]
async fn a_backup_in_which_a_record_was_changed_is_not_put_in_place() {
    let folder = folder().await;
    let backup = folder.path("copy.db");
    let store = folder.open();
    store.backup_to(&backup).await.unwrap();
    store.close();
    Restore::prepare(&dir(&folder), &backup, MasterKeySource::File, None)
        .await
        .unwrap();
    let conn = rusqlite::Connection::open(&backup).unwrap();
    conn.execute("UPDATE records SET body = '[]' WHERE name = ?1", [PLAN])
        .unwrap();
    conn.close().unwrap();
    let refused = Restore::prepare(&dir(&folder), &backup, MasterKeySource::File, None).await;
    assert!(matches!(refused.err(), Some(RestoreError::Broken { .. })));
}

/// The database `name` of the last schema whose records had no code, with a Slack user.
pub(crate) fn older(folder: &Folder, name: &str) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut migrations: Vec<_> = fs::read_dir(root.join("migrations"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    migrations.sort();
    let conn = rusqlite::Connection::open(folder.path(name)).unwrap();
    for migration in &migrations[..15] {
        conn.execute_batch(&fs::read_to_string(migration).unwrap()).unwrap();
    }
    conn.pragma_update(None, "user_version", 15).unwrap();
    conn.execute_batch(&fs::read_to_string(root.join("tests/fixtures/schema_15.sql")).unwrap())
        .unwrap();
    conn.execute_batch(&format!(
        "INSERT INTO records (kind, name, version, body) VALUES ('slack-user', '{SLACK_USER}', 1, '{{}}')"
    ))
    .unwrap();
    conn.close().unwrap();
}

/// As the version before kept it beside the fixture's database.
pub(crate) fn older_head() -> String {
    let line = "00000000000000000002 59b2014a4ac339f129e607cbe6d0a53f8f9efb1911fd893ef601971f99866fa4 \
                8a402221bb97104d0dc2211867fb0c4bc42f94ee0954c472e8bb0752ae0bfe68\n";
    line.repeat(2)
}

/// The rows of a version that had no codes get theirs once; a database that was made to look as old does not.
#[tokio::test]
async fn records_of_an_older_schema_hold_once() {
    let folder = Folder::new();
    older(&folder, "control-plane.db");
    fs::write(folder.record(), older_head()).unwrap();
    let store = folder.try_open(given(7, None), false).unwrap();
    assert_eq!(store.doubt(), None);
    assert!(
        found(&store, RecordKind::SlackUser, SLACK_USER)
            .await
            .unwrap()
            .is_some()
    );
    assert!(found(&store, RecordKind::Watch, AGENT).await.unwrap().is_some());
    assert!(verify(&store).await.breaks.is_empty());
    let claimed = store.ledger().claim_due(after(10), after(70), 10).await.unwrap();
    assert_eq!(claimed[0].detail.expose(), sample::request("received").detail.expose());
    store.close();
    assert_ne!(fs::read_to_string(folder.record()).unwrap(), older_head());

    let conn = folder.intruder();
    conn.execute_batch(&format!(
        "UPDATE records SET body = '{{\"agent\":\"Eve\"}}' WHERE name = '{SLACK_USER}'; \
         ALTER TABLE records DROP COLUMN mac; PRAGMA user_version = 15"
    ))
    .unwrap();
    conn.close().unwrap();
    for _ in 0..2 {
        let refused = folder.try_open(given(7, None), false).err();
        assert!(matches!(refused, Some(OpenError::Outdated { .. })), "{refused:?}");
    }
}

/// It would go on writing rows as it knows them.
#[tokio::test]
async fn a_database_that_an_older_version_has_open_is_left_alone() {
    let folder = Folder::new();
    older(&folder, "control-plane.db");
    let other = folder.intruder();
    other.pragma_update(None, "journal_mode", "wal").unwrap();
    // As a server does at its start: a connection that never read has nothing open.
    let agents: i64 = other
        .query_row("SELECT count(*) FROM agents", [], |row| row.get(0))
        .unwrap();
    assert!(agents > 0);
    for _ in 0..2 {
        let refused = folder.try_open(given(7, None), false).err();
        assert!(matches!(refused, Some(OpenError::InUse { .. })), "{refused:?}");
        let schema: i64 = other
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(schema, 15, "nothing was changed");
    }
    other.close().unwrap();
    let store = folder.try_open(given(7, None), false).unwrap();
    assert!(found(&store, RecordKind::Watch, AGENT).await.unwrap().is_some());
    let mode: String = folder
        .intruder()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

/// What is beside it says nothing then, and takes nothing away.
#[tokio::test]
async fn records_of_an_older_schema_hold_beside_a_spoilt_record_of_the_trail() {
    let folder = Folder::new();
    older(&folder, "control-plane.db");
    fs::write(folder.record(), "spoilt\n").unwrap();
    let store = folder.try_open(given(7, None), false).unwrap();
    assert_eq!(store.doubt(), Some(TrailMismatch::Foreign));
    assert!(found(&store, RecordKind::Watch, AGENT).await.unwrap().is_some());
}

/// Whoever could write it could say who is who in Slack.
#[tokio::test]
async fn nobody_of_a_backup_of_an_older_schema_is_known_in_slack() {
    let source = Folder::new();
    older(&source, "old.db");
    // The same control plane's, which knows nobody.
    let folder = Folder::new();
    older(&folder, "control-plane.db");
    let conn = folder.intruder();
    conn.execute("DELETE FROM records WHERE name = ?1", [SLACK_USER])
        .unwrap();
    conn.close().unwrap();
    let prepared = Restore::prepare(&dir(&folder), &source.path("old.db"), given(7, None), None)
        .await
        .unwrap();
    assert!(prepared.authenticated);
    assert_eq!(prepared.finish(after(100)).await.unwrap().unknown, None);
    let store = folder.try_open(given(7, None), false).unwrap();
    assert_eq!(found(&store, RecordKind::SlackUser, SLACK_USER).await, Ok(None));
    assert!(found(&store, RecordKind::Watch, AGENT).await.unwrap().is_some());
}
