//! The writer under stress: shared commits, faults in the middle of them, and other processes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use rusqlite::{Connection, params};
use tokio::task::JoinSet;

use super::writer::{Job, Ran, WriterThread};
use super::{Db, open};
use crate::error::Fault;
use crate::vault::{Keyring, MasterKeySource};

fn source() -> MasterKeySource {
    MasterKeySource::Given {
        current: SecretValue::new("07".repeat(32)),
        previous: None,
    }
}

fn opened(dir: &Path) -> Db {
    let db = open(dir, source(), true).unwrap();
    let conn = Connection::open(db.file()).unwrap();
    conn.execute_batch("CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY, filler BLOB) STRICT")
        .unwrap();
    db
}

async fn insert(db: &Db, id: i64, bytes: i64) -> PortResult<()> {
    db.write_repeatable(move |conn, _| {
        conn.prepare_cached("INSERT INTO probe (id, filler) VALUES (?1, zeroblob(?2))")?
            .execute(params![id, bytes])?;
        Ok(())
    })
    .await
}

fn ids(file: &Path) -> Vec<i64> {
    let conn = Connection::open(file).unwrap();
    let mut statement = conn.prepare("SELECT id FROM probe ORDER BY id").unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap();
    ids.collect::<Result<_, _>>().unwrap()
}

/// Inserts many at once; the ids that were acknowledged, and the kinds of the refusals.
async fn insert_many(db: &Db, from: i64, count: i64, bytes: i64) -> (Vec<i64>, Vec<PortErrorKind>) {
    let mut calls = JoinSet::new();
    for id in from..from + count {
        let db = db.clone();
        calls.spawn(async move { insert(&db, id, bytes).await.map(|()| id) });
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for answer in calls.join_all().await {
        match answer {
            Ok(id) => good.push(id),
            Err(error) => bad.push(error.kind),
        }
    }
    good.sort_unstable();
    (good, bad)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_write_undoes_itself_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let mut calls = JoinSet::new();
    for id in 1..=300 {
        let db = db.clone();
        calls.spawn(async move {
            db.write(move |conn, _| {
                conn.execute("INSERT INTO probe (id) VALUES (?1)", [id])?;
                match id % 10 {
                    3 => Err(Fault::port(PortErrorKind::Refused, "no")),
                    7 => panic!("a bug"),
                    _ => Ok(id),
                }
            })
            .await
        });
    }
    let answers = calls.join_all().await;
    let mut good: Vec<i64> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().ok().copied())
        .collect();
    good.sort_unstable();
    assert_eq!(good.len(), 240);
    assert_eq!(ids(db.file()), good);
    db.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_repeatable_write_undoes_itself_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let mut calls = JoinSet::new();
    for id in 1..=600 {
        let db = db.clone();
        calls.spawn(async move {
            if id % 100 == 50 {
                return db.write(move |conn, _| probe(conn, id)).await;
            }
            db.write_repeatable(move |conn, _| match id % 10 {
                1 => Err(Fault::port(PortErrorKind::Refused, "no, and nothing was written")),
                3 => probe(conn, id).and_then(|_| Err(Fault::port(PortErrorKind::Refused, "no"))),
                5 => probe(conn, 1_000).and_then(|_| probe(conn, 1_000)),
                7 => probe(conn, id).map(|_| panic!("a bug")),
                _ => probe(conn, id),
            })
            .await
        });
    }
    let answers = calls.join_all().await;
    let mut good: Vec<i64> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().ok().copied())
        .collect();
    good.sort_unstable();
    assert_eq!(good.len(), 360);
    assert_eq!(ids(db.file()), good);
    db.close();
}

