//! Where MRR is kept: a table of its own, which others read.

mod movements;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter};
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day};
use cc_devops_revenue::ports::RevenueStore;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::civil::{Date, date};

use crate::batches::{BATCH, pages, put};
use crate::error::port_error;
use crate::ledger::{gone, incomplete};
use crate::outbox::Mailbox;
use crate::table::{Item, TRIES, key, text};
use crate::{Backend, Shared};
use rows::{
    CUSTOMERS, DATE, DAYS, LATEST, RECONSTRUCTED, RECORD, customer_item, customer_of, customer_place, day_item, day_of,
};

/// How many of them run at once. All customers stand in one partition, which takes 1,000 writes a
/// second until DynamoDB splits it.
const AT_ONCE: usize = 4;

impl Backend {
    /// Where MRR is kept.
    pub fn revenue(&self) -> Arc<dyn RevenueStore> {
        Arc::new(BillingTable(self.shared.clone()))
    }
}

struct BillingTable(Arc<Shared>);

#[async_trait]
impl RevenueStore for BillingTable {
    async fn latest(&self) -> PortResult<Option<Day>> {
        self.read(LATEST.to_owned()).await
    }

    async fn day(&self, date: Date) -> PortResult<Option<Day>> {
        self.read(date.to_string()).await
    }

    async fn days(&self, from: Date, until: Date) -> PortResult<Vec<Day>> {
        // Dates outside these four digits do not sort as text.
        let from = from.max(date(0, 1, 1));
        if from > until {
            return Ok(Vec::new());
        }
        let query = || {
            let query = self.query(DAYS, "SK BETWEEN :from AND :until");
            let query = query.expression_attribute_values(":from", text(from.to_string()));
            let query = query.expression_attribute_values(":until", text(until.to_string()));
            query
                .projection_expression("#record")
                .expression_attribute_names("#record", RECORD)
        };
        let items = pages(query, usize::MAX).await?;
        items.iter().filter_map(|item| day_of(item).transpose()).collect()
    }

    async fn keep(&self, day: &Day, reader: &AgentName, news: &Announcement) -> PortResult<()> {
        let own = Put::builder()
            .table_name(self.table())
            .set_item(Some(day_item(day, day.date.to_string())?));
        let own = put_of(own)?;
        let latest = self.put_latest(day)?;
        // The day and its news: in this table and in the ledger's.
        let mut writes = vec![own, put_of(latest)?];
        let shared = &self.0;
        let desk = Mailbox::of(news, &shared.installation)?;
        for _ in 0..TRIES {
            let put = shared.leave_news(desk, reader, news)?;
            let days = writes.len();
            let mut all = writes.clone();
            all.push(TransactWriteItem::builder().put(put).build());
            match shared.transact(all).await? {
                Ok(()) => {
                    shared.outbox.look_soon();
                    return Ok(());
                }
                // A later day is the newest; and a newest day only ever becomes later.
                Err(refused) if days > 1 && refused.at(1) => writes.truncate(1),
                // Another process had the same place for its news.
                Err(_) => {}
            }
        }
        Err(gone())
    }

    async fn customers(&self, after: Option<&CustomerKey>, limit: usize) -> PortResult<Vec<CustomerRow>> {
        let query = || match after {
            None => self.query(CUSTOMERS, ""),
            Some(after) => self
                .query(CUSTOMERS, "SK > :after")
                .expression_attribute_values(":after", text(customer_place(after))),
        };
        let items = pages(query, limit).await?;
        items.into_iter().map(customer_of).collect()
    }

    async fn keep_customers(&self, rows: &[CustomerRow]) -> PortResult<()> {
        let items = rows.iter().map(customer_item).collect::<PortResult<Vec<Item>>>()?;
        let batches: Vec<Vec<Item>> = items.chunks(BATCH).map(<[Item]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.put_batch(batch))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn keep_movements(&self, date: Date, first: u32, movements: &[CustomerMovement]) -> PortResult<()> {
        self.put_movements(date, first, movements).await
    }

    async fn movements(
        &self,
        wanted: &MovementFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<CustomerMovement>> {
        self.page_of_movements(wanted, after, limit).await
    }

    async fn keep_reconstructed(&self, day: &Day) -> PortResult<bool> {
        let own = Put::builder()
            .table_name(self.table())
            .set_item(Some(day_item(day, day.date.to_string())?))
            .condition_expression("attribute_not_exists(#date) OR attribute_exists(#reconstructed)")
            .expression_attribute_names("#date", DATE)
            .expression_attribute_names("#reconstructed", RECONSTRUCTED);
        let mut writes = vec![put_of(own)?, put_of(self.put_latest(day)?)?];
        for _ in 0..TRIES {
            match self.0.transact(writes.clone()).await? {
                Ok(()) => return Ok(true),
                Err(refused) if refused.at(0) => return Ok(false),
                // A later day is the newest.
                Err(refused) if writes.len() > 1 && refused.at(1) => writes.truncate(1),
                Err(_) => {}
            }
        }
        Err(gone())
    }
}

fn put_of(put: PutBuilder) -> PortResult<TransactWriteItem> {
    let put = put.build().map_err(incomplete)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

impl BillingTable {
    fn table(&self) -> &str {
        &self.0.resources.billing_table
    }

    /// Makes a day the newest, unless there is a later one.
    fn put_latest(&self, day: &Day) -> PortResult<PutBuilder> {
        Ok(Put::builder()
            .table_name(self.table())
            .set_item(Some(day_item(day, LATEST)?))
            .condition_expression("attribute_not_exists(#date) OR #date <= :date")
            .expression_attribute_names("#date", DATE)
            .expression_attribute_values(":date", text(day.date.to_string())))
    }

    /// Reads a day, as it is now.
    async fn read(&self, place: String) -> PortResult<Option<Day>> {
        let call = self.0.clients.dynamodb().get_item().table_name(self.table());
        let answer = call.set_key(Some(key(DAYS, place))).consistent_read(true).send().await;
        let answer = answer.map_err(|error| port_error("dynamodb:GetItem", error))?;
        answer.item.as_ref().map_or(Ok(None), day_of)
    }

    /// The start of a query for a part of a partition, as it is now.
    fn query(&self, partition: &str, range: &str) -> QueryFluentBuilder {
        self.0.query_of(self.table(), partition, range).consistent_read(true)
    }

    /// Writes up to [`BATCH`] items.
    async fn put_batch(&self, items: Vec<Item>) -> PortResult<()> {
        let writes = items.into_iter().map(put).collect::<PortResult<Vec<_>>>()?;
        self.0.write_batch(self.table(), writes).await
    }
}
