//! The rows of the register, each with a MAC under a key of the store: a row that somebody else wrote, or changed,
//! is nobody's. Whoever can write the file, or a backup of it, makes nobody an operator.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::vault::StoreKeys;

/// The columns of an agent's row.
pub(super) const AGENT: &str =
    "agents.name, agents.role, agents.secret_prefixes, agents.stacks, agents.created_at, agents.revoked_at, agents.mac";

/// How many these are.
pub(super) const AGENT_COLUMNS: usize = 7;

/// The columns of a token's row.
pub(super) const TOKEN: &str = "tokens.hash, tokens.agent, tokens.created_at, tokens.ends_at, tokens.mac";

/// An agent's row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentRow {
    pub(crate) name: String,
    pub(super) role: String,
    pub(super) secret_prefixes: String,
    pub(super) stacks: String,
    pub(super) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
    mac: Option<Vec<u8>>,
}

/// A token's row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) hash: [u8; 32],
    pub(crate) agent: String,
    pub(crate) created_at: i64,
    pub(crate) ends_at: Option<i64>,
    mac: Option<Vec<u8>>,
}

impl AgentRow {
    /// A row that is still to be written.
    pub(super) fn new(name: &str, role: &str, secret_prefixes: String, stacks: String, created_at: i64) -> Self {
        Self {
            name: name.to_owned(),
            role: role.to_owned(),
            secret_prefixes,
            stacks,
            created_at,
            revoked_at: None,
            mac: None,
        }
    }

    /// Reads the columns of [`AGENT`] from `first` on.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(first)?,
            role: row.get(first + 1)?,
            secret_prefixes: row.get(first + 2)?,
            stacks: row.get(first + 3)?,
            created_at: row.get(first + 4)?,
            revoked_at: row.get(first + 5)?,
            mac: row.get(first + 6)?,
        })
    }

    /// Whether the columns of [`AGENT`] from the first on are these, the MAC among them.
    pub(super) fn stands_in(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        Ok(row.get_ref(0)? == text(&self.name)
            && row.get_ref(1)? == text(&self.role)
            && row.get_ref(2)? == text(&self.secret_prefixes)
            && row.get_ref(3)? == text(&self.stacks)
            && row.get_ref(4)? == ValueRef::Integer(self.created_at)
            && row.get_ref(5)? == integer(self.revoked_at)
            && row.get_ref(6)? == blob(self.mac.as_deref()))
    }

    /// Whether both say the same of an agent.
    pub(super) fn says(&self, other: &Self) -> bool {
        let mac = other.mac.clone();
        Self { mac, ..self.clone() } == *other
    }

    fn mac_under(&self, keys: &StoreKeys) -> [u8; 32] {
        keys.register_mac(&[
            b"agent",
            self.name.as_bytes(),
            self.role.as_bytes(),
            self.secret_prefixes.as_bytes(),
            self.stacks.as_bytes(),
            &self.created_at.to_be_bytes(),
            &bytes(self.revoked_at),
        ])
    }

    /// Whether this store wrote it.
    pub(crate) fn is_ours(&self, keys: &StoreKeys) -> bool {
        self.mac.as_deref() == Some(&self.mac_under(keys)[..])
    }

    /// Writes it, in place of what stands under its name.
    pub(super) fn put(&self, conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "INSERT INTO agents (name, role, secret_prefixes, stacks, created_at, revoked_at, mac) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO UPDATE \
             SET role = excluded.role, secret_prefixes = excluded.secret_prefixes, stacks = excluded.stacks, \
             created_at = excluded.created_at, revoked_at = excluded.revoked_at, mac = excluded.mac",
        )?
        .execute(params![
            self.name,
            self.role,
            self.secret_prefixes,
            self.stacks,
            self.created_at,
            self.revoked_at,
            self.mac_under(keys),
        ])
        .map(|_| ())
    }
}

impl TokenRow {
    /// Whether the columns of [`TOKEN`] behind those of an agent are these, the MAC among them.
    pub(super) fn stands_in(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        Ok(row.get_ref(AGENT_COLUMNS)? == ValueRef::Blob(&self.hash)
            && row.get_ref(AGENT_COLUMNS + 1)? == text(&self.agent)
            && row.get_ref(AGENT_COLUMNS + 2)? == ValueRef::Integer(self.created_at)
            && row.get_ref(AGENT_COLUMNS + 3)? == integer(self.ends_at)
            && row.get_ref(AGENT_COLUMNS + 4)? == blob(self.mac.as_deref()))
    }

