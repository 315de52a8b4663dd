//! The shapes of MRR by day, and of who moved it.

use std::collections::BTreeMap;

use cc_devops_revenue::customer_movements::CustomerMovement;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::report::Usd;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of days, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = RevenueDayPage)]
pub(crate) struct DayPage {
    /// The days that are kept.
    pub(crate) days: Vec<DayView>,
    /// Where the next page starts; `null` at the end.
    #[schema(required)]
    pub(crate) next: Option<i64>,
}

/// A day's MRR, and what moved it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevenueDay)]
pub(crate) struct DayView {
    /// The day, UTC.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// When it was computed.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whether it was computed afterwards, from what the billing source still knew of it.
    reconstructed: bool,
    /// The policy that defines MRR.
    policy: String,
    /// Whether everything could be computed and converted; if not, the amounts are a part.
    complete: bool,
    /// MRR in US dollars; `null` where it cannot be known.
    #[serde(rename = "mrrUSD")]
    #[schema(required, value_type = Option<f64>)]
    mrr_usd: Option<Usd>,
    /// How many customers pay.
    subscribers: u64,
    /// The average per subscriber in US dollars.
    #[serde(rename = "arpaUSD")]
    #[schema(required, value_type = Option<f64>)]
    arpa_usd: Option<Usd>,
    /// MRR of each currency.
    totals: Vec<CurrencyView>,
    /// The day its movements start from; `null` for a beginning, which opens with its own figure.
    #[schema(required, value_type = Option<String>, format = Date)]
    compared_with: Option<Date>,
    /// What moved in US dollars; `null` where a currency has no rate.
    #[serde(rename = "movementsUSD")]
    #[schema(required)]
    movements_usd: Option<MovedView>,
    /// How many movements of customers `/v1/revenue/movements` has of the day; `null` where they were not kept yet.
    #[schema(required)]
    customer_movements: Option<u32>,
}

/// MRR in one currency.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevenueTotal)]
pub(crate) struct CurrencyView {
    /// The currency, three lower-case letters.
    currency: String,
    /// In minor units, exact: a whole number or a fraction such as `10/3`.
    mrr_exact: String,
    /// How many subscriptions are worth more than 0.
    subscriptions: u64,
}

/// What moved MRR, in US dollars. Opening, what moved, and currency effects make closing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevenueMoved)]
pub(crate) struct MovedView {
    #[schema(value_type = f64)]
    opening: Usd,
    /// By kind; one that did not happen is absent.
    #[schema(value_type = BTreeMap<String, f64>)]
    moved: BTreeMap<&'static str, Usd>,
    /// What exchange rates did.
    #[schema(value_type = f64)]
    currency_effects: Usd,
    #[schema(value_type = f64)]
    closing: Usd,
}

impl From<Day> for DayView {
    fn from(day: Day) -> Self {
        let total = |total: &cc_devops_revenue::report::CurrencyTotal| CurrencyView {
            currency: total.currency.to_string(),
            mrr_exact: total.mrr_exact.to_string(),
            subscriptions: total.subscriptions,
        };
        Self {
            date: day.date,
            at: day.at,
            reconstructed: day.reconstructed.is_some(),
            policy: day.summary.policy.name().to_owned(),
            complete: day.summary.complete,
            mrr_usd: day.summary.mrr_usd,
            subscribers: day.summary.subscribers,
            arpa_usd: day.summary.arpa_usd,
            totals: day.summary.totals.iter().map(total).collect(),
            compared_with: day.compared_with,
            movements_usd: day.movements_usd.map(|converted| MovedView {
                opening: Usd(converted.opening),
                moved: converted
                    .moved
                    .iter()
                    .map(|(kind, cents)| (kind.as_str(), Usd(*cents)))
                    .collect(),
                currency_effects: Usd(converted.currency_effects),
                closing: Usd(converted.closing),
            }),
            customer_movements: day.customer_movements,
        }
    }
}

/// One page of movements, oldest day first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevenueMovementPage)]
pub(crate) struct MovementPage {
    /// Who moved.
    pub(crate) movements: Vec<MovementView>,
    /// The days of the range that are kept without their movements, because they are older than those: whether
    /// anybody moved then cannot be told.
    #[schema(value_type = Vec<String>)]
    pub(crate) days_without_movements: Vec<Date>,
    /// Where the next page starts; `null` at the end.
    #[schema(required)]
    pub(crate) next: Option<i64>,
}

/// A customer's movement of a day in one currency.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevenueMovement)]
pub(crate) struct MovementView {
    /// The day, UTC.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// The customer's id.
    customer: String,
    /// The currency, three lower-case letters.
    currency: String,
    /// What kind of movement it is.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// MRR before, in minor units, exact: a whole number or a fraction such as `10/3`.
    before: String,
    /// MRR at the day's end.
    after: String,
    /// The ids of the subscriptions whose figures changed; `null` where what they were before is not known.
    #[schema(required)]
    subscriptions: Option<Vec<String>>,
}

impl From<CustomerMovement> for MovementView {
    fn from(moved: CustomerMovement) -> Self {
        Self {
            date: moved.date,
            customer: moved.key.customer,
            currency: moved.key.currency.to_string(),
            kind: moved.kind,
            before: moved.before.to_string(),
            after: moved.after.to_string(),
            subscriptions: moved.subscriptions,
        }
    }
}

/// A kind of movement.
#[derive(ToSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = RevenueMovementKind)]
pub(crate) enum KindName {
    /// From nothing, the first time.
    New,
    /// From nothing, not the first time.
    Reactivation,
    /// From something to more.
    Expansion,
    /// From something to less, but not to nothing.
    Contraction,
    /// From something to nothing.
    Churn,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::New => Self::New,
            KindName::Reactivation => Self::Reactivation,
            KindName::Expansion => Self::Expansion,
            KindName::Contraction => Self::Contraction,
            KindName::Churn => Self::Churn,
        }
    }
}
