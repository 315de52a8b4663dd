//! The audit trail: many chains that only grow, and checkpoints that bind their ends together.

pub(crate) mod chains;
mod checkpoints;
mod head;
mod row;
mod verification;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::Put;
use cc_devops_core::audit::{AuditEntry, AuditFilter, AuditRow, Verification};
use cc_devops_core::ports::{AuditTrail, PortResult};
use cc_devops_core::requests::record::{Cursor, Page};
use jiff::Timestamp;

use crate::error::{corrupt, is_condition, port_error};
use crate::table::{Item, from_item};
use crate::{Backend, Shared};
use row::{LIST, StoredRow};

impl Backend {
    /// The audit trail.
    pub fn audit(&self) -> Arc<dyn AuditTrail> {
        Arc::new(DynamoAudit(self.shared.clone()))
    }
}

/// The audit trail in the ledger's table.
struct DynamoAudit(Arc<Shared>);

impl DynamoAudit {
    /// Puts an entry at the end of a chain. The inner error says that another row stands there.
    async fn put(&self, entry: &AuditEntry) -> PortResult<PortResult<()>> {
        let shared = &self.0;
        let mut chain = shared.chains.take();
        let Put {
            table_name,
            item,
            condition_expression,
            ..
        } = chain.extend(shared.table(), shared.places.next(), entry)?;
        let call = shared.clients.dynamodb().put_item().table_name(table_name);
        let call = call
            .set_item(Some(item.clone()))
            .set_condition_expression(condition_expression);
        match call.send().await {
            Ok(_) => {}
            // The SDK tries again where an answer was lost; then what stands there is this row.
            Err(error) if is_condition(&error) => {
                if shared.get_many(&[key_of(&item)]).await?.pop() != Some(item) {
                    return Ok(Err(port_error("dynamodb:PutItem", error)));
                }
            }
            Err(error) => return Err(port_error("dynamodb:PutItem", error)),
        }
        chain.written();
        Ok(Ok(()))
    }
}

/// An item's own key.
fn key_of(item: &Item) -> Item {
    let keys = item.iter().filter(|(name, _)| matches!(name.as_str(), "PK" | "SK"));
    keys.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[async_trait]
impl AuditTrail for DynamoAudit {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        // Once more in another chain, where it is certain that nothing was written to the first.
        match self.put(entry).await? {
            Ok(()) => Ok(()),
            Err(_) => self.put(entry).await?,
        }
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let read = |item| {
            let row: StoredRow = from_item(item, "an audit row")?;
            let row = row.read().map_err(corrupt)?;
            Ok(selects(filter, &row.entry).then_some(row))
        };
        self.0.newest_first(LIST, before, limit, read).await
    }

    async fn verify(&self) -> PortResult<Verification> {
        verification::verify(&self.0).await
    }

    async fn checkpoint(&self, at: Timestamp) -> PortResult<()> {
        checkpoints::write(&self.0, at).await
    }
}

fn selects(filter: &AuditFilter, entry: &AuditEntry) -> bool {
    let agent = |name| entry.agent.as_ref() == Some(name) || entry.principal.as_ref() == Some(name);
    filter.agent.as_ref().is_none_or(agent)
        && filter.action.as_ref().is_none_or(|action| *action == entry.action)
        && filter.status.is_none_or(|status| status == entry.status)
        && filter.since.is_none_or(|since| entry.at >= since)
        && filter.until.is_none_or(|until| entry.at < until)
}
