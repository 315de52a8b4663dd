//! The fake audit trail: the real chain, in a list.

use async_trait::async_trait;
use cc_devops_core::audit::{AuditEntry, AuditFilter, AuditRow, ChainHash, Verification, Verifier, link};
use cc_devops_core::ports::{AuditTrail, PortResult};
use cc_devops_core::requests::record::{Cursor, Page};
use jiff::Timestamp;

use super::{Memory, page};

/// Puts an entry at the end of the chain.
pub(super) fn append(chain: &mut Vec<AuditRow>, entry: &AuditEntry) {
    let (seq, prev_hash) = chain
        .last()
        .map_or((1, ChainHash::GENESIS), |row| (row.seq + 1, row.hash));
    chain.push(AuditRow {
        chain: None,
        seq,
        entry: entry.clone(),
        prev_hash,
        hash: link(prev_hash, seq, entry),
    });
}

fn matches(entry: &AuditEntry, filter: &AuditFilter) -> bool {
    let concerns = |agent| entry.agent.as_ref() == Some(agent) || entry.principal.as_ref() == Some(agent);
    filter.agent.as_ref().is_none_or(concerns)
        && filter.action.as_ref().is_none_or(|action| *action == entry.action)
        && filter.status.is_none_or(|status| status == entry.status)
        && filter.since.is_none_or(|since| entry.at >= since)
        && filter.until.is_none_or(|until| entry.at < until)
}

#[async_trait]
impl AuditTrail for Memory {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        append(&mut self.lock()?.audit, entry);
        Ok(())
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let model = self.lock()?;
        let rows = model
            .audit
            .iter()
            .rev()
            .filter(|row| before.is_none_or(|Cursor(before)| row.seq < before) && matches(&row.entry, filter))
            .map(|row| (row.seq, row.clone()));
        Ok(page(rows, limit))
    }

    async fn verify(&self) -> PortResult<Verification> {
        let model = self.lock()?;
        let mut verifier = Verifier::new();
        model.audit.iter().for_each(|row| verifier.take(row));
        Ok(verifier.finish())
    }

    async fn checkpoint(&self, _at: Timestamp) -> PortResult<()> {
        self.lock().map(drop)
    }
}
