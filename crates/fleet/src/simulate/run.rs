//! Playing a case: the clock jumps from what happens to what is due.

use std::collections::BTreeMap;
use std::sync::Arc;

use cc_devops_alerts::alert::Acknowledged;
use cc_devops_alerts::taking::take;
use cc_devops_alerts::{Conditions, Delivery, Message, Notifier};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortResult, RecordKind, StateStore};
use cc_devops_kernel::records::RecordsInMemory;
use jiff::Timestamp;

use super::case::{Act, Case, Event};
use super::{OneOrEach, Played, Transition};
use crate::watch::{Flip, ReceivedSignal, Signal, Status, WatchSettings, WatchState, condition_key, conditions};
use crate::watching::LONGEST_BREATH;

struct Playing<'a> {
    case: &'a Case,
    watched: BTreeMap<&'a AgentName, (&'a WatchSettings, WatchState)>,
    store: Arc<RecordsInMemory>,
    noting: Conditions,
    notifier: Notifier,
    /// When the alerts have something to decide next.
    next_turn: Option<Timestamp>,
    /// Since when the server is down.
    down: Option<Timestamp>,
    transitions: Vec<Transition>,
    messages: Vec<Message>,
}

/// Plays a case.
pub(super) async fn play(case: &Case) -> PortResult<Played> {
    let store = Arc::new(RecordsInMemory::default());
    let policy = Arc::new(case.policy.clone());
    let mut playing = Playing {
        case,
        watched: case
            .agents
            .iter()
            .map(|(name, settings)| (name, (settings, WatchState::default())))
            .collect(),
        noting: Conditions::new(store.clone(), policy.clone()),
        notifier: Notifier::new(store.clone(), policy, None),
        store,
        next_turn: None,
        down: None,
        transitions: Vec::new(),
        messages: Vec::new(),
    };
    let mut events = case.events.iter().filter(|event| event.at <= case.until).peekable();
    loop {
        let event = events.peek().map(|event| event.at);
        let due = playing.next().filter(|due| *due <= case.until);
        let Some(now) = event.into_iter().chain(due).min() else {
            break;
        };
        // What the agents say at the very instant of a deadline counts first.
        while let Some(event) = events.next_if(|event| event.at <= now) {
            playing.happens(event).await?;
        }
        playing.settle(now).await?;
    }
    playing.settle(case.until).await?;
    Ok(playing.played())
}

