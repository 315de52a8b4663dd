//! The audit trail's port over the database.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Mark, Section, Verification};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, PortError, PortErrorKind, PortResult};
use jiff::Timestamp;

use super::kept::{self, Kept};
use super::{Head, append, cutting, keep_anew, looking, pages, verification};
use crate::db::Db;

/// The audit trail in the database.
pub struct SqliteAudit {
    db: Db,
}

impl SqliteAudit {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// Takes the trail as it stands, on an operator's word: puts that on record, and keeps where it ends.
pub(crate) async fn accept(db: &Db, entry: AuditEntry) -> PortResult<Mark> {
    let keys = Arc::clone(db.store_keys());
    let mark = db
        .write(move |conn, _| {
            append(conn, &keys, &entry)?;
            Ok(Head::read(conn)?.map(|head| head.mark()))
        })
        .await?;
    let mark = mark.ok_or_else(|| PortError::new(PortErrorKind::Corrupt, "the audit trail has no end"))?;
    let kept = Kept::in_folder(db.folder());
    keep_anew(&kept, mark, db.store_keys()).map_err(|fault| fault.into_port(db.file()))?;
    db.trail().settle();
    Ok(mark)
}

#[async_trait]
impl AuditTrail for SqliteAudit {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        let (keys, entry) = (Arc::clone(self.db.store_keys()), entry.clone());
        self.db.write(move |conn, _| append(conn, &keys, &entry)).await
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let filter = filter.clone();
        self.db
            .read(move |conn| {
                let is_narrow = filter.reason.is_some() || filter.request.is_some() || filter.resource.is_some();
                if is_narrow || filter.reach.is_some() {
                    looking::list(conn, &filter, before, limit)
                } else {
                    pages::list(conn, &filter, before, limit)
                }
            })
            .await
    }

    async fn row(&self, chain: Option<&str>, seq: i64) -> PortResult<Option<AuditRow>> {
        if chain.is_some() {
            return Ok(None);
        }
        self.db.read(move |conn| pages::one(conn, seq)).await
    }

    async fn about(
        &self,
        resource: &str,
        action: Option<&str>,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<AuditRow>> {
        let (resource, action) = (resource.to_owned(), action.map(str::to_owned));
        self.db
            .read(move |conn| pages::about(conn, resource, action, before, limit))
            .await
    }

    async fn verify(&self) -> PortResult<Verification> {
        let (keys, dir) = (Arc::clone(self.db.store_keys()), self.db.folder().to_owned());
        let kept = Kept::in_folder(&dir);
        self.db.read(move |conn| verification::verify(conn, &keys, &kept)).await
    }

    async fn doubt(&self) -> PortResult<Option<String>> {
        Ok(self.db.trail().doubt().map(|doubt| doubt.to_string()))
    }

    async fn mark(&self, seq: Option<i64>) -> PortResult<Option<Mark>> {
        self.db
            .read(move |conn| {
                Ok(match seq {
                    Some(seq) => kept::at(conn, seq)?,
                    None => Head::read(conn)?.map(|head| head.mark()),
                })
            })
            .await
    }

    /// Nothing: the end of the one chain is kept under its MAC with every row.
    async fn checkpoint(&self, _at: Timestamp) -> PortResult<()> {
        Ok(())
    }

    async fn oldest(&self, before: Timestamp, limit: usize) -> PortResult<Option<Section>> {
        let keys = Arc::clone(self.db.store_keys());
        self.db
            .read(move |conn| cutting::oldest(conn, &keys, before, limit))
            .await
    }

    async fn cut(&self, section: &Section, entry: &AuditEntry) -> PortResult<()> {
        let keys = Arc::clone(self.db.store_keys());
        // Its rows have been looked at; what is written is where it ends.
        let section = Section {
            rows: Vec::new(),
            ..section.clone()
        };
        let entry = entry.clone();
        self.db
            .write(move |conn, _| cutting::cut(conn, &keys, &section, &entry))
            .await
    }

    async fn clear(&self, limit: usize) -> PortResult<u64> {
        let keys = Arc::clone(self.db.store_keys());
        self.db.write(move |conn, _| cutting::clear(conn, &keys, limit)).await
    }
}
