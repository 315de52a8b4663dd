//! The register: agents with their grants and tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use cc_devops_core::fleet::{Agent, AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_core::names::{AgentName, SecretPrefix, StackName};
use cc_devops_core::ports::{Agents, PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::enabled::{Cache, Change, FRESH};
use crate::error::port_error;
use crate::ledger::{incomplete, refused_at};
use crate::table::{Item, from_item, key, text, to_item};
use crate::{Backend, Shared};

/// The partition of the agents.
const AGENTS: &str = "AGENTS";

impl Backend {
    /// The agents' register.
    pub fn agents(&self) -> Arc<dyn Agents> {
        Arc::new(Register {
            shared: self.shared.clone(),
            cache: Cache::default(),
            found: Mutex::default(),
        })
    }
}

struct Register {
    shared: Arc<Shared>,
    cache: Cache,
    /// Agents that were found lately. One that others revoke is found for [`FRESH`] at most, as
    /// long as its name in the list is good.
    found: Mutex<HashMap<AgentName, (Instant, Agent)>>,
}

/// An agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    pub(crate) name: AgentName,
    role: Role,
    secret_prefixes: Vec<SecretPrefix>,
    stacks: Vec<StackName>,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    /// The hashes of its tokens, each with the time it ends.
    tokens: BTreeMap<String, Option<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_beat: Option<Beat>,
    /// Counts the changes of its tokens, so that two at once do not undo each other.
    revision: i64,
}

impl AgentRow {
    fn of(agent: &Agent, created_at: Timestamp) -> Self {
        Self {
            pk: AGENTS.to_owned(),
            sk: agent.name.to_string(),
            name: agent.name.clone(),
            role: agent.role,
            secret_prefixes: agent.secret_prefixes.clone(),
            stacks: agent.stacks.clone(),
            created_at,
            revoked_at: None,
            tokens: BTreeMap::new(),
            last_beat: None,
            revision: 0,
        }
    }

    fn agent(&self) -> Agent {
        Agent {
            name: self.name.clone(),
            role: self.role,
            secret_prefixes: self.secret_prefixes.clone(),
            stacks: self.stacks.clone(),
        }
    }

    fn status(self) -> AgentStatus {
        AgentStatus {
            agent: self.agent(),
            created_at: self.created_at,
            revoked_at: self.revoked_at,
            last_beat: self.last_beat,
        }
    }

    /// The key of an agent.
    pub(crate) fn key(name: &AgentName) -> Item {
        key(AGENTS, name.as_str())
    }
}

/// An agent that only others' parameter names: it has what every agent has.
pub(crate) fn stranger(name: &AgentName) -> Agent {
    Agent {
        name: name.clone(),
        role: Role::Agent,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    }
}

/// What a name must not share with another's; see [`AgentName::collides_with`].
fn claims(name: &AgentName) -> [Item; 2] {
    let folded = [
        format!("NAME#{}", name.as_str().to_ascii_lowercase()),
        format!("NAME#stack/{}", name.own_stack()),
    ];
    folded.map(|folded| {
        let mut item = key(folded, "NAME");
        item.insert("name".to_owned(), text(name.as_str()));
        item
    })
}

fn token_key(hash: &str) -> Item {
    key(format!("TOKEN#{hash}"), "TOKEN")
}

#[derive(Deserialize)]
struct TokenRow {
    agent: AgentName,
}

fn unknown(name: &AgentName) -> PortError {
    PortError::new(PortErrorKind::NotFound, format!("there is no agent {name}"))
}

impl Register {
    fn found(&self) -> MutexGuard<'_, HashMap<AgentName, (Instant, Agent)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, item: Item, condition: &str) -> PortResult<TransactWriteItem> {
        let put = Put::builder().table_name(self.shared.table()).set_item(Some(item));
        let put = put.condition_expression(condition).build().map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Takes the names, for this agent alone.
    fn take_names(&self, name: &AgentName) -> PortResult<Vec<TransactWriteItem>> {
        let [one, other] = claims(name);
        [one, other]
            .into_iter()
            .map(|item| {
                let put = Put::builder().table_name(self.shared.table()).set_item(Some(item));
                let put = put
                    .condition_expression("attribute_not_exists(PK) OR #name = :name")
                    .expression_attribute_names("#name", "name")
                    .expression_attribute_values(":name", text(name.as_str()));
                let put = put.build().map_err(incomplete)?;
                Ok(TransactWriteItem::builder().put(put).build())
            })
            .collect()
    }

    fn put_token(&self, hash: &TokenHash, agent: &AgentName) -> PortResult<TransactWriteItem> {
        let mut item = token_key(&hex::encode(hash.0));
        item.insert("agent".to_owned(), text(agent.as_str()));
        self.put(item, "attribute_not_exists(PK)")
    }

