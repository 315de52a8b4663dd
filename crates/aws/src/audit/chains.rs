//! The chains this process writes: as many as it writes at once, so that no writer waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_dynamodb::types::Put;
use cc_devops_kernel::audit::{AuditEntry, ChainHash, link};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

use super::row::{End, StoredRow};
use crate::table::to_item;

/// The chains nobody in this process writes to just now.
pub(crate) struct Chains {
    process: String,
    /// Which program writes them, where its role may write no others.
    writer: OnceLock<&'static str>,
    made: AtomicU64,
    free: Arc<Mutex<VecDeque<End>>>,
}

impl Default for Chains {
    fn default() -> Self {
        Self {
            process: uuid::Uuid::now_v7().simple().to_string(),
            writer: OnceLock::new(),
            made: AtomicU64::new(0),
            free: Arc::default(),
        }
    }
}

impl Chains {
    /// Has chains that are begun from now on say which program writes them. The first word holds.
    pub(crate) fn name(&self, writer: &'static str) {
        self.writer.get_or_init(|| writer);
    }

    fn new_name(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        match self.writer.get() {
            Some(writer) => format!("{writer}-{}-{number}", self.process),
            None => format!("{}-{number}", self.process),
        }
    }

    /// Takes the chain that is free longest, so that all are written alike, or begins a new one.
    pub(crate) fn take(&self) -> ChainEnd {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let end = free.unwrap_or_else(|| {
            let chain = self.new_name();
            let hash = ChainHash::start_of(Some(&chain));
            End { chain, seq: 0, hash }
        });
        ChainEnd {
            end,
            next: None,
            free: self.free.clone(),
        }
    }
}

/// The end of a chain that is ours to extend. Dropping it leaves the chain for good: after a write
/// that may or may not have taken place, nobody knows how it ends.
pub(crate) struct ChainEnd {
    end: End,
    /// Its end with the row that is being written.
    next: Option<End>,
    free: Arc<Mutex<VecDeque<End>>>,
}

impl ChainEnd {
    /// The write that puts `entry` at the end; it fails where something stands there already.
    pub(crate) fn extend(&mut self, table: &str, place: i64, entry: &AuditEntry) -> PortResult<Put> {
        let End { chain, seq, hash } = &self.end;
        let seq = seq + 1;
        let next = End {
            chain: chain.clone(),
            seq,
            hash: link(*hash, seq, entry),
        };
        let row = StoredRow::new(&next, *hash, place, entry)?;
        self.next = Some(next);
        Put::builder()
            .table_name(table)
            .set_item(Some(to_item(&row)?))
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(|error| PortError::new(PortErrorKind::Refused, "the audit row is incomplete").because(error))
    }

    /// The row was written: the chain is free for the next.
    pub(crate) fn written(self) {
        let end = self.next.unwrap_or(self.end);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(end);
    }

    /// The row was certainly not written: the chain is free as it was.
    pub(crate) fn unwritten(self) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_says_which_program_writes_it_where_that_has_a_name() {
        let chains = Chains::default();
        let first = chains.take();
        assert_eq!(first.end.chain, format!("{}-0", chains.process));
        chains.name("slack");
        let second = chains.take();
        assert_eq!(second.end.chain, format!("slack-{}-1", chains.process));
        assert_eq!(second.end.hash, ChainHash::start_of(Some(&second.end.chain)));
    }
}
