//! What lets somebody in or sends something out, and has ended or was replaced since a backup was made: it is read of the
//! database that the backup takes the place of, and ends in the backup, too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use cc_devops_fleet::slack_users::who_is_who;
use cc_devops_fleet::watching::replaced_since;
use cc_devops_kernel::audit::Mark;
use cc_devops_kernel::ports::{PortResult, Record, RecordKind, StateChange};
use cc_devops_requests::ports::SealingKeys;
use cc_devops_requests::sealed_values::SealingPair;
use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::agents::register::{self, AgentRow, TokenRow};
use crate::error::Fault;
use crate::store::Store;
use crate::vault::StoreKeys;
use crate::{sealing_keys, stacks, state, webhooks};

/// What is said of a webhook that is switched off.
const OFF: &str = "it was removed or switched off since the backup was made that was put in place";

/// What lets somebody in or sends something out, as what can be unknown of a replaced database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndedPart {
    /// Tokens, and which agents were revoked.
    Tokens,
    /// Access keys.
    AccessKeys,
    /// Ping addresses, and the key of slugs.
    PingAddresses,
    /// Webhooks.
    Webhooks,
    /// The key that values are sealed to.
    SealingKey,
    /// Who is who in Slack.
    SlackUsers,
}

impl EndedPart {
    /// All of it.
    pub const ALL: [Self; 6] = [
        Self::Tokens,
        Self::AccessKeys,
        Self::PingAddresses,
        Self::Webhooks,
        Self::SealingKey,
        Self::SlackUsers,
    ];
}

impl fmt::Display for EndedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokens => "tokens",
            Self::AccessKeys => "access keys",
            Self::PingAddresses => "ping addresses",
            Self::Webhooks => "webhooks",
            Self::SealingKey => "the key that values are sealed to",
            Self::SlackUsers => "who is who in Slack",
        })
    }
}

/// What ended in a backup before it was put in place. As JSON it is what the audit trail and the command say of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How many tokens, because they have ended since.
    #[serde(rename = "endedTokens")]
    pub tokens: u64,
    /// How many access keys, because they have ended since.
    #[serde(rename = "endedKeys")]
    pub keys: u64,
    /// These by their ids, with when they end; without, they are gone.
    pub access_keys: BTreeMap<String, Option<Timestamp>>,
    /// The agents that were revoked since.
    pub revoked: Vec<String>,
    /// All sessions with the dashboard, by the hashes of their secrets.
    pub sessions: Vec<String>,
    /// Operators that are another Slack user than in the backup: the one that they were before it was put in place, or
    /// none. Where it is not known who was who, nobody is one.
    pub slack_users: BTreeMap<String, Option<String>>,
    /// How many ping addresses, and keys of slugs, because they were replaced or taken away since.
    #[serde(rename = "endedAddresses")]
    pub addresses: u64,
    /// The webhooks that were switched off, because they were removed or switched off since.
    pub webhooks_off: Vec<String>,
    /// Whether values are sealed to another key than in the backup: the one of before it was put in place.
    pub sealing_key_kept: bool,
    /// Of what more may have ended than is known.
    #[serde(rename = "unknownParts")]
    pub unknown: BTreeSet<EndedPart>,
}

/// What the replaced database says of whom it lets in, and of whom it sends something; none of what cannot be read.
pub(super) struct Since {
    pub(super) head: Mark,
    /// Why it is not taken at its word: what ended by it ends, and nothing is taken over from it.
    pub(super) doubt: Option<String>,
    agents: Option<Vec<AgentRow>>,
    tokens: Option<Vec<TokenRow>>,
    keys: Option<Vec<Record>>,
    slack_users: Option<Vec<Record>>,
    /// Watches with their ping addresses.
    watches: Option<Vec<Record>>,
    sealing_keys: Option<Vec<SealingPair>>,
    /// Those that are not switched off.
    webhooks: Option<HashSet<String>>,
    unread: BTreeSet<EndedPart>,
}

