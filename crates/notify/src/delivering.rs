//! What waits is sent: each channel on its own, at its pace, until it arrives or is given up.
//!
//! A message belongs to whoever moved its due time ahead, for as long as one try may take; so of two servers one sends
//! it. One who dies meanwhile leaves it to the next: a message arrives at least once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_alerts::ConditionSink;
use cc_devops_kernel::ports::{Clock, PortResult, RecordKind, SecretStore, StateStore};
use jiff::{SignedDuration, Timestamp};

use crate::channel::Channel;
use crate::delivery_state::{Began, DeliveryState, LOOK_AGAIN};
use crate::health::{self, ChannelHealth, ChannelState, MOST_COUNTED};
use crate::send::{Again, LONGEST_TRY, NotSent, SendOptions, Sender};
use crate::settings::ChannelKind;
use crate::settle::{DEAD_LETTERS, dead_list};
use crate::values::{Values, Variables};
use crate::waiting::{self, LEASE, Waiting};

/// How exactly stores keep times.
const TICK: SignedDuration = SignedDuration::from_millis(2);

/// How long a channel is left alone whose messages wait for one that somebody else sends, or for the store.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// How many due messages show which channels have work.
const MOST_DUE: usize = 100;

/// How many messages that somebody else took are passed over in one go.
const MOST_LOST: usize = 3;

/// The least time between two messages of a channel. Slack takes one a second, source:
/// <https://docs.slack.dev/apis/web-api/rate-limits>; for others it is what a receiver does not call a flood.
fn pace(kind: ChannelKind) -> SignedDuration {
    match kind {
        ChannelKind::Slack | ChannelKind::Teams | ChannelKind::Ntfy => SignedDuration::from_secs(1),
        ChannelKind::Smtp | ChannelKind::Pagerduty => SignedDuration::from_millis(200),
        ChannelKind::Webhook | ChannelKind::Sns | ChannelKind::Log => SignedDuration::ZERO,
    }
}

/// What it is made of.
pub struct Parts {
    /// Where messages wait.
    pub store: Arc<dyn StateStore>,
    /// Where it is noted that a channel fails.
    pub conditions: Arc<dyn ConditionSink>,
    /// Where channels' secrets are.
    pub secrets: Arc<dyn SecretStore>,
    /// The environment's variables that the configuration names.
    pub variables: Variables,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Which addresses are called, and with what.
    pub send_options: SendOptions,
}

/// Sends what waits. Clones are the same.
#[derive(Clone)]
pub struct Delivering(pub(crate) Arc<DeliveryState>);

impl Delivering {
    /// For these channels.
    pub fn new(channels: Vec<Channel>, parts: Parts) -> Self {
        let values = Values::new(parts.secrets, parts.variables, Arc::clone(&parts.clock));
        let sender = Sender::new(values, parts.send_options, Arc::clone(&parts.clock));
        let state = DeliveryState::new(channels, sender, parts.store, parts.conditions, parts.clock);
        Self(Arc::new(state))
    }

    /// The channels.
    pub fn channels(&self) -> &[Channel] {
        &self.0.channels
    }

    /// Begins to send what is due, each channel on its own, and says when there is something to do again. It does not
    /// wait for what it began, see [`Delivering::settled`].
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn turn(&self, now: Timestamp) -> PortResult<Option<Timestamp>> {
        let state = &self.0;
        match state.store.next_due(RecordKind::Delivery).await? {
            None => return Ok(None),
            Some(first) if first > now => return Ok(Some(first)),
            Some(_) => {}
        }
        let due = state.store.due(RecordKind::Delivery, now, MOST_DUE).await?;
        let all = due.len() >= MOST_DUE;
        let known: BTreeSet<&str> = state.channels.iter().map(|channel| channel.name.as_str()).collect();
        let mut with_work = BTreeSet::new();
        for record in due {
            match record.content.list.as_deref() {
                Some(list) if known.contains(list) => {
                    with_work.insert(list.to_owned());
                }
                _ => state.orphan(record).await?,
            }
        }
        let mut next = None;
        for (index, channel) in state.channels.iter().enumerate() {
            if !all && !with_work.contains(&channel.name) {
                continue;
            }
            let again = match state.begin(&channel.name, now) {
                Began::Rests(until) => until,
                Began::Busy => now.saturating_add(A_MOMENT).unwrap_or(Timestamp::MAX),
                Began::Now => {
                    let this = self.clone();
                    drop(state.tasks.spawn(async move { this.0.run(index).await }));
                    now.saturating_add(SignedDuration::from_millis(100))
                        .unwrap_or(Timestamp::MAX)
                }
            };
            next = Some(next.map_or(again, |next: Timestamp| next.min(again)));
        }
        Ok(next)
    }

    /// Has at once tried again what a process was sending that died: for whoever begins as the only one on a store, and
    /// need not wait until the dead one's time is over. How many messages there were.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn take_over(&self, now: Timestamp) -> PortResult<u64> {
        let mut taken = 0;
        for channel in &self.0.channels {
            for mut one in waiting::of(self.0.store.as_ref(), &channel.name).await? {
                // A try that ended has set another time; stores keep times to the millisecond.
                let is_lease = |tried: Timestamp| (one.due_at().duration_since(tried) - LEASE).abs() < TICK;
                if one.due_at() > now && one.delivery.tried_at.is_some_and(is_lease) {
                    one.record.content.due_at = Some(now);
                    taken += u64::from(self.0.write(&one).await?);
                }
            }
        }
        Ok(taken)
    }

    /// Returns when nothing that was begun is going on any more.
    pub async fn settled(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
    }

    /// Sends all that is due and becomes due within this time: for a process that ends afterwards, as a function does.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn finish(&self, within: Duration) -> PortResult<()> {
        let until = tokio::time::Instant::now() + within;
        loop {
            let next = self.turn(self.0.clock.now()).await?;
            self.settled().await;
            let Some(next) = next else { return Ok(()) };
            let wait = Duration::try_from(next.duration_since(self.0.clock.now())).unwrap_or_default();
            let at = tokio::time::Instant::now() + wait;
            if at >= until {
                return Ok(());
            }
            tokio::time::sleep_until(at).await;
        }
    }

    /// How each channel does, and which of their secrets are missing.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn health(&self) -> PortResult<Vec<ChannelHealth>> {
        let mut all = Vec::with_capacity(self.0.channels.len());
        for channel in &self.0.channels {
            all.push(self.0.health_of(channel).await?);
        }
        Ok(all)
    }
}

