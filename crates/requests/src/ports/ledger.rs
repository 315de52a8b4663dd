//! The spine.

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;

use crate::record::{
    Claim, ClaimedRequest, Conclusion, Cursor, NewRequest, Page, Receipt, Renewal, RequestFilter, RequestRecord,
    StackLock, WaitingRequest,
};

/// The spine: requests, their states, and what is to be published of them.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records a request unless its id is known. With `lease_until` the caller takes it at once
    /// (state executing); without, it is left for [`Ledger::claim_due`] (state received).
    async fn receive(&self, request: &NewRequest, lease_until: Option<Timestamp>) -> PortResult<Receipt>;

    /// Records a request that has its outcome on arrival, in one transaction with its audit row
    /// and event. A known id answers [`Receipt::Known`] or [`Receipt::Conflict`] and writes
    /// nothing; a new one answers [`Receipt::Recorded`].
    async fn receive_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt>;

    /// Puts on record what cannot be kept under a request id (an event that cannot be read, a
    /// conflict): the audit row and the event, in one transaction.
    async fn refuse(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()>;

    /// Puts news into the outbox, for an agent.
    async fn announce(&self, agent: &AgentName, news: &Announcement) -> PortResult<()>;

    /// Takes requests nobody works on: received and due, or executing past their lease. Oldest
    /// first; each comes with a new fence, which supersedes older claims, and counts as a try. One that
    /// cannot be read is said and left for later; it holds up no other.
    async fn claim_due(&self, now: Timestamp, lease_until: Timestamp, limit: usize) -> PortResult<Vec<ClaimedRequest>>;

    /// Renews the leases of requests that are being carried out, and keeps how far they are; where
    /// nothing is said of that, what was kept stays. Answers the claims that are not good any more:
    /// their work is somebody else's, or has ended.
    async fn renew(&self, renewals: &[Renewal], lease_until: Timestamp) -> PortResult<Vec<Claim>>;

    /// Gives a claimed request back that a system was not there for, to be taken again at `until`.
    /// It was tried.
    async fn postpone(&self, claim: &Claim, until: Timestamp) -> PortResult<()>;

    /// Gives a claimed request back that was not begun or was broken off at a safe place, to be
    /// taken again from `at` on. It does not count as a try.
    async fn hand_back(&self, claim: &Claim, at: Timestamp) -> PortResult<()>;

    /// Takes over what a process had claimed that is known to be dead: executing requests are due
    /// at `now`, whatever their leases say, and their claims are not good any more. Their tries
    /// count. How many there were. Only for whoever holds the store alone; where several processes
    /// share one, it does nothing and leases end by themselves.
    async fn take_over(&self, now: Timestamp) -> PortResult<u64>;

    /// Parks an executing request until its effect ends elsewhere. The stored detail is forgotten.
    async fn park(&self, claim: &Claim, at: Timestamp) -> PortResult<()>;

    /// The parked requests behind `after`, or from the first on, the longest waiting first and by
    /// their ids where they were parked at the same time. The claims let the caller conclude them;
    /// of two callers the first wins and the second is told it is superseded.
    async fn waiting(&self, after: Option<&WaitingRequest>, limit: usize) -> PortResult<Vec<WaitingRequest>>;

    /// The parked request of that id, if it is parked.
    async fn waiting_request(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>>;

    /// Lets a parked request rest: [`Ledger::waiting`] does not find it any more, [`Ledger::waiting_request`] does.
    /// Whoever knows of it (a plan that is due) wakes it. Superseded as for [`Ledger::conclude`]; resting before is as
    /// good.
    async fn rest(&self, claim: &Claim) -> PortResult<()>;

    /// Wakes a parked request that rests: it is among the waiting ones again, since `at`. One that does not rest waits
    /// since `at` from then on. Superseded as for [`Ledger::conclude`].
    async fn wake(&self, claim: &Claim, at: Timestamp) -> PortResult<()>;

    /// Ends a request: outcome, audit row and event in one transaction; the stored detail is
    /// forgotten, and the stack it held is free unless the conclusion keeps it. Superseded unless
    /// the claim is the latest and the request has no outcome yet.
    async fn conclude(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()>;

    /// Puts a concluded request's event into the outbox again, for every consumer. Nothing happens where
    /// the event waits there and none of them was told yet, or where the request has no outcome.
    async fn republish(&self, id: &RequestId, at: Timestamp) -> PortResult<()>;

    /// Takes a stack for a claimed request.
    async fn lock_stack(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock>;

    /// The request that holds a stack, if one does.
    async fn holder_of(&self, stack: &FullStackName) -> PortResult<Option<RequestId>>;

    /// Frees a stack that `holder` kept beyond its end, and puts that on record, in one
    /// transaction. False, and nothing is written, where another request holds it or none, or the
    /// holder has no outcome yet.
    async fn release_stack(&self, stack: &FullStackName, holder: &RequestId, audit: &AuditEntry) -> PortResult<bool>;

    /// The request of that id.
    async fn find(&self, id: &RequestId) -> PortResult<Option<RequestRecord>>;

    /// Requests, newest first, from `before` on.
    async fn list(
        &self,
        filter: &RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<RequestRecord>>;

    /// How many requests are in each state that is not an end, and for how many events a consumer waits.
    async fn backlog(&self) -> PortResult<Backlog>;
}

/// What the ledger still has to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Requests nobody works on yet.
    pub received: u64,
    /// Requests being carried out.
    pub executing: u64,
    /// Requests whose effect is under way elsewhere.
    pub waiting: u64,
    /// Events that some consumer is still to be told of; not those that were set aside.
    pub unpublished: u64,
    /// When the oldest request arrived that has not ended.
    pub oldest_open: Option<Timestamp>,
}
