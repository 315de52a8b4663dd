//! Rows of the register that were found to be this store's.
//!
//! Every call of an agent reads its row and its token's. While these stand as they stood, in every column, their MACs
//! need not be computed again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::agent::Agent;
use rusqlite::Row;

use super::register::{AGENT_COLUMNS, AgentRow, TokenRow};
use crate::columns::{json_at, name_at, role_at};
use crate::vault::StoreKeys;

/// How many are kept before all are forgotten, and found again.
const MOST: usize = 4096;

/// An agent that was read, and whether this store wrote its row, and the token's where it was read with one.
pub(super) struct Read {
    pub(super) agent: Agent,
    pub(super) ours: bool,
}

/// The rows, as they stood.
#[derive(Default)]
pub(super) struct Proofs {
    by_token: Mutex<HashMap<[u8; 32], (AgentRow, TokenRow, Agent)>>,
    by_name: Mutex<HashMap<String, (AgentRow, Agent)>>,
}

impl Proofs {
    /// The agent whose row starts with the columns of [`AGENT`](super::register::AGENT) and goes on with those of [`TOKEN`](super::register::TOKEN).
    pub(super) fn with_token(&self, row: &Row<'_>, token: &[u8; 32], keys: &StoreKeys) -> rusqlite::Result<Read> {
        let mut proven = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by_agent, by_token, agent)) = proven.get(token)
            && by_agent.stands_in(row)?
            && by_token.stands_in(row)?
        {
            let agent = agent.clone();
            return Ok(Read { agent, ours: true });
        }
        let (by_agent, by_token) = (AgentRow::read(row, 0)?, TokenRow::read(row, AGENT_COLUMNS)?);
        let read = Read {
            agent: agent(row)?,
            ours: by_agent.is_ours(keys) && by_token.is_ours(keys),
        };
        if read.ours {
            room_for_one(&mut proven).insert(*token, (by_agent, by_token, read.agent.clone()));
        }
        Ok(read)
    }

    /// The agent whose row starts with the columns of [`AGENT`](super::register::AGENT).
    pub(super) fn by_name(&self, row: &Row<'_>, name: &str, keys: &StoreKeys) -> rusqlite::Result<Read> {
        let mut proven = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by_agent, agent)) = proven.get(name)
            && by_agent.stands_in(row)?
        {
            let agent = agent.clone();
            return Ok(Read { agent, ours: true });
        }
        let by_agent = AgentRow::read(row, 0)?;
        let read = Read {
            agent: agent(row)?,
            ours: by_agent.is_ours(keys),
        };
        if read.ours {
            room_for_one(&mut proven).insert(name.to_owned(), (by_agent, read.agent.clone()));
        }
        Ok(read)
    }
}

fn room_for_one<K, V>(proven: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if proven.len() >= MOST {
        proven.clear();
    }
    proven
}

/// The agent that the columns of [`AGENT`](super::register::AGENT) from the first on describe.
pub(super) fn agent(row: &Row<'_>) -> rusqlite::Result<Agent> {
    Ok(Agent {
        name: name_at(row, 0)?,
        role: role_at(row, 1)?,
        secret_prefixes: json_at(row, 2)?,
        stacks: json_at(row, 3)?,
    })
}
