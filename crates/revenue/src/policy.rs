//! How MRR is computed where tools differ: two presets by name, each option settable on its own.

use serde::{Deserialize, Serialize};

use super::money::Exact;

/// The figure `mrrUSD` follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Stripe's published definition: what active subscriptions are worth a month.
    /// Source: <https://docs.stripe.com/billing/subscriptions/analytics>.
    #[default]
    StripeDefault,
    /// Charges minus refunds of the last 30 days.
    Transactions,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 2] = [Self::StripeDefault, Self::Transactions];

    /// The name by which it is chosen and reported.
    pub fn name(self) -> &'static str {
        match self {
            Self::StripeDefault => "stripe-default",
            Self::Transactions => "transactions",
        }
    }
}

/// When a subscription begins to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActiveFrom {
    /// With its first billing period, paid or not.
    #[default]
    FirstPeriod,
    /// With its first payment.
    FirstPayment,
}

/// Whether a subscription counts whose collection is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedCollection {
    /// It counts, and is shown in a bucket of its own.
    #[default]
    Include,
    /// It does not count.
    Exclude,
}

/// When a cancelled subscription stops counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChurnTiming {
    /// When the cancellation is asked for.
    #[default]
    Requested,
    /// When it takes effect.
    PeriodEnd,
}

/// In which order the discounts of one level are subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountOrder {
    /// As Stripe lists them.
    #[default]
    Array,
    /// Percentages before amounts.
    PercentFirst,
}

/// The options, each with the default of Stripe's definition or, where Stripe says nothing, ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// When a subscription begins to count.
    pub active_from: ActiveFrom,
    /// When a cancelled subscription stops counting.
    pub churn_timing: ChurnTiming,
    /// Whether a subscription counts whose collection is paused.
    pub paused_collection: PausedCollection,
    /// Whether discounts for a number of months (`repeating`) are subtracted while they last.
    pub subtract_recurring_discounts: bool,
    /// Whether discounts of one invoice (`once`) are subtracted while they last.
    pub subtract_once_discounts: bool,
    /// In which order the discounts of one level are subtracted.
    pub discount_order: DiscountOrder,
    /// Whether what goes to a platform (`application_fee_percent`) is subtracted. Days that were kept before
    /// there was the option did not.
    #[serde(default)]
    pub subtract_application_fee: bool,
    /// How many days a month has: 365/12 unless set. Positive.
    pub day_factor: Exact,
    /// How many weeks a month has: 52/12 unless set. Positive.
    pub week_factor: Exact,
}

/// 365 days a year, in lowest terms.
const DAYS: Exact = Exact::from_parts(365, 12);
/// 52 weeks a year, in lowest terms.
const WEEKS: Exact = Exact::from_parts(13, 3);

impl Default for Options {
    fn default() -> Self {
        Self {
            active_from: ActiveFrom::default(),
            churn_timing: ChurnTiming::default(),
            paused_collection: PausedCollection::default(),
            subtract_recurring_discounts: false,
            subtract_once_discounts: false,
            discount_order: DiscountOrder::default(),
            subtract_application_fee: false,
            day_factor: DAYS,
            week_factor: WEEKS,
        }
    }
}

/// A preset and its options. In a configuration: `preset` and the options beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Policy {
    /// The preset.
    pub preset: Preset,
    /// The options, those that were set among them.
    #[serde(flatten)]
    pub options: Options,
}

/// A policy that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No preset has this name.
    #[error("there is no policy `{0}`; choose stripe-default or transactions")]
    UnknownPreset(String),
    /// No option has this name.
    #[error("there is no option `{0}`; the options are {names}", names = OPTIONS.map(|(name, _)| name).join(", "))]
    UnknownOption(String),
    /// The option does not take this value.
    #[error("`{option}` does not take `{value}`; give it {expected}")]
    BadValue {
        /// The option's name.
        option: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// No `=`.
    #[error("write an option as option=value, not `{0}`")]
    NotAnAssignment(String),
}

/// The options' names, and what each takes.
pub const OPTIONS: [(&str, &str); 9] = [
    ("active_from", "first_period or first_payment"),
    ("churn_timing", "requested or period_end"),
    ("paused_collection", "include or exclude"),
    ("subtract_recurring_discounts", "true or false"),
    ("subtract_once_discounts", "true or false"),
    ("discount_order", "array or percent_first"),
    ("subtract_application_fee", "true or false"),
    ("day_factor", "the days of a month, such as 365/12 or 30"),
    ("week_factor", "the weeks of a month, such as 52/12 or 4"),
];

impl Policy {
    /// The preset of this name with its own options.
    ///
    /// # Errors
    /// [`PolicyError::UnknownPreset`], which lists the presets.
    pub fn named(name: &str) -> Result<Self, PolicyError> {
        let preset = Preset::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| PolicyError::UnknownPreset(name.to_owned()))?;
        Ok(Self {
            preset,
            options: Options::default(),
        })
    }

    /// Sets an option from `option=value`.
    ///
    /// # Errors
    /// [`PolicyError`], which lists what there is.
    pub fn assign(&mut self, assignment: &str) -> Result<(), PolicyError> {
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| PolicyError::NotAnAssignment(assignment.to_owned()))?;
        self.set(name.trim(), value.trim())
    }

    /// Sets the option of this name.
    ///
    /// # Errors
    /// [`PolicyError`], which lists what there is.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), PolicyError> {
        let (option, expected) = OPTIONS
            .into_iter()
            .find(|(option, _)| *option == name)
            .ok_or_else(|| PolicyError::UnknownOption(name.to_owned()))?;
        self.options.set(option, value).ok_or_else(|| PolicyError::BadValue {
            option,
            value: value.to_owned(),
            expected,
        })
    }
}

