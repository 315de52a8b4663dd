//! The agents, the hashes of their tokens, and their last heartbeats.

use async_trait::async_trait;
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
}

#[async_trait]
impl Agents for SqliteAgents {
    async fn add(&self, agent: &NewAgent, token: &NewToken) -> PortResult<()> {
        let (agent, token) = (agent.clone(), token.clone());
        self.db.write(move |conn, _| add(conn, &agent, &token)).await
    }

    async fn rotate(&self, name: &AgentName, token: &NewToken, old_until: Timestamp) -> PortResult<()> {
        let (name, token) = (name.clone(), token.clone());
        self.db
            .write(move |conn, _| rotate(conn, &name, &token, old_until))
            .await
    }

    async fn revoke(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        let name = name.clone();
        self.db.write(move |conn, _| revoke(conn, &name, at)).await
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
            .write_repeatable(move |conn, _| {
                let taken = conn
                    .prepare_cached(
                        "INSERT INTO heartbeats (agent, at, healthy, message) \
                         SELECT name, ?2, ?3, ?4 FROM agents WHERE name = ?1 \
                         ON CONFLICT (agent) DO UPDATE \
                         SET at = excluded.at, healthy = excluded.healthy, message = excluded.message",
                    )?
                    .execute(params![name.as_str(), nanos(beat.at), beat.healthy, beat.message])?;
                if taken == 1 { Ok(()) } else { Err(unknown(&name)) }
            })
            .await
    }
}

fn unknown(name: &AgentName) -> Fault {
    Fault::port(
        PortErrorKind::NotFound,
        format!("there is no agent {name}: add it with `cc-devops agents add {name}`"),
    )
}

fn add(conn: &Connection, new: &NewAgent, token: &NewToken) -> Result<(), Fault> {
    let agent = &new.agent;
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
    insert_token(conn, &agent.name, token)
}

fn insert_token(conn: &Connection, name: &AgentName, token: &NewToken) -> Result<(), Fault> {
    conn.prepare_cached("INSERT INTO tokens (hash, agent, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![token.hash.0, name.as_str(), nanos(token.created_at)])?;
    Ok(())
}

fn rotate(conn: &Connection, name: &AgentName, token: &NewToken, old_until: Timestamp) -> Result<(), Fault> {
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
    insert_token(conn, name, token)
}

fn revoke(conn: &Connection, name: &AgentName, at: Timestamp) -> Result<(), Fault> {
    let known = conn
        .prepare_cached("UPDATE agents SET revoked_at = coalesce(revoked_at, ?2) WHERE name = ?1")?
        .execute(params![name.as_str(), nanos(at)])?;
    if known == 0 {
        return Err(unknown(name));
    }
    conn.prepare_cached("DELETE FROM tokens WHERE agent = ?1")?
        .execute([name.as_str()])?;
    Ok(())
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
