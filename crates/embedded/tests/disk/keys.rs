//! The master key: never lost by accident, never readable by others.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use cc_devops_embedded::{MasterKeySource, OpenError};
use cc_devops_kernel::ports::{Checks, PortErrorKind};

use crate::folder::{Folder, given, put, value};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_is_made_is_the_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let store = cc_devops_embedded::Store::open(cc_devops_embedded::StoreOptions {
        data_dir: folder.clone(),
        master_key: MasterKeySource::File,
        create: true,
    })
    .unwrap();
    put(&store, "/contentcraft/a/b", "x", 1).await.unwrap();
    assert_eq!(mode(&folder), 0o700);
    for file in [
        "control-plane.db",
        "control-plane.db-wal",
        "control-plane.db-shm",
        "master.key",
    ] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[test]
fn nothing_is_made_unasked() {
    let folder = Folder::new();
    let error = folder.try_open(MasterKeySource::File, false).err().unwrap();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert!(!folder.database().exists() && !folder.key_file().exists());
}

#[tokio::test]
async fn a_missing_key_is_never_replaced_by_a_new_one() {
    let folder = Folder::new();
    let store = folder.open();
    put(&store, "/contentcraft/a/b", "x", 1).await.unwrap();
    store.close();
    let kept = fs::read(folder.key_file()).unwrap();
    fs::remove_file(folder.key_file()).unwrap();
    for create in [true, false] {
        let error = folder.try_open(MasterKeySource::File, create).err().unwrap();
        assert!(matches!(error, OpenError::KeyMissing { .. }), "{error}");
        assert!(error.to_string().contains("restore that file"), "{error}");
        assert!(!folder.key_file().exists());
    }
    fs::write(folder.key_file(), &kept).unwrap();
    let error = folder.try_open(MasterKeySource::File, true).err();
    assert!(matches!(error, None | Some(OpenError::KeyExposed { .. })));
    fs::set_permissions(folder.key_file(), Permissions::from_mode(0o644)).unwrap();
    let error = folder.try_open(MasterKeySource::File, true).err().unwrap();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    fs::set_permissions(folder.key_file(), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        value(&folder.open(), "/contentcraft/a/b").await.unwrap().as_deref(),
        Some("x")
    );
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_named() {
    let folder = Folder::new();
    let store = folder.try_open(given(1, None), true).unwrap();
    put(&store, "/contentcraft/a/b", "x", 1).await.unwrap();
    store.close();
    let error = folder.try_open(given(2, None), true).err().unwrap();
    assert!(matches!(error, OpenError::KeyWrong { .. }), "{error}");
    assert!(error.to_string().contains("CC_DEVOPS_MASTER_KEY"), "{error}");
    // The right key among them is enough.
    let store = folder.try_open(given(2, Some(1)), true).unwrap();
    assert_eq!(value(&store, "/contentcraft/a/b").await.unwrap().as_deref(), Some("x"));
    store.close();
    let malformed = MasterKeySource::Given {
        current: cc_devops_kernel::secret::SecretValue::new("planted-not-hex".to_owned()),
        previous: None,
    };
    let error = folder.try_open(malformed, true).err().unwrap();
    assert!(matches!(error, OpenError::KeyMalformed { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("planted"), "a key is never told");
    // A key file beside it does not open what another key sealed.
    let error = folder.try_open(MasterKeySource::File, true).err().unwrap();
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error}");
}

#[tokio::test]
async fn a_key_file_that_goes_missing_shows_in_the_health_check() {
    let folder = Folder::new();
    let store = folder.open();
    let degraded = async || -> Vec<String> {
        let checks = store.checks().check().await;
        checks
            .into_iter()
            .filter(|check| check.message.is_some())
            .map(|check| check.name)
            .collect()
    };
    assert!(degraded().await.is_empty());
    fs::remove_file(folder.key_file()).unwrap();
    assert_eq!(degraded().await, ["master_key"]);
    put(&store, "/contentcraft/a/b", "x", 1)
        .await
        .expect("the loaded key goes on");
}

#[tokio::test]
async fn a_sealed_value_in_another_rows_place_does_not_open() {
    let folder = Folder::new();
    let store = folder.open();
    for (number, name) in [(1, "/contentcraft/a/x"), (2, "/contentcraft/a/y")] {
        put(&store, name, name, number).await.unwrap();
    }
    folder
        .intruder()
        .execute_batch(
            "UPDATE secret_versions SET (key_id, data_key, sealed) = \
             (SELECT key_id, data_key, sealed FROM secret_versions WHERE secret = 1) WHERE secret = 2",
        )
        .unwrap();
    assert_eq!(
        value(&store, "/contentcraft/a/x").await.unwrap().as_deref(),
        Some("/contentcraft/a/x")
    );
    let error = value(&store, "/contentcraft/a/y").await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt, "{error}");
}
