//! Who moved: each customer's movement of a day, and which of its subscriptions made it.

use std::fmt;
use std::str::FromStr;

use cc_devops_kernel::paging::Cursor;
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::customers::CustomerKey;
use super::day::Day;
use super::money::Exact;
use super::movements::Kind;
pub use super::subscription_amounts::{MOST_SUBSCRIPTIONS, SubscriptionAmounts};

/// A customer's movement of a day in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerMovement {
    /// The day.
    pub date: Date,
    /// Whose, in which currency.
    #[serde(flatten)]
    pub key: CustomerKey,
    /// What kind of movement it is.
    pub kind: Kind,
    /// The MRR before, exact, in minor units.
    pub before: Exact,
    /// The MRR at the day's end, exact, in minor units.
    pub after: Exact,
    /// The subscriptions whose figures changed, by id. `null` where what they were before is not known: in the first
    /// report of a version that keeps them, and for a customer with more than [`MOST_SUBSCRIPTIONS`] in a currency.
    pub subscriptions: Option<Vec<String>>,
}

/// Which movements are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementFilter {
    /// The first day.
    pub from: Date,
    /// The last day; it is in.
    pub until: Date,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this customer's.
    pub customer: Option<String>,
}

impl MovementFilter {
    /// All movements of some days, both inclusive.
    pub fn of(from: Date, until: Date) -> Self {
        Self {
            from,
            until,
            kind: None,
            customer: None,
        }
    }

    /// Whether it wants this kind of this customer.
    pub fn wants(&self, kind: Kind, customer: &str) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.customer.as_deref().is_none_or(|wanted| wanted == customer)
    }

    /// The places of its days, both inclusive; none where the end is before the beginning.
    pub fn places(&self) -> Option<(Cursor, Cursor)> {
        (self.from <= self.until).then(|| (place(self.from, 0), place(self.until, u32::MAX)))
    }
}

/// Which days a list of movements is of, and of which of them not everything is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// The first day.
    pub from: Date,
    /// The last day; it is in.
    pub to: Date,
    /// How many days of the range are kept.
    pub days: usize,
    /// Days that are kept without their movements, because they are older than those.
    pub days_without_movements: Vec<Date>,
    /// Days that were computed afterwards.
    pub days_reconstructed: Vec<Date>,
}

impl Covered {
    /// The days that are kept from `from` until `to`.
    pub fn of(from: Date, to: Date, days: &[Day]) -> Self {
        let those = |which: fn(&&Day) -> bool| days.iter().filter(which).map(|day| day.date).collect();
        Self {
            from,
            to,
            days: days.len(),
            days_without_movements: those(|day| day.customer_movements.is_none()),
            days_reconstructed: those(|day| day.reconstructed.is_some()),
        }
    }

    /// What is to be known about the list, as fragments.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let days = self.days;
        if let [first, .., last] | [first @ last] = self.days_without_movements.as_slice() {
            let count = self.days_without_movements.len();
            remarks.push(format!(
                "{count} of {days} days, from {first} until {last}, were kept before movements of customers were: who \
                 moved then is not known"
            ));
        }
        if let [first, .., last] | [first @ last] = self.days_reconstructed.as_slice() {
            let count = self.days_reconstructed.len();
            remarks.push(format!(
                "{count} of {days} days, from {first} until {last}, were reconstructed: docs/MRR.md says what cannot be \
                 known of them"
            ));
        }
        remarks
    }
}

/// How many days back a list of days or movements begins, where nobody says.
const USUAL_DAYS: i32 = 90;

/// The days that are asked for, both inclusive: without a last one, until today; without a first one, the last 90 days.
pub fn days_or_usual(from: Option<Date>, until: Option<Date>, today: Date) -> (Date, Date) {
    let until = until.unwrap_or(today);
    (from.unwrap_or_else(|| until.saturating_sub(USUAL_DAYS.days())), until)
}

const EPOCH: Date = date(1970, 1, 1);

/// Where a day's movement of this number stands in the list of all: days count more than numbers. It stays below
/// 2^53, so that programs without whole numbers can hold it; days before 1970 are the first.
pub fn place(date: Date, number: u32) -> Cursor {
    let days = date.since(EPOCH).map_or(0, |span| i64::from(span.get_days()).max(0));
    Cursor((days << 32) | i64::from(number))
}

/// The day that a place is in.
pub fn date_at(place: Cursor) -> Date {
    let days = Span::new().try_days(place.0 >> 32).ok();
    days.and_then(|days| EPOCH.checked_add(days).ok()).unwrap_or(Date::MAX)
}

/// The number in its day of what stands at a place.
pub fn number_at(place: Cursor) -> u32 {
    u32::try_from(place.0 & i64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// The ids of the subscriptions whose figures differ, in order; none where those before or those now are not known.
pub fn changed(before: Option<&SubscriptionAmounts>, now: Option<&SubscriptionAmounts>) -> Option<Vec<String>> {
    let (before, now) = (before?, now?);
    let mut ids: Vec<String> = before
        .iter()
        .filter(|(id, amount)| now.get(*id) != Some(*amount))
        .map(|(id, _)| id.clone())
        .collect();
    ids.extend(now.keys().filter(|id| !before.contains_key(*id)).cloned());
    ids.sort_unstable();
    Some(ids)
}

impl Kind {
    /// Its name, as it is in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reactivation => "reactivation",
            Self::Expansion => "expansion",
            Self::Contraction => "contraction",
            Self::Churn => "churn",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of movement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of movement: new, reactivation, expansion, contraction or churn")]
pub struct NotAKind(String);

impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| NotAKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_by_day_then_number_and_fit_a_float() {
        let (first, second) = (date(2026, 3, 1), date(2026, 3, 2));
        assert!(place(first, u32::MAX) < place(second, 0));
        assert!(place(first, 1) < place(first, 2));
        assert_eq!(number_at(place(first, 7)), 7);
        assert!(place(date(2500, 1, 1), u32::MAX).0 < 1 << 53);
        assert_eq!(place(date(1900, 1, 1), 3), Cursor(3));
        assert_eq!(date_at(place(second, 9)), second);
        assert_eq!(date_at(Cursor(i64::MAX)), Date::MAX);
    }

    #[test]
    fn subscriptions_that_changed_are_named() {
        let amounts = |pairs: &[(&str, i64)]| -> SubscriptionAmounts {
            pairs
                .iter()
                .map(|(id, amount)| ((*id).to_owned(), Exact::whole(*amount)))
                .collect()
        };
        let before = amounts(&[("gone", 1), ("more", 1), ("same", 1)]);
        let now = amounts(&[("more", 2), ("new", 1), ("same", 1)]);
        let ids = changed(Some(&before), Some(&now));
        assert_eq!(ids.unwrap(), ["gone", "more", "new"]);
        assert_eq!(changed(None, Some(&now)), None);
    }

    #[test]
    fn kinds_are_named_as_in_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("growth".parse::<Kind>().is_err());
    }
}