fn probe(conn: &Connection, id: i64) -> Result<i64, Fault> {
    conn.prepare_cached("INSERT INTO probe (id) VALUES (?1)")?
        .execute([id])?;
    Ok(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let room = |pages: i64| {
        let db = db.clone();
        async move {
            db.write(move |conn, _| {
                let used: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
                conn.pragma_update_and_check(None, "max_page_count", used + pages, |_| Ok(()))?;
                Ok(())
            })
            .await
            .unwrap();
        }
    };
    room(100).await;
    let (good, bad) = insert_many(&db, 1, 100, 20_000).await;
    assert!(
        !good.is_empty() && !bad.is_empty(),
        "some fit and some do not: {} {}",
        good.len(),
        bad.len()
    );
    assert!(bad.iter().all(|kind| *kind == PortErrorKind::Full), "{bad:?}");
    let error = insert(&db, 1_000, 600_000).await.unwrap_err();
    assert!(
        error.message.contains("make room on the volume of control-plane.db"),
        "{error}"
    );

    room(1_000_000).await;
    insert(&db, 2_000, 20_000).await.expect("there is room again");
    db.close();
    let mut expected = good;
    expected.push(2_000);
    assert_eq!(ids(&dir.path().join("control-plane.db")), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_holds_the_lock_is_named_to_all_who_wait() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    db.write(|conn, _| Ok(conn.busy_timeout(Duration::from_millis(20))?))
        .await
        .unwrap();
    let other = Connection::open(db.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (good, bad) = insert_many(&db, 1, 20, 10).await;
    assert!(
        good.is_empty() && bad.iter().all(|kind| *kind == PortErrorKind::Unavailable),
        "{good:?} {bad:?}"
    );
    let error = insert(&db, 1, 10).await.unwrap_err();
    assert!(error.message.contains("locked by another process"), "{error}");
    assert!(error.retry_after.is_some());
    db.read(|conn| Ok(conn.query_row("SELECT count(*) FROM probe", [], |row| row.get::<_, i64>(0))?))
        .await
        .expect("readers go on");
    other.execute_batch("COMMIT").unwrap();
    insert(&db, 1, 10).await.expect("the lock is free again");
    db.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_in_turn() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (opened(dir.path()), opened(dir.path()));
    let (first, second) = tokio::join!(insert_many(&one, 0, 200, 10), insert_many(&two, 1_000, 200, 10));
    assert_eq!((first.0.len(), second.0.len()), (200, 200));
    assert_eq!(ids(one.file()).len(), 400);
    one.close();
    two.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_store_has_answered_everyone_and_refuses_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let mut calls = JoinSet::new();
    for id in 0..500 {
        let db = db.clone();
        calls.spawn(async move { insert(&db, id, 10).await.map(|()| id) });
    }
    let closing = db.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    let mut good: Vec<i64> = calls.join_all().await.into_iter().filter_map(Result::ok).collect();
    good.sort_unstable();
    assert_eq!(ids(db.file()), good);
    assert_eq!(
        insert(&db, 9_999, 1).await.unwrap_err().kind,
        PortErrorKind::Unavailable
    );
    let read = db.read(|_| Ok(())).await;
    assert_eq!(read.unwrap_err().kind, PortErrorKind::Unavailable);
    db.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_bounded_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let log = dir.path().join("control-plane.db-wal");
    let mut largest = 0;
    for round in 0..60 {
        let (good, _) = insert_many(&db, round * 1_000, 200, 20_000).await;
        assert_eq!(good.len(), 200);
        largest = largest.max(std::fs::metadata(&log).unwrap().len());
    }
    // 240 MB were written.
    assert!(largest < 160 * 1024 * 1024, "the log grew to {largest} bytes");
    db.close();
    assert!(!log.exists(), "the last to close moves the log into the file");
}

/// Inserts a row, and panics where no job is caught: when it is answered.
struct Kills;

impl Job for Kills {
    fn run(&mut self, conn: &Connection, _: &Keyring) -> Ran {
        conn.execute("INSERT INTO probe (id) VALUES (77)", []).unwrap();
        Ran::Good
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn answer(self: Box<Self>, _: &WriterThread, _: Option<&Arc<rusqlite::Error>>) {
        panic!("a fault of the writer's own")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_dies_says_so_and_everything_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    insert(&db, 1, 10).await.unwrap();
    let failed = db.pulse().ended();
    db.0.writer.send(Box::new(Kills)).await.unwrap();
    assert_eq!(failed.await, "writing thread");
    for refused in [
        insert(&db, 2, 10).await,
        db.read(|_| Ok(())).await,
        db.read_inline(|_| Ok(())),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Unavailable);
        assert!(!error.message.contains("shutting down"), "{error}");
    }
    assert!(db.pulse().trouble().unwrap().contains("writing thread"));
    assert_eq!(
        db.pulse().ended().await,
        "writing thread",
        "who asks later is told as well"
    );
    db.close();
    assert_eq!(
        ids(&dir.path().join("control-plane.db")),
        [1, 77],
        "what was committed stays"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_panics_fails_alone_and_a_close_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let mut failed = Box::pin(db.pulse().ended());
    let panicked = db.write(|_, _| -> Result<(), Fault> { panic!("a bug") }).await;
    assert_eq!(panicked.unwrap_err().kind, PortErrorKind::Refused);
    insert(&db, 1, 10).await.unwrap();
    assert_eq!(db.pulse().trouble(), None, "a job's own fault is none of the store's");
    db.close();
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut failed).await.is_err(),
        "a thread that was told to end has not failed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_the_last_write_went_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(dir.path());
    let forever = Duration::from_secs(1_000);
    db.write(|_, _| Ok(())).await.unwrap();
    assert!(!db.pulse().is_fresh(forever), "an empty transaction reaches no disk");
    insert(&db, 1, 10).await.unwrap();
    assert!(db.pulse().is_fresh(forever));

    let room = async |pages: i64| {
        let limited = db.write(move |conn, _| {
            let used: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
            conn.pragma_update_and_check(None, "max_page_count", used + pages, |_| Ok(()))?;
            Ok(())
        });
        limited.await.unwrap();
    };
    room(1).await;
    insert(&db, 2, 600_000).await.unwrap_err();
    let trouble = db.pulse().trouble().unwrap();
    assert!(trouble.contains("the disk is full"), "{trouble}");
    assert!(!db.pulse().is_fresh(forever));
    db.write(|_, _| Ok(())).await.unwrap();
    assert!(db.pulse().trouble().is_some(), "an empty transaction proves nothing");

    room(1_000_000).await;
    insert(&db, 2, 600_000).await.unwrap();
    assert_eq!(db.pulse().trouble(), None);
    let again = insert(&db, 2, 10).await;
    assert!(again.is_err(), "the id is taken");
    assert_eq!(db.pulse().trouble(), None, "a refusal of one write concerns no other");

    let other = Connection::open(db.file()).unwrap();
    db.write(|conn, _| Ok(conn.busy_timeout(Duration::from_millis(20))?))
        .await
        .unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    insert(&db, 3, 10).await.unwrap_err();
    assert!(db.pulse().trouble().unwrap().contains("locked by another process"));
    other.execute_batch("ROLLBACK").unwrap();
    insert(&db, 3, 10).await.unwrap();
    assert_eq!(db.pulse().trouble(), None);
    db.close();
}

#[test]
fn sqlite_is_compiled_as_cargos_configuration_says() {
    let conn = Connection::open_in_memory().unwrap();
    let mut statement = conn.prepare("PRAGMA compile_options").unwrap();
    let options: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let has = |option: &str| options.iter().any(|there| there == option);
    assert!(
        has("THREADSAFE=2") && has("DEFAULT_MEMSTATUS=0") && !has("ENABLE_MEMORY_MANAGEMENT"),
        "LIBSQLITE3_FLAGS of .cargo/config.toml did not reach the compiler: {options:?}"
    );
}
