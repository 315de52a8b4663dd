//! The relay: takes events from the outbox to each of its consumers.
//!
//! Each consumer is served on its own: what one of them refuses, or is too slow for, is tried again for
//! that one alone, later and later, and in the end set aside for a person. At least once: an event is
//! settled after its consumer was told, so a crash in between tells that one again.

use std::collections::HashMap;
use std::iter::repeat_with;

use futures::future::{Either, join_all, select};
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::conditions::outcomes;
pub use crate::engine::ConsumerTimeout;
use crate::engine::{ControlPlane, later};
use crate::ports::{Consumer, DueEvent, Outcome, PortError, PortErrorKind, PortResult, RequestSample, Settled};
use crate::record::OutgoingEvent;

/// How often telling a consumer of an event fails before the event is set aside: for about a day.
pub const MOST_FAILURES: u32 = 100;

/// The longest wait between two attempts.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// How many events one consumer is told of side by side, each alone.
const AT_ONCE: usize = 8;

/// What one pass of the relay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayReport {
    /// Events that every consumer was told of, of those they were due for.
    pub published: usize,
    /// Events that some consumer is to be told of again.
    pub failed: usize,
    /// Events that were set aside for some consumer.
    pub set_aside: usize,
}

impl RelayReport {
    /// How many events the pass dealt with.
    pub fn events(self) -> usize {
        self.published + self.failed + self.set_aside
    }
}

/// One event on its way to one consumer.
#[derive(Clone, Copy)]
struct PendingEvent<'a> {
    id: i64,
    failures: u32,
    event: &'a OutgoingEvent,
}

impl ControlPlane {
    /// Takes up to `limit` events to those of `consumers` that wait for them, and settles what came of
    /// it. A consumer that is hung up on after its time counts as failing.
    ///
    /// # Errors
    /// The outbox cannot be read or written. What was told is told again then.
    pub async fn relay(&self, consumers: &[Consumer], limit: usize) -> PortResult<RelayReport> {
        let now = self.now();
        let outbox = &self.ports.outbox;
        let due = outbox.due(consumers, now, limit).await?;
        if due.is_empty() {
            return Ok(RelayReport::default());
        }
        // Loops and not closures, here and below: the compiler cannot see that a future of a closure over a
        // borrowed argument may go to another thread.
        let mut deliveries = Vec::with_capacity(consumers.len());
        for consumer in consumers {
            deliveries.push(self.deliver(*consumer, &due));
        }
        let settled = join_all(deliveries).await.concat();
        outbox.settle(self.now(), &settled).await?;
        Ok(report(&due, &settled))
    }

    /// Tells one consumer what it waits for.
    async fn deliver(&self, consumer: Consumer, due: &[DueEvent]) -> Vec<Settled> {
        let mut settled = Vec::new();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for entry in due {
            let wanted = entry.wanted_by.iter().find(|(wanting, _)| *wanting == consumer);
            let Some((_, failures)) = wanted else { continue };
            match &entry.event {
                Err(why) => settled.push(set_aside(
                    entry.id,
                    consumer,
                    format!("the event cannot be read: {why}"),
                )),
                Ok(event) => {
                    let pending = PendingEvent {
                        id: entry.id,
                        failures: *failures,
                        event,
                    };
                    if goes_alone(consumer, pending) {
                        &mut alone
                    } else {
                        &mut together
                    }
                    .push(pending);
                }
            }
        }
        let together = self.hand_over(consumer, together);
        let mut one_by_one = Vec::with_capacity(alone.len());
        for pending in alone {
            one_by_one.push(self.hand_over(consumer, vec![pending]));
        }
        let alone = stream::iter(one_by_one).buffer_unordered(AT_ONCE).concat();
        let (together, alone) = futures::join!(together, alone);
        settled.extend(together);
        settled.extend(alone);
        settled
    }

    /// Hands events to a consumer, within its time, and says what is to be written down.
    async fn hand_over(&self, consumer: Consumer, events: Vec<PendingEvent<'_>>) -> Vec<Settled> {
        if events.is_empty() {
            return Vec::new();
        }
        let taking = Box::pin(self.take(consumer, &events));
        let results = match &self.consumer_timeout {
            None => taking.await,
            Some(consumer_timeout) => match select(taking, consumer_timeout()).await {
                Either::Left((results, _)) => results,
                Either::Right(((), _)) => Err(PortError::new(
                    PortErrorKind::Timeout,
                    "it did not take the event in the time it has",
                )),
            },
        };
        let now = self.now();
        let (answered, failed) = match results {
            Ok(results) => (results, "it did not answer for this event".to_owned()),
            Err(error) => (Vec::new(), error.to_string()),
        };
        let answers = answered.into_iter().chain(repeat_with(|| Err(failed.clone())));
        let settled: Vec<Settled> = events
            .iter()
            .zip(answers)
            .map(|(pending, answer)| match answer {
                Ok(()) => Settled {
                    id: pending.id,
                    consumer,
                    outcome: Outcome::Done,
                },
                Err(error) => failure(*pending, consumer, error, now),
            })
            .collect();
        say(consumer, &settled);
        settled
    }

