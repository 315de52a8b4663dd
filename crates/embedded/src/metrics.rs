//! Request metrics: sums for ever, and minutes for as long as a graph is likely to ask.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Counted, Metrics, RequestSample, RequestStep, RequestTotals, Steps, minute_of};
use cc_devops_requests::Action;
use rusqlite::{Connection, params};

use crate::columns::{count_at, status_at};
use crate::db::Db;
use crate::error::Fault;
use crate::outbox;

/// How long the minutes are kept: 90 days.
const MINUTES_KEPT: i64 = 90 * 24 * 60;

/// The request metrics in the database.
pub struct SqliteMetrics {
    db: Db,
}

impl SqliteMetrics {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// Requests of one kind taken together.
#[derive(Default)]
struct Sum {
    count: i64,
    latency_ms: i64,
    slowest_ms: i64,
}

/// A minute, an action, a status.
type Kind = (i64, &'static str, &'static str);

#[async_trait]
impl Metrics for SqliteMetrics {
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let samples = samples.to_vec();
        self.db
            .write_repeatable(move |conn, _| {
                let new = outbox::untold(conn, samples.iter().map(|sample| sample.event))?;
                record(conn, &sums(samples.iter().filter(|sample| new.contains(&sample.event))))?;
                outbox::counted(conn, &new)
            })
            .await
    }

    async fn totals(&self) -> PortResult<Vec<RequestTotals>> {
        self.db
            .read(|conn| {
                let totals = conn
                    .prepare_cached(
                        "SELECT action, status, count, latency_ms_sum FROM request_totals ORDER BY action, status",
                    )?
                    .query_map([], |row| {
                        Ok(RequestTotals {
                            action: row.get(0)?,
                            status: status_at(row, 1)?,
                            count: count_at(row, 2)?,
                            latency_ms_sum: count_at(row, 3)?,
                        })
                    })?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(totals)
            })
            .await
    }

    async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>> {
        self.db
            .read(move |conn| {
                let counted = conn
                    .prepare_cached(
                        "SELECT minute, sum(count), sum(CASE status WHEN 'error' THEN count ELSE 0 END), \
                         sum(latency_ms_sum), max(latency_ms_max) FROM request_minutes WHERE minute >= ?1 AND minute < ?2 GROUP BY minute",
                    )?
                    .query_map([steps.first_minute(), steps.end_minute()], |row| {
                        Ok(Counted {
                            minute: row.get(0)?,
                            ended: count_at(row, 1)?,
                            failed: count_at(row, 2)?,
                            latency_ms_sum: count_at(row, 3)?,
                            latency_ms_max: count_at(row, 4)?,
                        })
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(steps.add_up(counted))
            })
            .await
    }
}

fn sums<'a>(samples: impl IntoIterator<Item = &'a RequestSample>) -> BTreeMap<Kind, Sum> {
    let mut sums: BTreeMap<Kind, Sum> = BTreeMap::new();
    for sample in samples {
        // What callers call an action is theirs to choose, and must not fill the table.
        let action = Action::find(&sample.action).map_or("unknown", Action::as_str);
        let minute = minute_of(sample.at);
        let latency = i64::try_from(sample.latency_ms).unwrap_or(i64::MAX);
        let sum = sums.entry((minute, action, sample.status.as_str())).or_default();
        sum.count += 1;
        sum.latency_ms = sum.latency_ms.saturating_add(latency);
        sum.slowest_ms = sum.slowest_ms.max(latency);
    }
    sums
}

fn record(conn: &Connection, sums: &BTreeMap<Kind, Sum>) -> Result<(), Fault> {
    let mut total = conn.prepare_cached(
        "INSERT INTO request_totals (action, status, count, latency_ms_sum) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (action, status) DO UPDATE \
         SET count = count + excluded.count, latency_ms_sum = latency_ms_sum + excluded.latency_ms_sum",
    )?;
    let mut bucket = conn.prepare_cached(
        "INSERT INTO request_minutes (minute, action, status, count, latency_ms_sum, latency_ms_max) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (minute, action, status) DO UPDATE \
         SET count = count + excluded.count, latency_ms_sum = latency_ms_sum + excluded.latency_ms_sum, \
         latency_ms_max = max(latency_ms_max, excluded.latency_ms_max)",
    )?;
    for ((minute, action, status), sum) in sums {
        total.execute(params![action, status, sum.count, sum.latency_ms])?;
        bucket.execute(params![
            minute,
            action,
            status,
            sum.count,
            sum.latency_ms,
            sum.slowest_ms
        ])?;
    }
    if let Some(((newest, _, _), _)) = sums.last_key_value() {
        conn.prepare_cached("DELETE FROM request_minutes WHERE minute < ?1")?
            .execute([newest.saturating_sub(MINUTES_KEPT)])?;
    }
    Ok(())
}
