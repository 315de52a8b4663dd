//! Claims and leases: who carries a request out, who waits for it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::work::Claim;
use cc_devops_requests::record::{ClaimedRequest, Renewal, RequestState, WaitingRequest};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::DynamoLedger;
use super::recording::superseded;
use super::rows::{RequestRow, request_key, rest_of, work_of};
use crate::error::{corrupt, port_error};
use crate::keys::Derived;
use crate::places::{sharded, sortable_time};
use crate::table::{Item, from_item, number, text};
use crate::walk::{Index, Part, Walk};

/// How many requests are claimed at once.
const AT_ONCE: usize = 10;

/// A change of an open request.
struct Change {
    key: Item,
    /// What is done, as an update expression that begins with what is set.
    update: &'static str,
    /// What has to hold.
    condition: &'static str,
    values: Vec<(&'static str, AttributeValue)>,
    /// What of the request to give back.
    shows: ReturnValue,
}

impl DynamoLedger {
    /// Finds open requests of a state by the index: when each is due, and its key; the longest due
    /// first.
    async fn find_open(&self, state: RequestState, until: Timestamp, limit: usize) -> PortResult<Vec<(String, Item)>> {
        let part = Part::UpTo(sortable_time(until));
        let mut walk = Walk::new(&self.shared, Index::Work, state.as_str(), part, limit);
        let mut found: Vec<(String, Item)> = Vec::new();
        for (due, mut item) in walk.next(limit).await? {
            item.retain(|name, _| name == "PK" || name == "SK");
            // One that is put off between two pages stands in both.
            if found.iter().all(|(_, known)| *known != item) {
                found.push((due, item));
            }
        }
        Ok(found)
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
        // First, because what is claimed and cannot be opened waits until its lease ends.
        let keys = self.shared.keys().await?;
        let (mut due, overdue) = tokio::try_join!(
            self.find_open(RequestState::Received, now, limit),
            self.find_open(RequestState::Executing, now, limit),
        )?;
        due.extend(overdue);
        due.sort_by(|(one, _), (other, _)| one.cmp(other));
        due.truncate(limit);
        let taken: Vec<_> = stream::iter(due)
            .map(|(_, key)| async {
                let pk = key.get("PK").cloned();
                (pk, self.claim_one(keys, key, now, lease_until).await)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (mut claimed, mut failure) = (Vec::with_capacity(taken.len()), None);
        for (pk, taken) in taken {
            match taken {
                Ok(taken) => claimed.extend(taken),
                // One damaged row must not hold up all the others; it is looked at again later.
                Err(error) if error.kind == PortErrorKind::Corrupt => {
                    tracing::error!(?pk, %error, "a request cannot be carried out");
                }
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            // What is claimed already is the caller's; the others are found again.
            if claimed.is_empty() {
                return Err(error);
            }
            tracing::warn!(%error, "a request could not be claimed; it is tried again");
        }
        claimed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(claimed.into_iter().map(|(_, request)| request).collect())
    }

    /// Takes one request, unless somebody was first; with its place in the list.
    async fn claim_one(
        &self,
        keys: &Derived,
        key: Item,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> PortResult<Option<(String, ClaimedRequest)>> {
        let pk = key
            .get("PK")
            .and_then(|pk| pk.as_s().ok())
            .map(String::as_str)
            .unwrap_or_default();
        let work = sharded(RequestState::Executing.as_str(), pk.strip_prefix("REQ#").unwrap_or(pk));
        let change = Change {
            key,
            update: "SET writer = :writer, #state = :executing, WPK = :work, WSK = :lease, \
                     tries = if_not_exists(tries, attempts) + :one REMOVE progress ADD attempts :one",
            condition: "WSK <= :now AND (#state = :received OR #state = :executing)",
            values: vec![
                (":executing", text(RequestState::Executing.as_str())),
                (":work", text(work)),
                (":received", text(RequestState::Received.as_str())),
                (":lease", text(sortable_time(lease_until))),
                (":now", text(sortable_time(now))),
                (":one", number(1)),
            ],
            shows: ReturnValue::AllNew,
        };
        let Some(item) = self.change(change).await? else {
            return Ok(None);
        };
        let row: RequestRow = from_item(item, "a request")?;
        let sealed = row.detail.as_ref().ok_or_else(|| corrupt("a request's detail"))?;
        let claimed = ClaimedRequest {
            claim: Claim {
                request: row.id.clone(),
                attempt: row.attempts,
            },
            tries: row.tries(),
            head: row.head()?,
            detail: keys.open(("detail", row.id.as_str()), sealed)?,
        };
        Ok(Some((row.place, claimed)))
    }

    /// Changes a request; nothing where the condition does not hold. Where the SDK has to make the
    /// change twice, because it did not hear of the first, it counts once.
    async fn change(&self, change: Change) -> PortResult<Option<Item>> {
        let writer = text(uuid::Uuid::now_v7().to_string());
        let mut call = self
            .shared
            .update(change.key)
            .update_expression(change.update)
            .condition_expression(change.condition)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":writer", writer.clone())
            .return_values(change.shows)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, value) in change.values {
            call = call.expression_attribute_values(name, value);
        }
        let error = match call.send().await {
            Ok(answer) => return Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Ok(refused
                .item()
                .filter(|item| item.get("writer") == Some(&writer))
                .cloned()),
            _ => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }

    /// Renews leases; the claims that are not good any more.
    pub(super) async fn renew_all(&self, renewals: &[Renewal], lease_until: Timestamp) -> PortResult<Vec<Claim>> {
        let renewed: Vec<PortResult<Option<Claim>>> = stream::iter(renewals.to_vec())
            .map(|renewal| self.renew_one(renewal, lease_until))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let lost: Vec<Option<Claim>> = renewed.into_iter().collect::<PortResult<_>>()?;
        Ok(lost.into_iter().flatten().collect())
    }

    /// Renews one lease; gives the claim back where it is not good any more.
    async fn renew_one(&self, renewal: Renewal, lease_until: Timestamp) -> PortResult<Option<Claim>> {
        let Renewal { claim, progress } = renewal;
        let mut values = vec![
            (":lease", text(sortable_time(lease_until))),
            (":attempt", number(claim.attempt)),
            (":executing", text(RequestState::Executing.as_str())),
        ];
        let progress = progress
            .as_ref()
            .and_then(|progress| serde_json::to_string(progress).ok());
        let update = match progress {
            Some(progress) => {
                values.push((":progress", text(progress)));
                "SET writer = :writer, WSK = :lease, progress = :progress"
            }
            None => "SET writer = :writer, WSK = :lease",
        };
        let change = Change {
            key: request_key(&claim.request),
            update,
            condition: "attempts = :attempt AND #state = :executing",
            values,
            shows: ReturnValue::None,
        };
        let renewed = self.change(change).await?;
        Ok(renewed.is_none().then_some(claim))
    }

    /// Gives back an executing request that `claim` is good for and that was not tried.
    pub(super) async fn give_back(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let change = Change {
            key: request_key(&claim.request),
            update: "SET writer = :writer, #state = :received, WPK = :work, WSK = :at, \
                     tries = if_not_exists(tries, attempts) - :one",
            condition: "attempts = :attempt AND #state = :executing",
            values: vec![
                (":received", text(RequestState::Received.as_str())),
                (":work", text(work_of(RequestState::Received, &claim.request))),
                (":executing", text(RequestState::Executing.as_str())),
                (":at", text(sortable_time(at))),
                (":attempt", number(claim.attempt)),
                (":one", number(1)),
            ],
            shows: ReturnValue::None,
        };
        self.change(change).await?.map(drop).ok_or_else(superseded)
    }

    /// Lets go of an executing request that `claim` is good for: for later, or for what happens
    /// elsewhere.
    pub(super) async fn let_go(&self, claim: &Claim, state: RequestState, at: Timestamp) -> PortResult<()> {
        let mut values = vec![
            (":state", text(state.as_str())),
            (":work", text(work_of(state, &claim.request))),
            (":at", text(sortable_time(at))),
            (":attempt", number(claim.attempt)),
            (":executing", text(RequestState::Executing.as_str())),
        ];
        let update = if state == RequestState::Waiting {
            values.push((":parked", text(at.to_string())));
            "SET writer = :writer, #state = :state, WPK = :work, WSK = :at, parked_at = :parked REMOVE detail, progress"
        } else {
            "SET writer = :writer, #state = :state, WPK = :work, WSK = :at"
        };
        let change = Change {
            key: request_key(&claim.request),
            update,
            condition: "attempts = :attempt AND #state = :executing",
            values,
            shows: ReturnValue::None,
        };
        self.change(change).await?.map(drop).ok_or_else(superseded)
    }

    /// Lets a parked request rest that `claim` is good for: it is in the index where nobody looks.
    pub(super) async fn lie_down(&self, claim: &Claim) -> PortResult<()> {
        let change = Change {
            key: request_key(&claim.request),
            update: "SET writer = :writer, WPK = :work",
            condition: "attempts = :attempt AND #state = :waiting",
            values: vec![
                (":work", text(rest_of(&claim.request))),
                (":attempt", number(claim.attempt)),
                (":waiting", text(RequestState::Waiting.as_str())),
            ],
            shows: ReturnValue::None,
        };
        self.change(change).await?.map(drop).ok_or_else(superseded)
    }

    /// Wakes a parked request: it waits since `at`.
    pub(super) async fn get_up(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let change = Change {
            key: request_key(&claim.request),
            update: "SET writer = :writer, WPK = :work, WSK = :at, parked_at = :parked",
            condition: "attempts = :attempt AND #state = :waiting",
            values: vec![
                (":work", text(work_of(RequestState::Waiting, &claim.request))),
                (":at", text(sortable_time(at))),
                (":parked", text(at.to_string())),
                (":attempt", number(claim.attempt)),
                (":waiting", text(RequestState::Waiting.as_str())),
            ],
            shows: ReturnValue::None,
        };
        self.change(change).await?.map(drop).ok_or_else(superseded)
    }

    /// The parked requests behind `after`: the index finds them by the time they were parked, and the
    /// ids order those of the same time, which may stand on two of its pages.
    pub(super) async fn parked(&self, after: Option<&WaitingRequest>, limit: usize) -> PortResult<Vec<WaitingRequest>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let part = after.map_or(Part::All, |last| Part::From(sortable_time(last.since)));
        let mut walk = Walk::new(&self.shared, Index::Work, RequestState::Waiting.as_str(), part, limit);
        let mut parked: BTreeMap<(Timestamp, RequestId), WaitingRequest> = BTreeMap::new();
        loop {
            let found = walk.next(limit).await?;
            let is_last = found.len() < limit;
            let mut reached = String::new();
            let mut keys: Vec<Item> = Vec::new();
            for (due, mut item) in found {
                reached = due;
                item.retain(|name, _| name == "PK" || name == "SK");
                if !keys.contains(&item) {
                    keys.push(item);
                }
            }
            for item in self.shared.get_many(&keys).await? {
                match from_item::<RequestRow>(item, "a request").and_then(|row| Ok((row.is_due(), row.waiting()?))) {
                    Ok((true, waiting)) => {
                        parked.insert((waiting.since, waiting.head.id.clone()), waiting);
                    }
                    // The index has not heard of its end, or that it rests.
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "a waiting request cannot be looked at"),
                }
            }
            if let Some(last) = after {
                parked = parked.split_off(&(last.since, last.head.id.clone()));
                parked.remove(&(last.since, last.head.id.clone()));
            }
            let whole = parked
                .keys()
                .nth(limit - 1)
                .is_some_and(|(since, _)| sortable_time(*since) < reached);
            if is_last || whole {
                return Ok(parked.into_values().take(limit).collect());
            }
        }
    }

    pub(super) async fn parked_one(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>> {
        let row: Option<RequestRow> = self.shared.get(request_key(id), "a request").await?;
        row.filter(|row| row.state == RequestState::Waiting)
            .map(|row| row.waiting())
            .transpose()
    }
}
