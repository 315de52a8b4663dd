//! The fake of where MRR is kept.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter, number_at, place};
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day};
use cc_devops_revenue::ports::RevenueStore;
use jiff::civil::Date;

use super::Memory;

/// The days and the customers' figures.
#[derive(Default)]
pub(super) struct RevenueModel {
    days: BTreeMap<Date, Day>,
    customers: BTreeMap<CustomerKey, CustomerRow>,
    movements: BTreeMap<Cursor, CustomerMovement>,
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

    async fn keep_movements(&self, date: Date, first: u32, movements: &[CustomerMovement]) -> PortResult<()> {
        let mut model = self.lock()?;
        let numbered = (first..).zip(movements);
        let placed = numbered.map(|(number, movement)| (place(date, number), movement.clone()));
        model.revenue.movements.extend(placed);
        Ok(())
    }

    async fn movements(
        &self,
        wanted: &MovementFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<CustomerMovement>> {
        let model = self.lock()?;
        let counts = |at: Cursor, movement: &CustomerMovement| {
            let day = model.revenue.days.get(&movement.date);
            day.and_then(|day| day.customer_movements) > Some(number_at(at))
        };
        let Some((first, last)) = wanted.places() else {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        };
        let found: Vec<(Cursor, &CustomerMovement)> = (model.revenue.movements.range(first..=last))
            .filter(|(at, movement)| after.is_none_or(|after| **at > after) && counts(**at, movement))
            .filter(|(_, movement)| wanted.wants(movement.kind, &movement.key.customer))
            .take(limit.saturating_add(1))
            .map(|(at, movement)| (*at, movement))
            .collect();
        let more = found.len() > limit;
        let page = found.iter().take(limit);
        Ok(Page {
            next: page.clone().last().filter(|_| more).map(|(at, _)| *at),
            items: page.map(|(_, movement)| (*movement).clone()).collect(),
        })
    }

    async fn keep_reconstructed(&self, day: &Day) -> PortResult<bool> {
        let mut model = self.lock()?;
        let days = &mut model.revenue.days;
        if days.get(&day.date).is_some_and(|kept| kept.reconstructed.is_none()) {
            return Ok(false);
        }
        days.insert(day.date, day.clone());
        Ok(true)
    }
}
