//! A run beside which nothing is kept: no day to compare with, nowhere to keep one, nobody to tell.

use async_trait::async_trait;
use cc_devops_alerts::{ConditionChange, ConditionSink};
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::customer_movements::{CustomerMovement, MovementFilter};
use crate::day::{CustomerKey, CustomerRow, Day};
use crate::ports::RevenueStore;

/// No store at all: reads find nothing, and whoever wants to keep something is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

fn refused<T>() -> PortResult<T> {
    let message =
        "there is no control plane here to keep MRR in; `cc-devops serve` makes one, and --dry-run needs none";
    Err(PortError::new(PortErrorKind::NotFound, message))
}

#[async_trait]
impl RevenueStore for NoStore {
    async fn latest(&self) -> PortResult<Option<Day>> {
        Ok(None)
    }

    async fn day(&self, _: Date) -> PortResult<Option<Day>> {
        Ok(None)
    }

    async fn days(&self, _: Date, _: Date) -> PortResult<Vec<Day>> {
        Ok(Vec::new())
    }

    async fn keep(&self, _: &Day, _: &AgentName, _: &Announcement) -> PortResult<()> {
        refused()
    }

    async fn customers(&self, _: Option<&CustomerKey>, _: usize) -> PortResult<Vec<CustomerRow>> {
        Ok(Vec::new())
    }

    async fn keep_customers(&self, _: &[CustomerRow]) -> PortResult<()> {
        refused()
    }

    async fn keep_movements(&self, _: Date, _: u32, _: &[CustomerMovement]) -> PortResult<()> {
        refused()
    }

    async fn movements(&self, _: &MovementFilter, _: Option<Cursor>, _: usize) -> PortResult<Page<CustomerMovement>> {
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    async fn keep_reconstructed(&self, _: &Day) -> PortResult<bool> {
        refused()
    }
}

#[async_trait]
impl ConditionSink for NoStore {
    async fn note(&self, _: &[ConditionChange], _: Timestamp) -> PortResult<()> {
        refused()
    }
}
