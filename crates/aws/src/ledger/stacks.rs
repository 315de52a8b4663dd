//! Who holds a stack.
//!
//! A lock and the request that holds it name each other, both written in one transaction, so that
//! the request's end can free what it holds.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::record::{StackLease, StackLock};
use serde::Deserialize;

use super::DynamoLedger;
use super::recording::superseded;
use super::rows::request_key;
use super::transaction::{gone, incomplete};
use crate::table::{Item, TRIES, key, number, text};

/// The key of a stack's lock.
fn lock_key(stack: &str) -> Item {
    key(format!("STACK#{stack}"), "LOCK")
}

#[derive(Deserialize)]
struct LockRow {
    request: RequestId,
}

impl DynamoLedger {
    pub(super) async fn holder(&self, stack: &FullStackName) -> PortResult<Option<RequestId>> {
        let lock: Option<LockRow> = self.shared.get(lock_key(stack.as_str()), "a stack's lock").await?;
        Ok(lock.map(|lock| lock.request))
    }

    pub(super) async fn lock(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock> {
        for _ in 0..TRIES {
            let refused = match self.shared.transact(self.hold(claim, stack)?).await? {
                Ok(()) => {
                    return Ok(StackLock::Acquired(StackLease {
                        stack: stack.clone(),
                        request: claim.request.clone(),
                    }));
                }
                Err(refused) => refused,
            };
            if refused.at(0) {
                return Err(superseded());
            }
            // None where it was set free just now: then it may be ours after all.
            if let Some(by) = self.holder(stack).await? {
                return Ok(StackLock::Held { by });
            }
        }
        Err(gone())
    }

    /// The writes that give a stack to a request: the request's first, because a refusal is looked
    /// for there.
    fn hold(&self, claim: &Claim, stack: &FullStackName) -> PortResult<Vec<TransactWriteItem>> {
        let table = self.shared.table();
        let hold = Update::builder()
            .table_name(table)
            .set_key(Some(request_key(&claim.request)))
            .update_expression("ADD stacks :stack")
            .condition_expression("attempts = :attempt AND attribute_exists(WPK)")
            .expression_attribute_values(":stack", AttributeValue::Ss(vec![stack.to_string()]))
            .expression_attribute_values(":attempt", number(claim.attempt))
            .build()
            .map_err(incomplete)?;
        let mut lock = lock_key(stack.as_str());
        lock.insert("request".to_owned(), text(claim.request.as_str()));
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(lock))
            .condition_expression("attribute_not_exists(PK) OR #request = :request")
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":request", text(claim.request.as_str()))
            .build()
            .map_err(incomplete)?;
        Ok(vec![
            TransactWriteItem::builder().update(hold).build(),
            TransactWriteItem::builder().put(put).build(),
        ])
    }

    /// Frees a stack that a request kept beyond its end, in one transaction with the audit row.
    pub(super) async fn release(
        &self,
        stack: &FullStackName,
        holder: &RequestId,
        audit: &AuditEntry,
    ) -> PortResult<bool> {
        let shared = &self.shared;
        for _ in 0..TRIES {
            let mut chain = shared.chains.take();
            let row = chain.extend(shared.table(), shared.places.next(shared.clock.now()), audit)?;
            let mut writes = self.freed_after_its_end(stack, holder)?;
            let own = writes.len();
            writes.push(TransactWriteItem::builder().put(row).build());
            // After an error the chain is left: nobody knows whether its row was written.
            let Err(refused) = shared.transact(writes).await? else {
                chain.written();
                return Ok(true);
            };
            if refused.at(own) {
                tracing::warn!("a chain of the audit trail does not end where it should; another is begun");
            } else {
                chain.unwritten();
            }
            if refused.at(0) || refused.at(1) {
                return Ok(false);
            }
        }
        Err(gone())
    }

    /// The writes that free a stack whose holder has ended.
    fn freed_after_its_end(&self, stack: &FullStackName, holder: &RequestId) -> PortResult<Vec<TransactWriteItem>> {
        let delete = Delete::builder()
            .table_name(self.shared.table())
            .set_key(Some(lock_key(stack.as_str())))
            .condition_expression("#request = :request")
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":request", text(holder.as_str()))
            .build()
            .map_err(incomplete)?;
        let ended = ConditionCheck::builder()
            .table_name(self.shared.table())
            .set_key(Some(request_key(holder)))
            .condition_expression("attribute_not_exists(WPK)")
            .build()
            .map_err(incomplete)?;
        Ok(vec![
            TransactWriteItem::builder().delete(delete).build(),
            TransactWriteItem::builder().condition_check(ended).build(),
        ])
    }

    /// The write that frees a stack.
    pub(super) fn free(&self, stack: &str) -> PortResult<TransactWriteItem> {
        let delete = Delete::builder()
            .table_name(self.shared.table())
            .set_key(Some(lock_key(stack)))
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}
