//! The ledger in DynamoDB. Conditions on the items decide; transactions keep a request, its audit
//! row and its event together.

mod claims;
mod outbox;
mod recording;
mod rows;
mod stacks;
mod transaction;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::Select;
use cc_devops_core::audit::AuditEntry;
use cc_devops_core::events::Announcement;
use cc_devops_core::names::{AgentName, FullStackName, RequestId};
use cc_devops_core::ports::{Backlog, Ledger, PortResult};
use cc_devops_core::requests::record::{
    Claim, ClaimedRequest, Conclusion, Cursor, NewRequest, OutboxEntry, Page, Receipt, Renewal, RequestFilter,
    RequestRecord, RequestState, StackLock, WaitingRequest,
};
use jiff::Timestamp;

use crate::error::port_error;
use crate::table::{WORK, from_item, text};
use crate::{Backend, Shared};
use rows::{LIST, OUTBOX, RequestRow, request_key};
pub(crate) use transaction::{gone, incomplete, met_another, refused_at};

impl Backend {
    /// The ledger.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(DynamoLedger {
            shared: self.shared.clone(),
            outbox: outbox::Outbox::default(),
        })
    }
}

/// The ledger in its table.
struct DynamoLedger {
    shared: Arc<Shared>,
    outbox: outbox::Outbox,
}

impl DynamoLedger {
    /// How many items a key condition selects.
    async fn count(&self, index: Option<&str>, condition: &str, value: &str) -> PortResult<u64> {
        let mut total = 0;
        let mut start = None;
        loop {
            let call = self.shared.clients.dynamodb().query().table_name(self.shared.table());
            let call = call
                .set_index_name(index.map(str::to_owned))
                .select(Select::Count)
                // An index has no consistent reads.
                .set_consistent_read(index.is_none().then_some(true))
                .key_condition_expression(condition)
                .expression_attribute_values(":value", text(value));
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            total += u64::try_from(answer.count).unwrap_or(0);
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(total);
            }
        }
    }
}

fn selects(filter: &RequestFilter, record: &RequestRecord) -> bool {
    let head = &record.head;
    let status = record.completed.as_ref().map(|completed| completed.status);
    filter.agent.as_ref().is_none_or(|agent| *agent == head.agent)
        && filter.action.as_ref().is_none_or(|action| *action == head.action)
        && filter.status.is_none_or(|wanted| status == Some(wanted))
        && filter.state.is_none_or(|state| state == record.state)
        && filter.since.is_none_or(|since| head.received_at >= since)
        && filter.until.is_none_or(|until| head.received_at < until)
}

#[async_trait]
impl Ledger for DynamoLedger {
    async fn receive(&self, request: &NewRequest, lease_until: Option<Timestamp>) -> PortResult<Receipt> {
        self.record(request, lease_until).await
    }

    async fn receive_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt> {
        self.record_concluded(request, conclusion).await
    }

    async fn refuse(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()> {
        self.refused(agent, conclusion).await
    }

    async fn announce(&self, agent: &AgentName, news: &Announcement) -> PortResult<()> {
        self.put_news(agent, news).await
    }

    async fn claim_due(&self, now: Timestamp, lease_until: Timestamp, limit: usize) -> PortResult<Vec<ClaimedRequest>> {
        self.claim(now, lease_until, limit).await
    }

    async fn renew(&self, renewals: &[Renewal], lease_until: Timestamp) -> PortResult<Vec<Claim>> {
        self.renew_all(renewals, lease_until).await
    }

    async fn hand_back(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        self.give_back(claim, at).await
    }

    /// Many processes share the table, and none knows that another is dead: leases end by themselves.
    async fn take_over(&self, _now: Timestamp) -> PortResult<u64> {
        Ok(0)
    }

    async fn postpone(&self, claim: &Claim, until: Timestamp) -> PortResult<()> {
        self.let_go(claim, RequestState::Received, until).await
    }

    async fn park(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        self.let_go(claim, RequestState::Waiting, at).await
    }

    async fn waiting(&self, after: Option<&WaitingRequest>, limit: usize) -> PortResult<Vec<WaitingRequest>> {
        self.parked(after, limit).await
    }

    async fn waiting_request(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>> {
        self.parked_one(id).await
    }

    async fn conclude(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()> {
        self.ended(claim, conclusion).await
    }

    async fn republish(&self, id: &RequestId) -> PortResult<()> {
        self.tell_again(id).await
    }

    async fn lock_stack(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock> {
        self.lock(claim, stack).await
    }

    async fn holder_of(&self, stack: &FullStackName) -> PortResult<Option<RequestId>> {
        self.holder(stack).await
    }

    async fn release_stack(&self, stack: &FullStackName, holder: &RequestId, audit: &AuditEntry) -> PortResult<bool> {
        self.release(stack, holder, audit).await
    }

    async fn unpublished(&self, now: Timestamp, limit: usize) -> PortResult<Vec<OutboxEntry>> {
        self.due(now, limit).await
    }

    async fn published(&self, ids: &[i64]) -> PortResult<()> {
        self.take_out(ids).await
    }

    async fn publish_failed(&self, id: i64, retry_at: Timestamp) -> PortResult<()> {
        self.put_off(id, retry_at).await
    }

    async fn find(&self, id: &RequestId) -> PortResult<Option<RequestRecord>> {
        let row: Option<RequestRow> = self.shared.get(request_key(id), "a request").await?;
        row.map(|row| row.record()).transpose()
    }

    async fn list(
        &self,
        filter: &RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<RequestRecord>> {
        let read = |item| {
            let record = from_item::<RequestRow>(item, "a request")?.record()?;
            Ok(selects(filter, &record).then_some(record))
        };
        self.shared.newest_first(LIST, before, limit, read).await
    }

    async fn backlog(&self) -> PortResult<Backlog> {
        let open = |state: RequestState| self.count(Some(WORK), "WPK = :value", state.as_str());
        let (received, executing, waiting, unpublished) = tokio::try_join!(
            open(RequestState::Received),
            open(RequestState::Executing),
            open(RequestState::Waiting),
            self.count(None, "PK = :value", OUTBOX),
        )?;
        Ok(Backlog {
            received,
            executing,
            waiting,
            unpublished,
        })
    }
}
