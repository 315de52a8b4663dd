//! What time does to the agents, and asking for their heartbeats where none are told.

use std::collections::BTreeMap;

use cc_devops_alerts::ConditionChange;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortResult, RecordKey, RecordKind};
use jiff::{SignedDuration, Timestamp};

use super::record::{Ping, Watched, read};
use super::turn::Turn;
use super::{TRIES, Watching, met_another};
use crate::Beat;
use crate::watch::{ReceivedSignal, Status, WatchSettings, WatchState};

/// How many watches are looked at together.
const BATCH: usize = 2_000;

/// How many heartbeats are asked for together: what CloudWatch takes in a call.
const ASKED_AT_ONCE: usize = 500;

/// How far back the heartbeats of an agent are asked for at most.
const ASK_BACK: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How exact the time of a heartbeat is that was asked for.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How many keys a store reads at once.
const READ_AT_ONCE: usize = 100;

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many flips there were.
    pub flips: u64,
    /// When the next sweep has something to do; none where nothing is awaited.
    pub next: Option<Timestamp>,
}

impl Watching {
    /// Flips whoever is due at `now` or before, `limit` agents at most. With nothing due, one row is read.
    ///
    /// # Errors
    /// What the store says, and what could not be asked: then nothing of that is flipped, because not to
    /// have asked is not to have heard nothing. What is not done is due still.
    pub async fn sweep(&self, now: Timestamp, limit: usize) -> PortResult<Swept> {
        self.ready(now).await?;
        let mut swept = Swept {
            flips: 0,
            next: self.ports.state.next_due(RecordKind::Watch).await?,
        };
        if swept.next.is_none_or(|next| next > now) {
            return Ok(swept);
        }
        let mut left = limit;
        while left > 0 {
            let batch = left.min(if self.heartbeat_source.is_some() {
                ASKED_AT_ONCE
            } else {
                BATCH
            });
            let due = self.ports.state.due(RecordKind::Watch, now, batch).await?;
            let is_last = due.len() < batch;
            left -= due.len();
            let watched: Vec<Watched> = due.iter().map(Watched::of).collect::<PortResult<_>>()?;
            if watched.is_empty() {
                break;
            }
            let turns = self.swept(watched, now).await?;
            // What was looked at in vain would be found again and again.
            let gets_on = !turns.is_empty();
            swept.flips += self.write_all(turns, now).await?;
            if is_last || !gets_on {
                break;
            }
        }
        swept.next = self.ports.state.next_due(RecordKind::Watch).await?;
        Ok(swept)
    }

    /// What time made of watches that are due, and of what was heard of them: those of which something is to be written.
    async fn swept(&self, watched: Vec<Watched>, now: Timestamp) -> PortResult<Vec<Turn>> {
        let mut beats = self.asked(&watched, now).await?;
        let mut turns = Vec::with_capacity(watched.len());
        for watched in watched {
            let mut turn = self.turn(watched);
            if self.heartbeat_source.is_some() {
                for beat in beats.remove(&turn.watched.name).unwrap_or_default() {
                    if is_news(&turn.watched.kept.state, beat.at) {
                        turn.hear(&self.defaults, &ReceivedSignal::from(beat));
                    }
                }
                turn.asked(now);
            }
            turn.let_happen(&self.defaults, None, |state, settings| {
                let until = self.known_until(&state, settings, now);
                state.step(settings, until)
            });
            if !turn.is_idle(self.look(&turn.watched, now)) {
                turns.push(turn);
            }
        }
        self.show_bodies(&mut turns).await?;
        Ok(turns)
    }

    /// Up to when time says something of an agent. Heartbeats that are asked for have their minute's beginning as their
    /// time, and are known some seconds later: of the last minute nobody knows yet whether an agent is late in it.
    fn known_until(&self, state: &WatchState, settings: &WatchSettings, now: Timestamp) -> Timestamp {
        let is_down = state.down_at(settings).is_some_and(|down_at| down_at <= now);
        if self.heartbeat_source.is_none() || is_down {
            return now;
        }
        now.checked_sub(SignedDuration::from_mins(1)).unwrap_or(now)
    }

    /// The heartbeats of the agents since they were heard last, where they are asked for.
    async fn asked(&self, watched: &[Watched], now: Timestamp) -> PortResult<BTreeMap<AgentName, Vec<Beat>>> {
        let Some(heartbeat_source) = &self.heartbeat_source else {
            return Ok(BTreeMap::new());
        };
        let back = now.checked_sub(ASK_BACK).unwrap_or(now);
        // Who began to be watched was looked up then. Heartbeats may be known by their minute alone.
        let begin = |one: &Watched| one.kept.created.checked_sub(MINUTE).unwrap_or(back);
        let since = |one: &Watched| one.kept.state.heard.unwrap_or_else(|| begin(one)).max(back);
        let asked: Vec<(AgentName, Timestamp)> = watched.iter().map(|one| (one.name.clone(), since(one))).collect();
        let mut beats = BTreeMap::new();
        for some in asked.chunks(ASKED_AT_ONCE) {
            beats.extend(heartbeat_source.heard(some, now).await?);
        }
        for beats in beats.values_mut() {
            beats.sort_by_key(|beat| beat.at);
        }
        Ok(beats)
    }