/// Reads a database part by part: one that cannot be read hides no other.
struct Reading<'a> {
    store: &'a Store,
    unread: BTreeSet<EndedPart>,
}

impl Reading<'_> {
    async fn rows<T: Send + 'static>(
        &mut self,
        part: EndedPart,
        read: impl FnOnce(&Connection, &StoreKeys) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<T> {
        let keys = Arc::clone(self.store.db().store_keys());
        let read = self
            .store
            .db()
            .read(move |conn| read(conn, &keys).map_err(Fault::from))
            .await;
        self.known(part, read)
    }

    fn known<T>(&mut self, part: EndedPart, read: PortResult<T>) -> Option<T> {
        match read {
            Ok(known) => Some(known),
            Err(error) => {
                tracing::warn!(%error, %part, "a part of the replaced database cannot be read");
                self.unread.insert(part);
                None
            }
        }
    }
}

impl Since {
    /// Reads it, of a database whose trail ends there.
    pub(super) async fn read(store: &Store, head: Mark, doubt: Option<String>) -> Self {
        let unread = BTreeSet::new();
        let mut reading = Reading { store, unread };
        let sealing_keys = store.sealing_keys().pairs().await;
        Self {
            head,
            doubt,
            agents: reading
                .rows(EndedPart::Tokens, |conn, keys| {
                    let rows = register::agents(conn)?.into_iter();
                    Ok(rows.filter(|row| row.is_ours(keys)).collect())
                })
                .await,
            tokens: reading
                .rows(EndedPart::Tokens, |conn, keys| {
                    let rows = register::tokens(conn)?.into_iter();
                    Ok(rows.filter(|row| row.is_ours(keys)).collect())
                })
                .await,
            keys: reading
                .rows(EndedPart::AccessKeys, |conn, keys| {
                    state::all(conn, keys, RecordKind::AwsKey)
                })
                .await,
            slack_users: reading
                .rows(EndedPart::SlackUsers, |conn, keys| {
                    state::all(conn, keys, RecordKind::SlackUser)
                })
                .await,
            watches: reading.rows(EndedPart::PingAddresses, watches).await,
            sealing_keys: reading.known(EndedPart::SealingKey, sealing_keys),
            webhooks: reading
                .rows(EndedPart::Webhooks, |conn, _| {
                    let on = webhooks::switched_on(conn)?;
                    Ok(on.into_iter().collect())
                })
                .await,
            unread: reading.unread,
        }
    }
}

/// Ends in the backup what has ended since, and what nobody can know of: sessions, and deploys that wait for approval.
/// Where nothing sure says what has ended since, nobody is known in Slack either.
pub(super) async fn end(
    backup: &Store,
    authenticated: bool,
    since: Option<Since>,
    now: Timestamp,
) -> PortResult<Ended> {
    let keys = Arc::clone(backup.db().store_keys());
    let ended = backup.db().write(move |conn, keyring| {
        // Nobody knows what has changed their stacks since.
        stacks::forget_plans(conn)?;
        let mut ended = Ended {
            sessions: end_sessions(conn, &keys)?,
            ..Ended::default()
        };
        if !authenticated {
            ended.tokens += conn.execute("DELETE FROM tokens", [])? as u64;
        }
        let Some(since) = since else {
            ended.unknown = BTreeSet::from(EndedPart::ALL);
            ended.slack_users = know_in_slack(conn, &keys, &[])?;
            return Ok(ended);
        };
        let is_sure = since.doubt.is_none();
        ended.unknown = if is_sure {
            since.unread
        } else {
            BTreeSet::from(EndedPart::ALL)
        };
        if let Some(newer) = since.tokens {
            ended.tokens += end_tokens(conn, &keys, newer)?;
        }
        let agents = since.agents.iter().flatten();
        for newer in agents.filter(|row| row.revoked_at.is_some()) {
            ended.revoked.extend(register::revoke_as(conn, &keys, newer)?);
        }
        if let Some(newer) = &since.keys {
            ended.access_keys = state::keep_as(conn, &keys, RecordKind::AwsKey, newer)?;
            ended.keys = ended.access_keys.len() as u64;
        }
        if let Some(on) = &since.webhooks {
            ended.webhooks_off = webhooks::switch_off_but(conn, on, now, OFF)?;
        }
        // The rest is taken over, and a row that somebody put back is this store's, too.
        let slack_users = since.slack_users.filter(|_| is_sure).unwrap_or_default();
        ended.slack_users = know_in_slack(conn, &keys, &slack_users)?;
        if let Some(newer) = since.watches.filter(|_| is_sure) {
            let replaced = replaced_since(&watches(conn, &keys)?, &newer)?;
            state::write(conn, &keys, &replaced.changes)?;
            ended.addresses = replaced.ended;
            if replaced.unreadable > 0 {
                tracing::warn!(replaced.unreadable, "records of ping addresses cannot be read");
                ended.unknown.insert(EndedPart::PingAddresses);
            }
        }
        if let Some(newer) = since.sealing_keys.filter(|_| is_sure) {
            ended.sealing_key_kept = sealing_keys::keep_as(conn, keyring, &newer)?;
        }
        Ok(ended)
    });
    ended.await
}