    /// A row that is still to be written.
    pub(super) fn new(hash: [u8; 32], agent: &str, created_at: i64) -> Self {
        Self {
            hash,
            agent: agent.to_owned(),
            created_at,
            ends_at: None,
            mac: None,
        }
    }

    /// Reads the columns of [`TOKEN`] from `first` on.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            hash: row.get(first)?,
            agent: row.get(first + 1)?,
            created_at: row.get(first + 2)?,
            ends_at: row.get(first + 3)?,
            mac: row.get(first + 4)?,
        })
    }

    fn mac_under(&self, keys: &StoreKeys) -> [u8; 32] {
        keys.register_mac(&[
            b"token",
            &self.hash,
            self.agent.as_bytes(),
            &self.created_at.to_be_bytes(),
            &bytes(self.ends_at),
        ])
    }

    /// Whether this store wrote it.
    pub(crate) fn is_ours(&self, keys: &StoreKeys) -> bool {
        self.mac.as_deref() == Some(&self.mac_under(keys)[..])
    }

    /// Writes it, in place of what stands under its hash; a token that is another agent's is refused.
    pub(crate) fn put(&self, conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<()> {
        let changed = conn
            .prepare_cached(
                "INSERT INTO tokens (hash, agent, created_at, ends_at, mac) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (hash) DO UPDATE \
                 SET created_at = excluded.created_at, ends_at = excluded.ends_at, mac = excluded.mac \
                 WHERE agent = excluded.agent",
            )?
            .execute(params![
                self.hash,
                self.agent,
                self.created_at,
                self.ends_at,
                self.mac_under(keys)
            ])?;
        if changed == 1 {
            Ok(())
        } else {
            Err(rusqlite::Error::StatementChangedRows(changed))
        }
    }
}

fn text(text: &str) -> ValueRef<'_> {
    ValueRef::Text(text.as_bytes())
}

fn integer(number: Option<i64>) -> ValueRef<'static> {
    number.map_or(ValueRef::Null, ValueRef::Integer)
}

fn blob(bytes: Option<&[u8]>) -> ValueRef<'_> {
    bytes.map_or(ValueRef::Null, ValueRef::Blob)
}

fn bytes(time: Option<i64>) -> Vec<u8> {
    time.map_or_else(Vec::new, |time| time.to_be_bytes().to_vec())
}

/// The agent of that name, if this store wrote it.
pub(crate) fn find(conn: &Connection, keys: &StoreKeys, name: &str) -> rusqlite::Result<Option<AgentRow>> {
    let found = conn
        .prepare_cached(&format!("SELECT {AGENT} FROM agents WHERE name = ?1"))?
        .query_row([name], |row| AgentRow::read(row, 0))
        .optional()?;
    Ok(found.filter(|row| row.is_ours(keys)))
}

/// All agents, whoever wrote them.
pub(crate) fn agents(conn: &Connection) -> rusqlite::Result<Vec<AgentRow>> {
    conn.prepare_cached(&format!("SELECT {AGENT} FROM agents ORDER BY name"))?
        .query_map([], |row| AgentRow::read(row, 0))?
        .collect()
}

/// All tokens, whoever wrote them.
pub(crate) fn tokens(conn: &Connection) -> rusqlite::Result<Vec<TokenRow>> {
    conn.prepare_cached(&format!("SELECT {TOKEN} FROM tokens ORDER BY agent, created_at"))?
        .query_map([], |row| TokenRow::read(row, 0))?
        .collect()
}

/// The agents whose own row, or a token's, this store did not write.
pub(crate) fn forged(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<Vec<String>> {
    let agents = agents(conn)?.into_iter().filter(|row| !row.is_ours(keys));
    let tokens = tokens(conn)?.into_iter().filter(|row| !row.is_ours(keys));
    let mut names: Vec<String> = agents.map(|row| row.name).chain(tokens.map(|row| row.agent)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Gives every row its MAC: those of a schema that had none.
pub(crate) fn authenticate_all(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<()> {
    for row in agents(conn)? {
        row.put(conn, keys)?;
    }
    for row in tokens(conn)? {
        row.put(conn, keys)?;
    }
    Ok(())
}

/// Revokes an agent as another row of it says that it was; its name, if it stood.
pub(crate) fn revoke_as(conn: &Connection, keys: &StoreKeys, newer: &AgentRow) -> rusqlite::Result<Option<String>> {
    let Some(mut row) = find(conn, keys, &newer.name)?.filter(|row| row.revoked_at.is_none()) else {
        return Ok(None);
    };
    row.revoked_at = newer.revoked_at;
    row.put(conn, keys)?;
    conn.execute("DELETE FROM tokens WHERE agent = ?1", [&row.name])?;
    Ok(Some(row.name))
}
