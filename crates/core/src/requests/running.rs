//! What runs in this process: its claims are renewed, it is never begun a second time, and a stop
//! reaches it. Whoever drives the control plane calls [`ControlPlane::renew`] by the clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::course::Course;
use super::engine::{ControlPlane, later};
use super::record::{Claim, Progress, Renewal};
use crate::names::RequestId;
use crate::ports::PortResult;

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
    course: Course,
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
    pub course: Course,
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
        let course = Course::default();
        if register.stopping {
            course.stop();
        }
        let place = register.next;
        register.next += 1;
        let work = Work {
            claim,
            course: course.clone(),
            leased_at: now,
        };
        register.works.insert(place, work);
        UnderWay {
            running: Arc::clone(self),
            place,
            course,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// The claims of which at least `span` of the lease is over.
    fn older_than(&self, span: SignedDuration, now: Timestamp) -> Vec<Renewal> {
        let register = self.lock();
        let old = register.works.values().filter(|work| work.has_run(span, now));
        old.filter_map(|work| {
            Some(Renewal {
                claim: work.claim.clone()?,
                progress: work.course.progress(),
            })
        })
        .collect()
    }

    /// Notes what became of claims.
    fn renewed(&self, renewals: &[Renewal], lost: &[Claim], now: Timestamp) {
        for work in self.lock().works.values_mut() {
            let Some(claim) = &work.claim else { continue };
            if lost.contains(claim) {
                work.course.stop();
            } else if renewals.iter().any(|renewal| renewal.claim == *claim) {
                work.leased_at = now;
            }
        }
    }

    /// Stops what has no lease any more: somebody else may have begun it.
    fn stop_expired(&self, lease: SignedDuration, now: Timestamp) {
        for work in self.lock().works.values() {
            if work.claim.is_some() && now.duration_since(work.leased_at) >= lease {
                work.course.stop();
            }
        }
    }
}

impl ControlPlane {
    /// How often [`ControlPlane::renew`] is to be called while something runs: three times a lease.
    pub fn renewal_interval(&self) -> SignedDuration {
        self.settings.lease / 3
    }

    /// Renews the leases of what runs here, and keeps how far it is. Work whose claim is not good
    /// any more is told to stop; so is all whose lease has ended while the ledger could not be
    /// asked.
    pub async fn renew(&self) -> PortResult<Renewed> {
        self.renew_after(self.settings.lease / 6).await
    }

    /// Renews before a sweep: what runs here must not look as if nobody carried it out, not even
    /// where the clock was set forward or the renewals came late.
    pub(super) async fn renew_old(&self) -> PortResult<()> {
        self.renew_after(self.settings.lease / 2).await.map(drop)
    }

    async fn renew_after(&self, span: SignedDuration) -> PortResult<Renewed> {
        let now = self.now();
        let renewals = self.running.older_than(span, now);
        if renewals.is_empty() {
            return Ok(Renewed::default());
        }
        let lease = self.settings.lease;
        match self.ports.ledger.renew(&renewals, later(now, lease)).await {
            Ok(lost) => {
                self.running.renewed(&renewals, &lost, now);
                Ok(Renewed {
                    renewed: renewals.len().saturating_sub(lost.len()),
                    lost: lost.len(),
                })
            }
            Err(error) => {
                self.running.stop_expired(lease, now);
                Err(error)
            }
        }
    }

    /// Tells everything that runs here to stop at its next safe place, and lets nothing long begin
    /// any more. What is broken off is handed back, for the next start.
    pub fn stop(&self) {
        let mut register = self.running.lock();
        register.stopping = true;
        for work in register.works.values() {
            work.course.stop();
        }
    }

    /// Tells what requests asked for to stop at its next safe place. What comes later may begin.
    pub(super) fn break_off(&self) {
        for work in self.running.lock().works.values() {
            if work.claim.is_some() {
                work.course.stop();
            }
        }
    }

    /// Puts long work that no request asked for on the list of what runs here, so that a stop
    /// reaches it.
    pub fn begin_work(&self) -> UnderWay {
        self.running.begin(None, self.now())
    }

    /// How far a request is, where it runs here and says so.
    pub fn progress_of(&self, id: &RequestId) -> Option<Progress> {
        let register = self.running.lock();
        let is_it = |work: &&Work| work.claim.as_ref().is_some_and(|claim| claim.request == *id);
        let newest = register.works.values().rev().find(is_it)?;
        newest.course.progress()
    }
}
