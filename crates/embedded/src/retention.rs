//! Forgetting what need not be kept, in steps that the writer hardly notices, and giving the room back.

use std::path::Path;

use async_trait::async_trait;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::{Forgotten, Retention, Weight};
use cc_devops_requests::retention::Kept;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::columns::{limit, nanos};
use crate::db::Db;
use crate::error::Fault;
use crate::state;

/// How many pages of the file's end are moved into its gaps at once (1 MiB).
const SHRINK_PAGES: i64 = 256;

/// Of how many pages one stays free, so that the file does not shrink and grow by turns.
const RESERVE: i64 = 16;

/// From how many free bytes on it is said that the file cannot shrink.
const WORTH_SAYING: i64 = 16 * 1024 * 1024;

/// The housekeeping of the database.
pub struct SqliteRetention {
    db: Db,
}

impl SqliteRetention {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Retention for SqliteRetention {
    fn ends_by_itself(&self) -> bool {
        false
    }

    async fn forget(
        &self,
        what: Kept,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Forgotten> {
        let step = Step {
            before: nanos(before),
            after: after.map_or(i64::MIN, |Cursor(place)| place),
            limit,
        };
        self.db
            .write(move |conn, _| match what {
                Kept::Outputs => outputs(conn, &step),
                Kept::DeadLetters => dead_letters(conn, &step),
                Kept::Events => events(conn, &step),
                Kept::Requests => requests(conn, &step),
                Kept::SecretValues => secret_values(conn, &step),
                Kept::SecretVersions => secret_versions(conn, &step),
                Kept::Records => state::forget(conn, before, limit),
            })
            .await
    }

    async fn shrink(&self) -> PortResult<u64> {
        self.db.write(|conn, _| shrink(conn)).await
    }

    async fn weigh(&self) -> PortResult<Vec<Weight>> {
        let file = self.db.file().to_owned();
        self.db.read(move |conn| weigh(conn, &file)).await
    }
}

/// A step as SQLite takes it.
struct Step {
    before: i64,
    after: i64,
    limit: usize,
}

/// A row that a step looks at.
struct Candidate {
    place: i64,
    is_old: bool,
    is_needed: bool,
}

impl Step {
    /// The rows behind the last step's, in the order of their places. The statement takes the time, the place
    /// to go on from and the limit, and gives place, whether it is old, and whether it is needed.
    fn candidates(&self, conn: &Connection, sql: &str) -> rusqlite::Result<Vec<Candidate>> {
        conn.prepare_cached(sql)?
            .query_map(params![self.before, self.after, limit(self.limit)], |row| {
                Ok(Candidate {
                    place: row.get(0)?,
                    is_old: row.get(1)?,
                    is_needed: row.get(2)?,
                })
            })?
            .collect()
    }