    async fn row(&self, name: &AgentName) -> PortResult<Option<AgentRow>> {
        self.shared.get(AgentRow::key(name), "an agent").await
    }

    async fn rows(&self) -> PortResult<Vec<AgentRow>> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let call = self
                .shared
                .clients
                .dynamodb()
                .query()
                .table_name(self.shared.table())
                .consistent_read(true);
            let call = call
                .key_condition_expression("PK = :agents")
                .expression_attribute_values(":agents", text(AGENTS));
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                rows.push(from_item(item, "an agent")?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Refuses a name too much like another's, with a sentence that says which.
    fn refuse_alike<'a>(name: &AgentName, known: impl Iterator<Item = &'a AgentName>) -> PortResult<()> {
        let mut known = known;
        let Some(other) = known.find(|other| other.collides_with(name)) else {
            return Ok(());
        };
        let message = if other == name {
            format!("the agent {other} exists: give it a new token with `cc-devops agents rotate {other}`")
        } else {
            format!(
                "the name {name} is too much like that of the agent {other}, with which it would share secrets or a \
                 stack: choose another"
            )
        };
        Err(PortError::new(PortErrorKind::Exists, message))
    }

    /// Changes an agent's row and its tokens in one transaction.
    async fn change(
        &self,
        name: &AgentName,
        change: impl Fn(&mut AgentRow) -> PortResult<Vec<TransactWriteItem>>,
    ) -> PortResult<()> {
        self.found().remove(name);
        loop {
            let mut row = self.row(name).await?.ok_or_else(|| unknown(name))?;
            let before = row.revision;
            row.revision += 1;
            let mut writes = change(&mut row)?;
            let mut item = to_item(&row)?;
            // The heartbeat is written by others; everything else here is ours.
            item.remove("last_beat");
            let mut update = Update::builder()
                .table_name(self.shared.table())
                .set_key(Some(AgentRow::key(name)));
            let mut sets = Vec::new();
            for field in ["revoked_at", "tokens", "revision"] {
                if let Some(value) = item.remove(field) {
                    sets.push(format!("#{field} = :{field}"));
                    update = update
                        .expression_attribute_names(format!("#{field}"), field)
                        .expression_attribute_values(format!(":{field}"), value);
                }
            }
            let mut expression = format!("SET {}", sets.join(", "));
            if row.revoked_at.is_none() {
                expression.push_str(" REMOVE #revoked_at");
                update = update.expression_attribute_names("#revoked_at", "revoked_at");
            }
            let update = update
                .update_expression(expression)
                .condition_expression("#revision = :before")
                .expression_attribute_values(":before", crate::table::number(before))
                .build()
                .map_err(incomplete)?;
            writes.insert(0, TransactWriteItem::builder().update(update).build());
            let call = self
                .shared
                .clients
                .dynamodb()
                .transact_write_items()
                .set_transact_items(Some(writes));
            match call.send().await {
                Ok(_) => {
                    self.found().remove(name);
                    return Ok(());
                }
                // Somebody else changed it meanwhile; each round somebody gets on.
                Err(error) if refused_at(&error, 0).is_some() => {}
                Err(error) => return Err(port_error("dynamodb:TransactWriteItems", error)),
            }
        }
    }

    fn forget_token(&self, hash: &str) -> PortResult<TransactWriteItem> {
        let delete = Delete::builder()
            .table_name(self.shared.table())
            .set_key(Some(token_key(hash)));
        Ok(TransactWriteItem::builder()
            .delete(delete.build().map_err(incomplete)?)
            .build())
    }
}

#[async_trait]
impl Agents for Register {
    async fn add(&self, new: &NewAgent, token: &NewToken) -> PortResult<()> {
        let name = &new.agent.name;
        let rows = self.rows().await?;
        Self::refuse_alike(name, rows.iter().map(|row| &row.name))?;
        let (listed, _) = self.shared.enabled().await?;
        let listed: Vec<AgentName> = listed
            .iter()
            .filter_map(|name| AgentName::new(name.as_str()).ok())
            .collect();
        Self::refuse_alike(name, listed.iter().filter(|other| *other != name))?;
        let mut row = AgentRow::of(&new.agent, new.created_at);
        row.tokens.insert(hex::encode(token.hash.0), None);
        let mut writes = vec![self.put(to_item(&row)?, "attribute_not_exists(PK)")?];
        writes.extend(self.take_names(name)?);
        writes.push(self.put_token(&token.hash, name)?);
        let call = self
            .shared
            .clients
            .dynamodb()
            .transact_write_items()
            .set_transact_items(Some(writes));
        match call.send().await {
            Ok(_) => {}
            Err(error) if (0..3).any(|write| refused_at(&error, write).is_some()) => {
                let rows = self.rows().await?;
                Self::refuse_alike(name, rows.iter().map(|row| &row.name))?;
                return Err(PortError::new(
                    PortErrorKind::Exists,
                    format!("the name {name} is taken"),
                ));
            }
            Err(error) => return Err(port_error("dynamodb:TransactWriteItems", error)),
        }
        self.shared.change_enabled(&self.cache, Change::Add(name)).await
    }

