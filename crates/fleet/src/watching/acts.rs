//! What people do to watches: settings, pauses, who is watched at all.

use cc_devops_alerts::ConditionChange;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{PortErrorKind, PortResult, StateChange};
use jiff::Timestamp;
use serde_json::json;

use super::record::Watched;
use super::turn::Turn;
use super::{TRIES, Watching, met_another, never_alone, unknown};
use crate::rows::of_agent;
use crate::watch::{Flip, ReceivedSignal, WatchSettings, WatchState, condition_key};
use crate::{AgentStatus, Beat};

/// How many agents are looked up at once.
const AT_ONCE: usize = 100;

impl Watching {
    /// Watches an agent by settings of its own from now on, or by the installation's again where there are none. The same
    /// settings again change nothing, and no settings end a pause.
    ///
    /// # Errors
    /// `invalid_parameter` with each thing that cannot be; `NotFound` for an agent that is not there; what no policy
    /// permits.
    pub async fn set(
        &self,
        name: &AgentName,
        settings: Option<WatchSettings>,
        actor: Actor<'_>,
    ) -> Result<(), ActError> {
        if let Some(Err(wrong)) = settings.as_ref().map(WatchSettings::check) {
            return Err(Failure::new(Reason::InvalidParameter, wrong.join("; ")).into());
        }
        let now = self.now();
        let action = actions::WATCH_SET;
        let author = actor
            .author(&Access::ManageAgents, action, &*self.ports.audit, now)
            .await?;
        let detail = json!({ "settings": settings });
        let new = settings.map(Box::new);
        let act = |turn: &mut Turn| {
            let old = std::mem::replace(&mut turn.watched.kept.settings, new.clone());
            let old = old.as_deref().unwrap_or(&self.defaults);
            turn.let_happen(&self.defaults, None, |state, new| state.with_settings(old, new, now));
        };
        Ok(self
            .change(name, now, act, Some(&of_agent(&author, now, action, name, detail)))
            .await?)
    }

    /// Waits for an agent no longer, until it is resumed or, where the pause is not sticky, heard. An open alert of it is
    /// closed: `paused by ana`, where `by` is who wants it.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there; what no policy permits.
    pub async fn pause(&self, name: &AgentName, by: &str, actor: Actor<'_>) -> Result<(), ActError> {
        self.person_acts(name, by, actor, actions::AGENT_PAUSED, WatchState::pause)
            .await
    }

    /// Waits for a paused agent again, as if it had been heard now.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there; what no policy permits.
    pub async fn resume(&self, name: &AgentName, by: &str, actor: Actor<'_>) -> Result<(), ActError> {
        self.person_acts(name, by, actor, actions::AGENT_RESUMED, WatchState::resume)
            .await
    }

    async fn person_acts(
        &self,
        name: &AgentName,
        by: &str,
        actor: Actor<'_>,
        action: &str,
        act: impl Fn(WatchState, &WatchSettings, Timestamp, &str) -> (WatchState, Vec<Flip>) + Send + Sync,
    ) -> Result<(), ActError> {
        let now = self.now();
        let access = Access::PauseAgent { agent: name.clone() };
        let author = actor.author(&access, action, &*self.ports.audit, now).await?;
        let by = cc_devops_kernel::text::cleaned(by);
        let detail = json!({ "for": by });
        let act = |turn: &mut Turn| {
            turn.let_happen(&self.defaults, None, |state, settings| act(state, settings, now, &by));
        };
        Ok(self
            .change(name, now, act, Some(&of_agent(&author, now, action, name, detail)))
            .await?)
    }

    /// Changes a watch, however often another write comes between.
    pub(super) async fn change(
        &self,
        name: &AgentName,
        now: Timestamp,
        act: impl Fn(&mut Turn) + Send + Sync,
        audit: Option<&AuditEntry>,
    ) -> PortResult<()> {
        self.informed(now).await?;
        for _ in 0..TRIES {
            let mut turn = self.turn(self.found_or_fresh(name, now).await?);
            if turn.watched.version == 0 {
                turn.beside = self.slug_change(&turn.watched).await?;
            }
            act(&mut turn);
            let outcome = self.write(turn, now, audit).await;
            if !met_another(&outcome) {
                return outcome.map(drop);
            }
        }
        Err(never_alone(name))
    }

    /// The watch of an agent, or that of one who is there and was not watched yet.
    pub(super) async fn found_or_fresh(&self, name: &AgentName, now: Timestamp) -> PortResult<Watched> {
        match self.find(name).await? {
            Some(watched) => Ok(watched),
            None if self.ports.agents.find(name).await?.is_some() => Ok(self.fresh(name, now)),
            None => Err(unknown(name)),
        }
    }

