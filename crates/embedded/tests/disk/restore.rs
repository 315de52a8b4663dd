//! A backup put in place on purpose: looked at before, on record after, and nobody is let in again by it.

use std::fs;
use std::path::{Path, PathBuf};

use cc_devops_embedded::{MasterKeySource, Restore, RestoreError, Restored, Store};
use cc_devops_fleet::ports::Agents;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::ports::AuditTrail;
use cc_devops_requests::ports::Planning;
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, after, agent_name, token};
use rusqlite::Connection;

use crate::access::{add_key, end_key, signs};
use crate::folder::{Folder, entry, given, plan, planned, put, value};

const NAME: &str = "/contentcraft/a/b";

/// A folder with two agents and a secret, and its backup.
pub(crate) async fn backed_up() -> (Folder, PathBuf) {
    let folder = Folder::new();
    let store = folder.open();
    for (name, number) in [(AGENT, 1), (OTHER_AGENT, 2)] {
        let agent = sample::agent(name);
        store
            .agents()
            .add(&agent, &token(number), &sample::added())
            .await
            .unwrap();
    }
    put(&store, NAME, "then", 1).await.unwrap();
    plan(&store).await;
    let backup = folder.path("copy.db");
    store.backup_to(&backup).await.unwrap();
    put(&store, NAME, "since", 2).await.unwrap();
    store.audit().append(&entry(5)).await.unwrap();
    store.close();
    (folder, backup)
}

fn dir(folder: &Folder) -> PathBuf {
    folder.database().parent().unwrap().to_owned()
}

pub(crate) async fn restore(folder: &Folder, backup: &Path) -> Result<Restored, RestoreError> {
    restore_at(folder, backup, 100).await
}

/// So many seconds after the start; what two restores keep aside has two names.
pub(crate) async fn restore_at(folder: &Folder, backup: &Path, seconds: i64) -> Result<Restored, RestoreError> {
    let prepared = Restore::prepare(&dir(folder), backup, MasterKeySource::File, None).await?;
    prepared.finish(after(seconds)).await
}

async fn opens(store: &Store, number: u8) -> bool {
    store
        .agents()
        .by_token(&token(number).hash, after(110))
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn a_backup_is_put_in_place_and_what_ended_since_has_ended() {
    let (folder, backup) = backed_up().await;
    let store = folder.open();
    let agents = store.agents();
    agents
        .revoke(&agent_name(OTHER_AGENT), after(10), &sample::revoked())
        .await
        .unwrap();
    agents
        .rotate(&agent_name(AGENT), &token(3), after(200), &sample::rotated())
        .await
        .unwrap();
    store.close();
    let restored = restore(&folder, &backup).await.unwrap();
    assert_eq!(
        (restored.ended.tokens, &restored.ended.revoked[..]),
        (2, &[OTHER_AGENT.to_owned()][..])
    );
    assert_eq!(restored.unknown, None);

    let store = folder.open();
    assert_eq!(store.doubt(), None, "the server starts");
    let planned = planned(&store).await;
    assert!(
        matches!(planned, Planning::Ended(_)),
        "who knows what has changed the stack since: {planned:?}"
    );
    assert_eq!(value(&store, NAME).await.unwrap().as_deref(), Some("then"));
    assert!(!opens(&store, 2).await, "revoked since");
    assert!(opens(&store, 1).await, "replaced since, and good for a while yet");
    assert!(
        store
            .agents()
            .by_token(&token(1).hash, after(201))
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.audit().verify().await.unwrap().breaks.is_empty());
    let newest = store
        .audit()
        .list(&AuditFilter::default(), None, 1)
        .await
        .unwrap()
        .items
        .remove(0);
    assert_eq!(newest.entry.action, actions::RESTORED);
    assert_eq!((newest.seq, newest.hash), (restored.head.seq, restored.head.hash));
    assert_eq!(newest.entry.detail["endedTokens"], 2);
    store.close();

    let aside = restored.aside.unwrap();
    let kept = Connection::open(aside.join("control-plane.db")).unwrap();
    let versions: i64 = kept
        .query_row("SELECT versions FROM secrets", [], |row| row.get(0))
        .unwrap();
    assert_eq!(versions, 2, "what was replaced is whole");
    assert!(aside.join("audit.head").exists());
    assert!(!folder.path("restoring").exists());
}

#[tokio::test]
async fn a_token_that_was_ended_at_once_is_not_good_again() {
    let (folder, backup) = backed_up().await;
    let store = folder.open();
    store
        .agents()
        .rotate(&agent_name(AGENT), &token(3), after(-1), &sample::rotated())
        .await
        .unwrap();
    store.close();
    assert_eq!(restore(&folder, &backup).await.unwrap().ended.tokens, 1);
    let store = folder.open();
    assert!(!opens(&store, 1).await && opens(&store, 2).await);
}

#[tokio::test]
async fn access_keys_that_were_ended_since_have_ended() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    let (good, ended) = (add_key(&store, AGENT, 1).await, add_key(&store, AGENT, 2).await);
    let revoked = add_key(&store, OTHER_AGENT, 3).await;
    let backup = folder.path("with-keys.db");
    store.backup_to(&backup).await.unwrap();
    end_key(&store, &ended).await;
    store
        .agents()
        .revoke(&agent_name(OTHER_AGENT), after(10), &sample::revoked())
        .await
        .unwrap();
    let younger = add_key(&store, AGENT, 4).await;
    store.close();
    assert_eq!(restore(&folder, &backup).await.unwrap().ended.keys, 1);
    let store = folder.open();
    assert!(signs(&store, &good).await);
    assert!(!signs(&store, &ended).await && !signs(&store, &revoked).await);
    assert!(!signs(&store, &younger).await, "the backup does not know of it");
}

