//! Several days together: what moved MRR over a period.

use std::collections::BTreeMap;

use serde::Serialize;

use super::day::Day;
use super::in_currency::Steps;
use super::movements::Kind;
use super::report::Usd;

/// What moved MRR over a period, in US dollars. Opening and all movements make closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waterfall {
    /// The MRR that the first day was compared with.
    pub opening: Usd,
    /// What moved it, of each kind, all days together.
    pub moved: BTreeMap<Kind, Usd>,
    /// What exchange rates did.
    pub currency_effects: Usd,
    /// What lies between days of which one is missing or could not be converted.
    pub gaps: Usd,
    /// The MRR of the last day.
    pub closing: Usd,
}

impl Waterfall {
    /// Adds up days, which come oldest first. Days that could not be converted are left out; `None` if
    /// that is all of them, or beyond 128 bits.
    pub fn of(days: &[Day]) -> Option<Self> {
        let whole = Steps::of(days.iter().filter_map(|day| day.movements_usd.as_ref()))?;
        Some(Self {
            opening: Usd(whole.opening),
            moved: whole
                .moved
                .into_iter()
                .map(|(kind, cents)| (kind, Usd(cents)))
                .collect(),
            currency_effects: Usd(whole.currency_effects),
            gaps: Usd(whole.gaps),
            closing: Usd(whole.closing),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::movements::Converted;

    fn converted(opening: i128, moved: &[(Kind, i128)], currency_effects: i128) -> Converted {
        let sum: i128 = moved.iter().map(|(_, cents)| cents).sum();
        Converted {
            currency: crate::currency::Currency::USD,
            opening,
            moved: moved.iter().copied().collect(),
            currency_effects,
            closing: opening + sum + currency_effects,
        }
    }

    fn of(days: Vec<Option<Converted>>) -> Option<Waterfall> {
        let days: Vec<Day> = days.into_iter().map(day).collect();
        Waterfall::of(&days)
    }

    fn day(movements_usd: Option<Converted>) -> Day {
        use crate::policy::Policy;
        use crate::rates::Rates;
        use crate::report::Summary;
        use crate::run::Run;
        let rates = Rates::none();
        Day {
            date: jiff::civil::date(2026, 3, 1),
            at: jiff::Timestamp::UNIX_EPOCH,
            summary: Summary::new(&Run::default(), &Policy::default(), 0, &rates, None).unwrap(),
            rates,
            period: (0, 0),
            compared_with: None,
            policy_changed: false,
            movements: crate::movements::Statement::default(),
            movements_usd,
            customer_movements: None,
            reconstructed: None,
            by_product: None,
        }
    }

    #[test]
    fn days_add_up_and_a_gap_is_a_step_of_its_own() {
        let first = converted(1_000, &[(Kind::New, 500), (Kind::Churn, -100)], 7);
        // A day is missing, on which MRR rose by 13.
        let third = converted(1_420, &[(Kind::New, 20)], 0);
        let whole = of(vec![Some(first), None, Some(third)]).unwrap();
        assert_eq!(
            whole.moved,
            BTreeMap::from([(Kind::New, Usd(520)), (Kind::Churn, Usd(-100))])
        );
        assert_eq!((whole.currency_effects, whole.gaps), (Usd(7), Usd(13)));
        assert_eq!((whole.opening, whole.closing), (Usd(1_000), Usd(1_440)));
        let steps: i128 = whole.moved.values().map(|usd| usd.0).sum::<i128>() + 7 + 13;
        assert_eq!(whole.opening.0 + steps, whole.closing.0);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(of(Vec::new()), None);
        assert_eq!(of(vec![None]), None);
    }
}