    /// Watches those of these agents that are not watched yet, by the installation's defaults, from their last heartbeat
    /// on. Of one whose heartbeat is overdue by then nobody knows whether somebody heard: it has its whole time again. How
    /// many there were.
    ///
    /// # Errors
    /// What the store says. Those that were not done are done by the next call.
    pub async fn enroll(&self, agents: &[(AgentName, Option<Beat>)], now: Timestamp) -> PortResult<u64> {
        self.informed(now).await?;
        // A watch, its slug, and a flip with its alert.
        let most = self.ports.state.most_changes();
        let mut count = 0;
        for some in agents.chunks(AT_ONCE.min(most / 5).max(1)) {
            let turns = self.enrolled(some, now).await?;
            let names: Vec<AgentName> = turns.iter().map(|turn| turn.watched.name.clone()).collect();
            let outcome = self.write_together(turns, now).await;
            if !met_another(&outcome) {
                outcome?;
                count += names.len() as u64;
                continue;
            }
            // One of them was heard meanwhile, or somebody else does the same.
            for one in some.iter().filter(|(name, _)| names.contains(name)) {
                let turns = self.enrolled(std::slice::from_ref(one), now).await?;
                let number = turns.len() as u64;
                let outcome = self.write_together(turns, now).await;
                if !met_another(&outcome) {
                    outcome?;
                    count += number;
                }
            }
        }
        Ok(count)
    }

    /// The watches of those of these agents that have none.
    async fn enrolled(&self, agents: &[(AgentName, Option<Beat>)], now: Timestamp) -> PortResult<Vec<Turn>> {
        let keys: Vec<_> = agents.iter().map(|(name, _)| Watched::key(name)).collect();
        let records = self.ports.state.read(&keys).await?;
        let missing: Vec<_> = agents
            .iter()
            .zip(records)
            .filter(|(_, record)| record.is_none())
            .collect();
        let fresh: Vec<Watched> = missing.iter().map(|((name, _), _)| self.fresh(name, now)).collect();
        let slugs = self.slug_changes(&fresh.iter().collect::<Vec<_>>()).await?;
        let mut turns = Vec::with_capacity(fresh.len());
        for ((watched, slug), ((_, beat), _)) in fresh.into_iter().zip(slugs).zip(&missing) {
            let mut turn = Turn::of(watched);
            turn.beside.extend(slug);
            if let Some(beat) = beat {
                self.take_over(&mut turn, beat, now);
            }
            turns.push(turn);
        }
        Ok(turns)
    }

    async fn write_together(&self, mut turns: Vec<Turn>, now: Timestamp) -> PortResult<()> {
        let changes = self.changes(&mut turns, now).await?;
        if changes.is_empty() {
            return Ok(());
        }
        self.ports.state.write(&changes, None).await
    }

    /// Begins a watch with a heartbeat that was heard before there was one.
    fn take_over(&self, turn: &mut Turn, beat: &Beat, now: Timestamp) {
        let heard = ReceivedSignal::from(beat.clone());
        turn.let_happen(&self.defaults, Some(&heard), |state, settings| {
            state.after(settings, &heard)
        });
        turn.let_happen(&self.defaults, None, |state, settings| {
            let overdue = state.next_look(settings).is_some_and(|look| look <= now);
            if overdue && self.heartbeat_source.is_none() {
                state.shift(settings, beat.at, now)
            } else {
                (state, Vec::new())
            }
        });
    }

    /// Makes the watch fit the register: who is there and not watched is enrolled, who is revoked is watched no longer.
    ///
    /// # Errors
    /// What the store says. What was not done is done by the next call.
    pub async fn adopt(&self, agents: &[AgentStatus], now: Timestamp) -> PortResult<()> {
        let (revoked, there): (Vec<_>, Vec<_>) = agents.iter().partition(|status| status.revoked_at.is_some());
        let there: Vec<_> = there
            .into_iter()
            .map(|status| (status.agent.name.clone(), status.last_beat.clone()))
            .collect();
        self.enroll(&there, now).await?;
        self.put_into_lists(now).await?;
        for status in revoked {
            self.watch_no_longer(&status.agent.name, "it was revoked").await?;
        }
        Ok(())
    }

    /// Watches an agent no longer after its tokens were revoked, as [`Watching::remove`] does; one that is not watched
    /// stays so.
    ///
    /// # Errors
    /// What the store says.
    pub async fn watch_no_longer(&self, name: &AgentName, why: &str) -> PortResult<()> {
        match self.remove(name, why).await {
            Err(error) if error.kind == PortErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Watches an agent no longer. Its addresses end, its open alert is closed, its history stays. Whoever takes an agent
    /// away (with a row in the audit trail) calls it, and says `why` in a few words: `revoked by ana`.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not watched; what the store says.
    pub async fn remove(&self, name: &AgentName, why: &str) -> PortResult<()> {
        let now = self.now();
        for _ in 0..TRIES {
            let watched = self.found(name).await?;
            let closed = ConditionChange::Closed {
                key: condition_key(name),
                at: now,
                why: why.to_owned(),
            };
            let mut changes: Vec<StateChange> = vec![watched.removal()];
            changes.extend(self.address_removals(&watched).await?);
            changes.extend(self.ports.conditions.changes(&[closed], now).await?);
            let outcome = self.ports.state.write(&changes, None).await;
            if !met_another(&outcome) {
                return outcome;
            }
        }
        Err(never_alone(name))
    }
}
