//! Where MRR is kept.

use async_trait::async_trait;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter, place};
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day, SubscriptionFigures};
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::ports::{DayOrder, RevenueStore};
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Row, params};

use crate::columns::{json, json_at, limit, name_at, optional_json_at, optional_name_at};
use crate::db::Db;
use crate::events::News;

/// How many rows at once are written without keeping the pages of those before in memory.
const BULK: usize = 1_000;

/// The days and the customers' figures in the database.
pub struct SqliteRevenue {
    db: Db,
}

impl SqliteRevenue {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl RevenueStore for SqliteRevenue {
    async fn latest(&self) -> PortResult<Option<Day>> {
        self.db
            .read(|conn| {
                let latest = conn
                    .prepare_cached("SELECT record FROM revenue_days ORDER BY date DESC LIMIT 1")?
                    .query_row([], |row| json_at(row, 0))
                    .optional()?;
                Ok(latest)
            })
            .await
    }

    async fn day(&self, date: Date) -> PortResult<Option<Day>> {
        self.db
            .read(move |conn| {
                let day = conn
                    .prepare_cached("SELECT record FROM revenue_days WHERE date = ?1")?
                    .query_row([date.to_string()], |row| json_at(row, 0))
                    .optional()?;
                Ok(day)
            })
            .await
    }

    async fn days(&self, from: Date, until: Date) -> PortResult<Vec<Day>> {
        self.first_days((from, until), DayOrder::OldestFirst, usize::MAX).await
    }

    async fn first_days(&self, span: (Date, Date), order: DayOrder, at_most: usize) -> PortResult<Vec<Day>> {
        let (from, until) = span;
        // Dates outside these four digits do not sort as text.
        let first = from.max(jiff::civil::date(0, 1, 1));
        let select = match order {
            DayOrder::OldestFirst => {
                "SELECT record FROM revenue_days WHERE date BETWEEN ?1 AND ?2 ORDER BY date LIMIT ?3"
            }
            DayOrder::NewestFirst => {
                "SELECT record FROM revenue_days WHERE date BETWEEN ?1 AND ?2 ORDER BY date DESC LIMIT ?3"
            }
        };
        self.db
            .read(move |conn| {
                let days = conn
                    .prepare_cached(select)?
                    .query_map(params![first.to_string(), until.to_string(), limit(at_most)], |row| {
                        json_at(row, 0)
                    })?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(days)
            })
            .await
    }

    async fn keep(&self, day: &Day, reader: &AgentName, news: &Announcement) -> PortResult<()> {
        let news = News::of(reader, news)?;
        let (date, record, movements) = (day.date.to_string(), record(day)?, day.customer_movements);
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(KEEP_DAY)?
                    .execute(params![date, record, movements])?;
                news.append(conn)
            })
            .await
    }

    async fn customers(&self, after: Option<&CustomerKey>, at_most: usize) -> PortResult<Vec<CustomerRow>> {
        let after = after.cloned();
        self.db
            .read(move |conn| {
                // No customer's id is empty.
                let (customer, currency) = match &after {
                    Some(key) => (key.customer.as_str(), key.currency.as_str()),
                    None => ("", ""),
                };
                let rows = conn
                    .prepare_cached(
                        "SELECT customer, currency, figure, day, opening, subscriptions, opening_subscriptions \
                         FROM revenue_customers WHERE (customer, currency) > (?1, ?2) ORDER BY customer, currency LIMIT ?3",
                    )?
                    .query_map(params![customer, currency, limit(at_most)], customer_row)?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(rows)
            })
            .await
    }

    async fn keep_customers(&self, rows: &[CustomerRow]) -> PortResult<()> {
        let rows = rows.to_vec();
        self.db
            .write(move |conn, _| {
                // So many come in the order of their keys, and no page that is behind them is used again.
                if rows.len() >= BULK {
                    conn.execute_batch("PRAGMA shrink_memory")?;
                }
                let mut keep = conn.prepare_cached(
                    "INSERT INTO revenue_customers \
                     (customer, currency, figure, day, opening, subscriptions, opening_subscriptions) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (customer, currency) DO UPDATE \
                     SET figure = excluded.figure, day = excluded.day, opening = excluded.opening, \
                     subscriptions = excluded.subscriptions, opening_subscriptions = excluded.opening_subscriptions",
                )?;
                for row in &rows {
                    keep.execute(params![
                        row.key.customer,
                        row.key.currency.as_str(),
                        row.figure.map(|figure| figure.to_string()),
                        row.day.to_string(),
                        row.opening.map(|opening| opening.to_string()),
                        row.subscriptions.now.as_ref().map(json).transpose()?,
                        row.subscriptions.opening.as_ref().map(json).transpose()?,
                    ])?;
                }
                Ok(())
            })
            .await
    }

    async fn keep_movements(&self, date: Date, first: u32, movements: &[CustomerMovement]) -> PortResult<()> {
        let movements = movements.to_vec();
        self.db
            .write(move |conn, _| {
                let mut keep = conn.prepare_cached(
                    "INSERT OR REPLACE INTO revenue_movements \
                     (place, date, customer, currency, kind, figure_before, figure_after, subscriptions) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?;
                for (number, movement) in (first..).zip(&movements) {
                    keep.execute(params![
                        place(date, number).0,
                        movement.date.to_string(),
                        movement.key.customer,
                        movement.key.currency.as_str(),
                        movement.kind.as_str(),
                        movement.before.to_string(),
                        movement.after.to_string(),
                        movement.subscriptions.as_ref().map(json).transpose()?,
                    ])?;
                }
                Ok(())
            })
            .await
    }

    async fn movements(
        &self,
        wanted: &MovementFilter,
        after: Option<Cursor>,
        at_most: usize,
    ) -> PortResult<Page<CustomerMovement>> {
        let Some((first, last)) = wanted.places() else {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        };
        let first = after.map_or(first.0, |after| first.0.max(after.0.saturating_add(1)));
        let (kind, customer) = (wanted.kind.map(Kind::as_str), wanted.customer.clone());
        let rows: Vec<(Cursor, CustomerMovement)> = self
            .db
            .read(move |conn| {
                // Only as many as the day says count; what an earlier run of the day left behind them does not.
                let rows = conn
                    .prepare_cached(if customer.is_some() { OF_A_CUSTOMER } else { OF_ALL })?
                    .query_map(
                        params![first, last.0, kind, customer, limit(at_most.saturating_add(1))],
                        movement_row,
                    )?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(rows)
            })
            .await?;
        let next = (rows.len() > at_most)
            .then(|| rows.get(at_most.checked_sub(1)?).map(|(place, _)| *place))
            .flatten();
        let items = rows.into_iter().take(at_most).map(|(_, movement)| movement).collect();
        Ok(Page { items, next })
    }

    async fn keep_reconstructed(&self, day: &Day) -> PortResult<bool> {
        let (date, record, movements) = (day.date.to_string(), record(day)?, day.customer_movements);
        self.db
            .write(move |conn, _| {
                let written = conn
                    .prepare_cached(KEEP_RECONSTRUCTED_DAY)?
                    .execute(params![date, record, movements])?;
                Ok(written > 0)
            })
            .await
    }
}

