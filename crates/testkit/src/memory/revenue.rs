//! The fake of where MRR is kept.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day};
use cc_devops_revenue::ports::RevenueStore;
use jiff::civil::Date;

use super::Memory;

/// The days and the customers' figures.
#[derive(Default)]
pub(super) struct RevenueModel {
    days: BTreeMap<Date, Day>,
    customers: BTreeMap<CustomerKey, CustomerRow>,
}

impl Memory {
    /// Every customer's figure that is kept.
    pub fn customers_kept(&self) -> Vec<CustomerRow> {
        self.peek().revenue.customers.values().cloned().collect()
    }
}

#[async_trait]
impl RevenueStore for Memory {
    async fn latest(&self) -> PortResult<Option<Day>> {
        Ok(self.lock()?.revenue.days.values().next_back().cloned())
    }

    async fn day(&self, date: Date) -> PortResult<Option<Day>> {
        Ok(self.lock()?.revenue.days.get(&date).cloned())
    }

    async fn days(&self, from: Date, until: Date) -> PortResult<Vec<Day>> {
        if from > until {
            return Ok(Vec::new());
        }
        let model = self.lock()?;
        Ok(model
            .revenue
            .days
            .range(from..=until)
            .map(|(_, day)| day.clone())
            .collect())
    }

    async fn keep(&self, day: &Day, reader: &AgentName, news: &Announcement) -> PortResult<()> {
        let mut model = self.lock()?;
        model.revenue.days.insert(day.date, day.clone());
        model.announce(reader, news);
        Ok(())
    }

    async fn customers(&self, after: Option<&CustomerKey>, limit: usize) -> PortResult<Vec<CustomerRow>> {
        let model = self.lock()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = model.revenue.customers.range((from, Bound::Unbounded));
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn keep_customers(&self, rows: &[CustomerRow]) -> PortResult<()> {
        let mut model = self.lock()?;
        for row in rows {
            model.revenue.customers.insert(row.key.clone(), row.clone());
        }
        Ok(())
    }
}
