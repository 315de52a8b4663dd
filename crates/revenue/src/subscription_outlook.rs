//! What stands beside a subscription's figure.

use super::money::Exact;

/// What stands beside a subscription's figure, in minor units a month of its currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is counted for itself")]
pub struct SubscriptionOutlook {
    /// What it adds once its trial, or that of its items, has ended.
    pub trial: Exact,
    /// What it is worth now and will not be: its cancellation was asked for.
    pub leaving: Exact,
    /// What the next phase of its schedule adds; less than 0 if it takes away.
    pub next_phase: Exact,
    /// What it adds once it begins.
    pub starting: Exact,
    /// Whether nobody can say what it adds once its trial has ended.
    pub trial_unknown: bool,
    /// Whether nobody can say what it comes to later: of its schedule, or of a price, only the id is known.
    pub later_unknown: bool,
    /// Whether its latest invoice is overdue.
    pub past_due: bool,
    /// Whether its trial ended within 30 days and it pays.
    pub converted: bool,
}
