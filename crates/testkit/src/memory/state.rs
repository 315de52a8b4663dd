//! The fake of what the watch and the alerts remember: the model of every adapter, with its audit row.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::ports::{
    PortResult, Record, RecordKey, RecordKind, StateChange, StateStore, check_changes, check_keys,
};
use jiff::Timestamp;

use super::Memory;

/// As few as on AWS, so that what is tested here goes there too.
const MOST_CHANGES: usize = 99;

#[async_trait]
impl StateStore for Memory {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        check_keys(keys)?;
        let model = self.lock()?;
        Ok(keys.iter().map(|key| model.records.get(key)).collect())
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        Ok(self.lock()?.records.due(kind, until, limit))
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        Ok(self.lock()?.records.next_due(kind))
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        Ok(self.lock()?.records.list(kind, list, after, limit))
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        Ok(self.lock()?.records.counts(kind))
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        check_changes(changes, MOST_CHANGES)?;
        let mut model = self.lock()?;
        model.records.write(changes)?;
        if let Some(entry) = audit {
            model.audit.append(entry);
        }
        Ok(())
    }

    fn most_changes(&self) -> usize {
        MOST_CHANGES
    }
}
