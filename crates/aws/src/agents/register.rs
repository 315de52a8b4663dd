//! The rows of agents and tokens: reading them, and writing them together.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use cc_devops_fleet::{Beat, TokenHash};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;

use super::DynamoAgents;
use super::row::{AGENTS, AgentRow, TokenRow, agent_key, claims, token_key};
use crate::batches::pages;
use crate::ledger::incomplete;
use crate::table::{Item, from_item, held, number, text, to_item};

/// How many ended tokens a transaction cleans up. What is left is good for nothing anyway.
const MOST_CLEANED: usize = 90;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    Yes,
    /// Another write was faster: the agent's row is not as it was read.
    Changed,
    /// Another agent has the name, or one too much like it, or the token.
    Taken,
}

impl DynamoAgents {
    /// The agent's row.
    pub(super) async fn row(&self, name: &AgentName) -> PortResult<Option<AgentRow>> {
        self.shared.get(agent_key(name), "an agent").await
    }

    /// The row of a token.
    pub(super) async fn token_row(&self, token: &TokenHash) -> PortResult<Option<TokenRow>> {
        self.shared.get(token_key(&hex::encode(token.0)), "a token").await
    }

    /// All agents' rows, by name.
    pub(super) async fn rows(&self) -> PortResult<Vec<AgentRow>> {
        self.rows_behind(None, usize::MAX).await
    }

    /// Agents' rows by name, from behind `after`, `limit` at most.
    pub(super) async fn rows_behind(&self, after: Option<&AgentName>, limit: usize) -> PortResult<Vec<AgentRow>> {
        let query = || match after {
            None => self.shared.query(AGENTS, ""),
            Some(after) => {
                let query = self.shared.query(AGENTS, "SK > :after");
                query.expression_attribute_values(":after", text(after.as_str()))
            }
        };
        let items = pages(query, limit).await?;
        items.into_iter().map(|item| from_item(item, "an agent")).collect()
    }

    /// Writes a new agent's row, and those of its name and token. Whoever acts puts it on record with it.
    pub(super) async fn insert(
        &self,
        row: &AgentRow,
        token: Option<&TokenHash>,
        audit: Option<&AuditEntry>,
    ) -> PortResult<Written> {
        let mut items = vec![self.put(to_item(row)?)?];
        for claim in claims(&row.name) {
            items.push(self.put(claim)?);
        }
        if let Some(token) = token {
            items.push(self.put(to_item(&TokenRow::new(token, &row.name))?)?);
        }
        self.transact(items, audit).await
    }

    /// Writes an agent's changed tokens and the audit row, with a new token's row and without those of ended ones.
    /// The row must be as it was read, one revision before.
    pub(super) async fn update(
        &self,
        row: &AgentRow,
        token: Option<&TokenHash>,
        ended: &[String],
        audit: &AuditEntry,
    ) -> PortResult<Written> {
        let mut tokens = to_item(row)?;
        let tokens = tokens
            .remove("tokens")
            .ok_or_else(|| incomplete("a row without tokens"))?;
        let update = Update::builder()
            .table_name(self.shared.table())
            .set_key(Some(agent_key(&row.name)))
            .condition_expression("revision = :before")
            .expression_attribute_names("#tokens", "tokens")
            .expression_attribute_values(":before", number(row.revision.saturating_sub(1)))
            .expression_attribute_values(":revision", number(row.revision))
            .expression_attribute_values(":tokens", tokens);
        let set = "SET #tokens = :tokens, revision = :revision";
        let update = match row.revoked_at {
            None => update.update_expression(format!("{set} REMOVE revoked_at")),
            Some(at) => update
                .update_expression(format!("{set}, revoked_at = :revoked_at"))
                .expression_attribute_values(":revoked_at", text(at.to_string())),
        };
        let update = update.build().map_err(incomplete)?;
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        if let Some(token) = token {
            items.push(self.put(to_item(&TokenRow::new(token, &row.name))?)?);
        }
        for hash in ended.iter().take(MOST_CLEANED) {
            let delete = Delete::builder()
                .table_name(self.shared.table())
                .set_key(Some(token_key(hash)));
            let delete = delete.build().map_err(incomplete)?;
            items.push(TransactWriteItem::builder().delete(delete).build());
        }
        self.transact(items, Some(audit)).await
    }

    /// Keeps an agent's last heartbeat; false where there is no row of that agent.
    pub(crate) async fn keep_beat(&self, name: &AgentName, beat: &Beat) -> PortResult<bool> {
        let beat = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(beat);
        let beat = beat.map_err(incomplete)?;
        let call = self
            .shared
            .update(agent_key(name))
            .update_expression("SET last_beat = :beat")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_values(":beat", beat);
        held(call).await
    }

    /// A row that must not be there yet.
    fn put(&self, item: Item) -> PortResult<TransactWriteItem> {
        let put = Put::builder()
            .table_name(self.shared.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Writes all or nothing, the audit row too; the first item is the agent's row.
    async fn transact(&self, items: Vec<TransactWriteItem>, audit: Option<&AuditEntry>) -> PortResult<Written> {
        let count = items.len();
        let refused = match audit {
            Some(entry) => self.shared.transact_on_record(items, entry).await?,
            None => self.shared.transact(items).await?,
        };
        Ok(match refused {
            Ok(()) => Written::Yes,
            Err(refused) if (1..count).any(|place| refused.at(place)) && !refused.at(0) => Written::Taken,
            Err(_) => Written::Changed,
        })
    }
}
