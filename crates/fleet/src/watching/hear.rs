//! What an agent says.

use super::queue::{Answer, Follower, Joined, Lead, Taken};
use super::record::{MAX_BODY_BYTES, Ping};
use super::turn::Turn;
use super::{TRIES, Watching, met_another, never_alone, to_millis};
use crate::Beat;
use crate::watch::{ReceivedSignal, Signal, WatchSettings};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortResult};
use jiff::{SignedDuration, Timestamp};

/// How many messages of an agent are taken in one write at most.
const AT_ONCE: usize = 64;

/// For how long a message that can be sent again is taken for the first of its second: those who sign tell the second
/// alone.
const FRESH: SignedDuration = SignedDuration::from_secs(3);

impl Watching {
    /// Takes a message of an agent. When this returns it is durable. An agent that was never watched is, by the
    /// installation's defaults, from then on.
    ///
    /// # Errors
    /// `NotFound` where there is no such agent, or it is revoked; what the store says.
    pub async fn heard(&self, name: &AgentName, mut heard: ReceivedSignal) -> PortResult<Taken> {
        self.ready(self.now()).await?;
        heard.at = to_millis(heard.at);
        if let Some(body) = &mut heard.body {
            body.truncate(MAX_BODY_BYTES);
        }
        heard.body = heard.body.filter(|body| !body.is_empty());
        let Some(beats) = &self.beats else {
            return self.take(name, heard).await;
        };
        let (at, message) = (heard.at, heard.message.clone());
        let taken = self.take(name, heard).await?;
        let healthy = taken.signal == Signal::Success;
        if !taken.ignored && (healthy || taken.signal == Signal::Failure) {
            beats.beat(name, &Beat { at, healthy, message }).await?;
        }
        Ok(taken)
    }

    /// Takes a message, together with those of the same agent that come meanwhile.
    async fn take(&self, name: &AgentName, heard: ReceivedSignal) -> PortResult<Taken> {
        for _ in 0..TRIES {
            match self.queues.join(name, &heard) {
                Joined::Leads(lead) => return self.lead(name, &lead, heard).await,
                Joined::Waits(answer) => match answer.await {
                    Ok(Answer::Taken(taken)) => return taken,
                    Ok(Answer::Lead(lead)) => return self.lead(name, &lead, heard).await,
                    // Whoever wrote for it was broken off. To take it again changes nothing where it was taken.
                    Err(_) => {}
                },
            }
        }
        Err(never_alone(name))
    }

    /// Writes a message, and those that wait by now.
    async fn lead(&self, name: &AgentName, lead: &Lead, heard: ReceivedSignal) -> PortResult<Taken> {
        let mut all = vec![heard];
        let mut answers = Vec::new();
        // Each may have a row of its own, flips and an alert.
        let at_once = AT_ONCE.min(self.ports.state.most_changes() / 4);
        for Follower { heard, answer } in lead.followers(at_once.saturating_sub(1)) {
            all.push(heard);
            answers.push(answer);
        }
        let outcome = self.hear_all(name, all).await;
        let mut each: Vec<PortResult<Taken>> = match outcome {
            Ok(taken) => taken.into_iter().map(Ok).collect(),
            Err(error) => {
                let others: Vec<_> = answers.iter().map(|_| Err(alike(&error))).collect();
                std::iter::once(Err(error)).chain(others).collect()
            }
        };
        let own = if each.is_empty() {
            Err(never_alone(name))
        } else {
            each.remove(0)
        };
        for (answer, taken) in answers.into_iter().zip(each) {
            // Whoever is gone does not wait for it.
            drop(answer.send(Answer::Taken(taken)));
        }
        own
    }

    /// Takes messages of an agent in their order; what became of each.
    async fn hear_all(&self, name: &AgentName, all: Vec<ReceivedSignal>) -> PortResult<Vec<Taken>> {
        for _ in 0..TRIES {
            let outcome = self.hear(name, &all).await;
            if !met_another(&outcome) {
                return outcome;
            }
        }
        Err(never_alone(name))
    }

