//! Housekeeping in the ledger's table: what is not kept for ever carries its end with it (the attribute `expires`,
//! by which DynamoDB removes it), so there is nothing to do but to cut the audit trail.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::{Forgotten, Retention, Weight};
use cc_devops_requests::retention::Kept;
use jiff::Timestamp;

use crate::Backend;

impl Backend {
    /// The housekeeping.
    pub fn retention(&self) -> Arc<dyn Retention> {
        Arc::new(Expiring)
    }
}

struct Expiring;

#[async_trait]
impl Retention for Expiring {
    fn ends_by_itself(&self) -> bool {
        true
    }

    async fn forget(
        &self,
        _what: Kept,
        _before: Timestamp,
        _after: Option<Cursor>,
        _limit: usize,
    ) -> PortResult<Forgotten> {
        Ok(Forgotten::default())
    }

    async fn shrink(&self) -> PortResult<u64> {
        Ok(0)
    }

    async fn weigh(&self) -> PortResult<Vec<Weight>> {
        Ok(Vec::new())
    }
}
