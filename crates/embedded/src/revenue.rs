//! Where MRR is kept.

use async_trait::async_trait;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day};
use cc_devops_revenue::ports::RevenueStore;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Row, params};

use crate::columns::{json, json_at, limit, name_at, optional_name_at};
use crate::db::Db;
use crate::events::News;

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
        // Dates outside these four digits do not sort as text.
        let first = from.max(jiff::civil::date(0, 1, 1));
        self.db
            .read(move |conn| {
                let days = conn
                    .prepare_cached("SELECT record FROM revenue_days WHERE date BETWEEN ?1 AND ?2 ORDER BY date")?
                    .query_map([first.to_string(), until.to_string()], |row| json_at(row, 0))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(days)
            })
            .await
    }

    async fn keep(&self, day: &Day, reader: &AgentName, news: &Announcement) -> PortResult<()> {
        let news = News::of(reader, news)?;
        let date = day.date.to_string();
        let record = json(day).map_err(|error| {
            PortError::new(PortErrorKind::Refused, "the day's MRR cannot be written as JSON").because(error)
        })?;
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(
                    "INSERT INTO revenue_days (date, record) VALUES (?1, ?2) \
                     ON CONFLICT (date) DO UPDATE SET record = excluded.record",
                )?
                .execute([&date, &record])?;
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
                        "SELECT customer, currency, figure, day, opening FROM revenue_customers \
                         WHERE (customer, currency) > (?1, ?2) ORDER BY customer, currency LIMIT ?3",
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
                let mut keep = conn.prepare_cached(
                    "INSERT INTO revenue_customers (customer, currency, figure, day, opening) \
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (customer, currency) DO UPDATE \
                     SET figure = excluded.figure, day = excluded.day, opening = excluded.opening",
                )?;
                for row in &rows {
                    keep.execute(params![
                        row.key.customer,
                        row.key.currency.as_str(),
                        row.figure.map(|figure| figure.to_string()),
                        row.day.to_string(),
                        row.opening.map(|opening| opening.to_string()),
                    ])?;
                }
                Ok(())
            })
            .await
    }
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
    })
}
