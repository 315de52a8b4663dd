//! What routes about MRR may touch.

use std::sync::Arc;

use cc_devops_kernel::access::Access;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::cohorts::{NoRetention, Retention};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::{Covered, CustomerMovement, MovementFilter};
use cc_devops_revenue::day::Day;
use cc_devops_revenue::over_time::OverTime;
use cc_devops_revenue::ports::RevenueStore;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;

/// How many movements are read at once.
const AT_ONCE: usize = 1_000;

/// Read MRR by day, and which customers moved it.
#[derive(Clone)]
pub struct ReadRevenue;

impl Privilege for ReadRevenue {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadRevenue).map(|()| Self)
    }
}

/// A page of customers' movements, oldest first, and which days they are of.
#[derive(Debug)]
pub struct MovementPage {
    /// The movements.
    pub movements: Page<CustomerMovement>,
    /// The days.
    pub covered: Covered,
}

impl Permitted<ReadRevenue> {
    /// Where MRR is kept.
    pub(crate) fn revenue(&self) -> &dyn RevenueStore {
        &*self.app.ports().revenue
    }

    /// The currency that MRR is shown in.
    pub fn currency(&self) -> Currency {
        self.app.config.currency
    }

    /// Today, UTC.
    pub fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// MRR over so many days until today, which is one of them: one read of the store.
    ///
    /// # Errors
    /// What the store says.
    pub async fn over(&self, days: u16) -> PortResult<OverTime> {
        let until = self.today();
        let from = until.saturating_sub(i32::from(days.max(1) - 1).days());
        OverTime::read(self.revenue(), from, until, self.currency()).await
    }

    /// The newest day, where one was kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn latest(&self) -> PortResult<Option<Day>> {
        self.revenue().latest().await
    }

    /// A page of the movements that are wanted, oldest first, those behind the place `after`.
    ///
    /// # Errors
    /// What the store says.
    pub async fn movements(
        &self,
        wanted: &MovementFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<MovementPage> {
        let store = self.revenue();
        let movements = store.movements(wanted, after, limit).await?;
        let days = store.days(wanted.from, wanted.until).await?;
        Ok(MovementPage {
            movements,
            covered: Covered::of(wanted.from, wanted.until, &days),
        })
    }

    /// The movements that are wanted, oldest first, at most `most` of them, and whether that is all.
    ///
    /// # Errors
    /// What the store says.
    pub async fn movements_together(
        &self,
        wanted: &MovementFilter,
        most: usize,
    ) -> PortResult<(Vec<CustomerMovement>, bool)> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let room = most.saturating_sub(found.len());
            if room == 0 {
                return Ok((found, false));
            }
            let page = self.revenue().movements(wanted, after, room.min(AT_ONCE)).await?;
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok((found, true));
            }
        }
    }

    /// The cohorts until the newest day; none where no day was kept with its customers' movements. They are added up
    /// once for each newest day.
    ///
    /// # Errors
    /// What the store says; a currency has no rate.
    pub async fn cohorts(&self) -> Result<Option<Arc<Retention>>, Problem> {
        let Some(latest) = self.latest().await? else {
            return Ok(None);
        };
        let cache = &self.app.cohorts;
        match cache.until(&latest, self.revenue(), self.currency(), self.now()).await {
            Ok(retention) => Ok(Some(retention)),
            Err(NoRetention::NothingKept(_)) => Ok(None),
            Err(NoRetention::Missing(missing)) => {
                Err(Problem::new(axum::http::StatusCode::CONFLICT, missing.to_string()))
            }
            Err(NoRetention::Port(error)) => Err(error.into()),
        }
    }
}
