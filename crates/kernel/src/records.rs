//! Records in memory: what every [`StateStore`] does, as a plain model. Simulations and tests keep their records in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::audit::AuditEntry;
use crate::port_error::PortResult;
use crate::ports::{Content, Record, RecordKey, RecordKind, StateChange, StateStore, check_changes, check_keys};

/// How many changes one write takes.
const MOST_CHANGES: usize = 50_000;

/// Records, and by which times they are due.
#[derive(Debug, Clone, Default)]
pub struct Records {
    kept: BTreeMap<RecordKey, (u64, Content)>,
    due: BTreeSet<(RecordKind, Timestamp, String)>,
}

impl Records {
    /// The record of a key.
    pub fn get(&self, key: &RecordKey) -> Option<Record> {
        let (version, content) = self.kept.get(key)?;
        Some(record(key, *version, content))
    }

    /// Records of a kind that are due at `until` or before, the earliest first, `limit` at most.
    pub fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> Vec<Record> {
        self.due_of(kind)
            .take_while(|(_, at, _)| *at <= until)
            .filter_map(|(_, _, name)| self.get(&RecordKey::new(kind, name)))
            .take(limit)
            .collect()
    }

    /// When the earliest record of a kind is due.
    pub fn next_due(&self, kind: RecordKind) -> Option<Timestamp> {
        self.due_of(kind).next().map(|(_, at, _)| *at)
    }

    fn due_of(&self, kind: RecordKind) -> impl Iterator<Item = &(RecordKind, Timestamp, String)> {
        let first = (kind, Timestamp::MIN, String::new());
        self.due.range(first..).take_while(move |(of, _, _)| *of == kind)
    }

    /// Records of a kind in one list (all of the kind where none is named), by name, from behind `after`, `limit` at
    /// most.
    pub fn list(&self, kind: RecordKind, list: Option<&str>, after: Option<&str>, limit: usize) -> Vec<Record> {
        let from = RecordKey::new(kind, after.unwrap_or_default());
        self.kept
            .range(&from..)
            .take_while(|(key, _)| key.kind == kind)
            .filter(|(key, _)| after.is_none_or(|after| key.name.as_str() > after))
            .filter(|(_, (_, content))| list.is_none_or(|list| content.list.as_deref() == Some(list)))
            .map(|(key, (version, content))| record(key, *version, content))
            .take(limit)
            .collect()
    }

    /// How many records of a kind stand in each list; under none, those that stand in no list.
    pub fn counts(&self, kind: RecordKind) -> BTreeMap<Option<String>, u64> {
        let from = RecordKey::new(kind, "");
        let mut counts = BTreeMap::new();
        for (_, (_, content)) in self.kept.range(&from..).take_while(|(key, _)| key.kind == kind) {
            *counts.entry(content.list.clone()).or_default() += 1;
        }
        counts
    }

    /// Makes every change, or none.
    ///
    /// # Errors
    /// What [`check_changes`] refuses; `Superseded` where a record is not in the version it was read in.
    pub fn write(&mut self, changes: &[StateChange]) -> PortResult<()> {
        check_changes(changes, MOST_CHANGES)?;
        let version = |key| self.kept.get(key).map_or(0, |(version, _)| *version);
        if let Some(change) = changes.iter().find(|change| version(&change.key) != change.version) {
            return Err(change.superseded());
        }
        for StateChange { key, version, content } in changes {
            if let Some((_, Content { due_at: Some(at), .. })) = self.kept.remove(key) {
                self.due.remove(&(key.kind, at, key.name.clone()));
            }
            let Some(content) = content else { continue };
            if let Some(at) = content.due_at {
                self.due.insert((key.kind, at, key.name.clone()));
            }
            self.kept.insert(key.clone(), (version + 1, content.clone()));
        }
        Ok(())
    }

    /// Forgets history that is due before that ([`RecordKind::ends_when_due`]); how many records.
    pub fn forget(&mut self, before: Timestamp) -> u64 {
        let over = self
            .due
            .extract_if(.., |(kind, at, _)| kind.ends_when_due() && *at < before);
        let mut count = 0;
        for (kind, _, name) in over {
            self.kept.remove(&RecordKey { kind, name });
            count += 1;
        }
        count
    }
}

fn record(key: &RecordKey, version: u64, content: &Content) -> Record {
    Record {
        key: key.clone(),
        version,
        content: content.clone(),
    }
}

/// A store of records that lives as long as the process. It keeps no audit trail: rows that come with a write are
/// dropped.
#[derive(Debug, Default)]
pub struct RecordsInMemory(Mutex<Records>);

impl RecordsInMemory {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for RecordsInMemory {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        check_keys(keys)?;
        let records = self.records();
        Ok(keys.iter().map(|key| records.get(key)).collect())
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        Ok(self.records().due(kind, until, limit))
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        Ok(self.records().next_due(kind))
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        Ok(self.records().list(kind, list, after, limit))
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        Ok(self.records().counts(kind))
    }

    async fn write(&self, changes: &[StateChange], _audit: Option<&AuditEntry>) -> PortResult<()> {
        self.records().write(changes)
    }

    fn most_changes(&self) -> usize {
        MOST_CHANGES
    }
}
