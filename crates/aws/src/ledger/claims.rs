//! Claims and leases: who carries a request out, who waits for it, who holds a stack.

use aws_sdk_dynamodb::types::{Put, ReturnValue, TransactWriteItem, Update};
use cc_devops_core::names::{FullStackName, RequestId};
use cc_devops_core::ports::{PortErrorKind, PortResult};
use cc_devops_core::requests::record::{Claim, ClaimedRequest, RequestState, StackLease, StackLock, WaitingRequest};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;

use super::DynamoLedger;
use super::recording::{incomplete, refused_at, superseded};
use super::rows::{RequestRow, request_key};
use crate::error::{corrupt, is_condition, port_error};
use crate::places::sortable_time;
use crate::table::{Item, WORK, from_item, key, text};

/// How many requests are claimed at once.
const AT_ONCE: usize = 10;

/// The key of a stack's lock.
pub(super) fn lock_key(stack: &FullStackName) -> Item {
    key(format!("STACK#{stack}"), "LOCK")
}

#[derive(Deserialize)]
struct LockRow {
    request: RequestId,
}

impl DynamoLedger {
    /// Finds open requests of a state by the index, the longest due first.
    async fn find_open(&self, state: RequestState, until: Option<Timestamp>, limit: usize) -> PortResult<Vec<Item>> {
        let mut call = self
            .shared
            .clients
            .dynamodb()
            .query()
            .table_name(self.shared.table())
            .index_name(WORK);
        call = call.expression_attribute_values(":state", text(state.as_str()));
        call = match until {
            None => call.key_condition_expression("WPK = :state"),
            Some(until) => call
                .key_condition_expression("WPK = :state AND WSK <= :until")
                .expression_attribute_values(":until", text(sortable_time(until))),
        };
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let left = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let answer = call.clone().limit(left).set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for mut item in answer.items.unwrap_or_default() {
                item.retain(|name, _| name == "PK" || name == "SK");
                found.push(item);
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
    }

    pub(super) async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<ClaimedRequest>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut due = self.find_open(RequestState::Received, Some(now), limit).await?;
        due.extend(self.find_open(RequestState::Executing, Some(now), limit).await?);
        let rows: Vec<Option<RequestRow>> = stream::iter(due.into_iter().take(limit))
            .map(|key| self.claim_one(key, now, lease_until))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut rows: Vec<RequestRow> = rows.into_iter().flatten().collect();
        rows.sort_by(|one, other| one.place.cmp(&other.place));
        let keys = self.shared.keys().await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let sealed = row.detail.as_ref().ok_or_else(|| corrupt("a request's detail"));
            match sealed.and_then(|sealed| keys.open(("detail", row.id.as_str()), sealed)) {
                Ok(detail) => claimed.push(ClaimedRequest {
                    claim: Claim {
                        request: row.id.clone(),
                        attempt: row.attempts,
                    },
                    head: row.head()?,
                    detail,
                }),
                // One damaged row must not hold up all the others; it is looked at again later.
                Err(error) if error.kind == PortErrorKind::Corrupt => {
                    tracing::error!(request_id = %row.id, %error, "a request cannot be carried out");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// Takes one request, unless somebody was first.
    async fn claim_one(&self, key: Item, now: Timestamp, lease_until: Timestamp) -> PortResult<Option<RequestRow>> {
        let call = self
            .shared
            .clients
            .dynamodb()
            .update_item()
            .table_name(self.shared.table());
        let call = call
            .set_key(Some(key))
            .update_expression("SET #state = :executing, WPK = :executing, WSK = :lease ADD attempts :one")
            .condition_expression("WSK <= :now AND (WPK = :received OR WPK = :executing)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":executing", text(RequestState::Executing.as_str()))
            .expression_attribute_values(":received", text(RequestState::Received.as_str()))
            .expression_attribute_values(":lease", text(sortable_time(lease_until)))
            .expression_attribute_values(":now", text(sortable_time(now)))
            .expression_attribute_values(":one", crate::table::number(1))
            .return_values(ReturnValue::AllNew);
        match call.send().await {
            Ok(answer) => answer.attributes.map(|item| from_item(item, "a request")).transpose(),
            Err(error) if is_condition(&error) => Ok(None),
            Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }

    /// Changes an executing request that `claim` is good for.
    pub(super) async fn release(&self, claim: &Claim, state: RequestState, at: Timestamp) -> PortResult<()> {
        let parked = state == RequestState::Waiting;
        let changes = if parked {
            "SET #state = :state, WPK = :state, WSK = :at, parked_at = :parked REMOVE detail"
        } else {
            "SET #state = :state, WPK = :state, WSK = :at"
        };
        let mut call = self
            .shared
            .clients
            .dynamodb()
            .update_item()
            .table_name(self.shared.table());
        if parked {
            call = call.expression_attribute_values(":parked", text(at.to_string()));
        }
        let call = call
            .set_key(Some(request_key(&claim.request)))
            .update_expression(changes)
            .condition_expression("attempts = :attempt AND WPK = :executing")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":at", text(sortable_time(at)))
            .expression_attribute_values(":attempt", crate::table::number(claim.attempt))
            .expression_attribute_values(":executing", text(RequestState::Executing.as_str()));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Err(superseded()),
            Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }

    pub(super) async fn parked(&self, limit: usize) -> PortResult<Vec<WaitingRequest>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let keys = self.find_open(RequestState::Waiting, None, limit).await?;
        let mut rows: Vec<RequestRow> = Vec::with_capacity(keys.len());
        for item in self.shared.get_many(&keys).await? {
            rows.push(from_item(item, "a request")?);
        }
        rows.retain(|row| row.state == RequestState::Waiting);
        rows.sort_by(|one, other| (&one.due, &one.place).cmp(&(&other.due, &other.place)));
        rows.iter().map(RequestRow::waiting).collect()
    }

    pub(super) async fn parked_one(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>> {
        let row: Option<RequestRow> = self.shared.get(request_key(id), "a request").await?;
        row.filter(|row| row.state == RequestState::Waiting)
            .map(|row| row.waiting())
            .transpose()
    }

    pub(super) async fn holder(&self, stack: &FullStackName) -> PortResult<Option<RequestId>> {
        let lock: Option<LockRow> = self.shared.get(lock_key(stack), "a stack's lock").await?;
        Ok(lock.map(|lock| lock.request))
    }

    pub(super) async fn lock(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock> {
        let table = self.shared.table();
        let hold = Update::builder()
            .table_name(table)
            .set_key(Some(request_key(&claim.request)))
            .update_expression("SET #stack = :stack")
            .condition_expression("attempts = :attempt AND attribute_exists(WPK)")
            .expression_attribute_names("#stack", "stack")
            .expression_attribute_values(":stack", text(stack.as_str()))
            .expression_attribute_values(":attempt", crate::table::number(claim.attempt))
            .build()
            .map_err(incomplete)?;
        let mut lock = lock_key(stack);
        lock.insert("request".to_owned(), text(claim.request.as_str()));
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(lock))
            .condition_expression("attribute_not_exists(PK) OR #request = :request")
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":request", text(claim.request.as_str()))
            .build()
            .map_err(incomplete)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let call = self.shared.clients.dynamodb().transact_write_items();
            let call = call
                .transact_items(TransactWriteItem::builder().update(hold.clone()).build())
                .transact_items(TransactWriteItem::builder().put(put.clone()).build());
            let Err(error) = call.send().await else {
                return Ok(StackLock::Acquired(StackLease {
                    stack: stack.clone(),
                    request: claim.request.clone(),
                }));
            };
            if refused_at(&error, 0).is_some() {
                return Err(superseded());
            }
            if refused_at(&error, 1).is_none() || tries >= super::TRIES {
                return Err(port_error("dynamodb:TransactWriteItems", error));
            }
            // None where it was set free just now: then it may be ours after all.
            if let Some(by) = self.holder(stack).await? {
                return Ok(StackLock::Held { by });
            }
        }
    }
}
