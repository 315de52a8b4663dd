//! One agent's turn: what was read of it, and what is to be written, with what has to be told of it.

use cc_devops_alerts::ConditionChange;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::ports::{PortResult, StateChange};
use jiff::{SignedDuration, Timestamp};

use super::Watching;
use super::record::Watched;
use crate::watch::{Flip, ReceivedSignal, Status, WatchSettings, WatchState, conditions};

/// How long after the last ask an agent is asked for that is down: often in the first hour.
const ASK_DOWN: [(SignedDuration, SignedDuration); 2] = [
    (SignedDuration::from_hours(1), SignedDuration::from_mins(1)),
    (SignedDuration::MAX, SignedDuration::from_mins(5)),
];

/// How long after the last ask one is asked for of which nothing is due.
const ASK_NEW: SignedDuration = SignedDuration::from_mins(10);

/// A watch that was read, and what became of it.
pub(super) struct Turn {
    pub(super) watched: Watched,
    pub(super) flips: Vec<Flip>,
    pub(super) conditions: Vec<ConditionChange>,
    /// What is to be written beside it.
    pub(super) beside: Vec<StateChange>,
    /// The number of the last gap that it knew of when it was read.
    read_epoch: u64,
    /// Whether something was heard or asked.
    touched: bool,
}

impl Turn {
    pub(super) fn of(watched: Watched) -> Self {
        Self {
            read_epoch: watched.kept.epoch,
            watched,
            flips: Vec::new(),
            conditions: Vec::new(),
            beside: Vec::new(),
            touched: false,
        }
    }

    /// Lets something happen to the state: `act` gives it as it is then, with its flips. What has to be told is noted.
    pub(super) fn let_happen(
        &mut self,
        defaults: &WatchSettings,
        heard: Option<&ReceivedSignal>,
        act: impl FnOnce(WatchState, &WatchSettings) -> (WatchState, Vec<Flip>),
    ) {
        let Watched { name, kept, .. } = &mut self.watched;
        let settings = kept.settings.as_deref().unwrap_or(defaults);
        let was_silent = kept.state.silent_since();
        let (state, flips) = act(std::mem::take(&mut kept.state), settings);
        kept.state = state;
        self.touched |= heard.is_some() || kept.state.silent_since() != was_silent;
        self.conditions
            .extend(conditions(name, settings, &kept.state, was_silent, &flips, heard));
        self.flips.extend(flips);
    }

    /// That its heartbeats were asked for.
    pub(super) fn asked(&mut self, at: Timestamp) {
        self.watched.kept.asked = Some(at);
        self.touched = true;
    }

    /// Whether nothing became of it that is to be kept, where somebody looks next at `look`.
    pub(super) fn is_idle(&self, look: Option<Timestamp>) -> bool {
        let moved = self.watched.kept.epoch != self.read_epoch;
        !self.touched && !moved && self.flips.is_empty() && self.beside.is_empty() && look == self.watched.due_at
    }
}

impl Watching {
    /// When somebody has to look at a watch next.
    pub(super) fn look(&self, watched: &Watched, now: Timestamp) -> Option<Timestamp> {
        let (settings, state) = (watched.settings(&self.defaults), &watched.kept.state);
        if self.heartbeat_source.is_none() {
            return state.next_look(settings);
        }
        // Each ask costs. That an agent is late tells nobody, and flips have computed times: so it is asked for when it
        // would be down, and now and then while it is.
        let asked = watched.kept.asked.unwrap_or(watched.kept.created);
        let after = |time| asked.checked_add(time).ok();
        match state.status {
            Status::Paused if settings.sticky_pause => None,
            Status::Down => {
                let down = now.duration_since(state.since.unwrap_or(now));
                let pace = ASK_DOWN
                    .iter()
                    .find(|(until, _)| down < *until)
                    .map_or(ASK_NEW, |(_, pace)| *pace);
                after(pace)
            }
            // Nothing is due, and a heartbeat would change that.
            Status::Paused | Status::New | Status::Up | Status::Late => {
                state.down_at(settings).or_else(|| after(ASK_NEW))
            }
        }
    }

    /// The changes of turns, and of what has to be told of them, for one write.
    pub(super) async fn changes(&self, turns: &mut [Turn], now: Timestamp) -> PortResult<Vec<StateChange>> {
        let mut changes = Vec::with_capacity(turns.len());
        let mut told = Vec::new();
        for turn in turns {
            changes.extend(turn.watched.flip_changes(&turn.flips)?);
            let look = self.look(&turn.watched, now);
            changes.push(turn.watched.change(look)?);
            changes.append(&mut turn.beside);
            told.append(&mut turn.conditions);
        }
        if !told.is_empty() {
            changes.extend(self.ports.conditions.changes(&told, now).await?);
        }
        Ok(changes)
    }

    /// Writes one turn. `Superseded` where something else was written meanwhile.
    pub(super) async fn write(&self, turn: Turn, now: Timestamp, audit: Option<&AuditEntry>) -> PortResult<Turn> {
        let mut turns = [turn];
        let changes = self.changes(&mut turns, now).await?;
        self.ports.state.write(&changes, audit).await?;
        let [turn] = turns;
        Ok(turn)
    }
}
