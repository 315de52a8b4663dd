//! A backup made under load opens like the original, with the same key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cc_devops_embedded::compact;
use cc_devops_kernel::ports::{AuditTrail, PortErrorKind};

use crate::folder::{Folder, check_plan, entry, plan, put, value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_load_is_whole() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    for number in 0..200 {
        put(
            &store,
            &format!("/contentcraft/a/s{number}"),
            &"x".repeat(5_000),
            number,
        )
        .await
        .unwrap();
    }
    plan(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                store.audit().append(&entry(number)).await.unwrap();
            }
            number
        }
    });
    let target = folder.path("backup.db");
    store.backup_to(&target).await.unwrap();
    let refused = store.backup_to(&target).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Exists, "{refused}");
    stop.store(true, Ordering::Relaxed);
    assert!(writing.await.unwrap() > 0);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path("backup.db.partial").exists() && !folder.path("backup.db-wal").exists());

    let restored = Folder::new();
    fs::rename(&target, restored.database()).unwrap();
    fs::copy(folder.key_file(), restored.key_file()).unwrap();
    compact(&restored.path("")).unwrap();
    let store = restored.open();
    check_plan(&store).await;
    for number in [0, 199] {
        let read = value(&store, &format!("/contentcraft/a/s{number}")).await.unwrap();
        assert!(read.is_some_and(|read| read.len() == 5_000));
    }
    let verification = store.audit().verify().await.unwrap();
    assert!(verification.breaks.is_empty(), "{verification:?}");
    store.audit().append(&entry(9_999)).await.unwrap();
}