    /// One try.
    async fn hear(&self, name: &AgentName, all: &[ReceivedSignal]) -> PortResult<Vec<Taken>> {
        let now = self.now();
        let watched = self.found_or_fresh(name, now).await?;
        let is_new = watched.version == 0;
        let mut turn = self.turn(watched);
        let mut taken = Vec::with_capacity(all.len());
        let mut pings = Vec::new();
        for heard in all {
            let before = turn.flips.len();
            if was_heard(turn.watched.kept.state.heard, heard, now) {
                taken.push(Taken {
                    signal: heard.signal,
                    ignored: true,
                    status: turn.watched.kept.state.status,
                    flips: Vec::new(),
                    next_look: self.look(&turn.watched, now),
                });
                continue;
            }
            let counts_as = counts_as(turn.watched.settings(&self.defaults), heard);
            let signal = counts_as.unwrap_or(heard.signal);
            if signal == heard.signal && counts_as.is_some() {
                turn.hear(&self.defaults, heard);
            } else if counts_as.is_some() {
                let heard = ReceivedSignal {
                    signal,
                    ..heard.clone()
                };
                turn.hear(&self.defaults, &heard);
            }
            if let Some(Signal::Success | Signal::Failure) = counts_as {
                turn.watched.kept.minutes.count(heard.at, signal == Signal::Success);
            }
            pings.extend(turn.keep(heard, counts_as));
            taken.push(Taken {
                signal,
                ignored: counts_as.is_none(),
                status: turn.watched.kept.state.status,
                flips: turn.flips.get(before..).unwrap_or_default().to_vec(),
                next_look: self.look(&turn.watched, now),
            });
        }
        if is_new {
            turn.beside.extend(self.slug_change(&turn.watched).await?);
        }
        if !pings.is_empty() {
            let keys: Vec<_> = pings.iter().map(|ping| Ping::key(name, ping.number)).collect();
            let there = self.ports.state.read(&keys).await?;
            for (ping, record) in pings.iter().zip(there) {
                turn.beside
                    .push(ping.change(name, record.map_or(0, |record| record.version))?);
            }
        }
        // Of what was heard before, nothing is written.
        if !turn.is_idle(self.look(&turn.watched, now)) {
            self.write(turn, now, None).await?;
        }
        Ok(taken)
    }
}

impl Turn {
    pub(super) fn hear(&mut self, defaults: &WatchSettings, heard: &ReceivedSignal) {
        // What was due before it is told by what was known then.
        self.let_happen(defaults, None, |state, settings| state.before(settings, heard.at));
        self.let_happen(defaults, Some(heard), |state, settings| state.after(settings, heard));
    }

    /// What is kept of a message that is more than a plain heartbeat; it is written in the place of the oldest one.
    fn keep(&mut self, heard: &ReceivedSignal, counts_as: Option<Signal>) -> Option<Ping> {
        let kept = &mut self.watched.kept;
        let is_plain = counts_as == Some(Signal::Success) && heard.body.is_none() && heard.exit.is_none();
        if is_plain {
            kept.last_ping = 0;
            return None;
        }
        kept.pings += 1;
        if matches!(counts_as, Some(Signal::Success | Signal::Failure)) {
            kept.last_ping = kept.pings;
        }
        Some(Ping::new(kept.pings, heard, counts_as))
    }
}

/// Whether a message that can be sent again may be one that was heard before. Within its second, and while it is fresh,
/// it is the next one.
fn was_heard(last: Option<Timestamp>, heard: &ReceivedSignal, now: Timestamp) -> bool {
    let Some(last) = last.filter(|last| heard.is_repeatable && heard.at <= *last) else {
        return false;
    };
    let is_of_the_same_second = heard.at.as_second() == last.as_second();
    let is_fresh = now.duration_since(heard.at) <= FRESH;
    !(is_of_the_same_second && is_fresh)
}

/// What a message counts as by the agent's settings: what it says, or what a word in its body makes of it; nothing, where
/// it does not count.
fn counts_as(settings: &WatchSettings, heard: &ReceivedSignal) -> Option<Signal> {
    if settings.post_only && matches!(heard.how.as_deref(), Some("GET" | "HEAD")) {
        return None;
    }
    let decides_itself = heard.signal != Signal::Success || heard.exit.is_some() || heard.how.is_none();
    if settings.keywords.is_empty() || decides_itself {
        return Some(heard.signal);
    }
    settings.keywords.signal(heard.body.as_deref().unwrap_or_default())
}

/// The same error for another one who waits for it.
fn alike(error: &PortError) -> PortError {
    PortError {
        retry_after: error.retry_after,
        ..PortError::new(error.kind, error.message.clone())
    }
}