/// The movements of those that a condition on ?4, the customer, names.
macro_rules! movements_where {
    ($customer:literal) => {
        concat!(
            "SELECT m.place, m.date, m.customer, m.currency, m.kind, m.figure_before, m.figure_after, m.subscriptions \
             FROM revenue_movements m JOIN revenue_days d ON d.date = m.date \
             WHERE m.place BETWEEN ?1 AND ?2 AND (m.place & 4294967295) < d.movements \
             AND (?3 IS NULL OR m.kind = ?3) AND ",
            $customer,
            " ORDER BY m.place LIMIT ?5"
        )
    };
}

/// The movements of all, and those of one customer, which have an index of their own.
const OF_ALL: &str = movements_where!("?4 IS NULL");
const OF_A_CUSTOMER: &str = movements_where!("m.customer = ?4");

/// Keeps a day, in place of one that is there; a condition may say of which.
macro_rules! keep_day_where {
    ($kept:literal) => {
        concat!(
            "INSERT INTO revenue_days (date, record, movements) VALUES (?1, ?2, ?3) \
             ON CONFLICT (date) DO UPDATE SET record = excluded.record, movements = excluded.movements WHERE ",
            $kept
        )
    };
}

const KEEP_DAY: &str = keep_day_where!("true");
/// A day that was reported stays as it is.
const KEEP_RECONSTRUCTED_DAY: &str = keep_day_where!("revenue_days.record ->> '$.reconstructed' IS NOT NULL");

fn record(day: &Day) -> PortResult<String> {
    json(day).map_err(|error| {
        PortError::new(PortErrorKind::Refused, "the day's MRR cannot be written as JSON").because(error)
    })
}

fn movement_row(row: &Row<'_>) -> rusqlite::Result<(Cursor, CustomerMovement)> {
    Ok((
        Cursor(row.get(0)?),
        CustomerMovement {
            date: name_at(row, 1)?,
            key: CustomerKey {
                customer: row.get(2)?,
                currency: name_at(row, 3)?,
            },
            kind: name_at(row, 4)?,
            before: name_at(row, 5)?,
            after: name_at(row, 6)?,
            subscriptions: optional_json_at(row, 7)?,
        },
    ))
}

fn customer_row(row: &Row<'_>) -> rusqlite::Result<CustomerRow> {
    Ok(CustomerRow {
        key: CustomerKey {
            customer: row.get(0)?,
            currency: name_at(row, 1)?,
        },
        figure: optional_name_at(row, 2)?,
        day: name_at(row, 3)?,
        opening: optional_name_at(row, 4)?,
        subscriptions: SubscriptionFigures {
            now: optional_json_at(row, 5)?,
            opening: optional_json_at(row, 6)?,
        },
    })
}