    async fn rotate(&self, name: &AgentName, token: &NewToken, old_until: Timestamp) -> PortResult<()> {
        self.change(name, |row| {
            row.revoked_at = None;
            let mut writes = vec![self.put_token(&token.hash, name)?];
            // What has ended is deleted, not marked: a clock that goes back must not bring it to life.
            let ended = |until: &Option<Timestamp>| {
                old_until <= token.created_at || until.is_some_and(|until| until <= token.created_at)
            };
            let gone: Vec<String> = row
                .tokens
                .iter()
                .filter(|(_, until)| ended(until))
                .map(|(hash, _)| hash.clone())
                .collect();
            for hash in gone {
                row.tokens.remove(&hash);
                writes.push(self.forget_token(&hash)?);
            }
            for until in row.tokens.values_mut() {
                *until = Some(until.map_or(old_until, |until| until.min(old_until)));
            }
            row.tokens.insert(hex::encode(token.hash.0), None);
            Ok(writes)
        })
        .await?;
        self.shared.change_enabled(&self.cache, Change::Add(name)).await
    }

    async fn revoke(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        self.change(name, |row| {
            row.revoked_at = Some(row.revoked_at.unwrap_or(at));
            let hashes = std::mem::take(&mut row.tokens);
            hashes.keys().map(|hash| self.forget_token(hash)).collect()
        })
        .await?;
        self.shared.change_enabled(&self.cache, Change::Remove(name)).await
    }

    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>> {
        let hash = hex::encode(token.0);
        let Some(TokenRow { agent }) = self.shared.get(token_key(&hash), "a token").await? else {
            return Ok(None);
        };
        let row = self.row(&agent).await?.filter(|row| row.revoked_at.is_none());
        let good = row.filter(|row| match row.tokens.get(&hash) {
            Some(until) => until.is_none_or(|until| now < until),
            None => false,
        });
        Ok(good.map(|row| row.agent()))
    }

    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
        if let Some((at, agent)) = self.found().get(name)
            && at.elapsed() < FRESH
        {
            return Ok(Some(agent.clone()));
        }
        let (row, enabled) = tokio::try_join!(self.row(name), self.shared.is_enabled(&self.cache, name))?;
        let agent = match row {
            _ if !enabled => None,
            Some(row) => row.revoked_at.is_none().then(|| row.agent()),
            None => Some(stranger(name)),
        };
        if let Some(agent) = &agent {
            self.found().insert(name.clone(), (Instant::now(), agent.clone()));
        }
        Ok(agent)
    }

    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        if self.row(name).await?.is_none() {
            let mut writes = vec![self.put(to_item(&AgentRow::of(&stranger(name), at))?, "attribute_not_exists(PK)")?];
            writes.extend(self.take_names(name)?);
            let call = self
                .shared
                .clients
                .dynamodb()
                .transact_write_items()
                .set_transact_items(Some(writes));
            match call.send().await {
                Ok(_) => {}
                // Another process registered it meanwhile.
                Err(error) if refused_at(&error, 0).is_some() => {}
                Err(error) => return Err(port_error("dynamodb:TransactWriteItems", error)),
            }
        }
        self.shared.change_enabled(&self.cache, Change::Add(name)).await
    }

    async fn list(&self) -> PortResult<Vec<AgentStatus>> {
        let (rows, (names, _)) = tokio::try_join!(self.rows(), self.shared.enabled())?;
        let mut all: Vec<AgentStatus> = rows.into_iter().map(AgentRow::status).collect();
        for name in names.iter().filter_map(|name| AgentName::new(name.as_str()).ok()) {
            if !all.iter().any(|status| status.agent.name == name) {
                all.push(AgentStatus {
                    agent: stranger(&name),
                    // Others' list does not say since when.
                    created_at: Timestamp::UNIX_EPOCH,
                    revoked_at: None,
                    last_beat: None,
                });
            }
        }
        self.shared.add_heard_beats(&mut all).await;
        all.sort_by(|one, other| one.agent.name.cmp(&other.agent.name));
        Ok(all)
    }
}
