//! What becomes of a message after a try, and of its channel.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind, Severity};
use cc_devops_kernel::ports::{PortResult, Record, RecordKind};
use jiff::{SignedDuration, Timestamp};

use crate::channel::Channel;
use crate::delivery_state::DeliveryState;
use crate::health::{self, ChannelState, Health, TOLD_AFTER};
use crate::send::{Again, NotSent};
use crate::waiting::{self, LEASE, Waiting};

/// How many messages that were given up are kept of a channel.
pub(crate) const DEAD_LETTERS: usize = 100;

/// How long a channel that is set aside is left alone.
const SET_ASIDE: SignedDuration = SignedDuration::from_hours(1);

/// How long a value that is missing is waited for.
const UNTIL_GIVEN: SignedDuration = SignedDuration::from_mins(1);

/// The first wait after a failure; each later one is twice as long.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// The shortest wait, also where a receiver says that it need not be waited for.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// The longest wait of a message.
const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(10);

/// The longest wait of a channel.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(5);

/// The condition that a channel fails.
pub(crate) fn condition_key(channel: &str) -> String {
    format!("channel/{channel}")
}

/// The list of a channel's messages that were given up.
pub(crate) fn dead_list(channel: &str) -> String {
    format!("dead/{channel}")
}

/// The wait after so many failures in a row, with up to a tenth more, so that those who failed together do not come
/// back together.
fn backoff(failures: u32, longest: SignedDuration) -> SignedDuration {
    let doubled = 1_i32
        .checked_shl(failures.saturating_sub(1).min(20))
        .unwrap_or(i32::MAX);
    let wait = FIRST_WAIT.checked_mul(doubled).unwrap_or(longest).min(longest);
    let share = getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX));
    let extra = SignedDuration::try_from_secs_f64(wait.as_secs_f64() * share / 10.0);
    wait.saturating_add(extra.unwrap_or_default())
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

impl DeliveryState {
    /// It arrived: it is taken away, and the channel works.
    pub(crate) async fn arrived(
        &self,
        channel: &Channel,
        taken: &Waiting,
        health: &Health,
        now: Timestamp,
    ) -> PortResult<()> {
        // Where it was replaced meanwhile, what replaced it is sent next.
        self.take_away(taken).await?;
        if *health != Health::default() {
            self.works(channel, now).await?;
        }
        Ok(())
    }

    /// The channel works: what was noted of it is over, and what waits goes on at once.
    pub(crate) async fn works(&self, channel: &Channel, now: Timestamp) -> PortResult<()> {
        let read = self.store.read_one(&health::key(&channel.name)).await?;
        let was = health::of(read.as_ref()).health;
        if was.noted {
            let over = ConditionChange::Resolved {
                key: condition_key(&channel.name),
                at: now,
                title: format!("People can be told by channel {} again", channel.name),
            };
            self.conditions.note(&[over], now).await?;
        }
        health::change(self.store.as_ref(), &channel.name, |health| *health = Health::default()).await?;
        if was.state == ChannelState::Working {
            return Ok(());
        }
        tracing::info!(channel = channel.name, "the channel works again");
        let leased = after(now, LEASE);
        for mut one in waiting::of(self.store.as_ref(), &channel.name).await? {
            if one.due_at() > leased {
                one.record.content.due_at = Some(now);
                self.write(&one).await?;
            }
        }
        self.wake(&channel.name);
        Ok(())
    }

