//! The outbox: events that wait to be published.
//!
//! What this process has just written it keeps in memory too, and serves from there, so that a
//! function that concludes a request and publishes it in the same breath does not read it again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use cc_devops_core::events::{Announcement, EventBody};
use cc_devops_core::names::{AgentName, RequestId};
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::record::{Conclusion, OutboxEntry, RequestState};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::DynamoLedger;
use super::rows::{OUTBOX, OutboxRow, RequestRow, outbox_key, request_key};
use super::transaction::{gone, incomplete};
use crate::Shared;
use crate::error::{is_condition, port_error};
use crate::table::{TRIES, from_item, held, number, text, to_item};

/// How many entries are kept in memory; those beyond are read.
const KEPT: usize = 10_000;

/// How long entries in memory may be served without looking for others'.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long a new entry is left to its writer, which publishes it in the same breath as a rule.
/// Without that, functions that run at once would publish each other's events.
const RESERVED: SignedDuration = SignedDuration::from_secs(5);

/// How many entries are taken out at once.
const AT_ONCE: usize = 8;

/// How long a finished request is remembered, in seconds: 400 days. Until then the same id gets the
/// same answer.
const REMEMBERED: i64 = 400 * 86_400;

/// From when on others than its writer publish the event of a request that ends now.
pub(super) fn reserved_until(conclusion: &Conclusion) -> Option<Timestamp> {
    conclusion.completed.timestamp.saturating_add(RESERVED).ok()
}

/// News as an entry of the outbox, in a place of its own.
fn news_row(shared: &Shared, agent: &AgentName, news: &Announcement) -> PortResult<OutboxRow> {
    let body = serde_json::to_string(&EventBody::from(news.clone()))
        .map_err(|error| PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error))?;
    Ok(OutboxRow::new(shared.places.next(), None, agent.clone(), body))
}

/// Puts news into the outbox, as a write of somebody else's transaction. Its condition fails where another process
/// took the place: it is then to be made anew.
pub(crate) fn announcement(shared: &Shared, agent: &AgentName, news: &Announcement) -> PortResult<TransactWriteItem> {
    let put = Put::builder()
        .table_name(shared.table())
        .set_item(Some(to_item(&news_row(shared, agent, news)?)?))
        .condition_expression("attribute_not_exists(PK)")
        .build()
        .map_err(incomplete)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// What this process knows of the outbox.
pub(super) struct Outbox {
    /// Entries this process wrote or read, which are not published as far as it knows.
    rows: Mutex<BTreeMap<i64, OutboxRow>>,
    looked: Mutex<Option<Instant>>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            looked: Mutex::new(Some(Instant::now())),
        }
    }
}

impl Outbox {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<i64, OutboxRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an entry that this process has just written, and may publish at once.
    pub(super) fn wrote(&self, row: OutboxRow) {
        self.keep(OutboxRow { due: None, ..row });
    }

    /// Keeps an entry, unless there are too many: those beyond are read when they are needed.
    fn keep(&self, row: OutboxRow) {
        let mut rows = self.rows();
        if rows.len() < KEPT {
            rows.entry(row.id).or_insert(row);
        }
    }

    /// Entries whose time has come, oldest first.
    fn due(&self, now: Timestamp, limit: usize) -> Vec<OutboxRow> {
        let rows = self.rows();
        let due = rows.values().filter(|row| row.is_due(now));
        due.take(limit).cloned().collect()
    }

    /// Whether it is time to look for what others wrote; says yes once.
    fn is_time_to_look(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if is_time {
            *looked = Some(Instant::now());
        }
        is_time
    }
}

impl DynamoLedger {
    pub(super) async fn due(&self, now: Timestamp, limit: usize) -> PortResult<Vec<OutboxEntry>> {
        let own = self.outbox.due(now, limit);
        let mut due = BTreeMap::new();
        if own.is_empty() || self.outbox.is_time_to_look() {
            due = self.find_due(now, limit).await?;
        }
        for row in own {
            if due.len() < limit {
                due.insert(row.id, row);
            }
        }
        let mut entries = Vec::with_capacity(due.len());
        for row in due.into_values() {
            match row.entry() {
                Ok(entry) => {
                    entries.push(entry);
                    self.outbox.keep(row);
                }
                // One damaged row must not hold up all the others.
                Err(error) => tracing::error!(id = row.id, %error, "an event cannot be published"),
            }
        }
        Ok(entries)
    }

    /// Puts news into the outbox.
    pub(super) async fn put_news(&self, agent: &AgentName, news: &Announcement) -> PortResult<()> {
        for _ in 0..TRIES {
            let row = news_row(&self.shared, agent, news)?;
            let put = self.shared.clients.dynamodb().put_item();
            let put = put.table_name(self.shared.table()).set_item(Some(to_item(&row)?));
            let put = put.condition_expression("attribute_not_exists(PK)").send().await;
            match put {
                Ok(_) => {
                    self.outbox.wrote(row);
                    return Ok(());
                }
                // Another process took the place.
                Err(error) if is_condition(&error) => {}
                Err(error) => return Err(port_error("dynamodb:PutItem", error)),
            }
        }
        Err(gone())
    }

