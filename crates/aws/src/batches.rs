//! Many items at once: queries page by page, writes in batches.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

use crate::Shared;
use crate::error::port_error;
use crate::ledger::incomplete;
use crate::table::{Item, TRIES, WORK, pause, text};

/// How many items one BatchWriteItem takes.
pub(crate) const BATCH: usize = 25;

/// Writes an item.
pub(crate) fn put(item: Item) -> PortResult<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build().map_err(incomplete)?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// Takes an item away.
pub(crate) fn delete(key: Item) -> PortResult<WriteRequest> {
    let delete = DeleteRequest::builder()
        .set_key(Some(key))
        .build()
        .map_err(incomplete)?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

impl Shared {
    /// Makes up to [`BATCH`] writes; those that DynamoDB had no room for are made again.
    pub(crate) async fn write_batch(&self, table: &str, writes: Vec<WriteRequest>) -> PortResult<()> {
        let mut left = writes;
        let mut tries = 0;
        while !left.is_empty() {
            if tries > 0 {
                tokio::time::sleep(pause(tries)).await;
            }
            tries += 1;
            let asked = left.len();
            let call = self.clients.dynamodb().batch_write_item();
            let answer = call.request_items(table, left).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:BatchWriteItem", error))?;
            left = answer
                .unprocessed_items
                .and_then(|mut left| left.remove(table))
                .unwrap_or_default();
            if left.len() < asked {
                tries = 1;
            } else if tries >= TRIES {
                let message = "dynamodb:BatchWriteItem takes nothing now; try again";
                return Err(PortError::new(PortErrorKind::Unavailable, message));
            }
        }
        Ok(())
    }
}

impl Shared {
    /// The start of a query for a partition of the ledger's table, or the part of it that `range` says, as it is now.
    pub(crate) fn query(&self, partition: &str, range: &str) -> QueryFluentBuilder {
        self.query_of(self.table(), partition, range).consistent_read(true)
    }

    /// The same for another table, which may lag.
    pub(crate) fn query_of(&self, table: &str, partition: &str, range: &str) -> QueryFluentBuilder {
        let call = self.clients.dynamodb().query().table_name(table);
        call.key_condition_expression(condition("PK", range))
            .expression_attribute_values(":partition", text(partition))
    }

    /// The start of a query for a key of the index of work, or the part of it that `range` says.
    pub(crate) fn query_work(&self, key: &str, range: &str) -> QueryFluentBuilder {
        let call = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.table())
            .index_name(WORK);
        call.key_condition_expression(condition("WPK", range))
            .expression_attribute_values(":partition", text(key))
    }
}

fn condition(name: &str, range: &str) -> String {
    let and = if range.is_empty() { "" } else { " AND " };
    format!("{name} = :partition{and}{range}")
}

/// A query, page by page. Between two pages rows may go.
pub(crate) struct Pages<Q> {
    query: Q,
    start: Option<Item>,
    ended: bool,
}

impl<Q: Fn() -> QueryFluentBuilder> Pages<Q> {
    /// From the beginning.
    pub(crate) fn new(query: Q) -> Self {
        Self {
            query,
            start: None,
            ended: false,
        }
    }

    /// The next page, of so many items at most; it may be empty. None at the end.
    pub(crate) async fn next(&mut self, limit: i32) -> PortResult<Option<Vec<Item>>> {
        if self.ended {
            return Ok(None);
        }
        let call = (self.query)().limit(limit).set_exclusive_start_key(self.start.take());
        let answer = call.send().await.map_err(|error| port_error("dynamodb:Query", error))?;
        self.start = answer.last_evaluated_key;
        self.ended = self.start.is_none();
        Ok(Some(answer.items.unwrap_or_default()))
    }
}

/// The items of a query, at most so many, page by page.
pub(crate) async fn pages(query: impl Fn() -> QueryFluentBuilder, limit: usize) -> PortResult<Vec<Item>> {
    let mut found = Vec::new();
    let mut pages = Pages::new(query);
    while found.len() < limit {
        // DynamoDB takes no more, and ends a page at 1 MB anyway.
        let wanted = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
        match pages.next(wanted).await? {
            Some(items) => found.extend(items),
            None => break,
        }
    }
    Ok(found)
}
