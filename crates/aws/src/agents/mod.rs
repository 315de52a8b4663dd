//! The agents: enabled by a parameter, with what they may and their tokens in the table.
//!
//! Whether an agent is one, the parameter says; others write it too. What the agent may beside
//! what every agent may, and whether it was revoked here, the table says. So an agent that somebody
//! else enabled is found with an agent's plain rights, and one that was revoked here stays out,
//! whoever enables it again.
//!
//! A change, its tokens and its audit row are one transaction of the table. The parameter is another system and is
//! written after it: a call that fails in between is made again, finds its change made, and writes the parameter.
//!
//! A name under which the control plane keeps secrets of its own is no agent's, whoever enables it: an agent's own
//! secrets are those under its name. One that was added here while the configuration was another stays.
//!
//! What the table says is read for every decision. What the parameter says is read at most once a minute, because
//! the parameter store takes few reads: who is taken away there alone, by others, is out by then.

mod enabled;
mod names;
mod register;
mod row;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_fleet::ports::Agents;
use cc_devops_fleet::{AgentStatus, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;

use crate::{Backend, Shared};
use enabled::{Enabled, List};
use register::Written;
use row::AgentRow;
pub(crate) use row::plain;

/// How often a change is tried that meets another of the same agent.
const TRIES: usize = 8;

impl Backend {
    /// The agents.
    pub fn agents(&self) -> Arc<dyn Agents> {
        Arc::new(DynamoAgents::new(self.shared.clone()))
    }
}

/// The agents' register.
pub(crate) struct DynamoAgents {
    shared: Arc<Shared>,
    enabled: Enabled,
}

#[async_trait]
impl Agents for DynamoAgents {
    async fn add(&self, agent: &NewAgent, token: &NewToken, audit: &AuditEntry) -> PortResult<()> {
        let name = &agent.agent.name;
        let mut row = AgentRow::new(agent);
        // There is no token before the first.
        drop(row.rotate(token, token.created_at));
        if let Some(known) = self.row(name).await? {
            return self.repeated(&known, &row).await;
        }
        self.check_name(name).await?;
        match self.insert(&row, Some(&token.hash), Some(audit)).await? {
            Written::Yes => self.enabled.add(name).await,
            Written::Taken => Err(self.taken(name).await),
            Written::Changed => match self.row(name).await? {
                Some(known) => self.repeated(&known, &row).await,
                None => Err(busy(name)),
            },
        }
    }

    async fn rotate(
        &self,
        name: &AgentName,
        token: &NewToken,
        old_until: Timestamp,
        audit: &AuditEntry,
    ) -> PortResult<()> {
        let make = |row: &mut AgentRow| row.rotate(token, old_until);
        self.change(name, token.created_at, Some(&token.hash), audit, make)
            .await?;
        self.enabled.add(name).await
    }

    async fn revoke(&self, name: &AgentName, at: Timestamp, audit: &AuditEntry) -> PortResult<()> {
        self.change(name, at, None, audit, |row| row.revoke(at)).await?;
        self.enabled.remove(name).await
    }

    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>> {
        let Some(of) = self.token_row(token).await? else {
            return Ok(None);
        };
        let found = self.find_row(&of.agent).await?;
        Ok(found.filter(|row| row.takes(token, now)).map(AgentRow::agent))
    }

    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
        Ok(self.find_row(name).await?.map(AgentRow::agent))
    }

    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        match self.row(name).await? {
            None => self.insert_plain(name, at).await?,
            // Doing it again changes nothing, above all not that.
            Some(row) if row.revoked_at.is_some() => return Ok(()),
            Some(_) => {}
        }
        self.enabled.add(name).await
    }

    async fn list(&self) -> PortResult<Vec<AgentStatus>> {
        let (rows, enabled) = tokio::try_join!(self.rows(), self.shared.enabled())?;
        let mut all = self.statuses(rows, &enabled, |_| true);
        self.shared.add_heard_beats(&mut all).await;
        Ok(all)
    }

    async fn page(&self, after: Option<&AgentName>, limit: usize) -> PortResult<Vec<AgentStatus>> {
        let (rows, enabled) = tokio::try_join!(self.rows_behind(after, limit), self.shared.enabled())?;
        // Those without a row that stand between these rows; behind the last one where there are no more.
        let last = rows.last().filter(|_| rows.len() >= limit).map(|row| row.name.clone());
        let is_between =
            |name: &AgentName| after.is_none_or(|after| name > after) && last.as_ref().is_none_or(|last| name < last);
        let mut page = self.statuses(rows, &enabled, is_between);
        page.truncate(limit);
        Ok(page)
    }

    async fn status(&self, name: &AgentName) -> PortResult<Option<AgentStatus>> {
        let (row, enabled) = tokio::try_join!(self.row(name), self.shared.enabled())?;
        let rows = row.into_iter().collect();
        Ok(self.statuses(rows, &enabled, |other| other == name).pop())
    }
}

