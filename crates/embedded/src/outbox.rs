//! The outbox: each consumer's place in the event log, and what was not told in its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outbox, Outcome, SetAside, Settled, Standing};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::columns::{count_at, limit, nanos, optional_time_at, page, time_at};
use crate::db::Db;
use crate::error::Fault;
use crate::events::{EVENT, EVENT_LEN, ITS_REQUEST, outgoing};

/// Who is told by the relay. Readers have an event from its log; there is no bus.
const CONSUMERS: [Consumer; 3] = [Consumer::Webhooks, Consumer::Metrics, Consumer::People];

/// The outbox in the database.
pub struct SqliteOutbox {
    db: Db,
    recent: Arc<Mutex<Recent>>,
}

/// The events that were read last. Each consumer comes for the same ones within a moment, and what stands in
/// an event never changes.
#[derive(Default)]
struct Recent(BTreeMap<i64, Arc<OutgoingEvent>>);

/// How many events are kept: some batches of the relay.
const RECENT: usize = 1_024;

impl Recent {
    fn find(&self, id: i64) -> Option<Arc<OutgoingEvent>> {
        self.0.get(&id).cloned()
    }

    /// Takes the oldest away where there are too many.
    fn put(&mut self, id: i64, event: &Arc<OutgoingEvent>) {
        self.0.insert(id, Arc::clone(event));
        if self.0.len() > RECENT {
            self.0.pop_first();
        }
    }
}

impl SqliteOutbox {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            recent: Arc::default(),
        }
    }
}

#[async_trait]
impl Outbox for SqliteOutbox {
    fn consumers(&self) -> &'static [Consumer] {
        &CONSUMERS
    }

    async fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> PortResult<Vec<DueEvent>> {
        let (consumers, recent) = (consumers.to_vec(), Arc::clone(&self.recent));
        self.db
            .read(move |conn| due(conn, &recent, &consumers, now, limit))
            .await
    }

    async fn settle(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut by_consumer: BTreeMap<Consumer, BTreeMap<i64, Outcome>> = BTreeMap::new();
        for Settled { id, consumer, outcome } in settled {
            by_consumer.entry(*consumer).or_default().insert(*id, outcome.clone());
        }
        self.db
            .write_repeatable(move |conn, _| {
                by_consumer
                    .iter()
                    .try_for_each(|(consumer, outcomes)| settle(conn, at, *consumer, outcomes))
            })
            .await
    }

    async fn set_aside(&self, consumer: Consumer, after: Option<Cursor>, limit: usize) -> PortResult<Page<SetAside>> {
        self.db.read(move |conn| set_aside(conn, consumer, after, limit)).await
    }

    async fn give_back(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64> {
        self.db
            .write(move |conn, _| {
                let given = conn
                    .prepare_cached(
                        "UPDATE event_exceptions SET set_aside_at = NULL, failures = 0, error = '', due_at = ?2 \
                         WHERE consumer = ?1 AND set_aside_at IS NOT NULL",
                    )?
                    .execute(params![consumer.as_str(), nanos(now)])?;
                Ok(given as u64)
            })
            .await
    }

    async fn standing(&self, _now: Timestamp) -> PortResult<Vec<Standing>> {
        self.db
            .read(|conn| CONSUMERS.into_iter().map(|consumer| standing(conn, consumer)).collect())
            .await
    }
}

/// Those of these events that the metrics are still to be told of.
pub(crate) fn untold(conn: &Connection, events: impl Iterator<Item = i64>) -> Result<BTreeSet<i64>, Fault> {
    let name = Consumer::Metrics.as_str();
    let place: i64 = conn
        .prepare_cached("SELECT cursor FROM consumers WHERE name = ?1")?
        .query_row([name], |row| row.get(0))?;
    let mut apart = conn.prepare_cached("SELECT 1 FROM event_exceptions WHERE consumer = ?1 AND event = ?2")?;
    let mut new = BTreeSet::new();
    for event in events {
        if event > place || apart.exists(params![name, event])? {
            new.insert(event);
        }
    }
    Ok(new)
}