    /// What a consumer does with events; one result each.
    async fn take(&self, consumer: Consumer, events: &[PendingEvent<'_>]) -> PortResult<Vec<Result<(), String>>> {
        let now = self.now();
        let numbered: Vec<(i64, &OutgoingEvent)> = events.iter().map(|pending| (pending.id, pending.event)).collect();
        match consumer {
            Consumer::Bus => match &self.ports.bus {
                Some(bus) => bus.publish(&numbered, now).await,
                None => Err(nobody(consumer)),
            },
            Consumer::Log => match &self.ports.log {
                Some(log) => log.write(&numbered, now).await,
                None => Err(nobody(consumer)),
            },
            Consumer::Webhooks => self.ports.webhooks.queue(&numbered, now).await.map(|()| all(events)),
            Consumer::Metrics => {
                let samples: Vec<RequestSample> = events.iter().filter_map(sample).collect();
                if !samples.is_empty() {
                    self.ports.metrics.record(&samples).await?;
                }
                Ok(all(events))
            }
            Consumer::People => {
                let mut results = Vec::with_capacity(events.len());
                for pending in events {
                    let noted = self.note_outcome(pending.event.body.completed()).await;
                    results.push(noted.map_err(|error| error.to_string()));
                }
                Ok(results)
            }
        }
    }
}

/// Whether an event is not told together with others: what failed before, so that it spoils no other's
/// chance; what people are told, so that they are not told twice because something else failed.
fn goes_alone(consumer: Consumer, pending: PendingEvent<'_>) -> bool {
    pending.failures > 0 || (consumer == Consumer::People && says_something(pending.event))
}

fn says_something(event: &OutgoingEvent) -> bool {
    event.body.completed().and_then(outcomes::OutcomeSignal::of).is_some()
}

fn all(events: &[PendingEvent<'_>]) -> Vec<Result<(), String>> {
    vec![Ok(()); events.len()]
}

fn nobody(consumer: Consumer) -> PortError {
    PortError::new(
        PortErrorKind::Refused,
        format!("the backend sends events to its {consumer} and has none: this is a fault of the program"),
    )
}

fn sample(pending: &PendingEvent<'_>) -> Option<RequestSample> {
    pending.event.body.completed().map(|done| RequestSample {
        event: pending.id,
        action: done.action.clone(),
        status: done.status,
        latency_ms: done.latency_ms,
        at: done.timestamp,
    })
}

fn failure(pending: PendingEvent<'_>, consumer: Consumer, error: String, now: Timestamp) -> Settled {
    let failures = pending.failures.saturating_add(1);
    if failures >= MOST_FAILURES {
        return set_aside(pending.id, consumer, error);
    }
    Settled {
        id: pending.id,
        consumer,
        outcome: Outcome::Again {
            at: later(now, wait(failures)),
            error,
        },
    }
}

fn set_aside(id: i64, consumer: Consumer, error: String) -> Settled {
    tracing::error!(
        event = id, %consumer, error,
        "an event was set aside: see it with `cc-devops outbox list`, give it back with `cc-devops outbox retry`"
    );
    Settled {
        id,
        consumer,
        outcome: Outcome::SetAside { error },
    }
}

/// Says once for a batch what failed.
fn say(consumer: Consumer, settled: &[Settled]) {
    let mut again = settled.iter().filter_map(|one| match &one.outcome {
        Outcome::Again { error, .. } => Some(error),
        Outcome::Done | Outcome::SetAside { .. } => None,
    });
    if let Some(error) = again.next() {
        let events = again.count() + 1;
        tracing::warn!(%consumer, events, error, "a consumer was not told of events; it is tried again later");
    }
}

/// How long to wait after the `failed`-th failure: as for requests at first, then up to 15 minutes.
fn wait(failed: u32) -> SignedDuration {
    let short = crate::execution::backoff(failed);
    match failed.checked_sub(7) {
        None | Some(0) => short,
        Some(over) => short
            .checked_mul(1_i32.checked_shl(over.min(5)).unwrap_or(1))
            .unwrap_or(LONGEST_WAIT)
            .min(LONGEST_WAIT),
    }
}

fn report(due: &[DueEvent], settled: &[Settled]) -> RelayReport {
    let mut worst: HashMap<i64, u8> = due.iter().map(|entry| (entry.id, 0)).collect();
    for one in settled {
        let rank = match one.outcome {
            Outcome::Done => 0,
            Outcome::SetAside { .. } => 1,
            Outcome::Again { .. } => 2,
        };
        worst.entry(one.id).and_modify(|worst| *worst = rank.max(*worst));
    }
    let mut report = RelayReport::default();
    for rank in worst.into_values() {
        match rank {
            0 => report.published += 1,
            1 => report.set_aside += 1,
            _ => report.failed += 1,
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_a_quarter_of_an_hour() {
        let mut all = SignedDuration::ZERO;
        for failed in 1..MOST_FAILURES {
            let wait = wait(failed);
            assert!(
                wait >= SignedDuration::from_secs(1) && wait <= LONGEST_WAIT,
                "{failed}: {wait}"
            );
            all += wait;
        }
        assert!(wait(1) <= SignedDuration::from_secs(2));
        assert_eq!(wait(50), LONGEST_WAIT);
        assert!(all > SignedDuration::from_hours(18), "{all:#}");
    }
}
