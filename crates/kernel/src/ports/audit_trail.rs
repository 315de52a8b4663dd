//! The audit trail, and where its oldest rows go.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::audit::{AuditEntry, AuditFilter, AuditRow, Mark, Section, Verification};
use crate::paging::{Cursor, Page};
use crate::port_error::PortResult;

/// The audit trail. Rows of requests are written by the ledger; everything else comes through here.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// Puts an entry at the end of the chain.
    async fn append(&self, entry: &AuditEntry) -> PortResult<()>;

    /// Rows, newest first, from `before` on.
    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>>;

    /// The row at a place of a chain, or of the only one; none where there is none. An adapter that keeps no rows has
    /// none.
    async fn row(&self, _chain: Option<&str>, _seq: i64) -> PortResult<Option<AuditRow>> {
        Ok(None)
    }

    /// Rows about exactly this secret or agent, with this action where one is given; newest first, from `before` on. It
    /// costs as much as it gives, however long the trail is. An adapter that keeps no rows has none.
    async fn about(
        &self,
        _resource: &str,
        _action: Option<&str>,
        _before: Option<Cursor>,
        _limit: usize,
    ) -> PortResult<Page<AuditRow>> {
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    /// Checks every chain and its end, and what the trail tells of against what stands.
    async fn verify(&self) -> PortResult<Verification>;

    /// What speaks against the trail, as far as is known without walking it; a fragment that says what to do.
    async fn doubt(&self) -> PortResult<Option<String>> {
        Ok(None)
    }

    /// The row at a place of the only chain, or its last one, by which the chain is known again elsewhere; where
    /// the chain is cut right behind it, the row may be gone. None where there is no such row, or several chains.
    async fn mark(&self, _seq: Option<i64>) -> PortResult<Option<Mark>> {
        Ok(None)
    }

    /// Binds the ends of the chains together, where the trail has several: what was written before
    /// a checkpoint cannot be cut off without it showing. Called by the sweep. An adapter with one
    /// chain, whose end it keeps with every row, has nothing to do.
    async fn checkpoint(&self, at: Timestamp) -> PortResult<()>;

    /// The oldest rows, all of them written before `before`: about `limit`, or fewer where there are no more;
    /// none where there is none. `Corrupt` where they are broken: such rows are not to be cut off.
    async fn oldest(&self, before: Timestamp, limit: usize) -> PortResult<Option<Section>>;

    /// Cuts the trail behind a section that [`AuditTrail::oldest`] gave, and puts `entry` on record, which tells
    /// of it. `Superseded` where it was cut by somebody else meanwhile. Afterwards the rows may still stand,
    /// until [`AuditTrail::clear`] has removed them.
    async fn cut(&self, section: &Section, entry: &AuditEntry) -> PortResult<()>;

    /// Removes rows that are cut off, the oldest first, `limit` at most; how many. Zero when none is left.
    async fn clear(&self, limit: usize) -> PortResult<u64>;
}

/// Where audit rows go before they are cut off.
#[async_trait]
pub trait AuditArchive: Send + Sync {
    /// Keeps a section; its name there. When this returns, it is durable. A section that is kept already is
    /// kept once; another one under its name is refused with `Exists`.
    async fn keep(&self, section: &Section) -> PortResult<String>;
}
