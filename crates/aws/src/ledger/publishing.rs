//! Events that no conclusion writes: news, and outcomes that are told again.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::stored;
use cc_devops_requests::record::RequestState;
use jiff::Timestamp;

use super::DynamoLedger;
use super::rows::{RequestRow, request_key};
use super::transaction::{gone, incomplete};
use crate::error::{corrupt, port_error};
use crate::log::{Entry, NewEvent, Place, Progress};
use crate::outbox::Mailbox;
use crate::table::{TRIES, number, text};

impl DynamoLedger {
    /// Leaves news to be told with the next look at the outbox.
    pub(super) async fn put_news(&self, agent: &AgentName, news: &Announcement) -> PortResult<()> {
        let shared = &self.shared;
        let desk = Mailbox::of(news, &shared.installation)?;
        for _ in 0..TRIES {
            let put = shared.leave_news(desk, agent, news)?;
            let call = shared.clients.dynamodb().put_item().table_name(put.table_name);
            let own = put.item.get("event").cloned();
            let call = call
                .set_item(Some(put.item))
                .set_condition_expression(put.condition_expression)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = call.send().await else {
                shared.outbox.look_soon();
                return Ok(());
            };
            let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
                return Err(port_error("dynamodb:PutItem", error));
            };
            // Our own write, of which the SDK did not hear the first time. Else another process had the same place.
            if refused.item().is_some_and(|item| item.get("event") == own.as_ref()) {
                shared.outbox.look_soon();
                return Ok(());
            }
        }
        Err(gone())
    }

    /// Tells an outcome again, at a new place. What is still to be told at the old one is not told twice.
    pub(super) async fn tell_again(&self, id: &RequestId, at: Timestamp) -> PortResult<()> {
        let shared = &self.shared;
        for _ in 0..TRIES {
            let standing: Option<RequestRow> = shared.get(request_key(id), "a request").await?;
            let Some(RequestRow {
                completed: Some(completed),
                outbox: None,
                event: before,
                agent,
                ..
            }) = standing
            else {
                return Ok(());
            };
            let old = match before {
                Some(place) => shared.read_event(place).await?,
                None => None,
            };
            let progress = old.as_ref().map(Entry::progress);
            if progress.as_ref().is_some_and(Progress::is_untold) {
                return Ok(());
            }
            let completed = stored::read_completed(&completed);
            let completed = completed.map_err(|error| corrupt("a request's outcome").because(error))?;
            let event = NewEvent::new(agent, completed.into(), Some(id.clone()), at, None)?;
            let place = shared.sequencer.take(shared).await?;
            let update = self.points_to(id, before, place)?;
            let put = event.put(shared.table(), place)?;
            let mut writes = vec![
                TransactWriteItem::builder().update(update).build(),
                TransactWriteItem::builder().put(put).build(),
            ];
            if let (Some(old), Some(progress)) = (&old, progress)
                && !progress.pending.is_empty()
            {
                let told = Progress {
                    pending: BTreeSet::new(),
                    failing: BTreeMap::new(),
                    ..progress
                };
                let update = shared.event_update(at, old, &told)?;
                writes.push(TransactWriteItem::builder().update(update).build());
            }
            match shared.transact(writes).await? {
                Ok(()) => {
                    shared.outbox.wrote(event.written(place), place.subscribed);
                    if let Some(old) = old {
                        shared.outbox.forget(old.place);
                    }
                    return Ok(());
                }
                // Somebody else told it again.
                Err(refused) if refused.at(0) => {
                    shared.leave(place).await;
                    return Ok(());
                }
                Err(_) => shared.leave(place).await,
            }
        }
        Err(gone())
    }

    /// The write by which a request knows of its new event.
    fn points_to(&self, id: &RequestId, before: Option<i64>, place: Place) -> PortResult<Update> {
        let update = Update::builder()
            .table_name(self.shared.table())
            .set_key(Some(request_key(id)))
            .update_expression("SET #state = :published, #event = :place")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#event", "event")
            .expression_attribute_values(":published", text(RequestState::Published.as_str()))
            .expression_attribute_values(":place", number(place.number));
        let update = match before {
            None => update.condition_expression("attribute_exists(PK) AND attribute_not_exists(#event)"),
            Some(before) => update
                .condition_expression("#event = :before")
                .expression_attribute_values(":before", number(before)),
        };
        update.build().map_err(incomplete)
    }
}
