//! The agents, the hashes of their tokens, and their last heartbeats.

mod proofs;
pub(crate) mod register;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use cc_devops_fleet::ports::{Agents, Heartbeats};
use cc_devops_fleet::{AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::columns::{self, json, nanos, optional_time_at, time, time_at};
use crate::db::Db;
use crate::error::Fault;
use crate::vault::StoreKeys;
use proofs::{Proofs, Read, agent};
use register::{AGENT, AGENT_COLUMNS, AgentRow, TOKEN, TokenRow};

/// Who shows a token, where neither it nor its agent has ended.
static BY_TOKEN: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {AGENT}, {TOKEN} FROM tokens JOIN agents ON name = agent \
         WHERE hash = ?1 AND (ends_at IS NULL OR ends_at > ?2) AND revoked_at IS NULL"
    )
});

/// Who has a name, where it was not revoked.
static BY_NAME: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {AGENT} FROM agents WHERE name = ?1 AND revoked_at IS NULL"));

/// The agents in the database, and their heartbeats.
pub struct SqliteAgents {
    db: Db,
    proofs: Proofs,
}

impl SqliteAgents {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            proofs: Proofs::default(),
        }
    }

    /// Makes a change, and puts it on record in the same transaction if it changed anything.
    async fn act(
        &self,
        audit: &AuditEntry,
        change: impl FnOnce(&Connection, &StoreKeys) -> Result<Change, Fault> + Send + 'static,
    ) -> PortResult<()> {
        let (keys, audit) = (Arc::clone(self.db.store_keys()), audit.clone());
        self.db
            .write(move |conn, _| match change(conn, &keys)? {
                Change::Made => crate::audit::append(conn, &keys, &audit),
                Change::WasMade => Ok(()),
            })
            .await
    }
}

/// What became of a change.
enum Change {
    /// It was made just now.
    Made,
    /// It was made before: there is nothing to put on record.
    WasMade,
}

#[async_trait]
impl Agents for SqliteAgents {
    async fn add(&self, agent: &NewAgent, token: &NewToken, audit: &AuditEntry) -> PortResult<()> {
        let (agent, token) = (agent.clone(), token.clone());
        self.act(audit, move |conn, keys| add(conn, keys, &agent, &token)).await
    }

    async fn rotate(
        &self,
        name: &AgentName,
        token: &NewToken,
        old_until: Timestamp,
        audit: &AuditEntry,
    ) -> PortResult<()> {
        let (name, token) = (name.clone(), token.clone());
        self.act(audit, move |conn, keys| rotate(conn, keys, &name, &token, old_until))
            .await
    }

    async fn revoke(&self, name: &AgentName, at: Timestamp, audit: &AuditEntry) -> PortResult<()> {
        let name = name.clone();
        self.act(audit, move |conn, keys| revoke(conn, keys, &name, at)).await
    }

    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>> {
        let keys = self.db.store_keys();
        self.db.look_up(|conn| {
            let found = conn
                .prepare_cached(&BY_TOKEN)?
                .query_row(params![token.0, nanos(now)], |row| {
                    self.proofs.with_token(row, &token.0, keys)
                })
                .optional()?;
            Ok(found.and_then(unless_forged))
        })
    }

    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
        let keys = self.db.store_keys();
        self.db.look_up(|conn| {
            let found = conn
                .prepare_cached(&BY_NAME)?
                .query_row([name.as_str()], |row| self.proofs.by_name(row, name.as_str(), keys))
                .optional()?;
            Ok(found.and_then(unless_forged))
        })
    }

    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        let (keys, name) = (Arc::clone(self.db.store_keys()), name.clone());
        self.db
            .write(move |conn, _| {
                if register::find(conn, &keys, name.as_str())?.is_some() {
                    return Ok(());
                }
                let nothing = || "[]".to_owned();
                AgentRow::new(name.as_str(), Role::Agent.as_str(), nothing(), nothing(), nanos(at)).put(conn, &keys)?;
                Ok(())
            })
            .await
    }

    async fn list(&self) -> PortResult<Vec<AgentStatus>> {
        let keys = Arc::clone(self.db.store_keys());
        self.db.read(move |conn| list(conn, &keys)).await
    }

    async fn page(&self, after: Option<&AgentName>, limit: usize) -> PortResult<Vec<AgentStatus>> {
        let keys = Arc::clone(self.db.store_keys());
        // No name is empty.
        let after = after.map_or_else(String::new, |after| after.as_str().to_owned());
        let at_most = columns::limit(limit);
        self.db
            .read(move |conn| {
                statuses(
                    conn,
                    &keys,
                    "WHERE name > ?1 ORDER BY name LIMIT ?2",
                    params![after, at_most],
                )
            })
            .await
    }

    async fn status(&self, name: &AgentName) -> PortResult<Option<AgentStatus>> {
        let (keys, name) = (Arc::clone(self.db.store_keys()), name.to_string());
        let found = self
            .db
            .read(move |conn| statuses(conn, &keys, "WHERE name = ?1", params![name]));
        Ok(found.await?.pop())
    }
}

