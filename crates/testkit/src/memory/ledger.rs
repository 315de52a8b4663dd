//! The fake ledger: requests and their states, and stack locks.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::ports::{Backlog, Ledger};
use cc_devops_requests::record::{
    ClaimedRequest, Conclusion, NewRequest, Receipt, Renewal, RequestFilter, RequestHead, RequestRecord, RequestState,
    StackLease, StackLock, WaitingRequest,
};
use jiff::Timestamp;

use super::{Memory, Model, reached};

/// The requests, in the order of their arrival.
#[derive(Default)]
pub(super) struct Requests {
    rows: Vec<Stored>,
    places: HashMap<RequestId, usize>,
    locks: BTreeMap<FullStackName, RequestId>,
}

struct Stored {
    record: RequestRecord,
    detail: Option<SecretValue>,
    /// Received: when it may be taken. Executing: when the lease ends. Waiting: since when.
    moment: Timestamp,
    /// How often it was claimed.
    fence: u32,
    /// Whether nobody looks at it, though it waits.
    rests: bool,
}

impl Requests {
    /// The request's event is where readers and the bus have it.
    pub(super) fn published(&mut self, id: &RequestId) {
        if let Some(stored) = self.find_mut(id) {
            stored.record.state = RequestState::Published;
        }
    }

    fn find(&self, id: &RequestId) -> Option<&Stored> {
        self.places.get(id).and_then(|place| self.rows.get(*place))
    }

    fn find_mut(&mut self, id: &RequestId) -> Option<&mut Stored> {
        self.places.get(id).and_then(|place| self.rows.get_mut(*place))
    }

    /// The request a claim is good for: it is the latest, and the request has no outcome.
    fn claimed(&mut self, claim: &Claim) -> PortResult<&mut Stored> {
        self.find_mut(&claim.request)
            .filter(|stored| stored.record.completed.is_none() && stored.fence == claim.attempt)
            .ok_or_else(superseded)
    }

    /// The same, and it is being carried out.
    fn executing(&mut self, claim: &Claim) -> PortResult<&mut Stored> {
        let stored = self.claimed(claim)?;
        if stored.record.state == RequestState::Executing {
            Ok(stored)
        } else {
            Err(superseded())
        }
    }

    /// The same, and it is parked.
    fn parked_mut(&mut self, claim: &Claim) -> PortResult<&mut Stored> {
        let stored = self.claimed(claim)?;
        if stored.record.state == RequestState::Waiting {
            Ok(stored)
        } else {
            Err(superseded())
        }
    }

    /// How a request of that id stands beside this one.
    pub(super) fn known(&self, head: &RequestHead) -> Option<Receipt> {
        let stored = self.find(&head.id)?;
        Some(if stored.record.head.fingerprint == head.fingerprint {
            Receipt::Known(Box::new(stored.record.clone()))
        } else {
            Receipt::Conflict
        })
    }

    fn push(&mut self, head: &RequestHead, state: RequestState, moment: Timestamp, detail: Option<SecretValue>) {
        let fence = u32::from(state == RequestState::Executing);
        let record = RequestRecord {
            head: head.clone(),
            state,
            tries: fence,
            progress: None,
            completed: None,
            output: None,
        };
        self.places.insert(head.id.clone(), self.rows.len());
        self.rows.push(Stored {
            record,
            detail,
            moment,
            fence,
            rests: false,
        });
    }

    /// Forgets what was printed for requests that came before that; for how many.
    pub(super) fn forget_outputs(&mut self, before: Timestamp) -> u64 {
        let old = |stored: &&mut Stored| {
            let ended = stored.record.completed.is_some() && stored.record.output.is_some();
            ended && stored.record.head.received_at < before
        };
        self.rows
            .iter_mut()
            .filter(old)
            .map(|stored| stored.record.output = None)
            .count() as u64
    }

    /// Forgets requests with their outcome that came before that, but for those; how many.
    pub(super) fn forget(&mut self, before: Timestamp, needed: impl Fn(&RequestId) -> bool) -> u64 {
        let there = self.rows.len();
        self.rows.retain(|stored| {
            let record = &stored.record;
            record.completed.is_none() || record.head.received_at >= before || needed(&record.head.id)
        });
        let ids = self.rows.iter().map(|stored| stored.record.head.id.clone());
        self.places = ids.zip(0..).collect();
        (there - self.rows.len()) as u64
    }

    /// The parked requests, with whether they rest.
    fn parked(&self) -> impl Iterator<Item = (bool, WaitingRequest)> {
        self.rows
            .iter()
            .filter(|stored| stored.record.state == RequestState::Waiting)
            .map(|stored| {
                let waiting = WaitingRequest {
                    claim: Claim {
                        request: stored.record.head.id.clone(),
                        attempt: stored.fence,
                    },
                    head: stored.record.head.clone(),
                    since: stored.moment,
                };
                (stored.rests, waiting)
            })
    }
}

