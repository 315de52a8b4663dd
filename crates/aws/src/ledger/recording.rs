//! Recording requests as they arrive, and ending them.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use cc_devops_core::names::{AgentName, FullStackName, RequestId};
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::record::{Claim, Conclusion, NewRequest, Receipt, RequestState};
use jiff::Timestamp;

use super::DynamoLedger;
use super::rows::{LIST, OutboxRow, RequestRow, request_key};
use crate::error::port_error;
use crate::places::{sortable, sortable_time};
use crate::table::{Item, from_item, number, text, to_item};

/// The largest sealed detail, in bytes: an item has 400 KB, and its other attributes need some.
const MAX_DETAIL: usize = 380_000;

/// What a cancelled transaction says of one of its writes.
pub(crate) fn refused_at(
    error: &SdkError<TransactWriteItemsError, HttpResponse>,
    write: usize,
) -> Option<CancellationReason> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return None;
    };
    let reason = cancelled.cancellation_reasons().get(write)?;
    (reason.code() == Some("ConditionalCheckFailed")).then(|| reason.clone())
}

/// Whether a cancelled transaction met another one, and may be tried again.
pub(crate) fn met_another(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> bool {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled
            .cancellation_reasons()
            .iter()
            .any(|reason| matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError"))),
        _ => false,
    }
}

pub(crate) fn incomplete(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new(PortErrorKind::Refused, "a write is incomplete").because(error)
}

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
            list: LIST.to_owned(),
            place: sortable(self.shared.places.next()),
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
            state,
            attempts: 0,
            parked_at: None,
            detail: None,
            completed: None,
            output: None,
            outbox: None,
            stack: None,
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
            return Err(PortError::new(PortErrorKind::Refused, message));
        }
        let state = lease_until.map_or(RequestState::Received, |_| RequestState::Executing);
        let mut row = self.row(request, state);
        row.work = Some(state);
        row.due = Some(sortable_time(lease_until.unwrap_or(request.head.received_at)));
        row.attempts = u32::from(lease_until.is_some());
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
        let standing = match call.send().await {
            Ok(_) => None,
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => {
                    self.standing(id, item_of(&error)).await?
                }
                _ => return Err(port_error("dynamodb:PutItem", error)),
            },
        };
        match standing {
            // Our own write, of which the SDK did not hear the first time.
            Some(standing) if standing.writer != row.writer => known(&standing, request),
            _ if lease_until.is_some() => Ok(Receipt::Claimed(Claim {
                request: id.clone(),
                attempt: 1,
            })),
            _ => Ok(Receipt::Recorded),
        }
    }

    /// The request that stood in the way: as the refusal shows it, or read.
    async fn standing(&self, id: &RequestId, shown: Option<Item>) -> PortResult<Option<RequestRow>> {
        match shown {
            Some(item) => from_item(item, "a request").map(Some),
            None => self.shared.get(request_key(id), "a request").await,
        }
    }

    pub(super) async fn record_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt> {
        let mut row = self.row(request, RequestState::Completed);
        row.completed = Some(json(conclusion)?);
        row.output.clone_from(&conclusion.output);
        let told = self
            .tell(conclusion, &request.head.agent, Some(&request.head.id), |outbox| {
                row.outbox = Some(outbox);
                let put = Put::builder()
                    .table_name(self.shared.table())
                    .set_item(Some(to_item(&row)?));
                let put = put
                    .condition_expression("attribute_not_exists(PK)")
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
                let put = put.build().map_err(incomplete)?;
                Ok(vec![TransactWriteItem::builder().put(put).build()])
            })
            .await?;
        let Err(reason) = told else {
            return Ok(Receipt::Recorded);
        };
        match self.standing(&request.head.id, reason.item).await? {
            Some(standing) if standing.writer != row.writer => known(&standing, request),
            _ => Ok(Receipt::Recorded),
        }
    }

    pub(super) async fn refused(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()> {
        let told = self.tell(conclusion, agent, None, |_| Ok(Vec::new())).await?;
        told.map_err(|_| superseded())
    }

    pub(super) async fn ended(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()> {
        let completed = json(conclusion)?;
        let agent = AgentName::new(&conclusion.completed.requested_by)
            .map_err(|error| PortError::new(PortErrorKind::Refused, "the outcome names no agent").because(error))?;
        // Most requests hold no stack. Whether this one does shows when it is written.
        let mut stack = None;
        loop {
            let end = |outbox| self.end(claim, conclusion, &completed, outbox, stack.as_ref());
            let told = self.tell(conclusion, &agent, Some(&claim.request), end).await?;
            let Err(refused) = told else { return Ok(()) };
            match self.standing(&claim.request, refused.item).await? {
                Some(row) if row.attempts == claim.attempt && row.work.is_some() && stack.is_none() => {
                    stack = Some(row.stack.ok_or_else(superseded)?);
                }
                // Our own transaction met itself, where the first answer was lost.
                Some(row) if row.attempts == claim.attempt && row.completed.as_ref() == Some(&completed) => {
                    return Ok(());
                }
                _ => return Err(superseded()),
            }
        }
    }

    /// The writes that end a request, and free the stack it holds.
    fn end(
        &self,
        claim: &Claim,
        conclusion: &Conclusion,
        completed: &str,
        outbox: i64,
        stack: Option<&String>,
    ) -> PortResult<Vec<TransactWriteItem>> {
        let mut sets = "SET #state = :completed, completed = :text, outbox = :outbox".to_owned();
        let mut update = Update::builder();
        if let Some(output) = &conclusion.output {
            sets.push_str(", #output = :output");
            update = update
                .expression_attribute_names("#output", "output")
                .expression_attribute_values(":output", text(output));
        }
        let mut writes = Vec::new();
        let holds = match stack {
            None => "attribute_not_exists(#stack)",
            Some(stack) => {
                let key = super::claims::lock_key(&FullStackName::from_stored(stack.clone()));
                let delete = Delete::builder().table_name(self.shared.table()).set_key(Some(key));
                let delete = delete.build().map_err(incomplete)?;
                writes.push(TransactWriteItem::builder().delete(delete).build());
                update = update.expression_attribute_values(":stack", text(stack));
                "#stack = :stack"
            }
        };
        let update = update
            .table_name(self.shared.table())
            .set_key(Some(request_key(&claim.request)))
            .update_expression(format!("{sets} REMOVE WPK, WSK, detail, #stack"))
            .condition_expression(format!("attempts = :attempt AND attribute_exists(WPK) AND {holds}"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#stack", "stack")
            .expression_attribute_values(":completed", text(RequestState::Completed.as_str()))
            .expression_attribute_values(":text", text(completed))
            .expression_attribute_values(":outbox", number(outbox))
            .expression_attribute_values(":attempt", number(claim.attempt))
            .build()
            .map_err(incomplete)?;
        // First, because a refusal is looked for there.
        writes.insert(0, TransactWriteItem::builder().update(update).build());
        Ok(writes)
    }

    /// Writes an audit row and an event in one transaction with what `beside` gives for the
    /// event's number. The inner error is why the first of those writes was refused.
    async fn tell(
        &self,
        conclusion: &Conclusion,
        agent: &AgentName,
        request: Option<&RequestId>,
        mut beside: impl FnMut(i64) -> PortResult<Vec<TransactWriteItem>> + Send,
    ) -> PortResult<Result<(), CancellationReason>> {
        let completed = json(conclusion)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let shared = &self.shared;
            let event = OutboxRow::new(shared.places.next(), request.cloned(), agent.clone(), completed.clone());
            let mut chain = shared.chains.take();
            let row = chain.extend(shared.table(), shared.places.next(), &conclusion.audit)?;
            let put = Put::builder()
                .table_name(shared.table())
                .set_item(Some(to_item(&event)?));
            let put = put
                .condition_expression("attribute_not_exists(PK)")
                .build()
                .map_err(incomplete)?;
            let mut writes = beside(event.id)?;
            let own = writes.len();
            writes.push(TransactWriteItem::builder().put(row).build());
            writes.push(TransactWriteItem::builder().put(put).build());
            let call = shared
                .clients
                .dynamodb()
                .transact_write_items()
                .set_transact_items(Some(writes));
            let Err(error) = call.send().await else {
                chain.written();
                self.outbox.wrote(event);
                return Ok(Ok(()));
            };
            // The chain is left: whether its row was written is not certain in every case.
            drop(chain);
            if own > 0
                && let Some(reason) = refused_at(&error, 0)
            {
                return Ok(Err(reason));
            }
            let taken = refused_at(&error, own).is_some() || refused_at(&error, own + 1).is_some();
            if tries >= super::TRIES || !(taken || met_another(&error)) {
                return Err(port_error("dynamodb:TransactWriteItems", error));
            }
            let wait = super::pause(tries);
            tracing::debug!(tries, "a transaction met another; it is tried again");
            tokio::time::sleep(wait).await;
        }
    }
}

fn item_of(error: &SdkError<aws_sdk_dynamodb::operation::put_item::PutItemError, HttpResponse>) -> Option<Item> {
    use aws_sdk_dynamodb::operation::put_item::PutItemError;
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refused)) => refused.item().cloned(),
        _ => None,
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
    serde_json::to_string(&conclusion.completed)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "the outcome cannot be written as JSON").because(error))
}
