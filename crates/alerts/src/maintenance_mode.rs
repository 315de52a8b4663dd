//! Maintenance mode as it is kept in the store, for whoever acts unasked.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::{MaintenanceMode, PortResult, RecordKey, RecordKind, StateStore};
use jiff::Timestamp;

use crate::silence::{MODE, Maintenance};

/// Reads the store each time: another process may switch it.
#[derive(Clone)]
pub struct StoredMode(Arc<dyn StateStore>);

impl StoredMode {
    /// Over a store.
    pub fn new(state: Arc<dyn StateStore>) -> Self {
        Self(state)
    }
}

#[async_trait]
impl MaintenanceMode for StoredMode {
    async fn is_on(&self, now: Timestamp) -> PortResult<bool> {
        let key = RecordKey::new(RecordKind::Maintenance, MODE);
        let record = self.0.read_one(&key).await?;
        let kept = record.as_ref().map(Maintenance::of).transpose()?;
        Ok(kept.is_some_and(|kept| kept.is_on(now)))
    }
}
