//! The ledger's table: its keys and indexes, and rows to items and back.
//!
//! | rows | PK | SK |
//! |---|---|---|
//! | request | `REQ#id` | `REQ` |
//! | event | `LOG#block` | its place |
//! | counter of places | `LOG` | `PLACES` |
//! | event and outbox entry of older versions | `EVENTS`, `OUTBOX` | its place |
//! | stack lock | `STACK#name` | `LOCK` |
//! | audit row | `AUDIT#chain` | its place in the chain |
//! | where a chain is cut | `AUDITCUT#chain` | `CUT` |
//! | agent, token | `AGENT#folded name`, `TOKEN#hash` | `AGENT`, `TOKEN` |
//! | subscription, delivery, dead letter | `WEBHOOKS`, `DELIVERIES#subscription`, `DEAD#subscription` | its id |
//! | record of the watch or the alerts | `STATE#kind` | its name |
//! | work on repositories for a request | `HANDED#id` | `WORK` |
//! | what is kept of a repository | `REPOSITORIES#owner#kind` | its id |
//! | pair of sealing keys, the newest | `SEALING` | `KEY#number`, `NEWEST` |
//! | news to be told, what is no news | `NEWS#desk`, `NOTTOLD#desk` | its place |
//! | schedule, metrics, health | `SCHEDULE`, `METRICS`, `HEALTH` | job, `TOTALS`, `REPORT` |
//!
//! The index `work` (WPK, WSK) finds requests, events and deliveries by state and time, `time` (TPK, TSK)
//! lists. Each state and each list is spread over shards (`places`). Both hold keys alone and may lag: what they find is taken with a condition on the item itself.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Shared;
use crate::error::{corrupt, is_condition, port_error};

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The index of open requests.
pub(crate) const WORK: &str = "work";
/// The index of lists.
pub(crate) const TIME: &str = "time";

/// How many items one BatchGetItem takes.
pub(crate) const BATCH: usize = 100;

/// How often a call is tried whose answer says that it met another or was done in part.
pub(crate) const TRIES: usize = 5;

/// The wait after so many tries: from 20 ms on, longer each time, with jitter.
pub(crate) fn pause(tries: usize) -> Duration {
    let first = Duration::from_millis(20);
    let delays = ExponentialBuilder::default().with_min_delay(first).with_jitter();
    delays.with_max_times(TRIES).build().take(tries).last().unwrap_or(first)
}

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// A primary key.
pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    Item::from([("PK".to_owned(), text(pk)), ("SK".to_owned(), text(sk))])
}

/// A row as an item.
pub(crate) fn to_item(row: &impl Serialize) -> PortResult<Item> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(row)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "a row cannot be written as an item").because(error))
}

/// An item as a row. `what` says what it should be, for the error.
pub(crate) fn from_item<T: DeserializeOwned>(item: Item, what: &str) -> PortResult<T> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| corrupt(what).because(error))
}

/// Whether a conditional update held; where it did not, the row is gone or somebody else was first.
pub(crate) async fn held(update: UpdateItemFluentBuilder) -> PortResult<bool> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if is_condition(&error) => Ok(false),
        Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
    }
}

/// When something that came to an end at `at` is forgotten, in Unix seconds.
pub(crate) fn expiry(at: Timestamp, days: u32) -> i64 {
    at.as_second().saturating_add(i64::from(days) * 86_400)
}

impl Shared {
    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        &self.resources.ledger_table
    }

    /// Reads one row, as it is now.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: Item, what: &str) -> PortResult<Option<T>> {
        let call = self.clients.dynamodb().get_item().table_name(self.table());
        let answer = call.set_key(Some(key)).consistent_read(true).send().await;
        match answer {
            Ok(answer) => answer.item.map(|item| from_item(item, what)).transpose(),
            Err(error) => Err(port_error("dynamodb:GetItem", error)),
        }
    }

    /// The start of an update of one row.
    pub(crate) fn update(&self, key: Item) -> UpdateItemFluentBuilder {
        let call = self.clients.dynamodb().update_item().table_name(self.table());
        call.set_key(Some(key))
    }

    /// Reads the items of many keys, none of them twice, as they are now. Those that are gone are
    /// left out.
    pub(crate) async fn get_many(&self, keys: &[Item]) -> PortResult<Vec<Item>> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let mut wanted = keys.to_vec();
            let mut tries = 0;
            while !wanted.is_empty() {
                if tries > 0 {
                    tokio::time::sleep(pause(tries)).await;
                }
                tries += 1;
                let asked = wanted.len();
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(true)
                    .build();
                let request = request.map_err(|error| {
                    PortError::new(PortErrorKind::Refused, "the keys to read are incomplete").because(error)
                })?;
                let call = self
                    .clients
                    .dynamodb()
                    .batch_get_item()
                    .request_items(self.table(), request);
                let answer = call
                    .send()
                    .await
                    .map_err(|error| port_error("dynamodb:BatchGetItem", error))?;
                found.extend(answer.responses.unwrap_or_default().into_values().flatten());
                // What DynamoDB had no room for in this answer is asked for again.
                wanted = answer
                    .unprocessed_keys
                    .and_then(|mut left| left.remove(self.table()))
                    .map(|left| left.keys)
                    .unwrap_or_default();
                if wanted.len() < asked {
                    tries = 0;
                } else if tries >= TRIES {
                    let message = "dynamodb:BatchGetItem gives nothing now; try again";
                    return Err(PortError::new(PortErrorKind::Unavailable, message));
                }
            }
        }
        Ok(found)
    }
}