impl DynamoAgents {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            enabled: Enabled::new(shared.clone()),
            shared,
        }
    }

    /// What rows say with the list of those enabled, and those of that list that have no row and are `wanted`; by name.
    fn statuses(&self, rows: Vec<AgentRow>, enabled: &List, wanted: impl Fn(&AgentName) -> bool) -> Vec<AgentStatus> {
        let changed_at = enabled.changed_at;
        let known: BTreeSet<AgentName> = rows.iter().map(|row| row.name.clone()).collect();
        let mut all: Vec<AgentStatus> = rows
            .into_iter()
            .map(|mut row| {
                if !enabled.has(&row.name) && row.revoked_at.is_none() {
                    // Somebody else took it away; not after the list was last changed.
                    row.revoked_at = Some(changed_at.unwrap_or(row.created_at));
                }
                row.status()
            })
            .collect();
        let others = enabled
            .agents()
            .filter(|name| wanted(name) && !known.contains(name) && !self.is_reserved(name));
        // They were enabled, by somebody else, at the latest when the list was last changed.
        all.extend(others.map(|name| AgentRow::plain(&name, changed_at.unwrap_or_default()).status()));
        all.sort_by(|a, b| a.agent.name.cmp(&b.agent.name));
        all
    }

    /// Makes a row for an agent that somebody else enabled, if one did and there is none.
    pub(crate) async fn adopt(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        if self.find_row(name).await?.is_some() {
            self.insert_plain(name, at).await?;
        }
        Ok(())
    }

    /// The agent of that name, if it is enabled and was not revoked here.
    async fn find_row(&self, name: &AgentName) -> PortResult<Option<AgentRow>> {
        let (enabled, row) = tokio::try_join!(self.enabled.has(name), self.row(name))?;
        let row = match row {
            Some(row) => row,
            None if self.is_reserved(name) => return Ok(None),
            None => AgentRow::plain(name, Timestamp::UNIX_EPOCH),
        };
        Ok(Some(row).filter(|row| enabled && row.revoked_at.is_none()))
    }

    /// Whether nobody may be called so but the control plane itself.
    fn is_reserved(&self, name: &AgentName) -> bool {
        let installation = &self.shared.installation;
        *name != installation.agent && installation.check_name(name).is_err()
    }

    async fn insert_plain(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        self.check_name(name).await?;
        match self.insert(&AgentRow::plain(name, at), None, None).await? {
            Written::Yes => Ok(()),
            Written::Taken => Err(self.taken(name).await),
            // Another process registered it meanwhile.
            Written::Changed if self.row(name).await?.is_some() => Ok(()),
            Written::Changed => Err(busy(name)),
        }
    }

    /// Changes an agent's tokens, again with the newest row as long as another change comes first. `make` gives
    /// the tokens that ended, or nothing where the change was made before.
    async fn change(
        &self,
        name: &AgentName,
        at: Timestamp,
        token: Option<&TokenHash>,
        audit: &AuditEntry,
        make: impl Fn(&mut AgentRow) -> Option<Vec<String>> + Send,
    ) -> PortResult<()> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(1))
            .with_max_times(TRIES)
            .with_jitter()
            .build();
        loop {
            let written = match self.row(name).await? {
                Some(mut row) => match make(&mut row) {
                    Some(ended) => self.update(&row, token, &ended, audit).await?,
                    None => return Ok(()),
                },
                None if self.find_row(name).await?.is_some() => {
                    let mut row = AgentRow::plain(name, at);
                    drop(make(&mut row));
                    self.insert(&row, token, Some(audit)).await?
                }
                None => return Err(unknown(name)),
            };
            match (written, delays.next()) {
                (Written::Yes, _) => return Ok(()),
                (Written::Taken, _) => return Err(self.taken(name).await),
                (Written::Changed, Some(delay)) => tokio::time::sleep(delay).await,
                (Written::Changed, None) => return Err(busy(name)),
            }
        }
    }

    /// The answer to an addition that met a row of that name. The same addition again is no error:
    /// its first answer may have been lost.
    async fn repeated(&self, known: &AgentRow, added: &AgentRow) -> PortResult<()> {
        if known.is_addition(added) {
            return self.enabled.add(&added.name).await;
        }
        let name = &known.name;
        Err(PortError::new(
            PortErrorKind::Exists,
            format!("the agent {name} exists: give it a new token with `cc-devops agents rotate {name}`"),
        ))
    }

    /// Refuses a name that is too much like another, whether that stands here or in the list alone.
    async fn check_name(&self, name: &AgentName) -> PortResult<()> {
        let (rows, list) = tokio::try_join!(self.rows(), self.shared.enabled())?;
        let others = rows.into_iter().map(|row| row.name).chain(list.agents());
        let mut others = others.filter(|other| other != name);
        let other = others.find(|other| other.collides_with(name));
        other.map_or(Ok(()), |other| Err(alike(name, &other)))
    }

    /// Why a name could not be taken, though it seemed free.
    async fn taken(&self, name: &AgentName) -> PortError {
        match self.check_name(name).await {
            Err(error) => error,
            Ok(()) => PortError::new(PortErrorKind::Exists, "the token is another agent's: make a new one"),
        }
    }
}

/// There is no such agent.
pub(crate) fn unknown(name: &AgentName) -> PortError {
    PortError::new(
        PortErrorKind::NotFound,
        format!("there is no agent {name}: add it with `cc-devops agents add {name}`"),
    )
}

fn alike(name: &AgentName, other: &AgentName) -> PortError {
    PortError::new(
        PortErrorKind::Exists,
        format!(
            "the name {name} is too much like that of the agent {other}, with which it would share secrets or a \
             stack: choose another"
        ),
    )
}

fn busy(name: &AgentName) -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        format!("the agent {name} is being changed by others: try again"),
    )
}