#[async_trait]
impl Heartbeats for SqliteAgents {
    async fn beat(&self, name: &AgentName, beat: &Beat) -> PortResult<()> {
        let (name, beat) = (name.clone(), beat.clone());
        self.db
            .write_repeatable(move |conn, _| beat_of(conn, &name, &beat))
            .await
    }
}

fn beat_of(conn: &Connection, name: &AgentName, beat: &Beat) -> Result<(), Fault> {
    let values = params![name.as_str(), nanos(beat.at), beat.healthy, beat.message];
    // All but an agent's first heartbeat have their row; agents are revoked, but never removed.
    let known = conn
        .prepare_cached("UPDATE heartbeats SET at = ?2, healthy = ?3, message = ?4 WHERE agent = ?1")?
        .execute(values)?;
    if known == 1 {
        return Ok(());
    }
    let first = conn
        .prepare_cached(
            "INSERT INTO heartbeats (agent, at, healthy, message) SELECT name, ?2, ?3, ?4 FROM agents WHERE name = ?1",
        )?
        .execute(values)?;
    if first == 1 { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(name: &AgentName) -> Fault {
    Fault::port(
        PortErrorKind::NotFound,
        format!("there is no agent {name}: add it with `cc-devops agents add {name}`"),
    )
}

/// Nobody, where somebody's row was not written by this store.
fn unless_forged(read: Read) -> Option<Agent> {
    if read.ours {
        return Some(read.agent);
    }
    tracing::warn!(
        agent = %read.agent.name,
        "the row of an agent or of its token was not written by this store, and is refused; see the runbook"
    );
    None
}

fn add(conn: &Connection, keys: &StoreKeys, new: &NewAgent, token: &NewToken) -> Result<Change, Fault> {
    let agent = &new.agent;
    let row = AgentRow::new(
        agent.name.as_str(),
        agent.role.as_str(),
        json(&agent.secret_prefixes)?,
        json(&agent.stacks)?,
        nanos(new.created_at),
    );
    let known = register::agents(conn)?;
    let (known, forged): (Vec<_>, Vec<_>) = known.into_iter().partition(|row| row.is_ours(keys));
    if token_of(conn, keys, &agent.name, token)?.is_some() && known.iter().any(|known| known.says(&row)) {
        return Ok(Change::WasMade);
    }
    let names = known.iter().map(|row| row.name.parse::<AgentName>());
    if let Some(other) = names.flatten().find(|other| other.collides_with(&agent.name)) {
        let message = if other == agent.name {
            format!("the agent {other} exists: give it a new token with `cc-devops agents rotate {other}`")
        } else {
            format!(
                "the name {} is too much like that of the agent {other}, with which it would share secrets or a \
                 stack: choose another",
                agent.name
            )
        };
        return Err(Fault::port(PortErrorKind::Exists, message));
    }
    if forged.iter().any(|forged| forged.name == row.name) {
        end_tokens(conn, &agent.name)?;
    }
    row.put(conn, keys)?;
    TokenRow::new(token.hash.0, agent.name.as_str(), nanos(token.created_at)).put(conn, keys)?;
    Ok(Change::Made)
}

/// The token, if the agent was given it before.
fn token_of(
    conn: &Connection,
    keys: &StoreKeys,
    name: &AgentName,
    token: &NewToken,
) -> rusqlite::Result<Option<TokenRow>> {
    let found = conn
        .prepare_cached(&format!("SELECT {TOKEN} FROM tokens WHERE hash = ?1 AND agent = ?2"))?
        .query_row(params![token.hash.0, name.as_str()], |row| TokenRow::read(row, 0))
        .optional()?;
    Ok(found.filter(|row| row.is_ours(keys)))
}

fn end_tokens(conn: &Connection, name: &AgentName) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM tokens WHERE agent = ?1")?
        .execute([name.as_str()])
        .map(|_| ())
}

fn rotate(
    conn: &Connection,
    keys: &StoreKeys,
    name: &AgentName,
    token: &NewToken,
    old_until: Timestamp,
) -> Result<Change, Fault> {
    if token_of(conn, keys, name, token)?.is_some() {
        return Ok(Change::WasMade);
    }
    let mut row = register::find(conn, keys, name.as_str())?.ok_or_else(|| unknown(name))?;
    row.revoked_at = None;
    row.put(conn, keys)?;
    // What has ended is deleted, not marked: a clock that goes back must not bring it to life.
    conn.prepare_cached("DELETE FROM tokens WHERE agent = ?1 AND (?2 <= ?3 OR ends_at <= ?3)")?
        .execute(params![name.as_str(), nanos(old_until), nanos(token.created_at)])?;
    for mut old in register::tokens(conn)? {
        if old.agent == name.as_str() && old.is_ours(keys) {
            old.ends_at = Some(old.ends_at.map_or(nanos(old_until), |end| end.min(nanos(old_until))));
            old.put(conn, keys)?;
        }
    }
    TokenRow::new(token.hash.0, name.as_str(), nanos(token.created_at)).put(conn, keys)?;
    Ok(Change::Made)
}

fn revoke(conn: &Connection, keys: &StoreKeys, name: &AgentName, at: Timestamp) -> Result<Change, Fault> {
    let mut row = register::find(conn, keys, name.as_str())?.ok_or_else(|| unknown(name))?;
    if row.revoked_at.is_some() {
        return Ok(Change::WasMade);
    }
    row.revoked_at = Some(nanos(at));
    row.put(conn, keys)?;
    end_tokens(conn, name)?;
    Ok(Change::Made)
}

fn list(conn: &Connection, keys: &StoreKeys) -> Result<Vec<AgentStatus>, Fault> {
    statuses(conn, keys, "ORDER BY name", &[])
}

/// The agents that `which` says, but for those whose row this store did not write.
fn statuses(
    conn: &Connection,
    keys: &StoreKeys,
    which: &str,
    params: &[&dyn ToSql],
) -> Result<Vec<AgentStatus>, Fault> {
    let all: Vec<Option<AgentStatus>> = conn
        .prepare_cached(&format!(
            "SELECT {AGENT}, at, healthy, message FROM agents LEFT JOIN heartbeats ON agent = name {which}"
        ))?
        .query_map(params, |row| {
            if !AgentRow::read(row, 0)?.is_ours(keys) {
                return Ok(None);
            }
            let at: Option<i64> = row.get(AGENT_COLUMNS)?;
            let last_beat = match at {
                None => None,
                Some(at) => Some(Beat {
                    at: time(at),
                    healthy: row.get(AGENT_COLUMNS + 1)?,
                    message: row.get(AGENT_COLUMNS + 2)?,
                }),
            };
            Ok(Some(AgentStatus {
                agent: agent(row)?,
                created_at: time_at(row, 4)?,
                revoked_at: optional_time_at(row, 5)?,
                last_beat,
            }))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(all.into_iter().flatten().collect())
}
