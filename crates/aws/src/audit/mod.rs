//! The audit trail: many chains that only grow, checkpoints that bind their ends together, and, where the trail
//! is not kept for ever, the records of where each chain is cut.

mod about;
pub(crate) mod chains;
mod checkpoints;
mod cut;
mod cutting;
mod head;
mod row;
mod verification;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Section, Verification};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, PortResult};
use jiff::Timestamp;

use crate::error::{corrupt, port_error};
use crate::ledger::gone;
use crate::places::sortable;
use crate::table::{Item, TRIES, from_item, key};
use crate::walk::Search;
use crate::{Backend, Shared};
use row::{LIST, StoredRow, partition};

impl Backend {
    /// The audit trail.
    pub fn audit(&self) -> Arc<dyn AuditTrail> {
        Arc::new(DynamoAudit(self.shared.clone()))
    }
}

/// The audit trail in the ledger's table.
struct DynamoAudit(Arc<Shared>);

#[async_trait]
impl AuditTrail for DynamoAudit {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        let shared = &self.0;
        for _ in 0..TRIES {
            let mut chain = shared.chains.take();
            let Put {
                table_name,
                item,
                condition_expression,
                ..
            } = chain.extend(shared.table(), shared.places.next(shared.clock.now()), entry)?;
            let hash = item.get("hash").cloned();
            let call = shared.clients.dynamodb().put_item().table_name(table_name);
            let call = call
                .set_item(Some(item))
                .set_condition_expression(condition_expression)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = call.send().await else {
                chain.written();
                return Ok(());
            };
            // After an error the chain is left: nobody knows how it ends.
            match standing(&error) {
                // Our own row, of which the SDK did not hear the first time.
                Some(standing) if standing.get("hash") == hash.as_ref() => {
                    chain.written();
                    return Ok(());
                }
                Some(_) => tracing::warn!("a chain of the audit trail does not end where it should; another is begun"),
                None => return Err(port_error("dynamodb:PutItem", error)),
            }
        }
        Err(gone())
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let read = |item| {
            let row: StoredRow = from_item(item, "an audit row")?;
            let row = row.read().map_err(corrupt)?;
            Ok(filter.selects(&row.entry).then_some(row))
        };
        let search = Search {
            before,
            limit,
            reach: filter.reach,
            times: (filter.since, filter.until),
        };
        self.0.newest_first(LIST, search, read).await
    }

    async fn row(&self, chain: Option<&str>, seq: i64) -> PortResult<Option<AuditRow>> {
        let Some(chain) = chain else { return Ok(None) };
        let key = key(partition(chain), sortable(seq));
        let row: Option<StoredRow> = self.0.get(key, "an audit row").await?;
        row.map(|row| row.read().map_err(corrupt)).transpose()
    }

    async fn about(
        &self,
        resource: &str,
        action: Option<&str>,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<AuditRow>> {
        about::list(&self.0, resource, action, before, limit).await
    }

    async fn verify(&self) -> PortResult<Verification> {
        verification::verify(&self.0).await
    }

    async fn checkpoint(&self, at: Timestamp) -> PortResult<()> {
        checkpoints::write(&self.0, at).await
    }

    async fn oldest(&self, before: Timestamp, limit: usize) -> PortResult<Option<Section>> {
        cutting::oldest(&self.0, before, limit).await
    }

    async fn cut(&self, section: &Section, entry: &AuditEntry) -> PortResult<()> {
        cutting::is_next(&self.0, section).await?;
        self.append(entry).await?;
        cutting::cut(&self.0, section).await
    }

    /// Nothing: a cut removes its rows itself, and one that a crash ended is made again.
    async fn clear(&self, _limit: usize) -> PortResult<u64> {
        Ok(0)
    }
}

/// The item that stood where one was to be put.
fn standing(error: &SdkError<PutItemError, HttpResponse>) -> Option<&Item> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refused)) => refused.item(),
        _ => None,
    }
}
