//! Writes down what an audit found: the records that changed, then the register, then the day.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::days::{AuditDay, AuditDays};
use super::record::RepositoryRecord;
use super::register::{Register, RegisterRow};
use crate::audit::{Audit, Scope};
use crate::keeping::{Writing, written};
use crate::ports::{DocumentKind, RepositoryStore};
use crate::settings::Drift;
use crate::snapshot::RepositoryId;
use cc_devops_kernel::ports::PortResult;

/// Writes down what an audit found. Of repositories that it did not see, what an earlier one found stays, unless it saw
/// everything there is.
pub(crate) async fn keep(
    store: &dyn RepositoryStore,
    owner: &str,
    (audit, scope): (&Audit, Scope),
    drifts: &BTreeMap<RepositoryId, Drift>,
) -> PortResult<()> {
    if !store.keeps() {
        return Ok(());
    }
    let report = &audit.report;
    let (before, documents) = Register::load(store, owner).await?;
    let before = before.into_rows();
    let saw_all = scope == Scope::Owner && report.complete;
    let mut rows = if saw_all { BTreeMap::new() } else { before.clone() };
    let mut records = Writing::of(store, owner, DocumentKind::Findings);
    for of in report.organization.iter().chain(&report.repositories) {
        let record = written(&RepositoryRecord::of(of, drifts.get(&of.id)))?;
        let digest = digest(&record);
        if before.get(&of.id).is_none_or(|row| row.digest != digest) {
            records.put(of.id.to_string(), Some(record)).await?;
        }
        rows.insert(of.id, RegisterRow::of(of, digest));
    }
    for id in before.keys().filter(|id| !rows.contains_key(id)) {
        records.put(id.to_string(), None).await?;
    }
    records.end().await?;
    let changes = Register::of(rows).changes(&documents)?;
    if !changes.is_empty() {
        store.save(owner, DocumentKind::Register, &changes).await?;
    }
    if scope == Scope::Owner {
        let days = AuditDays::read(store, owner).await?;
        let days = days.with(AuditDay::of(report), &report.gaps);
        store.save(owner, DocumentKind::Audits, &days.documents()?).await?;
    }
    Ok(())
}

/// What tells whether a record changed: 8 bytes are enough, because nobody gains by two that are alike.
fn digest(record: &Value) -> String {
    let hash = hex::encode(Sha256::digest(record.to_string()));
    hash.chars().take(16).collect()
}