#[tokio::test]
async fn a_backup_that_was_changed_is_refused_and_everything_stays() {
    let changes = [
        "UPDATE agents SET role = 'admin'",
        "UPDATE audit SET at = 1 WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit_head",
    ];
    let (folder, backup) = backed_up().await;
    let sound = fs::read(&backup).unwrap();
    let before = fs::read(folder.database()).unwrap();
    for change in changes {
        fs::write(&backup, &sound).unwrap();
        Connection::open(&backup).unwrap().execute_batch(change).unwrap();
        let error = restore(&folder, &backup).await.unwrap_err();
        assert!(matches!(error, RestoreError::Broken { .. }), "{change}: {error}");
    }
    fs::write(&backup, "no database, whatever it is called").unwrap();
    assert!(matches!(
        restore(&folder, &backup).await,
        Err(RestoreError::NoBackup { .. })
    ));
    Connection::open(folder.path("other.db"))
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    let other = restore(&folder, &folder.path("other.db")).await;
    assert!(matches!(other, Err(RestoreError::NoBackup { .. })));
    assert_eq!(fs::read(folder.database()).unwrap(), before);
    assert!(!folder.path("restoring").exists());
}

#[tokio::test]
async fn a_backup_of_an_older_key_needs_it_and_brings_it() {
    let (folder, backup) = backed_up().await;
    let old_key = folder.path("old.key");
    fs::copy(folder.key_file(), &old_key).unwrap();
    let store = folder.open();
    store
        .rotate_master_key(after(20), &mut |_| std::ops::ControlFlow::Continue(()))
        .await
        .unwrap();
    store
        .agents()
        .revoke(&agent_name(OTHER_AGENT), after(21), &sample::revoked())
        .await
        .unwrap();
    store.close();
    let error = restore(&folder, &backup).await.unwrap_err();
    let RestoreError::Open(cause) = &error else {
        panic!("{error}")
    };
    assert!(
        cause.to_string().contains(folder.key_file().to_str().unwrap()),
        "{cause}"
    );

    let prepared = Restore::prepare(&dir(&folder), &backup, MasterKeySource::File, Some(&old_key))
        .await
        .unwrap();
    let restored = prepared.finish(after(100)).await.unwrap();
    assert_eq!(restored.ended.revoked, [OTHER_AGENT]);
    assert!(restored.aside.unwrap().join("master.key").exists());
    let store = folder.open();
    assert_eq!(value(&store, NAME).await.unwrap().as_deref(), Some("then"));
}

#[tokio::test]
async fn a_restore_into_an_empty_folder_needs_the_key_alone() {
    let (folder, backup) = backed_up().await;
    let empty = Folder::new();
    fs::copy(folder.key_file(), empty.key_file()).unwrap();
    let restored = restore(&empty, &backup).await.unwrap();
    assert_eq!((&restored.aside, restored.ended.tokens), (&None, 0));
    assert!(restored.unknown.unwrap().contains("had no database"));
    let store = empty.open();
    assert_eq!(store.doubt(), None);
    assert!(opens(&store, 1).await);
}

#[tokio::test]
async fn where_the_replaced_database_says_nothing_that_is_said() {
    let (folder, backup) = backed_up().await;
    fs::write(folder.database(), "damaged").unwrap();
    let restored = restore(&folder, &backup).await.unwrap();
    assert!(restored.unknown.unwrap().contains("cannot be opened"));
    assert_eq!(
        fs::read(restored.aside.unwrap().join("control-plane.db")).unwrap(),
        b"damaged"
    );
    assert!(opens(&folder.open(), 1).await);

    // Another control plane's tokens say nothing of these.
    let (folder, backup) = backed_up().await;
    let other = Folder::new();
    fs::copy(folder.key_file(), other.key_file()).unwrap();
    other.open().close();
    let restored = restore(&other, &backup).await.unwrap();
    assert!(restored.unknown.unwrap().contains("another control plane's"));
    assert!(opens(&other.open(), 1).await);
}

/// A version that did not authenticate its agents made it: whoever wrote it could let anybody in.
#[tokio::test]
async fn no_token_of_a_backup_of_an_older_schema_is_good() {
    let source = Folder::new();
    let conn = Connection::open(source.path("old.db")).unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut migrations: Vec<_> = fs::read_dir(root.join("migrations"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    migrations.sort();
    for migration in &migrations[..7] {
        conn.execute_batch(&fs::read_to_string(migration).unwrap()).unwrap();
    }
    conn.pragma_update(None, "user_version", 7).unwrap();
    conn.execute_batch(&fs::read_to_string(root.join("tests/fixtures/schema_7.sql")).unwrap())
        .unwrap();
    conn.close().unwrap();
    let folder = Folder::new();
    let prepared = Restore::prepare(&dir(&folder), &source.path("old.db"), given(7, None), None)
        .await
        .unwrap();
    assert!(!prepared.authenticated);
    assert_eq!(prepared.finish(after(100)).await.unwrap().ended.tokens, 1);
    let store = folder.try_open(given(7, None), false).unwrap();
    assert!(!opens(&store, 1).await);
    assert!(store.agents().find(&agent_name(AGENT)).await.unwrap().is_some());
}