impl Playing<'_> {
    /// When something is due of itself; nothing while the server is down.
    fn next(&self) -> Option<Timestamp> {
        if self.down.is_some() {
            return None;
        }
        let looks = self
            .watched
            .values()
            .filter_map(|(settings, state)| state.next_look(settings));
        looks.chain(self.next_turn).min()
    }

    async fn happens(&mut self, event: &Event) -> PortResult<()> {
        let at = event.at;
        match (&event.act, self.down) {
            (Act::ServerDown, None) => {
                // What was due until then was found.
                self.settle(at).await?;
                self.down = Some(at);
                return Ok(());
            }
            (Act::ServerUp, Some(from)) => {
                self.down = None;
                if at.duration_since(from) > LONGEST_BREATH {
                    self.change(&self.names(), at, None, |state, settings| {
                        state.shift(settings, from, at)
                    })
                    .await?;
                }
                return Ok(());
            }
            // Nobody hears it.
            (_, Some(_)) | (Act::ServerUp | Act::Sweep, None) => return Ok(()),
            _ => {}
        }
        let (signal, exit, rid) = match &event.act {
            Act::Ping { rid } => (Signal::Success, None, rid.as_ref()),
            Act::Fail { rid } => (Signal::Failure, None, rid.as_ref()),
            Act::Exit { code, rid } => (Signal::of_exit(*code), Some(*code), rid.as_ref()),
            Act::Start { rid } => (Signal::Start, None, rid.as_ref()),
            Act::Log => (Signal::Log, None, None),
            Act::Pause { by } => {
                return self
                    .change(&event.agents, at, None, |state, settings| state.pause(settings, at, by))
                    .await;
            }
            Act::Resume { by } => {
                return self
                    .change(&event.agents, at, None, |state, settings| {
                        state.resume(settings, at, by)
                    })
                    .await;
            }
            Act::Ack { by } => return self.acknowledge(&event.agents, at, by).await,
            Act::Sweep | Act::ServerDown | Act::ServerUp => return Ok(()),
        };
        let heard = ReceivedSignal {
            exit,
            rid: rid.cloned(),
            ..ReceivedSignal::new(at, signal)
        };
        self.change(&event.agents, at, Some(&heard), |state, settings| {
            state.after(settings, &heard)
        })
        .await
    }

    fn names(&self) -> Vec<AgentName> {
        self.case.agents.keys().cloned().collect()
    }

    /// Changes agents' states, and notes what that means for those who are told.
    async fn change(
        &mut self,
        agents: &[AgentName],
        now: Timestamp,
        heard: Option<&ReceivedSignal>,
        change: impl Fn(WatchState, &WatchSettings) -> (WatchState, Vec<Flip>),
    ) -> PortResult<()> {
        let several = self.watched.len() > 1;
        let mut noted = Vec::new();
        for agent in agents {
            let Some((settings, state)) = self.watched.get_mut(agent) else {
                continue;
            };
            let was_silent = state.silent_since();
            let (after, flips) = change(state.clone(), settings);
            *state = after;
            noted.extend(conditions(agent, settings, state, was_silent, &flips, heard));
            let transition = |flip| Transition::of(several.then(|| agent.to_string()), flip);
            self.transitions.extend(flips.iter().map(transition));
        }
        if !noted.is_empty() {
            self.noting.note(&noted, now).await?;
            self.next_turn = self.store.next_due(RecordKind::Alert).await?;
        }
        Ok(())
    }

    async fn acknowledge(&mut self, agents: &[AgentName], at: Timestamp, by: &str) -> PortResult<()> {
        let by = Acknowledged {
            by: by.to_owned(),
            at,
            reason: None,
        };
        for agent in agents {
            // Where nothing is open, nothing comes of it.
            take(self.store.as_ref(), &condition_key(agent), &by, |_| None).await?;
        }
        self.next_turn = self.store.next_due(RecordKind::Alert).await?;
        Ok(())
    }

    /// Finds what is due of the agents, then decides what is due to be told, and sends it.
    async fn settle(&mut self, now: Timestamp) -> PortResult<()> {
        if self.down.is_some() {
            return Ok(());
        }
        let due =
            |(settings, state): &(&WatchSettings, WatchState)| state.next_look(settings).is_some_and(|due| due <= now);
        let late: Vec<AgentName> = self
            .watched
            .iter()
            .filter(|(_, watched)| due(watched))
            .map(|(name, _)| (*name).clone())
            .collect();
        self.change(&late, now, None, |state, settings| state.step(settings, now))
            .await?;
        if self.next_turn.is_some_and(|due| due <= now) {
            self.next_turn = self.notifier.turn(now).await?.next;
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> PortResult<()> {
        loop {
            let page = self.store.list(RecordKind::Delivery, None, None, 1_000).await?;
            if page.is_empty() {
                return Ok(());
            }
            let mut sent = Vec::with_capacity(page.len());
            for record in page {
                self.messages.push(Delivery::of(&record)?.message);
                sent.push(record.removal());
            }
            self.store.write(&sent, None).await?;
        }
    }

    fn played(mut self) -> Played {
        // A flip that is found late carries the instant it was due at.
        self.transitions.sort_by_key(|transition| transition.at);
        let of =
            |(settings, state): &(&WatchSettings, WatchState)| (state.status, state.due(), state.down_at(settings));
        let ends: BTreeMap<String, (Status, Option<Timestamp>, Option<Timestamp>)> = self
            .watched
            .iter()
            .map(|(name, watched)| (name.to_string(), of(watched)))
            .collect();
        Played {
            transitions: self.transitions,
            state: each(&ends, |end| end.0),
            next_due: each(&ends, |end| end.1),
            next_down: each(&ends, |end| end.2),
            messages: self.messages,
        }
    }
}

/// Something of the only agent, or of each.
fn each<E, T>(ends: &BTreeMap<String, E>, of: impl Fn(&E) -> T) -> OneOrEach<T> {
    match ends.values().next() {
        Some(only) if ends.len() == 1 => OneOrEach::One(of(only)),
        _ => OneOrEach::Each(ends.iter().map(|(name, end)| (name.clone(), of(end))).collect()),
    }
}
