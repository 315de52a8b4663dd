//! The fake audit trail: the real chain, in a list.

use async_trait::async_trait;
use cc_devops_kernel::audit::{
    AuditEntry, AuditFilter, AuditRow, ChainHash, Cut, Mark, Section, Verification, Verifier, cut, link,
};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, PortError, PortErrorKind, PortResult};
use jiff::Timestamp;

use super::{Memory, page, reached};

/// The chain, and where it is cut.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) rows: Vec<AuditRow>,
    cut: Option<(i64, ChainHash)>,
}

impl Chain {
    /// Puts an entry at the end of the chain.
    pub(super) fn append(&mut self, entry: &AuditEntry) {
        let last = self.rows.last().map(|row| (row.seq, row.hash));
        let (before, prev_hash) = last.or(self.cut).unwrap_or((0, ChainHash::GENESIS));
        let seq = before + 1;
        self.rows.push(AuditRow {
            chain: None,
            seq,
            entry: entry.clone(),
            prev_hash,
            hash: link(prev_hash, seq, entry),
        });
    }

    fn cut_place(&self) -> i64 {
        self.cut.map_or(0, |(seq, _)| seq)
    }
}

#[async_trait]
impl AuditTrail for Memory {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        self.lock()?.audit.append(entry);
        Ok(())
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let model = self.lock()?;
        let rows = model
            .audit
            .rows
            .iter()
            .rev()
            .filter(|row| before.is_none_or(|Cursor(before)| row.seq < before))
            .map(|row| (row.seq, filter.selects(&row.entry).then(|| row.clone())));
        Ok(reached(rows, limit, filter.reach))
    }

    async fn row(&self, chain: Option<&str>, seq: i64) -> PortResult<Option<AuditRow>> {
        let model = self.lock()?;
        let found = model.audit.rows.iter().find(|row| row.seq == seq);
        Ok(found.filter(|_| chain.is_none()).cloned())
    }

    async fn about(
        &self,
        resource: &str,
        action: Option<&str>,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<AuditRow>> {
        let model = self.lock()?;
        let is_about = |entry: &AuditEntry| {
            entry.resource.as_deref() == Some(resource) && action.is_none_or(|action| action == entry.action)
        };
        let rows = model
            .audit
            .rows
            .iter()
            .rev()
            .filter(|row| before.is_none_or(|Cursor(before)| row.seq < before) && is_about(&row.entry))
            .map(|row| (row.seq, row.clone()));
        Ok(page(rows, limit))
    }

    async fn verify(&self) -> PortResult<Verification> {
        let model = self.lock()?;
        let mut verifier = Verifier::new();
        if let Some((seq, hash)) = model.audit.cut {
            verifier.cut_at(seq, hash);
        }
        for row in &model.audit.rows {
            verifier.take(row);
        }
        Ok(verifier.finish())
    }

    async fn mark(&self, seq: Option<i64>) -> PortResult<Option<Mark>> {
        let model = self.lock()?;
        let chain = &model.audit;
        let mut marks = chain
            .cut
            .into_iter()
            .chain(chain.rows.iter().map(|row| (row.seq, row.hash)));
        let found = match seq {
            Some(seq) => marks.rfind(|(at, _)| *at == seq),
            None => marks.next_back().or(Some((0, ChainHash::GENESIS))),
        };
        Ok(found.map(|(seq, hash)| Mark { seq, hash }))
    }

    async fn checkpoint(&self, _at: Timestamp) -> PortResult<()> {
        self.lock().map(drop)
    }

    async fn oldest(&self, before: Timestamp, limit: usize) -> PortResult<Option<Section>> {
        let model = self.lock()?;
        let chain = &model.audit;
        let rows: Vec<_> = chain
            .rows
            .iter()
            .filter(|row| row.seq > chain.cut_place())
            .take_while(|row| row.entry.at < before)
            .take(limit)
            .cloned()
            .collect();
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(None);
        };
        cut::unbroken(None, chain.cut, &rows)?;
        let (first, last, hash) = (first.seq, last.seq, last.hash);
        let cuts = vec![Cut {
            chain: None,
            seq: last,
            hash,
        }];
        Ok(Some(Section {
            rows,
            cuts,
            first,
            last,
            hash,
        }))
    }

    async fn cut(&self, section: &Section, entry: &AuditEntry) -> PortResult<()> {
        let mut model = self.lock()?;
        if model.audit.cut_place() + 1 != section.first {
            let message = "somebody else cut the trail meanwhile";
            return Err(PortError::new(PortErrorKind::Superseded, message));
        }
        model.audit.append(entry);
        model.audit.cut = Some((section.last, section.hash));
        Ok(())
    }

    async fn clear(&self, limit: usize) -> PortResult<u64> {
        let mut model = self.lock()?;
        let cut = model.audit.cut_place();
        let gone = model
            .audit
            .rows
            .iter()
            .take_while(|row| row.seq <= cut)
            .take(limit)
            .count();
        model.audit.rows.drain(..gone);
        Ok(gone as u64)
    }
}