impl Options {
    fn set(&mut self, option: &str, value: &str) -> Option<()> {
        match option {
            "active_from" => self.active_from = word(value)?,
            "churn_timing" => self.churn_timing = word(value)?,
            "paused_collection" => self.paused_collection = word(value)?,
            "subtract_recurring_discounts" => self.subtract_recurring_discounts = value.parse().ok()?,
            "subtract_once_discounts" => self.subtract_once_discounts = value.parse().ok()?,
            "discount_order" => self.discount_order = word(value)?,
            "subtract_application_fee" => self.subtract_application_fee = value.parse().ok()?,
            "day_factor" => self.day_factor = positive(value)?,
            "week_factor" => self.week_factor = positive(value)?,
            _ => return None,
        }
        Some(())
    }
}

/// A value of an enum by its name in configuration.
fn word<T: for<'de> Deserialize<'de>>(value: &str) -> Option<T> {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};
    let name: StrDeserializer<'_, Error> = value.into_deserializer();
    T::deserialize(name).ok()
}

fn positive(value: &str) -> Option<Exact> {
    value.parse().ok().filter(Exact::is_positive)
}

/// The configuration's form: strict, because `flatten` cannot be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    preset: Option<Preset>,
    active_from: Option<ActiveFrom>,
    churn_timing: Option<ChurnTiming>,
    paused_collection: Option<PausedCollection>,
    subtract_recurring_discounts: Option<bool>,
    subtract_once_discounts: Option<bool>,
    discount_order: Option<DiscountOrder>,
    subtract_application_fee: Option<bool>,
    #[serde(default, deserialize_with = "factor")]
    day_factor: Option<Exact>,
    #[serde(default, deserialize_with = "factor")]
    week_factor: Option<Exact>,
}

fn factor<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Exact>, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(deserializer)?;
    let factor = positive(&text);
    factor
        .map(Some)
        .ok_or_else(|| D::Error::custom("a factor is a positive number as text, such as \"365/12\" or \"30\""))
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let shipped = Options::default();
        Ok(Self {
            preset: written.preset.unwrap_or_default(),
            options: Options {
                active_from: written.active_from.unwrap_or(shipped.active_from),
                churn_timing: written.churn_timing.unwrap_or(shipped.churn_timing),
                paused_collection: written.paused_collection.unwrap_or(shipped.paused_collection),
                subtract_recurring_discounts: written
                    .subtract_recurring_discounts
                    .unwrap_or(shipped.subtract_recurring_discounts),
                subtract_once_discounts: written
                    .subtract_once_discounts
                    .unwrap_or(shipped.subtract_once_discounts),
                discount_order: written.discount_order.unwrap_or(shipped.discount_order),
                subtract_application_fee: written
                    .subtract_application_fee
                    .unwrap_or(shipped.subtract_application_fee),
                day_factor: written.day_factor.unwrap_or(shipped.day_factor),
                week_factor: written.week_factor.unwrap_or(shipped.week_factor),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_settable_by_its_name() {
        let mut policy = Policy::named("stripe-default").unwrap();
        for assignment in [
            "active_from=first_payment",
            "churn_timing=period_end",
            "paused_collection=exclude",
            "subtract_recurring_discounts=true",
            "subtract_once_discounts=true",
            "discount_order=percent_first",
            "subtract_application_fee=true",
            "day_factor=30",
            "week_factor = 30.4375/7",
        ] {
            let before = policy;
            policy.assign(assignment).unwrap();
            assert_ne!(before, policy, "{assignment}");
        }
        let options = serde_json::to_value(policy.options).unwrap();
        assert_eq!(options.as_object().unwrap().len(), OPTIONS.len());
        for (name, _) in OPTIONS {
            assert!(options.get(name).is_some(), "{name}");
        }
        let again: Policy = serde_json::from_value(serde_json::to_value(policy).unwrap()).unwrap();
        assert_eq!(again, policy);
    }

    #[test]
    fn what_there_is_not_is_answered_with_what_there_is() {
        let mut policy = Policy::default();
        let said = |error: PolicyError| error.to_string();
        assert!(said(policy.assign("colour=red").unwrap_err()).contains("day_factor, week_factor"));
        assert!(said(policy.assign("churn_timing=never").unwrap_err()).contains("requested or period_end"));
        assert!(said(policy.assign("day_factor=0").unwrap_err()).contains("365/12"));
        assert!(said(policy.assign("day_factor").unwrap_err()).contains("option=value"));
        assert!(said(Policy::named("mine").unwrap_err()).contains("transactions"));
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn a_configuration_is_strict() {
        let read = |text: &str| serde_json::from_str::<Policy>(text);
        assert_eq!(read("{}").unwrap(), Policy::default());
        assert_eq!(
            read(r#"{"preset":"transactions"}"#).unwrap().preset,
            Preset::Transactions
        );
        assert!(read(r#"{"day_facter":"30"}"#).is_err());
        assert!(read(r#"{"day_factor":"-1"}"#).is_err());
    }
}
