//! Recording requests as they arrive, and ending them.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::stored;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::record::{Conclusion, NewRequest, Receipt, RequestState};
use jiff::{SignedDuration, Timestamp};

use super::DynamoLedger;
use super::rows::{LIST, RequestRow, request_key, work_of};
use super::transaction::{gone, incomplete};
use crate::error::port_error;
use crate::log::{NewEvent, Place};
use crate::places::{sharded, sortable, sortable_time};
use crate::table::{Item, TRIES, expiry, from_item, number, text, to_item};

/// The largest sealed detail, in bytes: an item has 409,600, and all other attributes of a request
/// take less than 8,000. The largest secret there may be (65,536 bytes, each six as JSON) fits.
const MAX_DETAIL: usize = 400_000;

/// How long a new event is left to its writer, which tells it in the same breath as a rule. Without
/// that, functions that run at once would tell each other's events.
const RESERVED: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn superseded() -> PortError {
    PortError::new(
        PortErrorKind::Superseded,
        "the claim is not good any more: somebody else went on with the request",
    )
}

impl DynamoLedger {
    /// The row of a new request.
    fn row(&self, request: &NewRequest, state: RequestState) -> RequestRow {
        let head = &request.head;
        RequestRow {
            pk: format!("REQ#{}", head.id),
            sk: "REQ".to_owned(),
            list: sharded(LIST, head.id.as_str()),
            place: sortable(self.shared.places.next(self.shared.clock.now())),
            work: None,
            due: None,
            id: head.id.clone(),
            principal: head.principal.clone(),
            role: head.role,
            agent: head.agent.clone(),
            action: head.action.clone(),
            stage: head.stage.clone(),
            resource: head.resource.clone(),
            fingerprint: hex::encode(head.fingerprint.0),
            received_at: head.received_at,
            via: head.via.mentioned(),
            state,
            attempts: 0,
            tries: Some(0),
            progress: None,
            parked_at: None,
            detail: None,
            completed: None,
            output: None,
            event: None,
            outbox: None,
            expires: None,
            stacks: BTreeSet::new(),
            writer: uuid::Uuid::now_v7().to_string(),
        }
    }

