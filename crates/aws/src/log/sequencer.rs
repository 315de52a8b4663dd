//! The places in the event log: a counter, which one write moves for all who wait for a place.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Shared;
use crate::error::{corrupt, port_error};
use crate::table::{Item, from_item, key, number};

/// Below all places that are counted. Older versions took microseconds for places, which stay below
/// until the year 2096; above, numbers are exact in JSON's eyes for 5 × 10^15 events.
pub(crate) const FIRST: i64 = 4_000_000_000_000_000;

/// How long a process waits between two writes of the counter. The counter is one item, which takes
/// 1,000 writes a second: ten functions that are all as busy as they can be stay below that.
const PACE: Duration = Duration::from_millis(10);

/// A place that was given out, for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) number: i64,
    /// Whether somebody had subscribed to webhooks before it was given out.
    pub(crate) subscribed: bool,
}

type Answer = Result<Place, (PortErrorKind, String)>;

/// Gives out places.
#[derive(Default)]
pub(crate) struct Sequencer {
    waiting: Mutex<Vec<oneshot::Sender<Answer>>>,
    /// When the counter was written last. Held by the one that writes it.
    wrote: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Counter {
    next: i64,
    #[serde(default)]
    subscribed: bool,
}

fn counter_key() -> Item {
    key("LOG", "PLACES")
}

impl Sequencer {
    fn waiting(&self) -> MutexGuard<'_, Vec<oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.waiting().push(sender);
        receiver
    }

    /// A place that nobody else has. A place that is not used then holds up readers for a moment.
    pub(crate) async fn take(&self, shared: &Shared) -> PortResult<Place> {
        let mut answer = self.ask();
        loop {
            tokio::select! {
                biased;
                given = &mut answer => match given {
                    Ok(given) => return given.map_err(|(kind, message)| PortError::new(kind, message)),
                    // Whoever wrote for us was broken off.
                    Err(_) => answer = self.ask(),
                },
                mut wrote = self.wrote.lock() => {
                    if let Some(last) = *wrote {
                        tokio::time::sleep_until(last + PACE).await;
                    }
                    let asking = std::mem::take(&mut *self.waiting());
                    if asking.is_empty() {
                        continue;
                    }
                    *wrote = Some(Instant::now());
                    let count = i64::try_from(asking.len()).unwrap_or(i64::MAX);
                    let moved = move_on(shared, count, false).await;
                    let first = moved.as_ref().map_or(0, |counter| counter.next - count);
                    for (place, asking) in (first + 1..).zip(asking) {
                        let answer = match &moved {
                            Ok(counter) => Ok(Place { number: place, subscribed: counter.subscribed }),
                            Err(error) => Err((error.kind, error.message.clone())),
                        };
                        // Who does not wait any more leaves a place empty.
                        drop(asking.send(answer));
                    }
                }
            }
        }
    }
}

/// The last place that was given out; none before the first.
pub(super) async fn last(shared: &Shared) -> PortResult<Option<i64>> {
    let counter: Option<Counter> = shared.get(counter_key(), "the counter of the event log").await?;
    Ok(counter.map(|counter| counter.next).filter(|last| *last > FIRST))
}

/// Notes for all places to come that there are subscribers to webhooks.
pub(crate) async fn note_subscribers(shared: &Shared) -> PortResult<()> {
    move_on(shared, 0, true).await.map(drop)
}

/// Moves the counter on. Where the SDK has to do that twice, some places stay empty.
async fn move_on(shared: &Shared, count: i64, subscribes: bool) -> PortResult<Counter> {
    let sets = if subscribes { ", subscribed = :yes" } else { "" };
    let mut call = shared
        .update(counter_key())
        .update_expression(format!("SET #next = if_not_exists(#next, :first) + :count{sets}"))
        .expression_attribute_names("#next", "next")
        .expression_attribute_values(":first", number(FIRST))
        .expression_attribute_values(":count", number(count))
        .return_values(ReturnValue::AllNew);
    if subscribes {
        call = call.expression_attribute_values(":yes", AttributeValue::Bool(true));
    }
    let answer = call.send().await;
    let answer = answer.map_err(|error| port_error("dynamodb:UpdateItem", error))?;
    let counter = answer
        .attributes
        .ok_or_else(|| corrupt("the counter of the event log"))?;
    from_item(counter, "the counter of the event log")
}
