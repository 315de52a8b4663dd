//! The ledger: the requests, their states, and what is to be published of them.

pub(crate) mod arrival;
mod claims;
pub(crate) mod conclusion;
mod listing;
mod looking;
mod rows;
mod sealing_anew;

pub(crate) use rows::detail_label;
pub(crate) use sealing_anew::seal_anew;

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::work::Claim;
use cc_devops_requests::ports::{Backlog, Ledger};
use cc_devops_requests::record::{
    ClaimedRequest, Conclusion, NewRequest, Receipt, Renewal, RequestFilter, RequestRecord, StackLock, WaitingRequest,
};
use jiff::Timestamp;

use crate::columns::nanos;
use crate::db::Db;
use crate::events;
use conclusion::Ending;

/// The ledger in the database.
pub struct SqliteLedger {
    db: Db,
}

impl SqliteLedger {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

fn unwritten(error: rusqlite::Error) -> PortError {
    PortError::new(PortErrorKind::Refused, "what is to be kept cannot be written as JSON").because(error)
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn receive(&self, request: &NewRequest, lease_until: Option<Timestamp>) -> PortResult<Receipt> {
        let request = request.clone();
        self.db
            .write_repeatable(move |conn, keys| arrival::receive(conn, keys, &request, lease_until))
            .await
    }

    async fn receive_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt> {
        let (keys, head, ending) = (
            Arc::clone(self.db.store_keys()),
            request.head.clone(),
            Ending::of(conclusion)?,
        );
        self.db
            .write(move |conn, _| arrival::receive_concluded(conn, &keys, &head, &ending))
            .await
    }

    async fn refuse(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()> {
        let (keys, agent, ending) = (Arc::clone(self.db.store_keys()), agent.clone(), Ending::of(conclusion)?);
        self.db.write(move |conn, _| ending.refuse(conn, &keys, &agent)).await
    }

    async fn announce(&self, agent: &AgentName, news: &Announcement) -> PortResult<()> {
        let news = events::News::of(agent, news)?;
        self.db.write(move |conn, _| news.append(conn)).await
    }

    async fn claim_due(&self, now: Timestamp, lease_until: Timestamp, limit: usize) -> PortResult<Vec<ClaimedRequest>> {
        self.db
            .write(move |conn, keys| claims::claim_due(conn, keys, now, lease_until, limit))
            .await
    }

    async fn renew(&self, renewals: &[Renewal], lease_until: Timestamp) -> PortResult<Vec<Claim>> {
        let renewals: Vec<_> = renewals
            .iter()
            .map(claims::Renewed::of)
            .collect::<Result<_, _>>()
            .map_err(unwritten)?;
        self.db
            .write(move |conn, _| claims::renew(conn, &renewals, lease_until))
            .await
    }

    async fn hand_back(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let claim = claim.clone();
        self.db.write(move |conn, _| claims::hand_back(conn, &claim, at)).await
    }

    async fn take_over(&self, now: Timestamp) -> PortResult<u64> {
        self.db.write(move |conn, _| claims::take_over(conn, now)).await
    }

    async fn postpone(&self, claim: &Claim, until: Timestamp) -> PortResult<()> {
        let claim = claim.clone();
        self.db
            .write(move |conn, _| claims::postpone(conn, &claim, until))
            .await
    }

    async fn park(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let claim = claim.clone();
        self.db.write(move |conn, _| claims::park(conn, &claim, at)).await
    }

    async fn waiting(&self, after: Option<&WaitingRequest>, limit: usize) -> PortResult<Vec<WaitingRequest>> {
        let after = after.map(|last| (last.since, last.head.id.clone()));
        self.db
            .read(move |conn| claims::waiting(conn, after.as_ref(), limit))
            .await
    }

    async fn waiting_request(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>> {
        self.db.read_inline(|conn| claims::waiting_request(conn, id))
    }

    async fn rest(&self, claim: &Claim) -> PortResult<()> {
        let claim = claim.clone();
        self.db.write(move |conn, _| claims::rest(conn, &claim)).await
    }

    async fn wake(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let claim = claim.clone();
        self.db.write(move |conn, _| claims::wake(conn, &claim, at)).await
    }

    async fn conclude(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()> {
        let (keys, claim, ending) = (Arc::clone(self.db.store_keys()), claim.clone(), Ending::of(conclusion)?);
        self.db
            .write_repeatable(move |conn, _| conclusion::conclude(conn, &keys, &claim, &ending))
            .await
    }

    async fn republish(&self, id: &RequestId, at: Timestamp) -> PortResult<()> {
        let id = id.clone();
        self.db
            .write(move |conn, _| events::append_again(conn, &id, nanos(at)))
            .await
    }

    async fn lock_stack(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock> {
        let (claim, stack) = (claim.clone(), stack.clone());
        self.db
            .write(move |conn, _| claims::lock_stack(conn, &claim, &stack))
            .await
    }

    async fn holder_of(&self, stack: &FullStackName) -> PortResult<Option<RequestId>> {
        self.db.read_inline(|conn| Ok(claims::holder_of(conn, stack)?))
    }

    async fn release_stack(&self, stack: &FullStackName, holder: &RequestId, audit: &AuditEntry) -> PortResult<bool> {
        let (keys, stack, holder, audit) = (
            Arc::clone(self.db.store_keys()),
            stack.clone(),
            holder.clone(),
            audit.clone(),
        );
        self.db
            .write(move |conn, _| claims::release_stack(conn, &keys, &stack, &holder, &audit))
            .await
    }

    async fn find(&self, id: &RequestId) -> PortResult<Option<RequestRecord>> {
        self.db.read_inline(|conn| Ok(rows::find(conn, id.as_str())?))
    }

    async fn list(
        &self,
        filter: &RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<RequestRecord>> {
        let filter = filter.clone();
        self.db
            .read(move |conn| {
                if filter.reach.is_some() || filter.reason.is_some() {
                    looking::list(conn, &filter, before, limit)
                } else {
                    listing::list(conn, &filter, before, limit)
                }
            })
            .await
    }

    async fn backlog(&self) -> PortResult<Backlog> {
        self.db.read(listing::backlog).await
    }
}
