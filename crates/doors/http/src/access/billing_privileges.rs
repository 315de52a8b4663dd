//! What whoever looks after costs may touch: the days' figures, as the table of billing metrics has them.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::ports::DayOrder;
use jiff::civil::Date;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;

/// Read the days' figures. No customer is in them.
#[derive(Clone)]
pub struct ReadBillingFigures;

impl Privilege for ReadBillingFigures {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadBillingFigures).map(|()| Self)
    }
}

impl Permitted<ReadBillingFigures> {
    /// The newest day, where one was kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn latest(&self) -> PortResult<Option<Day>> {
        self.app.ports().revenue.latest().await
    }

    /// A day, where it was kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn day(&self, date: Date) -> PortResult<Option<Day>> {
        self.app.ports().revenue.day(date).await
    }

    /// The first days in an order, of those from the one until the other, both inclusive; `limit` at most.
    ///
    /// # Errors
    /// What the store says.
    pub async fn first_days(&self, span: (Date, Date), order: DayOrder, limit: usize) -> PortResult<Vec<Day>> {
        self.app.ports().revenue.first_days(span, order, limit).await
    }
}