fn watches(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<Vec<Record>> {
    let mut all = state::all(conn, keys, RecordKind::Watch)?;
    all.extend(state::all(conn, keys, RecordKind::PingAddress)?);
    Ok(all)
}

/// Ends every session, and every link that begins one; the sessions.
fn end_sessions(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<Vec<String>> {
    let sessions = state::all(conn, keys, RecordKind::Session)?.into_iter();
    let sessions = sessions.map(|record| record.key.name).collect();
    for kind in [RecordKind::Session, RecordKind::SessionLink] {
        state::remove_all(conn, kind)?;
    }
    Ok(sessions)
}

/// Ends the tokens that are not among the newer ones, and others when these end; how many.
fn end_tokens(conn: &Connection, keys: &StoreKeys, newer: Vec<TokenRow>) -> rusqlite::Result<u64> {
    let mut ended = 0;
    let good: HashMap<[u8; 32], TokenRow> = newer.into_iter().map(|row| (row.hash, row)).collect();
    for mut row in register::tokens(conn)? {
        let ends_at = match good.get(&row.hash) {
            None => {
                conn.execute("DELETE FROM tokens WHERE hash = ?1", [row.hash])?;
                ended += 1;
                continue;
            }
            Some(newer) => newer.ends_at,
        };
        if ends_at.is_some_and(|end| row.ends_at.is_none_or(|known| known > end)) {
            row.ends_at = ends_at;
            row.put(conn, keys)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// From now on those agents are known in Slack that these records name, and nobody else. Who is another than before.
fn know_in_slack(
    conn: &Connection,
    keys: &StoreKeys,
    newer: &[Record],
) -> Result<BTreeMap<String, Option<String>>, Fault> {
    let before = slack_users(&state::all(conn, keys, RecordKind::SlackUser)?);
    state::remove_all(conn, RecordKind::SlackUser)?;
    let mut known = Vec::new();
    for record in newer {
        // Whoever was added since is not there.
        if let Ok((agent, _)) = who_is_who(record)
            && register::find(conn, keys, agent.as_str())?.is_some()
        {
            known.push(record.clone());
        }
    }
    let anew = known.iter().map(|record| StateChange {
        key: record.key.clone(),
        version: 0,
        content: Some(record.content.clone()),
    });
    state::write(conn, keys, &anew.collect::<Vec<_>>())?;
    let after = slack_users(&known);
    let agents = before.keys().chain(after.keys());
    let others = agents.filter(|agent| before.get(*agent) != after.get(*agent));
    let users = others.map(|agent| (agent.clone(), after.get(agent).cloned()));
    Ok(users.collect())
}

fn slack_users(records: &[Record]) -> BTreeMap<String, String> {
    let users = records.iter().filter_map(|record| who_is_who(record).ok());
    users
        .map(|(agent, user)| (agent.to_string(), user.to_string()))
        .collect()
}
