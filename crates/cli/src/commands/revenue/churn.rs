//! The churn rate of customers beside a day.

use cc_devops_revenue::day::Day;
use cc_devops_revenue::figures::{CHURN_DAYS, Days, customer_churn};
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::ports::RevenueStore;
use jiff::ToSpan as _;
use serde::Serialize;

use crate::error::CliError;

/// The churn rate of customers over the 30 days that end with a day.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Churn {
    /// The share of those who paid 30 days ago and those who were new since: a fraction. `null` where the 30 days were not
    /// all kept.
    churn_rate: Option<Exact>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    churn_rate_missing: Option<String>,
}

impl Churn {
    /// Of a day among these.
    pub(super) fn among(days: &Days<'_>, day: &Day) -> Self {
        let rate = customer_churn(days, day.date);
        Self {
            churn_rate: rate.as_ref().ok().copied(),
            churn_rate_missing: rate.err().map(|missing| missing.to_string()),
        }
    }

    /// Of a day that may not be kept, with those that are.
    pub(super) async fn of(store: &dyn RevenueStore, day: &Day) -> Result<Self, CliError> {
        let from = day.date.saturating_sub(CHURN_DAYS.days());
        let until = day.date.saturating_sub(1.day());
        let before = store.days(from, until).await?;
        Ok(Self::among(&Days::new(before.iter().chain([day])), day))
    }
}