    /// Puts what agents sent with their last heartbeat to what is told of their silence.
    async fn show_bodies(&self, turns: &mut [Turn]) -> PortResult<()> {
        let mut wanted: Vec<_> = turns.iter_mut().filter_map(wanted_body).collect();
        for some in wanted.chunks_mut(READ_AT_ONCE) {
            let keys: Vec<_> = some.iter().map(|(key, _, _)| key.clone()).collect();
            let records = self.ports.state.read(&keys).await?;
            for ((_, number, body), record) in some.iter_mut().zip(records) {
                let ping = record.map(|record| read::<Ping>(&record)).transpose()?;
                // Its place may be another's by now.
                **body = ping.filter(|ping| ping.number == *number).and_then(|ping| ping.body);
            }
        }
        Ok(())
    }

    /// Writes turns, as many in one write as the store takes; how many flips that were. Where another one wrote
    /// meanwhile, what is to be written is made again from what is there then, in halves: what met nobody is soon done.
    pub(super) async fn write_all(&self, turns: Vec<Turn>, now: Timestamp) -> PortResult<u64> {
        let most = self.ports.state.most_changes();
        // A watch, mostly two flips and two records of its alert.
        let at_once = (most / 5).max(1);
        let mut flips = 0;
        let mut parts = vec![turns];
        while let Some(mut part) = parts.pop() {
            if part.len() > at_once {
                let rest = part.split_off(at_once);
                parts.push(rest);
            }
            let names: Vec<AgentName> = part.iter().map(|turn| turn.watched.name.clone()).collect();
            let number: usize = part.iter().map(|turn| turn.flips.len()).sum();
            let changes = self.changes(&mut part, now).await?;
            let is_too_large = changes.len() > most && names.len() > 1;
            let outcome = if is_too_large || changes.is_empty() {
                Ok(())
            } else {
                self.ports.state.write(&changes, None).await
            };
            let met_another = met_another(&outcome);
            if is_too_large || met_another && names.len() > 1 {
                let mut again = self.read_again(&names, now).await?;
                let rest = again.split_off(again.len() / 2);
                parts.extend([rest, again]);
            } else if met_another {
                flips += self.one_by_one(&names, now).await?;
            } else {
                outcome?;
                flips += number as u64;
            }
        }
        Ok(flips)
    }

    /// What is to be written of these agents, from what is there by now.
    async fn read_again(&self, names: &[AgentName], now: Timestamp) -> PortResult<Vec<Turn>> {
        let mut turns = Vec::new();
        for some in names.chunks(READ_AT_ONCE) {
            let keys: Vec<_> = some.iter().map(Watched::key).collect();
            let records = self.ports.state.read(&keys).await?;
            let watched = records.iter().flatten().map(Watched::of).collect::<PortResult<_>>()?;
            turns.extend(self.swept(watched, now).await?);
        }
        Ok(turns)
    }

    /// Lets time pass for each of these agents alone; how many flips that were.
    async fn one_by_one(&self, names: &[AgentName], now: Timestamp) -> PortResult<u64> {
        let mut flips = 0;
        for name in names {
            for _ in 0..TRIES {
                let outcome = self.pass(name, now).await;
                if met_another(&outcome) {
                    continue;
                }
                flips += outcome?;
                break;
            }
        }
        Ok(flips)
    }

    /// Lets time pass for an agent, if it is due still; how many flips that were.
    async fn pass(&self, name: &AgentName, now: Timestamp) -> PortResult<u64> {
        let Some(watched) = self.find(name).await? else {
            return Ok(0);
        };
        let turns = self.swept(vec![watched], now).await?;
        let Some(turn) = turns.into_iter().next() else {
            return Ok(0);
        };
        let turn = self.write(turn, now, None).await?;
        Ok(turn.flips.len() as u64)
    }
}

/// Where the body is kept that the alert of a turn has a place for, its number, and the place.
fn wanted_body(turn: &mut Turn) -> Option<(RecordKey, u64, &mut Option<String>)> {
    let number = turn.watched.kept.last_ping;
    let key = Ping::key(&turn.watched.name, number);
    match turn.conditions.last_mut() {
        Some(ConditionChange::Opened(condition)) if number > 0 => Some((key, number, &mut condition.body)),
        _ => None,
    }
}

/// Whether a heartbeat that was found says something new: it came after the last one, and after a pause and its end.
fn is_news(state: &WatchState, at: Timestamp) -> bool {
    let since = state
        .since
        .filter(|_| matches!(state.status, Status::Paused | Status::New));
    state.heard.is_none_or(|heard| at > heard) && since.is_none_or(|since| at > since)
}
