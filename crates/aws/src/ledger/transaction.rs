//! Transactions: what they say when they are refused, and patience where they meet another.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

use crate::Shared;
use crate::error::port_error;
use crate::table::{Item, TRIES, pause};

const CALL: &str = "dynamodb:TransactWriteItems";

/// Why a write of a transaction failed, where its condition did not hold.
const CONDITION: &str = "ConditionalCheckFailed";

/// Why a write of a transaction failed, where it may succeed a moment later.
const BUSY: [&str; 3] = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// A transaction of which at least one condition did not hold. Nothing of it was written.
pub(crate) struct Refused(Vec<CancellationReason>);

impl Refused {
    /// Whether it was this write's condition, counted from 0.
    pub(crate) fn at(&self, write: usize) -> bool {
        self.0.get(write).is_some_and(|reason| reason.code() == Some(CONDITION))
    }

    /// The item that this write met, where the write asked to be shown it.
    pub(super) fn item(mut self, write: usize) -> Option<Item> {
        self.0.get_mut(write).and_then(|reason| reason.item.take())
    }
}

/// What a cancelled transaction says of each of its writes; nothing for other errors.
fn reasons(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => &[],
    }
}

/// Whether a cancelled transaction met another one, and may be tried again.
fn met_another(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> bool {
    let mut codes = reasons(error).iter().filter_map(CancellationReason::code);
    codes.any(|code| BUSY.contains(&code))
}

/// A write that was put together without what it needs.
pub(crate) fn incomplete(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new(PortErrorKind::Refused, "a write is incomplete").because(error)
}

impl Shared {
    /// Writes all or nothing. A transaction that meets another is tried again; the SDK does not do
    /// that, because the conditions may have changed meanwhile.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> PortResult<Result<(), Refused>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let call = self.clients.dynamodb().transact_write_items();
            let Err(error) = call.set_transact_items(Some(writes.clone())).send().await else {
                return Ok(Ok(()));
            };
            let reasons = reasons(&error);
            if reasons.iter().any(|reason| reason.code() == Some(CONDITION)) {
                return Ok(Err(Refused(reasons.to_vec())));
            }
            if !met_another(&error) {
                return Err(port_error(CALL, error));
            }
            if tries >= TRIES {
                let message = format!("{CALL} met other transactions {tries} times");
                return Err(PortError::new(PortErrorKind::Unavailable, message).because(error));
            }
            tracing::debug!(tries, "a transaction met another; it is tried again");
            tokio::time::sleep(pause(tries)).await;
        }
    }
}

impl Shared {
    /// Writes all or nothing, and in the same transaction the audit row that says so.
    pub(crate) async fn transact_on_record(
        &self,
        writes: Vec<TransactWriteItem>,
        entry: &AuditEntry,
    ) -> PortResult<Result<(), Refused>> {
        for _ in 0..TRIES {
            let mut chain = self.chains.take();
            let row = chain.extend(self.table(), self.places.next(self.clock.now()), entry)?;
            let mut all = writes.clone();
            all.push(TransactWriteItem::builder().put(row).build());
            // After an error the chain is left: nobody knows whether its row was written.
            let Err(refused) = self.transact(all).await? else {
                chain.written();
                return Ok(Ok(()));
            };
            if !refused.at(writes.len()) {
                chain.unwritten();
                return Ok(Err(refused));
            }
            tracing::warn!("a chain of the audit trail does not end where it should; another is begun");
        }
        Err(gone())
    }
}

/// What stood in the way went away before it could be looked at.
pub(crate) fn gone() -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        "the ledger changes too fast to be sure of it; try again",
    )
}
