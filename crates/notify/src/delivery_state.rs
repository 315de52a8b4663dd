//! What this process sends with, and what it does with each channel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cc_devops_alerts::ConditionSink;
use cc_devops_kernel::ports::{Clock, Content, PortErrorKind, PortResult, StateChange, StateStore};
use jiff::{SignedDuration, Timestamp};
use tokio_util::task::TaskTracker;

use crate::channel::Channel;
use crate::health;
use crate::send::Sender;
use crate::waiting::Waiting;

/// How often a channel that is set aside is looked at, whether its secrets were changed.
pub(crate) const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// All that sending works with.
pub(crate) struct DeliveryState {
    pub(crate) channels: Vec<Channel>,
    pub(crate) sender: Sender,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) conditions: Arc<dyn ConditionSink>,
    pub(crate) clock: Arc<dyn Clock>,
    places: Mutex<BTreeMap<String, Place>>,
    /// What was begun.
    pub(crate) tasks: TaskTracker,
}

/// What this process does with a channel.
#[derive(Default)]
struct Place {
    busy: bool,
    /// Nothing is sent before.
    rests_until: Option<Timestamp>,
}

/// What became of a look at a channel.
pub(crate) enum Began {
    Now,
    Busy,
    Rests(Timestamp),
}

impl DeliveryState {
    pub(crate) fn new(
        channels: Vec<Channel>,
        sender: Sender,
        store: Arc<dyn StateStore>,
        conditions: Arc<dyn ConditionSink>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            channels,
            sender,
            store,
            conditions,
            clock,
            places: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something may be sent by a channel now; then it is busy until it is left.
    pub(crate) fn begin(&self, channel: &str, now: Timestamp) -> Began {
        let mut places = self.places();
        let place = places.entry(channel.to_owned()).or_default();
        if place.busy {
            return Began::Busy;
        }
        // A clock that was set back is no reason to rest for long.
        let longest = now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
        if let Some(until) = place.rests_until.filter(|until| *until > now && *until <= longest) {
            return Began::Rests(until);
        }
        place.busy = true;
        Began::Now
    }

    /// A channel need not rest any longer.
    pub(crate) fn wake(&self, channel: &str) {
        if let Some(place) = self.places().get_mut(channel) {
            place.rests_until = None;
        }
    }

    /// Nothing is sent by a channel any more, and nothing before that time.
    pub(crate) fn leave(&self, channel: &str, rests_until: Option<Timestamp>) {
        // A long rest is looked at again in between: somebody may have ended it.
        let longest = self.clock.now().saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
        let rests_until = rests_until.map(|until| until.min(longest));
        if let Some(place) = self.places().get_mut(channel) {
            place.busy = false;
            place.rests_until = rests_until;
        }
    }

    /// Writes a message as it is now; false where it was not as it was read.
    pub(crate) async fn write(&self, waiting: &Waiting) -> PortResult<bool> {
        let content = Content {
            body: health::body(&waiting.delivery)?,
            ..waiting.record.content.clone()
        };
        self.settle(StateChange {
            key: waiting.record.key.clone(),
            version: waiting.record.version,
            content: Some(content),
        })
        .await
    }

    /// Takes a message away; false where it was not as it was read.
    pub(crate) async fn take_away(&self, waiting: &Waiting) -> PortResult<bool> {
        self.settle(waiting.record.clone().removal()).await
    }

    /// Writes a change; false where the record was not as it was read.
    pub(crate) async fn settle(&self, change: StateChange) -> PortResult<bool> {
        match self.store.write(&[change], None).await {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind, PortErrorKind::Superseded | PortErrorKind::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
