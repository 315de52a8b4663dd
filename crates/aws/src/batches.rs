//! Many items at once: queries page by page, writes in batches.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};

use crate::Shared;
use crate::error::port_error;
use crate::ledger::incomplete;
use crate::table::{Item, TRIES, pause};

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

/// The items of a query, at most so many, page by page.
pub(crate) async fn pages(query: impl Fn() -> QueryFluentBuilder, limit: usize) -> PortResult<Vec<Item>> {
    let mut found = Vec::new();
    let mut start = None;
    while found.len() < limit {
        // DynamoDB takes no more, and ends a page at 1 MB anyway.
        let wanted = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
        let answer = query().limit(wanted).set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
        found.extend(answer.items.unwrap_or_default());
        start = answer.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    Ok(found)
}