impl Model {
    /// The one transaction: outcome, audit row, event, lock and detail.
    /// Records a request that has its outcome on arrival; it ended from that state.
    pub(super) fn record_concluded(&mut self, head: &RequestHead, from: RequestState, conclusion: &Conclusion) {
        self.requests.push(head, from, head.received_at, None);
        self.conclude(&head.id, conclusion);
    }

    fn conclude(&mut self, id: &RequestId, conclusion: &Conclusion) {
        let Some(stored) = self.requests.find_mut(id) else {
            return;
        };
        stored.record.state = RequestState::Completed;
        stored.record.completed = Some(conclusion.completed.clone());
        stored.record.output.clone_from(&conclusion.output);
        stored.record.progress = None;
        stored.detail = None;
        let event = OutgoingEvent {
            agent: stored.record.head.agent.clone(),
            body: conclusion.completed.clone().into(),
        };
        if !conclusion.keeps_stack {
            self.requests.locks.retain(|_, holder| holder != id);
        }
        self.outbox.push(Some(id), event);
        self.audit.append(&conclusion.audit);
    }
}

fn superseded() -> PortError {
    PortError::new(
        PortErrorKind::Superseded,
        "the claim is not good any more: somebody else went on with the request",
    )
}

impl Model {
    /// Puts news into the outbox.
    pub(super) fn announce(&mut self, agent: &AgentName, news: &Announcement) {
        let event = OutgoingEvent {
            agent: agent.clone(),
            body: news.clone().into(),
        };
        self.outbox.push(None, event);
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn receive(&self, request: &NewRequest, lease_until: Option<Timestamp>) -> PortResult<Receipt> {
        let mut model = self.lock()?;
        let (head, detail) = (&request.head, Some(request.detail.clone()));
        if let Some(known) = model.requests.known(head) {
            return Ok(known);
        }
        if model
            .largest_detail
            .is_some_and(|most| request.detail.expose().len() > most)
        {
            let message = "the request is larger than the ledger takes";
            return Err(PortError::new(PortErrorKind::TooLarge, message));
        }
        let Some(lease_until) = lease_until else {
            model
                .requests
                .push(head, RequestState::Received, head.received_at, detail);
            return Ok(Receipt::Recorded);
        };
        model.requests.push(head, RequestState::Executing, lease_until, detail);
        Ok(Receipt::Claimed(Claim {
            request: head.id.clone(),
            attempt: 1,
        }))
    }

    async fn receive_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt> {
        let mut model = self.lock()?;
        let head = &request.head;
        if let Some(known) = model.requests.known(head) {
            return Ok(known);
        }
        model.record_concluded(head, RequestState::Received, conclusion);
        Ok(Receipt::Recorded)
    }

    async fn refuse(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()> {
        let mut model = self.lock()?;
        let event = OutgoingEvent {
            agent: agent.clone(),
            body: conclusion.completed.clone().into(),
        };
        model.outbox.push(None, event);
        model.audit.append(&conclusion.audit);
        Ok(())
    }

    async fn announce(&self, agent: &AgentName, news: &Announcement) -> PortResult<()> {
        self.lock()?.announce(agent, news);
        Ok(())
    }

    async fn claim_due(&self, now: Timestamp, lease_until: Timestamp, limit: usize) -> PortResult<Vec<ClaimedRequest>> {
        let mut model = self.lock()?;
        let Model { requests, damaged, .. } = &mut *model;
        let due = requests.rows.iter_mut().filter(|stored| {
            let takeable = matches!(stored.record.state, RequestState::Received | RequestState::Executing);
            takeable && stored.moment <= now && !damaged.requests.contains(&stored.record.head.id)
        });
        Ok(due
            .take(limit)
            .map(|stored| {
                stored.fence += 1;
                stored.record.tries += 1;
                stored.record.progress = None;
                stored.record.state = RequestState::Executing;
                stored.moment = lease_until;
                ClaimedRequest {
                    claim: Claim {
                        request: stored.record.head.id.clone(),
                        attempt: stored.fence,
                    },
                    tries: stored.record.tries,
                    head: stored.record.head.clone(),
                    detail: stored
                        .detail
                        .clone()
                        .expect("an open request keeps its detail until it is parked"),
                }
            })
            .collect())
    }

    async fn renew(&self, renewals: &[Renewal], lease_until: Timestamp) -> PortResult<Vec<Claim>> {
        let mut model = self.lock()?;
        let mut lost = Vec::new();
        for Renewal { claim, progress } in renewals {
            match model.requests.executing(claim) {
                Err(_) => lost.push(claim.clone()),
                Ok(stored) => {
                    stored.moment = lease_until;
                    if progress.is_some() {
                        stored.record.progress.clone_from(progress);
                    }
                }
            }
        }
        Ok(lost)
    }

    async fn hand_back(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        let stored = model.requests.executing(claim)?;
        stored.record.state = RequestState::Received;
        stored.record.tries = stored.record.tries.saturating_sub(1);
        stored.moment = at;
        Ok(())
    }

    async fn take_over(&self, now: Timestamp) -> PortResult<u64> {
        let mut model = self.lock()?;
        let mut taken = 0;
        for stored in &mut model.requests.rows {
            if stored.record.state == RequestState::Executing {
                stored.record.state = RequestState::Received;
                stored.moment = now;
                stored.fence += 1;
                taken += 1;
            }
        }
        Ok(taken)
    }

    async fn postpone(&self, claim: &Claim, until: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        let stored = model.requests.executing(claim)?;
        stored.record.state = RequestState::Received;
        stored.moment = until;
        Ok(())
    }

    async fn park(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        let stored = model.requests.executing(claim)?;
        stored.record.state = RequestState::Waiting;
        stored.moment = at;
        stored.record.progress = None;
        stored.detail = None;
        Ok(())
    }

    async fn waiting(&self, after: Option<&WaitingRequest>, limit: usize) -> PortResult<Vec<WaitingRequest>> {
        let model = self.lock()?;
        let place = |request: &WaitingRequest| (request.since, request.head.id.clone());
        let behind = |request: &WaitingRequest| after.is_none_or(|last| place(last) < place(request));
        let awake = model.requests.parked().filter(|(rests, _)| !rests);
        let mut waiting: Vec<WaitingRequest> = awake.map(|(_, request)| request).filter(behind).collect();
        waiting.sort_by_key(place);
        waiting.truncate(limit);
        Ok(waiting)
    }

    async fn waiting_request(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>> {
        let model = self.lock()?;
        let mut parked = model.requests.parked().map(|(_, request)| request);
        Ok(parked.find(|request| request.head.id == *id))
    }

    async fn rest(&self, claim: &Claim) -> PortResult<()> {
        self.lock()?.requests.parked_mut(claim)?.rests = true;
        Ok(())
    }

    async fn wake(&self, claim: &Claim, at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        let stored = model.requests.parked_mut(claim)?;
        stored.rests = false;
        stored.moment = at;
        Ok(())
    }

    async fn conclude(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()> {
        let mut model = self.lock()?;
        model.requests.claimed(claim)?;
        model.conclude(&claim.request, conclusion);
        Ok(())
    }

    async fn republish(&self, id: &RequestId, _at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        if model.outbox.holds(id) {
            return Ok(());
        }
        let Some(event) = model.requests.find(id).and_then(|stored| {
            Some(OutgoingEvent {
                agent: stored.record.head.agent.clone(),
                body: stored.record.completed.clone()?.into(),
            })
        }) else {
            return Ok(());
        };
        model.outbox.push(Some(id), event);
        Ok(())
    }

    async fn lock_stack(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock> {
        let mut model = self.lock()?;
        model.requests.claimed(claim)?;
        let holder = model
            .requests
            .locks
            .entry(stack.clone())
            .or_insert_with(|| claim.request.clone());
        Ok(if *holder == claim.request {
            StackLock::Acquired(StackLease {
                stack: stack.clone(),
                request: claim.request.clone(),
            })
        } else {
            StackLock::Held { by: holder.clone() }
        })
    }

    async fn holder_of(&self, stack: &FullStackName) -> PortResult<Option<RequestId>> {
        Ok(self.lock()?.requests.locks.get(stack).cloned())
    }

    async fn release_stack(&self, stack: &FullStackName, holder: &RequestId, audit: &AuditEntry) -> PortResult<bool> {
        let mut model = self.lock()?;
        let goes_on = model
            .requests
            .find(holder)
            .is_some_and(|holder| holder.record.completed.is_none());
        if goes_on || model.requests.locks.get(stack) != Some(holder) {
            return Ok(false);
        }
        model.requests.locks.remove(stack);
        model.audit.append(audit);
        Ok(true)
    }

    async fn find(&self, id: &RequestId) -> PortResult<Option<RequestRecord>> {
        let model = self.lock()?;
        Ok(model.requests.find(id).map(|stored| stored.record.clone()))
    }

    async fn list(
        &self,
        filter: &RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<RequestRecord>> {
        let model = self.lock()?;
        let rows = (1_i64..)
            .zip(&model.requests.rows)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .filter(|(place, _)| before.is_none_or(|Cursor(before)| *place < before))
            .map(|(place, stored)| (place, filter.selects(&stored.record).then(|| stored.record.clone())));
        Ok(reached(rows, limit, filter.reach))
    }

    async fn backlog(&self) -> PortResult<Backlog> {
        let model = self.lock()?;
        let mut backlog = Backlog {
            unpublished: model.outbox.waited_for(),
            ..Backlog::default()
        };
        let open = |stored: &&Stored| stored.record.completed.is_none();
        let received = model.requests.rows.iter().filter(open);
        backlog.oldest_open = received.map(|stored| stored.record.head.received_at).min();
        for stored in &model.requests.rows {
            match stored.record.state {
                RequestState::Received => backlog.received += 1,
                RequestState::Executing => backlog.executing += 1,
                RequestState::Waiting => backlog.waiting += 1,
                RequestState::Completed | RequestState::Published => {}
            }
        }
        Ok(backlog)
    }
}