    /// Removes the candidates that are old and not needed. Places grow with time, as far as clocks do, so where
    /// the last of them is not old the rest is not either.
    fn remove(
        &self,
        candidates: &[Candidate],
        mut remove: impl FnMut(i64) -> rusqlite::Result<()>,
    ) -> Result<Forgotten, Fault> {
        let mut removed = 0;
        for candidate in candidates.iter().filter(|one| one.is_old && !one.is_needed) {
            remove(candidate.place)?;
            removed += 1;
        }
        let last = candidates
            .last()
            .filter(|last| candidates.len() == self.limit && last.is_old);
        Ok(Forgotten {
            removed,
            next: last.map(|last| Cursor(last.place)),
        })
    }
}

/// What was printed, of requests first, then of runs and plans. Each step begins anew: what it removed is not found again.
fn outputs(conn: &Connection, step: &Step) -> Result<Forgotten, Fault> {
    let at_most = limit(step.limit);
    let mut removed = conn
        .prepare_cached(
            "UPDATE requests SET output = NULL WHERE seq IN (SELECT seq FROM requests \
             WHERE output IS NOT NULL AND received_at < ?1 ORDER BY received_at LIMIT ?2)",
        )?
        .execute([step.before, at_most])?;
    let of_requests = removed as u64;
    // A request's output is counted once, though its run has it too.
    for of_commands in [
        "UPDATE stack_runs SET output = NULL WHERE request_id IN (SELECT request_id FROM stack_runs \
         WHERE output IS NOT NULL AND started_at < ?1 AND outcome IS NOT NULL ORDER BY started_at LIMIT ?2)",
        "UPDATE stack_plans SET output = NULL WHERE request_id IN (SELECT request_id FROM stack_plans \
         WHERE output IS NOT NULL AND started_at < ?1 AND outcome IS NOT NULL ORDER BY started_at LIMIT ?2)",
    ] {
        if removed < step.limit {
            removed = conn.prepare_cached(of_commands)?.execute([step.before, at_most])?;
        }
    }
    Ok(Forgotten {
        removed: of_requests,
        next: (removed == step.limit).then_some(Cursor(0)),
    })
}

/// Webhooks' dead letters first, then what was set aside of the outbox, for which each step begins anew.
fn dead_letters(conn: &Connection, step: &Step) -> Result<Forgotten, Fault> {
    let found = step.candidates(
        conn,
        "SELECT id, buried_at < ?1, 0 FROM dead_letters WHERE id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let mut delete = conn.prepare_cached("DELETE FROM dead_letters WHERE id = ?1")?;
    let mut forgotten = step.remove(&found, |id| delete.execute([id]).map(|_| ()))?;
    if forgotten.next.is_none() {
        let removed = conn
            .prepare_cached(
                "DELETE FROM event_exceptions WHERE (consumer, event) IN (SELECT consumer, event \
                 FROM event_exceptions WHERE set_aside_at IS NOT NULL AND set_aside_at < ?1 LIMIT ?2)",
            )?
            .execute([step.before, limit(step.limit)])?;
        forgotten.removed += removed as u64;
        forgotten.next = (removed == step.limit).then_some(Cursor(i64::MAX));
    }
    Ok(forgotten)
}

/// Events that everybody was told of. The newest one stays, so that the log's end is known.
fn events(conn: &Connection, step: &Step) -> Result<Forgotten, Fault> {
    let found = step.candidates(
        conn,
        "SELECT cursor, published_at < ?1, cursor = (SELECT max(cursor) FROM events) \
         OR cursor > (SELECT min(consumers.cursor) FROM consumers) \
         OR EXISTS (SELECT 1 FROM event_exceptions WHERE event = events.cursor) \
         OR EXISTS (SELECT 1 FROM deliveries WHERE event = events.cursor) \
         OR EXISTS (SELECT 1 FROM dead_letters WHERE event = events.cursor) \
         FROM events WHERE cursor > ?2 ORDER BY cursor LIMIT ?3",
    )?;
    let mut delete = conn.prepare_cached("DELETE FROM events WHERE cursor = ?1")?;
    step.remove(&found, |cursor| delete.execute([cursor]).map(|_| ()))
}

/// Requests whose events are gone. The newest one stays, so that its place is not given again.
fn requests(conn: &Connection, step: &Step) -> Result<Forgotten, Fault> {
    let found = step.candidates(
        conn,
        "SELECT seq, received_at < ?1, state <> 'concluded' OR seq = (SELECT max(seq) FROM requests) \
         OR EXISTS (SELECT 1 FROM events WHERE request_seq = requests.seq) \
         FROM requests WHERE seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut run =
        conn.prepare_cached("DELETE FROM stack_runs WHERE request_id = (SELECT id FROM requests WHERE seq = ?1)")?;
    let mut plan =
        conn.prepare_cached("DELETE FROM stack_plans WHERE request_id = (SELECT id FROM requests WHERE seq = ?1)")?;
    let mut delete = conn.prepare_cached("DELETE FROM requests WHERE seq = ?1")?;
    step.remove(&found, |seq| {
        run.execute([seq])?;
        plan.execute([seq])?;
        delete.execute([seq]).map(|_| ())
    })
}

/// Values of versions that newer ones have taken the place of; the last two of each secret keep theirs.
fn secret_values(conn: &Connection, step: &Step) -> Result<Forgotten, Fault> {
    let found = step.candidates(
        conn,
        "SELECT secret_versions.rowid, secret_versions.created_at < ?1, sealed IS NULL OR version >= versions - 1 \
         FROM secret_versions CROSS JOIN secrets ON secrets.id = secret \
         WHERE secret_versions.rowid > ?2 ORDER BY secret_versions.rowid LIMIT ?3",
    )?;
    let mut forget = conn
        .prepare_cached("UPDATE secret_versions SET key_id = NULL, data_key = NULL, sealed = NULL WHERE rowid = ?1")?;
    step.remove(&found, |row| forget.execute([row]).map(|_| ()))
}

/// What is left of versions whose value is forgotten; the last two of each secret have theirs.
fn secret_versions(conn: &Connection, step: &Step) -> Result<Forgotten, Fault> {
    let found = step.candidates(
        conn,
        "SELECT rowid, created_at < ?1, sealed IS NOT NULL FROM secret_versions \
         WHERE rowid > ?2 ORDER BY rowid LIMIT ?3",
    )?;
    let mut delete = conn.prepare_cached("DELETE FROM secret_versions WHERE rowid = ?1 AND sealed IS NULL")?;
    step.remove(&found, |row| delete.execute([row]).map(|_| ()))
}

/// Moves pages from the file's end into its gaps; the file is shorter after the next checkpoint.
fn shrink(conn: &Connection) -> Result<u64, Fault> {
    let pages = Pages::of(conn)?;
    let spare = pages.free - pages.all / RESERVE;
    if spare <= 0 {
        return Ok(0);
    }
    if !pages.can_shrink {
        if spare * pages.size > WORTH_SAYING {
            tracing::warn!(
                free_bytes = pages.free * pages.size,
                "the database file has room it cannot give back: stop the server and run `cc-devops compact` once"
            );
        }
        return Ok(0);
    }
    let moved = spare.min(SHRINK_PAGES);
    let mut statement = conn.prepare(&format!("PRAGMA incremental_vacuum({moved})"))?;
    let mut rows = statement.query([])?;
    // It moves a page for each step.
    while rows.next()?.is_some() {}
    Ok(u64::try_from((pages.all - Pages::of(conn)?.all) * pages.size).unwrap_or_default())
}

/// The pages of the database.
struct Pages {
    all: i64,
    free: i64,
    /// In bytes.
    size: i64,
    can_shrink: bool,
}

impl Pages {
    fn of(conn: &Connection) -> rusqlite::Result<Self> {
        let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(Self {
            all: number("page_count")?,
            free: number("freelist_count")?,
            size: number("page_size")?,
            can_shrink: number("auto_vacuum")? == INCREMENTAL,
        })
    }
}

/// What SQLite says of a file whose free pages can be given back.
pub(crate) const INCREMENTAL: i64 = 2;

fn weigh(conn: &Connection, file: &Path) -> Result<Vec<Weight>, Fault> {
    let pages = Pages::of(conn)?;
    let free = u64::try_from(pages.free * pages.size).unwrap_or_default();
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let part = |part, bytes| Weight { part, bytes };
    Ok(vec![
        part("database", bytes(file)),
        part("write_ahead_log", bytes(Path::new(&log))),
        part("free", free),
    ])
}
