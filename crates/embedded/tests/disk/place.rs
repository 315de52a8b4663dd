//! A database that is moved, removed or replaced under an open store.

use std::fs::{self, File};
use std::path::Path;

use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::ports::{Checks, PortErrorKind};

use crate::folder::{put, value};

const NAME: &str = "/contentcraft/a/b";

fn open(data_dir: &Path) -> Store {
    Store::open(StoreOptions {
        data_dir: data_dir.to_owned(),
        master_key: MasterKeySource::File,
        create: true,
    })
    .unwrap()
}

/// Nothing is acknowledged, nothing is read, and the health says why.
async fn is_refused(store: &Store, what: &str) {
    let error = put(store, NAME, "lost", 2).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{what}: {error}");
    assert!(error.message.contains("was moved or removed"), "{what}: {error}");
    let error = value(store, NAME).await.unwrap_err();
    assert!(error.message.contains("was moved or removed"), "{what}: {error}");
    let checks = store.checks().check().await;
    let database = checks.iter().find(|check| check.name == "database").unwrap();
    assert_eq!(database.status, Condition::Degraded, "{what}");
    assert!(
        database.message.as_ref().unwrap().contains("was moved or removed"),
        "{what}"
    );
}

#[tokio::test]
async fn a_folder_that_is_moved_away_takes_nothing_until_it_is_back() {
    let parent = tempfile::tempdir().unwrap();
    let (here, away) = (parent.path().join("data"), parent.path().join("data.old"));
    let store = open(&here);
    put(&store, NAME, "kept", 1).await.unwrap();
    fs::rename(&here, &away).unwrap();
    is_refused(&store, "moved").await;
    fs::create_dir(&here).unwrap();
    is_refused(&store, "another folder in its place").await;
    fs::remove_dir(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    put(&store, NAME, "again", 3).await.unwrap();
    assert_eq!(value(&store, NAME).await.unwrap().as_deref(), Some("again"));
    store.close();
    assert_eq!(value(&open(&here), NAME).await.unwrap().as_deref(), Some("again"));
}

#[tokio::test]
async fn a_file_that_is_removed_or_replaced_takes_nothing() {
    for name in ["control-plane.db", "control-plane.db-wal", "control-plane.db-shm"] {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let store = open(&data);
        put(&store, NAME, "kept", 1).await.unwrap();
        let (file, other) = (data.join(name), parent.path().join("other"));
        fs::copy(&file, &other).unwrap();
        fs::remove_file(&file).unwrap();
        is_refused(&store, &format!("{name} removed")).await;
        fs::rename(&other, &file).unwrap();
        is_refused(&store, &format!("{name} replaced by a copy")).await;
    }
}

#[tokio::test]
async fn a_lock_that_is_removed_or_replaced_takes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let store = open(&parent.path().join("data"));
    let path = parent.path().join("serve.lock");
    let lock = File::create(&path).unwrap();
    store.watch_lock(&path, &lock).unwrap();
    put(&store, NAME, "kept", 1).await.unwrap();
    fs::remove_file(&path).unwrap();
    is_refused(&store, "removed").await;
    fs::write(&path, "").unwrap();
    is_refused(&store, "another in its place").await;
}