    /// It did not arrive: when it is tried again, and what that says of the channel.
    pub(crate) async fn failed(
        &self,
        channel: &Channel,
        taken: &Waiting,
        was: &Health,
        not_sent: NotSent,
        now: Timestamp,
    ) -> PortResult<()> {
        let NotSent { error, again } = not_sent;
        let attempts = taken.delivery.attempts;
        // The channel took others since this one was tried: it is the message that is refused.
        let own_fault = again == Again::WhenChanged && was.state == ChannelState::Working && attempts > 1;
        if own_fault || again == Again::Never {
            return self.bury(channel, taken, &error, now).await;
        }
        let failures = was.failures.saturating_add(1);
        let (retry, hold) = match again {
            Again::Later | Again::Never => (backoff(attempts, LONGEST_BACKOFF), backoff(failures, LONGEST_HOLD)),
            Again::After(wait) => (wait.max(SHORTEST_WAIT), wait.max(SHORTEST_WAIT)),
            Again::WhenGiven => (UNTIL_GIVEN, UNTIL_GIVEN),
            Again::WhenChanged => (SET_ASIDE, SET_ASIDE),
        };
        tracing::warn!(
            channel = channel.name,
            message = taken.delivery.message.id,
            attempt = attempts,
            seconds = retry.as_secs(),
            %error,
            "a message did not arrive; it is tried again"
        );
        let mut later = taken.clone();
        later.delivery.last_error = Some(error.clone());
        later.record.content.due_at = Some(after(now, retry));
        self.write(&later).await?;

        let set_aside = again == Again::WhenChanged;
        let versions = if set_aside {
            self.sender.versions(channel).await.unwrap_or_default()
        } else {
            Vec::new()
        };
        let since = was.since.filter(|_| was.state != ChannelState::Working).unwrap_or(now);
        let tell = set_aside || now.duration_since(since) >= TOLD_AFTER;
        let noted = was.noted || tell;
        if tell && !was.noted {
            self.note(channel, &error, since, now).await?;
        }
        // What is set aside stays so until something arrives.
        let stays = was.state == ChannelState::SetAside;
        health::change(self.store.as_ref(), &channel.name, |health| {
            *health = Health {
                state: if set_aside || stays {
                    ChannelState::SetAside
                } else {
                    ChannelState::Failing
                },
                since: Some(since),
                failures,
                error: Some(error.clone()),
                hold_until: Some(after(now, if stays { hold.max(SET_ASIDE) } else { hold })),
                versions: versions.clone(),
                noted,
            };
        })
        .await
    }

    /// Gives a message up, and says so on the other channels.
    pub(crate) async fn bury(&self, channel: &Channel, taken: &Waiting, error: &str, now: Timestamp) -> PortResult<()> {
        tracing::error!(
            channel = channel.name,
            message = taken.delivery.message.id,
            error,
            "a message was given up"
        );
        let mut dead = taken.clone();
        dead.delivery.last_error = Some(error.to_owned());
        dead.record.content.due_at = None;
        dead.record.content.list = Some(dead_list(&channel.name));
        if !self.write(&dead).await? {
            return Ok(());
        }
        let error = format!("a message was given up: {error}");
        self.note(channel, &error, now, now).await?;
        health::change(self.store.as_ref(), &channel.name, |health| health.noted = true).await?;
        self.forget(&channel.name).await
    }

    /// Forgets the oldest of what was given up.
    async fn forget(&self, channel: &str) -> PortResult<()> {
        let list = dead_list(channel);
        let dead = self
            .store
            .list(RecordKind::Delivery, Some(&list), None, DEAD_LETTERS * 2)
            .await?;
        let mut dead: Vec<Waiting> = dead.into_iter().filter_map(waiting::read).collect();
        dead.sort_by_key(|one| one.delivery.message.at);
        let too_many = dead.len().saturating_sub(DEAD_LETTERS);
        for one in dead.iter().take(too_many) {
            self.take_away(one).await?;
        }
        Ok(())
    }

    async fn note(&self, channel: &Channel, error: &str, since: Timestamp, now: Timestamp) -> PortResult<()> {
        let (name, kind) = (&channel.name, channel.kind().as_str());
        let condition = Condition {
            key: condition_key(name),
            kind: ConditionKind::Channel,
            severity: Severity::Critical,
            agent: None,
            stage: None,
            tags: std::collections::BTreeMap::new(),
            since,
            title: format!("People cannot be told by channel {name} ({kind})"),
            text: format!("{error}.\nWhen it is mended, try it with: cc-devops alerts test {name}"),
            body: None,
            counts: false,
            plan: None,
        };
        self.conditions
            .note(&[ConditionChange::Opened(Box::new(condition))], now)
            .await
    }

    /// A message for a channel that is not configured any more.
    pub(crate) async fn orphan(&self, record: Record) -> PortResult<()> {
        tracing::warn!(
            channel = record.content.list,
            record = record.key.name,
            "a message for a channel that is not configured any more is given up"
        );
        self.settle(record.removal()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary_by_a_tenth() {
        for (failures, seconds) in [
            (0, 5),
            (1, 5),
            (2, 10),
            (3, 20),
            (7, 320),
            (8, 600),
            (40, 600),
            (u32::MAX, 600),
        ] {
            let wait = backoff(failures, LONGEST_BACKOFF).as_secs_f64();
            let exact = f64::from(seconds);
            assert!(wait >= exact && wait <= exact * 1.1, "{failures}: {wait}");
        }
    }
}