/// Settles what the metrics have counted, in the transaction that counts it.
pub(crate) fn counted(conn: &Connection, events: &BTreeSet<i64>) -> Result<(), Fault> {
    let done = events.iter().map(|event| (*event, Outcome::Done)).collect();
    // What it passes over is due at once.
    settle(conn, Timestamp::UNIX_EPOCH, Consumer::Metrics, &done)
}

/// What waits, by its place: for whom, with how many failures.
type Wanted = BTreeMap<i64, Vec<(Consumer, u32)>>;

fn due(
    conn: &Connection,
    recent: &Mutex<Recent>,
    consumers: &[Consumer],
    now: Timestamp,
    at_most: usize,
) -> Result<Vec<DueEvent>, Fault> {
    // Cursor and rows as they are at one moment.
    let view = conn.unchecked_transaction()?;
    let mut wanted = Wanted::new();
    for consumer in CONSUMERS.into_iter().filter(|one| consumers.contains(one)) {
        for (event, failures) in due_to(conn, consumer, now, at_most)? {
            wanted.entry(event).or_default().push((consumer, failures));
        }
    }
    let mut read = conn.prepare_cached(&format!("SELECT {EVENT} FROM events {ITS_REQUEST} WHERE cursor = ?1"))?;
    let recent = || recent.lock().unwrap_or_else(PoisonError::into_inner);
    let events = wanted
        .into_iter()
        .take(at_most)
        .map(|(id, wanted_by)| {
            let known = recent().find(id);
            if let Some(event) = known {
                return Ok(DueEvent {
                    id,
                    event: Ok(event),
                    wanted_by,
                });
            }
            let event = read.query_row([id], |row| Ok(outgoing(row, 0)))?.map(Arc::new);
            if let Ok(event) = &event {
                recent().put(id, event);
            }
            Ok(DueEvent { id, event, wanted_by })
        })
        .collect::<rusqlite::Result<_>>()?;
    drop(read);
    view.finish()?;
    Ok(events)
}

