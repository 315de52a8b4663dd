//! The agents, the hashes of their tokens, and their last heartbeats.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_core::audit::AuditEntry;
use cc_devops_core::fleet::{Agent, AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{Agents, Heartbeats, PortErrorKind, PortResult};
use cc_devops_core::requests::Role;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::columns::{json, json_at, name_at, nanos, optional_time_at, role, role_at, time, time_at};
use crate::db::Db;
use crate::error::Fault;

/// The agents in the database, and their heartbeats.
pub struct SqliteAgents {
    db: Db,
}

impl SqliteAgents {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Makes a change, and puts it on record in the same transaction if it changed anything.
    async fn act(
        &self,
        audit: &AuditEntry,
        change: impl FnOnce(&Connection) -> Result<Change, Fault> + Send + 'static,
    ) -> PortResult<()> {
        let (keys, audit) = (Arc::clone(self.db.store_keys()), audit.clone());
        self.db
            .write(move |conn, _| match change(conn)? {
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
        self.act(audit, move |conn| add(conn, &agent, &token)).await
    }

    async fn rotate(
        &self,
        name: &AgentName,
        token: &NewToken,
        old_until: Timestamp,
        audit: &AuditEntry,
    ) -> PortResult<()> {
        let (name, token) = (name.clone(), token.clone());
        self.act(audit, move |conn| rotate(conn, &name, &token, old_until))
            .await
    }

    async fn revoke(&self, name: &AgentName, at: Timestamp, audit: &AuditEntry) -> PortResult<()> {
        let name = name.clone();
        self.act(audit, move |conn| revoke(conn, &name, at)).await
    }

    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>> {
        self.db.read_inline(|conn| {
            let found = conn
                .prepare_cached(
                    "SELECT name, role, secret_prefixes, stacks FROM tokens JOIN agents ON name = agent \
                     WHERE hash = ?1 AND (ends_at IS NULL OR ends_at > ?2) AND revoked_at IS NULL",
                )?
                .query_row(params![token.0, nanos(now)], agent)
                .optional()?;
            Ok(found)
        })
    }

    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
        self.db.read_inline(|conn| {
            let found = conn
                .prepare_cached(
                    "SELECT name, role, secret_prefixes, stacks FROM agents WHERE name = ?1 AND revoked_at IS NULL",
                )?
                .query_row([name.as_str()], agent)
                .optional()?;
            Ok(found)
        })
    }

    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        let name = name.clone();
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(
                    "INSERT INTO agents (name, role, secret_prefixes, stacks, created_at) \
                     VALUES (?1, ?2, '[]', '[]', ?3) ON CONFLICT (name) DO NOTHING",
                )?
                .execute(params![name.as_str(), role(Role::Agent), nanos(at)])?;
                Ok(())
            })
            .await
    }

    async fn list(&self) -> PortResult<Vec<AgentStatus>> {
        self.db.read(list).await
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

fn add(conn: &Connection, new: &NewAgent, token: &NewToken) -> Result<Change, Fault> {
    let agent = &new.agent;
    if has_token(conn, &agent.name, token)? && stands_as(conn, new)? {
        return Ok(Change::WasMade);
    }
    let names = conn
        .prepare_cached("SELECT name FROM agents")?
        .query_map([], |row| name_at::<AgentName>(row, 0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if let Some(other) = names.iter().find(|other| other.collides_with(&agent.name)) {
        let message = if *other == agent.name {
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
    conn.prepare_cached(
        "INSERT INTO agents (name, role, secret_prefixes, stacks, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        agent.name.as_str(),
        role(agent.role),
        json(&agent.secret_prefixes)?,
        json(&agent.stacks)?,
        nanos(new.created_at),
    ])?;
    insert_token(conn, &agent.name, token)?;
    Ok(Change::Made)
}

/// Whether an agent was given this token before.
fn has_token(conn: &Connection, name: &AgentName, token: &NewToken) -> Result<bool, Fault> {
    let has = conn
        .prepare_cached("SELECT 1 FROM tokens WHERE hash = ?1 AND agent = ?2")?
        .exists(params![token.hash.0, name.as_str()])?;
    Ok(has)
}

/// Whether an agent stands as this addition wrote it.
fn stands_as(conn: &Connection, new: &NewAgent) -> Result<bool, Fault> {
    let known = conn
        .prepare_cached(
            "SELECT name, role, secret_prefixes, stacks FROM agents \
             WHERE name = ?1 AND created_at = ?2 AND revoked_at IS NULL",
        )?
        .query_row(params![new.agent.name.as_str(), nanos(new.created_at)], agent)
        .optional()?;
    Ok(known.as_ref() == Some(&new.agent))
}

fn insert_token(conn: &Connection, name: &AgentName, token: &NewToken) -> Result<(), Fault> {
    conn.prepare_cached("INSERT INTO tokens (hash, agent, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![token.hash.0, name.as_str(), nanos(token.created_at)])?;
    Ok(())
}

fn rotate(conn: &Connection, name: &AgentName, token: &NewToken, old_until: Timestamp) -> Result<Change, Fault> {
    if has_token(conn, name, token)? {
        return Ok(Change::WasMade);
    }
    let known = conn
        .prepare_cached("UPDATE agents SET revoked_at = NULL WHERE name = ?1")?
        .execute([name.as_str()])?;
    if known == 0 {
        return Err(unknown(name));
    }
    // What has ended is deleted, not marked: a clock that goes back must not bring it to life.
    conn.prepare_cached("DELETE FROM tokens WHERE agent = ?1 AND (?2 <= ?3 OR ends_at <= ?3)")?
        .execute(params![name.as_str(), nanos(old_until), nanos(token.created_at)])?;
    conn.prepare_cached("UPDATE tokens SET ends_at = min(coalesce(ends_at, ?2), ?2) WHERE agent = ?1")?
        .execute(params![name.as_str(), nanos(old_until)])?;
    insert_token(conn, name, token)?;
    Ok(Change::Made)
}

fn revoke(conn: &Connection, name: &AgentName, at: Timestamp) -> Result<Change, Fault> {
    let changed = conn
        .prepare_cached("UPDATE agents SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL")?
        .execute(params![name.as_str(), nanos(at)])?;
    if changed == 0 {
        let known = conn
            .prepare_cached("SELECT 1 FROM agents WHERE name = ?1")?
            .exists([name.as_str()])?;
        return if known { Ok(Change::WasMade) } else { Err(unknown(name)) };
    }
    conn.prepare_cached("DELETE FROM tokens WHERE agent = ?1")?
        .execute([name.as_str()])?;
    Ok(Change::Made)
}

fn agent(row: &Row<'_>) -> rusqlite::Result<Agent> {
    Ok(Agent {
        name: name_at(row, 0)?,
        role: role_at(row, 1)?,
        secret_prefixes: json_at(row, 2)?,
        stacks: json_at(row, 3)?,
    })
}

fn list(conn: &Connection) -> Result<Vec<AgentStatus>, Fault> {
    let all = conn
        .prepare_cached(
            "SELECT name, role, secret_prefixes, stacks, created_at, revoked_at, at, healthy, message \
             FROM agents LEFT JOIN heartbeats ON agent = name ORDER BY name",
        )?
        .query_map([], |row| {
            let at: Option<i64> = row.get(6)?;
            let last_beat = match at {
                None => None,
                Some(at) => Some(Beat {
                    at: time(at),
                    healthy: row.get(7)?,
                    message: row.get(8)?,
                }),
            };
            Ok(AgentStatus {
                agent: agent(row)?,
                created_at: time_at(row, 4)?,
                revoked_at: optional_time_at(row, 5)?,
                last_beat,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(all)
}