    /// The oldest entries in the table whose time has come.
    async fn find_due(&self, now: Timestamp, limit: usize) -> PortResult<BTreeMap<i64, OutboxRow>> {
        let mut due = BTreeMap::new();
        let mut start = None;
        loop {
            let call = self.shared.clients.dynamodb().query().table_name(self.shared.table());
            let call = call
                .key_condition_expression("PK = :outbox")
                .expression_attribute_values(":outbox", text(OUTBOX))
                .consistent_read(true);
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                let place = item.get("SK").cloned();
                match from_item::<OutboxRow>(item, "an outbox entry") {
                    Ok(row) if row.is_due(now) && due.len() < limit => drop(due.insert(row.id, row)),
                    Ok(_) => {}
                    // One damaged row must not hold up all the others.
                    Err(error) => tracing::error!(?place, %error, "an event cannot be published"),
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() || due.len() >= limit {
                return Ok(due);
            }
        }
    }

    /// The entry, from memory or the table.
    async fn entry(&self, id: i64) -> PortResult<Option<OutboxRow>> {
        let kept = self.outbox.rows().get(&id).cloned();
        match kept {
            Some(row) => Ok(Some(row)),
            None => self.shared.get(outbox_key(id), "an outbox entry").await,
        }
    }

    pub(super) async fn take_out(&self, ids: &[i64]) -> PortResult<()> {
        let taken: Vec<PortResult<()>> = stream::iter(ids.to_vec())
            .map(|id| self.take_one_out(id))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        // Each on its own: one that fails is published again, the others are not.
        taken.into_iter().collect()
    }

    /// Takes an entry out; with that its request is published.
    async fn take_one_out(&self, id: i64) -> PortResult<()> {
        let Some(row) = self.entry(id).await? else {
            return Ok(());
        };
        let shared = &self.shared;
        let delete = Delete::builder()
            .table_name(shared.table())
            .set_key(Some(outbox_key(id)))
            .condition_expression("attribute_exists(PK)")
            .build()
            .map_err(incomplete)?;
        let mut writes = vec![TransactWriteItem::builder().delete(delete).build()];
        if let Some(request) = &row.request {
            let update = Update::builder()
                .table_name(shared.table())
                .set_key(Some(request_key(request)))
                .update_expression("SET #state = :published, #expires = :expires REMOVE outbox")
                .condition_expression("outbox = :outbox")
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#expires", "expires")
                .expression_attribute_values(":published", text(RequestState::Published.as_str()))
                .expression_attribute_values(":expires", number(Timestamp::now().as_second() + REMEMBERED))
                .expression_attribute_values(":outbox", number(id))
                .build()
                .map_err(incomplete)?;
            writes.push(TransactWriteItem::builder().update(update).build());
        }
        let delete_alone: Vec<_> = writes.iter().take(1).cloned().collect();
        if let Err(refused) = shared.transact(writes).await?
            && !refused.at(0)
        {
            // The request does not know of its event, which must still not be told for ever.
            tracing::warn!(id, request = ?row.request, "a published event has no request");
            // Refused where somebody else took it out.
            drop(shared.transact(delete_alone).await?);
        }
        self.outbox.rows().remove(&id);
        Ok(())
    }

    pub(super) async fn put_off(&self, id: i64, retry_at: Timestamp) -> PortResult<()> {
        let call = self
            .shared
            .update(outbox_key(id))
            .update_expression("SET due = :due ADD failures :one")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_values(":due", text(retry_at.to_string()))
            .expression_attribute_values(":one", number(1));
        let held = held(call).await?;
        let mut rows = self.outbox.rows();
        if !held {
            rows.remove(&id);
        } else if let Some(row) = rows.get_mut(&id) {
            row.failures += 1;
            row.due = Some(retry_at);
        }
        Ok(())
    }

    pub(super) async fn tell_again(&self, id: &RequestId) -> PortResult<()> {
        let shared = &self.shared;
        let standing: Option<RequestRow> = shared.get(request_key(id), "a request").await?;
        let Some(RequestRow {
            completed: Some(completed),
            outbox: None,
            agent,
            ..
        }) = standing
        else {
            return Ok(());
        };
        let row = OutboxRow::new(shared.places.next(), Some(id.clone()), agent, completed);
        let update = Update::builder()
            .table_name(shared.table())
            .set_key(Some(request_key(id)))
            .update_expression("SET #state = :completed, outbox = :outbox REMOVE #expires")
            .condition_expression("#state = :published AND attribute_not_exists(outbox)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":completed", text(RequestState::Completed.as_str()))
            .expression_attribute_values(":published", text(RequestState::Published.as_str()))
            .expression_attribute_values(":outbox", number(row.id))
            .build()
            .map_err(incomplete)?;
        let put = Put::builder().table_name(shared.table()).set_item(Some(to_item(&row)?));
        let put = put
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(incomplete)?;
        let writes = vec![
            TransactWriteItem::builder().update(update).build(),
            TransactWriteItem::builder().put(put).build(),
        ];
        match shared.transact(writes).await? {
            Ok(()) => self.outbox.wrote(row),
            // Somebody else told it again.
            Err(refused) if refused.at(0) => {}
            Err(_) => return Err(gone()),
        }
        Ok(())
    }
}