/// What one consumer waits for. What was tried before leaves half of the room to what is new.
fn due_to(conn: &Connection, consumer: Consumer, now: Timestamp, at_most: usize) -> Result<Vec<(i64, u32)>, Fault> {
    let new = conn
        .prepare_cached(
            "SELECT cursor, 0 FROM events WHERE cursor > (SELECT cursor FROM consumers WHERE name = ?1) \
             ORDER BY cursor LIMIT ?2",
        )?
        .query_map(params![consumer.as_str(), limit(at_most)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<Vec<(i64, u32)>>>()?;
    let room = at_most.div_ceil(2).max(at_most.saturating_sub(new.len()));
    let again = conn
        .prepare_cached(
            "SELECT event, failures FROM event_exceptions \
             WHERE consumer = ?1 AND set_aside_at IS NULL AND due_at <= ?2 ORDER BY event LIMIT ?3",
        )?
        .query_map(params![consumer.as_str(), nanos(now), limit(room)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<Vec<(i64, u32)>>>()?;
    let room = at_most.saturating_sub(again.len());
    Ok(again.into_iter().chain(new.into_iter().take(room)).collect())
}

fn settle(
    conn: &Connection,
    at: Timestamp,
    consumer: Consumer,
    outcomes: &BTreeMap<i64, Outcome>,
) -> Result<(), Fault> {
    let name = consumer.as_str();
    let place: i64 = conn
        .prepare_cached("SELECT cursor FROM consumers WHERE name = ?1")?
        .query_row([name], |row| row.get(0))?;
    if let Some((last, _)) = outcomes.last_key_value().filter(|(last, _)| **last > place) {
        // What is passed over without a word about it waits apart.
        let passed = conn
            .prepare_cached("SELECT cursor FROM events WHERE cursor > ?1 AND cursor <= ?2")?
            .query_map(params![place, last], |row| row.get(0))?
            .collect::<rusqlite::Result<BTreeSet<i64>>>()?;
        let mut except = conn.prepare_cached(
            "INSERT INTO event_exceptions (consumer, event, failures, due_at) VALUES (?1, ?2, 0, ?3)",
        )?;
        for event in passed
            .iter()
            .filter(|event| outcomes.get(event).is_none_or(|one| *one != Outcome::Done))
        {
            except.execute(params![name, event, nanos(at)])?;
        }
        conn.prepare_cached("UPDATE consumers SET cursor = ?2 WHERE name = ?1")?
            .execute(params![name, last])?;
    }
    let some_apart = conn
        .prepare_cached("SELECT 1 FROM event_exceptions WHERE consumer = ?1")?
        .exists([name])?;
    if !some_apart {
        // All was told in its turn, or was settled before.
        return Ok(());
    }
    let mut done = conn.prepare_cached("DELETE FROM event_exceptions WHERE consumer = ?1 AND event = ?2")?;
    let mut failed = conn.prepare_cached(
        "UPDATE event_exceptions SET failures = failures + 1, due_at = ?3, error = ?4, set_aside_at = ?5 \
         WHERE consumer = ?1 AND event = ?2",
    )?;
    for (event, outcome) in outcomes {
        match outcome {
            // Told in its turn, it never stood apart.
            Outcome::Done if *event > place => {}
            Outcome::Done => {
                done.execute(params![name, event])?;
            }
            Outcome::Again { at, error } => {
                failed.execute(params![name, event, nanos(*at), error, None::<i64>])?;
            }
            Outcome::SetAside { error } => {
                failed.execute(params![name, event, nanos(at), error, nanos(at)])?;
            }
        }
    }
    Ok(())
}

fn set_aside(
    conn: &Connection,
    consumer: Consumer,
    after: Option<Cursor>,
    at_most: usize,
) -> Result<Page<SetAside>, Fault> {
    let after = after.map_or(i64::MIN, |Cursor(place)| place);
    let rows = conn
        .prepare_cached(&format!(
            "SELECT {EVENT}, event, event_exceptions.failures, error, set_aside_at \
             FROM event_exceptions JOIN events ON events.cursor = event {ITS_REQUEST} \
             WHERE consumer = ?1 AND set_aside_at IS NOT NULL AND event > ?2 ORDER BY event LIMIT ?3"
        ))?
        .query_map(
            params![consumer.as_str(), after, limit(at_most).saturating_add(1)],
            |row| {
                Ok(SetAside {
                    id: row.get(EVENT_LEN)?,
                    event: outgoing(row, 0),
                    failures: row.get(EVENT_LEN + 1)?,
                    error: row.get(EVENT_LEN + 2)?,
                    at: time_at(row, EVENT_LEN + 3)?,
                })
            },
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(page(rows, at_most, |aside| aside.id))
}

fn standing(conn: &Connection, consumer: Consumer) -> Result<Standing, Fault> {
    let standing = conn
        .prepare_cached(
            "WITH new AS (SELECT count(*) AS n, min(published_at) AS oldest FROM events \
             WHERE cursor > (SELECT cursor FROM consumers WHERE name = ?1)), \
             again AS (SELECT count(*) AS n, count(*) FILTER (WHERE failures > 0) AS failing, min(published_at) AS oldest \
             FROM event_exceptions JOIN events ON events.cursor = event WHERE consumer = ?1 AND set_aside_at IS NULL), \
             aside AS (SELECT count(*) AS n FROM event_exceptions WHERE consumer = ?1 AND set_aside_at IS NOT NULL) \
             SELECT new.n + again.n, again.failing, aside.n, \
             min(coalesce(new.oldest, again.oldest), coalesce(again.oldest, new.oldest)) FROM new, again, aside",
        )?
        .query_row([consumer.as_str()], |row| {
            Ok(Standing {
                consumer,
                waiting: count_at(row, 0)?,
                failing: count_at(row, 1)?,
                set_aside: count_at(row, 2)?,
                oldest: optional_time_at(row, 3)?,
            })
        })?;
    Ok(standing)
}
