//! One pass over everything that was left: by a crash, by a lost event, by a system that was down.
//!
//! For a front door that is called by the clock, and given a time to end at. A server that runs all
//! the time has a worker for each of these instead.

use std::future::{Future, Pending, pending};
use std::pin::Pin;

use futures::FutureExt;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::engine::ControlPlane;
use crate::execution::Step;
use crate::ports::{PortError, PortResult};

/// How many events are published in one go.
const BATCH: usize = 50;

/// How many plans are looked at in one pass at most.
const MOST_PLANS: usize = 10_000;

/// How many requests are carried out at once.
const AT_ONCE: usize = 10;

/// What a pass did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Requests that came to their end.
    pub concluded: usize,
    /// Events published.
    pub published: usize,
    /// Whether the deadline came before everything was looked at.
    pub cut_short: bool,
    /// What went wrong; the rest of the pass was made all the same.
    pub failures: Vec<PortError>,
}

impl Swept {
    fn note<T>(&mut self, result: PortResult<T>) -> Option<T> {
        result.map_err(|error| self.failures.push(error)).ok()
    }
}

/// When something has to end. Whoever makes it measures the time.
pub(crate) struct Deadline<F> {
    comes: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = ()>> Deadline<F> {
    fn new(comes: F) -> Self {
        Self {
            comes: Some(Box::pin(comes)),
        }
    }

    /// Whether it has come.
    pub(crate) fn is_over(&mut self) -> bool {
        if let Some(comes) = &mut self.comes
            && comes.as_mut().now_or_never().is_some()
        {
            self.comes = None;
        }
        self.comes.is_none()
    }

    /// What `work` gives, or nothing where the deadline comes first.
    async fn before<T>(&mut self, work: impl Future<Output = T> + Unpin) -> Option<T> {
        let Some(comes) = &mut self.comes else { return None };
        let done = match select(work, comes).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        };
        if done.is_none() {
            self.comes = None;
        }
        done
    }
}

impl Deadline<Pending<()>> {
    /// It does not come.
    pub(crate) fn never() -> Self {
        Self::new(pending())
    }
}

impl ControlPlane {
    /// Publishes what is concluded, takes up requests nobody works on, looks at plans that are due and at
    /// requests that wait, and checks the audit trail's ends in. When `deadline` comes nothing more is begun: long work
    /// is broken off at a safe place and handed back, and what was not looked at is the next
    /// pass's.
    pub async fn sweep(&self, deadline: impl Future<Output = ()> + Send) -> Swept {
        let mut deadline = Deadline::new(deadline);
        let mut swept = Swept::default();
        // First, so that no amount of work keeps from being told what has ended.
        self.publish_due(&mut swept).await;
        self.take_up(&mut swept, &mut deadline).await;
        // Plans before requests: those that are permitted wake theirs.
        for looked in [
            self.look_after_plans_until(MOST_PLANS, &mut deadline).await,
            self.look_until(&mut deadline).await,
        ] {
            swept.concluded += looked.concluded.len();
            swept.failures.extend(looked.failures);
        }
        swept.note(self.checkpoint().await);
        if swept.concluded > 0 {
            self.publish_due(&mut swept).await;
        }
        swept.cut_short = deadline.is_over();
        swept
    }

    async fn publish_due(&self, swept: &mut Swept) {
        let published = swept.note(self.publish_all().await);
        swept.published += published.unwrap_or_default();
    }

    /// Takes requests as there are places to begin them.
    async fn take_up<F: Future<Output = ()>>(&self, swept: &mut Swept, deadline: &mut Deadline<F>) {
        let mut under_way = FuturesUnordered::new();
        let (mut more, mut broken_off) = (true, false);
        loop {
            // Not for each place that gets free, because each search costs.
            while more && under_way.len() <= AT_ONCE / 2 && !deadline.is_over() {
                let places = AT_ONCE - under_way.len();
                let Some(claimed) = swept.note(self.recover(places).await) else {
                    more = false;
                    break;
                };
                more = claimed.len() == places;
                for claimed in claimed {
                    if deadline.is_over() {
                        swept.note(self.hand_back(&claimed.claim).await);
                    } else {
                        under_way.push(self.carry_out(claimed));
                    }
                }
            }
            if under_way.is_empty() {
                return;
            }
            let step = if let Some(step) = deadline.before(under_way.next()).await {
                step
            } else {
                if !broken_off {
                    self.break_off();
                    broken_off = true;
                }
                under_way.next().await
            };
            match step.map(|step| swept.note(step)) {
                Some(Some(Step::Concluded(_))) => swept.concluded += 1,
                Some(Some(_)) | None => {}
                Some(None) => more = false,
            }
        }
    }

    /// Takes every event that is due to every consumer; how many were told. What one of them refuses stays
    /// in the outbox for a later pass.
    pub async fn publish_all(&self) -> PortResult<usize> {
        let mut published = 0;
        loop {
            let report = self.relay(self.ports.outbox.consumers(), BATCH).await?;
            published += report.published;
            if report.events() == 0 {
                return Ok(published);
            }
        }
    }
}
