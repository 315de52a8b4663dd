//! A file that is no database, or none any more, or one of a newer program.

use std::fs;

use cc_devops_embedded::{MasterKeySource, OpenError};
use cc_devops_kernel::ports::PortErrorKind;

use crate::folder::{Folder, put, value};

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new();
    folder.open().close();
    let garbage = b"this is not a database, whatever its name says".repeat(200);
    fs::write(folder.database(), &garbage).unwrap();
    let error = folder.try_open(MasterKeySource::File, true).err().unwrap();
    let OpenError::Store(port) = &error else {
        panic!("{error}")
    };
    assert_eq!(port.kind, PortErrorKind::Corrupt);
    assert!(error.to_string().contains("restore the last backup"), "{error}");
    assert!(fs::read(folder.database()).unwrap() == garbage);
}

#[tokio::test]
async fn damaged_pages_are_said_to_be_damaged() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..50 {
        put(
            &store,
            &format!("/contentcraft/a/s{number}"),
            &"x".repeat(2_000),
            number,
        )
        .await
        .unwrap();
    }
    let root: u64 = folder
        .intruder()
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'secret_versions'",
            [],
            |row| row.get::<_, i64>(0),
        )
        .unwrap()
        .try_into()
        .unwrap();
    store.close();
    let mut bytes = fs::read(folder.database()).unwrap();
    let page = usize::try_from((root - 1) * 4_096).unwrap();
    bytes[page..page + 4_096].fill(0xa5);
    fs::write(folder.database(), bytes).unwrap();
    let store = folder.open();
    let error = value(&store, "/contentcraft/a/s1").await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt, "{error}");
    let error = put(&store, "/contentcraft/a/s1", "y", 999).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt, "{error}");
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = Folder::new();
    folder.open().close();
    folder.intruder().pragma_update(None, "user_version", 999).unwrap();
    let error = folder.try_open(MasterKeySource::File, true).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
    assert!(error.to_string().contains("run the newer version"), "{error}");
}
