//! The ledger in DynamoDB. Conditions on the items decide; transactions keep a request, its audit
//! row and its event together.

mod claims;
mod publishing;
mod recording;
mod rows;
mod stacks;
mod transaction;

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::ports::{Backlog, Ledger};
use cc_devops_requests::record::{
    ClaimedRequest, Conclusion, NewRequest, Receipt, Renewal, RequestFilter, RequestRecord, RequestState, StackLock,
    WaitingRequest,
};
use jiff::Timestamp;

use crate::outbox::WAITING;
use crate::table::{Item, from_item, key};
use crate::walk::{Index, Part, Search, Walk};
use crate::{Backend, Shared};
pub(crate) use rows::request_key;
use rows::{LIST, OpenRow, RESTING, RequestRow};
pub(crate) use transaction::{gone, incomplete};

impl Backend {
    /// The ledger.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(DynamoLedger {
            shared: self.shared.clone(),
        })
    }
}

/// How many open requests of a state are looked at to find the oldest.
const LOOKED_AT: usize = 100;

/// The ledger in its table.
struct DynamoLedger {
    shared: Arc<Shared>,
}

impl DynamoLedger {
    /// How many requests are open in a list of the index, and the keys of those that came first to it.
    async fn open(&self, list: &str) -> PortResult<(u64, Vec<Item>)> {
        let mut walk = Walk::new(&self.shared, Index::Work, list, Part::All, LOOKED_AT);
        let first = walk.next(LOOKED_AT).await?;
        let count = u64::try_from(first.len()).unwrap_or(0) + walk.rest().await?;
        let keys = first.iter().filter_map(|(_, row)| {
            let text = |name: &str| row.get(name)?.as_s().ok().cloned();
            Some(key(text("PK")?, text("SK")?))
        });
        Ok((count, keys.collect()))
    }

    /// How many events wait for somebody.
    async fn untold(&self) -> PortResult<u64> {
        let walk = Walk::new(&self.shared, Index::Work, WAITING, Part::All, LOOKED_AT);
        walk.rest().await
    }
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

    async fn rest(&self, claim: &Claim) -> PortResult<()> {
        self.lie_down(claim).await
    }

    async fn wake(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        self.get_up(claim, at).await
    }

    async fn conclude(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()> {
        self.ended(claim, conclusion).await
    }

    async fn republish(&self, id: &RequestId, at: Timestamp) -> PortResult<()> {
        self.tell_again(id, at).await
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
        let read = |item| match from_item::<RequestRow>(item, "a request").and_then(|row| row.record()) {
            Ok(record) => Ok(filter.selects(&record).then_some(record)),
            // One damaged row must not hide all the others.
            Err(error) => {
                tracing::error!(%error, "a request cannot be listed");
                Ok(None)
            }
        };
        let search = Search {
            before,
            limit,
            reach: filter.reach,
            times: (filter.since, filter.until),
        };
        self.shared.newest_first(LIST, search, read).await
    }

    async fn backlog(&self) -> PortResult<Backlog> {
        let ((received, first), (executing, second), (waiting, third), (resting, fourth), unpublished) = tokio::try_join!(
            self.open(RequestState::Received.as_str()),
            self.open(RequestState::Executing.as_str()),
            self.open(RequestState::Waiting.as_str()),
            self.open(RESTING),
            self.untold(),
        )?;
        let items = self.shared.get_many(&[first, second, third, fourth].concat()).await?;
        let rows = items
            .into_iter()
            .filter_map(|item| from_item::<OpenRow>(item, "a request").ok());
        // The index may lag; the row says whether it is open.
        let oldest_open = rows.filter(|row| row.work.is_some()).map(|row| row.received_at).min();
        Ok(Backlog {
            received,
            executing,
            waiting: waiting + resting,
            unpublished,
            oldest_open,
        })
    }
}