impl DeliveryState {
    async fn run(&self, index: usize) {
        let Some(channel) = self.channels.get(index) else {
            return;
        };
        let worked = self.work(channel).await;
        let rests_until = worked.unwrap_or_else(|error| {
            tracing::warn!(channel = channel.name, %error, "what waits for a channel could not be read or settled; it is tried again");
            self.clock.now().saturating_add(A_MOMENT).ok()
        });
        self.leave(&channel.name, rests_until);
    }

    /// Sends what is due until there is nothing more, or until the channel has to rest: until when.
    async fn work(&self, channel: &Channel) -> PortResult<Option<Timestamp>> {
        let pace = pace(channel.kind());
        let mut lost = 0;
        while lost < MOST_LOST {
            let now = self.clock.now();
            let read = self.store.read_one(&health::key(&channel.name)).await?;
            let health = health::of(read.as_ref()).health;
            if let Some(until) = self.rests(channel, &health, now).await {
                return Ok(Some(until));
            }
            let waiting = waiting::of(self.store.as_ref(), &channel.name).await?;
            let only_a_try = health.state == ChannelState::SetAside;
            let Some(next) = waiting::next(&waiting, now, only_a_try) else {
                // What is due and waits for an earlier one of its thread is not looked at all the time.
                let blocked = waiting.iter().any(|one| one.due_at() <= now);
                return Ok(now.saturating_add(A_MOMENT).ok().filter(|_| blocked));
            };
            if is_of(&channel.name, next) {
                // It cannot tell that it cannot tell.
                self.take_away(next).await?;
                continue;
            }
            if next.is_old(now) {
                let error = next.delivery.last_error.clone();
                let error = error.unwrap_or_else(|| "the channel was not used for a day".to_owned());
                self.bury(channel, next, &error, now).await?;
                continue;
            }
            let Some(taken) = self.take(next, now).await? else {
                lost += 1;
                continue;
            };
            let sent = tokio::time::timeout(LONGEST_TRY, self.sender.send(channel, &taken.delivery.message)).await;
            let sent = sent.unwrap_or_else(|_| Err(NotSent::new(Again::Later, "it took too long to send")));
            let now = self.clock.now();
            match sent {
                Ok(()) => self.arrived(channel, &taken, &health, now).await?,
                Err(not_sent) => self.failed(channel, &taken, &health, not_sent, now).await?,
            }
            if pace > SignedDuration::ZERO {
                return Ok(now.saturating_add(pace).ok());
            }
        }
        Ok(None)
    }

    /// Until when nothing is sent; none where something may be.
    async fn rests(&self, channel: &Channel, health: &health::Health, now: Timestamp) -> Option<Timestamp> {
        let until = health.hold_until.filter(|until| *until > now)?;
        if health.state != ChannelState::SetAside {
            return Some(until);
        }
        let versions = self.sender.versions(channel).await;
        if versions.is_some_and(|versions| versions != health.versions) {
            return None;
        }
        Some(now.saturating_add(LOOK_AGAIN).map_or(until, |look| look.min(until)))
    }

    /// Takes a message for one try; none where it is not as it was read: somebody else has it, or something else is
    /// true now.
    async fn take(&self, waiting: &Waiting, now: Timestamp) -> PortResult<Option<Waiting>> {
        let mut taken = waiting.clone();
        taken.delivery.attempts = taken.delivery.attempts.saturating_add(1);
        taken.delivery.tried_at = Some(now);
        taken.record.content.due_at = Some(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX));
        let written = self.write(&taken).await?;
        taken.record.version += 1;
        Ok(written.then_some(taken))
    }

    async fn health_of(&self, channel: &Channel) -> PortResult<ChannelHealth> {
        let read = self.store.read_one(&health::key(&channel.name)).await?;
        let health = health::of(read.as_ref()).health;
        let waiting = waiting::of(self.store.as_ref(), &channel.name).await?;
        let dead = dead_list(&channel.name);
        let dead = self
            .store
            .list(RecordKind::Delivery, Some(&dead), None, DEAD_LETTERS)
            .await?;
        let mut error = health.error.filter(|_| health.state != ChannelState::Working);
        for value in channel.values() {
            if error.is_none() {
                error = self.sender.values.read(value).await.err();
            }
        }
        Ok(ChannelHealth {
            name: channel.name.clone(),
            kind: channel.kind(),
            state: health.state,
            since: health.since.filter(|_| health.state != ChannelState::Working),
            error,
            waiting: waiting.len().min(MOST_COUNTED) as u64,
            oldest: waiting.iter().map(|one| one.delivery.first_at).min(),
            dead_letters: dead.len() as u64,
        })
    }
}

/// Whether a message tells of nothing but the channel that it would go to.
fn is_of(channel: &str, waiting: &Waiting) -> bool {
    let message = &waiting.delivery.message;
    let own = crate::settle::condition_key(channel);
    message.left_out == 0 && !message.alerts.is_empty() && message.alerts.iter().all(|named| named.key == own)
}