    pub(super) async fn record(&self, request: &NewRequest, lease_until: Option<Timestamp>) -> PortResult<Receipt> {
        let id = &request.head.id;
        let keys = self.shared.keys().await?;
        let detail = keys.seal(("detail", id.as_str()), &request.detail)?;
        if detail.len() > MAX_DETAIL {
            let message = format!(
                "the request takes {} bytes and the ledger holds {MAX_DETAIL}: put the template where `templateUrl` can name it",
                detail.len()
            );
            return Err(PortError::new(PortErrorKind::TooLarge, message));
        }
        let state = lease_until.map_or(RequestState::Received, |_| RequestState::Executing);
        let mut row = self.row(request, state);
        row.work = Some(work_of(state, id));
        row.due = Some(sortable_time(lease_until.unwrap_or(request.head.received_at)));
        row.attempts = u32::from(lease_until.is_some());
        row.tries = Some(row.attempts);
        row.detail = Some(serde_bytes::ByteBuf::from(detail));
        let call = self
            .shared
            .clients
            .dynamodb()
            .put_item()
            .table_name(self.shared.table());
        let call = call
            .set_item(Some(to_item(&row)?))
            .condition_expression("attribute_not_exists(PK)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Err(error) = call.send().await {
            let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
                return Err(port_error("dynamodb:PutItem", error));
            };
            let standing = self.standing(id, refused.item().cloned()).await?;
            // Else it is our own write, of which the SDK did not hear the first time.
            if standing.writer != row.writer {
                return known(&standing, request);
            }
        }
        Ok(match lease_until {
            None => Receipt::Recorded,
            Some(_) => Receipt::Claimed(Claim {
                request: id.clone(),
                attempt: 1,
            }),
        })
    }

    /// The request that stood in the way: as the refusal shows it, or read.
    async fn standing(&self, id: &RequestId, shown: Option<Item>) -> PortResult<RequestRow> {
        match shown {
            Some(item) => from_item(item, "a request"),
            None => self.shared.get(request_key(id), "a request").await?.ok_or_else(gone),
        }
    }

    pub(super) async fn record_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt> {
        let mut row = self.row(request, RequestState::Published);
        row.completed = Some(json(conclusion)?);
        row.output.clone_from(&conclusion.output);
        row.expires = Some(self.remembered(conclusion));
        let mut place = None;
        let told = self
            .write_event(
                conclusion,
                (&request.head.agent, Some(&request.head.id)),
                &mut place,
                |event| {
                    row.event = Some(event);
                    let put = Put::builder()
                        .table_name(self.shared.table())
                        .set_item(Some(to_item(&row)?));
                    let put = put
                        .condition_expression("attribute_not_exists(PK)")
                        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
                    let put = put.build().map_err(incomplete)?;
                    Ok(vec![TransactWriteItem::builder().put(put).build()])
                },
            )
            .await?;
        let Err(shown) = told else {
            return Ok(Receipt::Recorded);
        };
        self.leave(place).await;
        let standing = self.standing(&request.head.id, shown).await?;
        if standing.writer == row.writer {
            Ok(Receipt::Recorded)
        } else {
            known(&standing, request)
        }
    }

    pub(super) async fn refused(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()> {
        let told = self
            .write_event(conclusion, (agent, None), &mut None, |_| Ok(Vec::new()))
            .await?;
        told.map_err(|_| superseded())
    }

    pub(super) async fn ended(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()> {
        let mut place = None;
        let ended = self.end_once(claim, conclusion, &mut place).await;
        self.leave(place).await;
        ended
    }

    /// A place that was taken for an event that is not written.
    async fn leave(&self, place: Option<Place>) {
        if let Some(place) = place {
            self.shared.leave(place).await;
        }
    }

    /// Ends a request, with its event at `place`, or at a new one, which is left there if it is not used.
    async fn end_once(&self, claim: &Claim, conclusion: &Conclusion, place: &mut Option<Place>) -> PortResult<()> {
        let completed = json(conclusion)?;
        let agent = AgentName::new(&conclusion.completed.requested_by)
            .map_err(|error| PortError::new(PortErrorKind::Refused, "the outcome names no agent").because(error))?;
        // Most requests hold no stack. Whether this one does shows when it is written.
        let mut stacks = BTreeSet::new();
        for _ in 0..TRIES {
            let end = |event| self.end(claim, conclusion, &completed, event, &stacks);
            let told = self
                .write_event(conclusion, (&agent, Some(&claim.request)), place, end)
                .await?;
            let Err(shown) = told else { return Ok(()) };
            let row = self.standing(&claim.request, shown).await?;
            if row.attempts != claim.attempt {
                return Err(superseded());
            }
            if row.work.is_none() {
                // The same outcome is our own, of which the SDK did not hear the first time.
                return if row.completed.as_ref() == Some(&completed) {
                    Ok(())
                } else {
                    Err(superseded())
                };
            }
            stacks = row.stacks;
        }
        Err(gone())
    }

    /// The writes that end a request, and free the stacks it holds: the request's first, because a
    /// refusal is looked for there.
    fn end(
        &self,
        claim: &Claim,
        conclusion: &Conclusion,
        completed: &str,
        event: i64,
        stacks: &BTreeSet<String>,
    ) -> PortResult<Vec<TransactWriteItem>> {
        let mut sets = "SET #state = :published, completed = :text, #event = :event, #expires = :expires".to_owned();
        let mut update = Update::builder();
        if let Some(output) = &conclusion.output {
            sets.push_str(", #output = :output");
            update = update
                .expression_attribute_names("#output", "output")
                .expression_attribute_values(":output", text(output));
        }
        let (holds, frees) = if conclusion.keeps_stack {
            ("", "")
        } else if stacks.is_empty() {
            (" AND attribute_not_exists(stacks)", "")
        } else {
            let held = AttributeValue::Ss(stacks.iter().cloned().collect());
            update = update.expression_attribute_values(":stacks", held);
            (" AND stacks = :stacks", ", stacks")
        };
        let update = update
            .table_name(self.shared.table())
            .set_key(Some(request_key(&claim.request)))
            .update_expression(format!("{sets} REMOVE WPK, WSK, detail, progress{frees}"))
            .condition_expression(format!("attempts = :attempt AND attribute_exists(WPK){holds}"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":published", text(RequestState::Published.as_str()))
            .expression_attribute_values(":text", text(completed))
            .expression_attribute_names("#event", "event")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":event", number(event))
            .expression_attribute_values(":expires", number(self.remembered(conclusion)))
            .expression_attribute_values(":attempt", number(claim.attempt))
            .build()
            .map_err(incomplete)?;
        let mut writes = vec![TransactWriteItem::builder().update(update).build()];
        if !conclusion.keeps_stack {
            for stack in stacks {
                writes.push(self.free(stack)?);
            }
        }
        Ok(writes)
    }

    /// Until when a request that ends now is remembered. Until then the same id gets the same answer.
    fn remembered(&self, conclusion: &Conclusion) -> i64 {
        let days = self.shared.resources.requests_days;
        expiry(conclusion.completed.timestamp, days)
    }

    /// Writes an audit row and an event in one transaction with what `beside` gives for the event's
    /// place. The inner error is that the first of those writes was refused, and the item it met. A place
    /// that was taken and not written to is left in `place`, and used the next time.
    async fn write_event(
        &self,
        conclusion: &Conclusion,
        (agent, request): (&AgentName, Option<&RequestId>),
        held: &mut Option<Place>,
        mut beside: impl FnMut(i64) -> PortResult<Vec<TransactWriteItem>> + Send,
    ) -> PortResult<Result<(), Option<Item>>> {
        let shared = &self.shared;
        let completed = conclusion.completed.clone();
        let ended = completed.timestamp;
        let reserved = ended.saturating_add(RESERVED).ok();
        let event = NewEvent::new(agent.clone(), completed.into(), request.cloned(), ended, reserved)?;
        for _ in 0..TRIES {
            let place = match held.take() {
                Some(place) => place,
                None => shared.sequencer.take(shared).await?,
            };
            let mut chain = shared.chains.take();
            let row = chain.extend(
                shared.table(),
                shared.places.next(shared.clock.now()),
                &conclusion.audit,
            )?;
            let mut writes = beside(place.number)?;
            let own = writes.len();
            writes.push(TransactWriteItem::builder().put(row).build());
            let put = event.put(shared.table(), place)?;
            writes.push(TransactWriteItem::builder().put(put).build());
            // After an error the chain is left: nobody knows whether its row was written.
            let Err(refused) = shared.transact(writes).await? else {
                chain.written();
                shared.outbox.wrote(event.written(place), place.subscribed);
                return Ok(Ok(()));
            };
            if refused.at(own) {
                tracing::warn!("a chain of the audit trail does not end where it should; another is begun");
            } else {
                chain.unwritten();
            }
            if !refused.at(own + 1) {
                *held = Some(place);
            }
            if own > 0 && refused.at(0) {
                return Ok(Err(refused.item(0)));
            }
        }
        Err(gone())
    }
}

fn known(standing: &RequestRow, request: &NewRequest) -> PortResult<Receipt> {
    if standing.fingerprint == hex::encode(request.head.fingerprint.0) {
        Ok(Receipt::Known(Box::new(standing.record()?)))
    } else {
        Ok(Receipt::Conflict)
    }
}

fn json(conclusion: &Conclusion) -> PortResult<String> {
    stored::write_completed(&conclusion.completed)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "the outcome cannot be written as JSON").because(error))
}
