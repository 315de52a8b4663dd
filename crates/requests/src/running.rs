//! What runs in this process: its claims are renewed, it is never begun a second time, and a stop
//! reaches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::work::WorkHandle;
use jiff::{SignedDuration, Timestamp};

use crate::record::{Claim, Progress, Renewal};

/// Everything that runs here.
#[derive(Default)]
pub(super) struct Running(Mutex<Register>);

#[derive(Default)]
struct Register {
    stopping: bool,
    next: u64,
    works: BTreeMap<u64, Work>,
}

struct Work {
    /// The request it carries out; none for what the clock asked for.
    claim: Option<Claim>,
    handle: WorkHandle,
    /// When its lease began.
    leased_at: Timestamp,
}

impl Work {
    /// Whether so much of its lease is over, or the clock was set back.
    fn has_run(&self, span: SignedDuration, now: Timestamp) -> bool {
        let age = now.duration_since(self.leased_at);
        age.is_negative() || age >= span
    }
}

/// A piece of work is under way until this is dropped.
pub struct UnderWay {
    running: Arc<Running>,
    place: u64,
    /// How it goes.
    pub handle: WorkHandle,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.running.lock().works.remove(&self.place);
    }
}

/// What became of the claims of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Claims that are good for a new lease.
    pub renewed: usize,
    /// Claims that somebody else has taken over, or that have ended; their work is told to stop.
    pub lost: usize,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, Register> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a piece of work on the list. While everything is to stop, it is told so at once.
    pub(super) fn begin(self: &Arc<Self>, claim: Option<Claim>, now: Timestamp) -> UnderWay {
        let mut register = self.lock();
        let handle = WorkHandle::default();
        if register.stopping {
            handle.stop();
        }
        let place = register.next;
        register.next += 1;
        let work = Work {
            claim,
            handle: handle.clone(),
            leased_at: now,
        };
        register.works.insert(place, work);
        UnderWay {
            running: Arc::clone(self),
            place,
            handle,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// The claims of which at least `span` of the lease is over.
    pub(super) fn older_than(&self, span: SignedDuration, now: Timestamp) -> Vec<Renewal> {
        let register = self.lock();
        let old = register.works.values().filter(|work| work.has_run(span, now));
        old.filter_map(|work| {
            Some(Renewal {
                claim: work.claim.clone()?,
                progress: work.handle.progress(),
            })
        })
        .collect()
    }

    /// Notes what became of claims.
    pub(super) fn renewed(&self, renewals: &[Renewal], lost: &[Claim], now: Timestamp) {
        for work in self.lock().works.values_mut() {
            let Some(claim) = &work.claim else { continue };
            if lost.contains(claim) {
                work.handle.stop();
            } else if renewals.iter().any(|renewal| renewal.claim == *claim) {
                work.leased_at = now;
            }
        }
    }

    /// Stops what has no lease any more: somebody else may have begun it.
    pub(super) fn stop_expired(&self, lease: SignedDuration, now: Timestamp) {
        for work in self.lock().works.values() {
            if work.claim.is_some() && now.duration_since(work.leased_at) >= lease {
                work.handle.stop();
            }
        }
    }

    /// Tells everything to stop, and lets nothing long begin any more.
    pub(super) fn stop(&self) {
        let mut register = self.lock();
        register.stopping = true;
        for work in register.works.values() {
            work.handle.stop();
        }
    }

    /// Tells what requests asked for to stop.
    pub(super) fn break_off(&self) {
        for work in self.lock().works.values() {
            if work.claim.is_some() {
                work.handle.stop();
            }
        }
    }

    /// How far a request is, where it runs here and says so.
    pub(super) fn progress_of(&self, id: &RequestId) -> Option<Progress> {
        let register = self.lock();
        let is_it = |work: &&Work| work.claim.as_ref().is_some_and(|claim| claim.request == *id);
        let newest = register.works.values().rev().find(is_it)?;
        newest.handle.progress()
    }
}
