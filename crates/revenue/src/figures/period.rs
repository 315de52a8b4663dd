//! The periods that figures are of.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A day. Its rates are of the 30 days that end with it, as Stripe's are.
    Day,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

/// A period; its days are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// How long it is.
    pub by: By,
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub until: Date,
}

/// How many days the rates of a day, and the churn of customers, look back.
/// Source: <https://support.stripe.com/questions/calculating-subscriber-churn-rate-in-billing>.
pub const CHURN_DAYS: i32 = 30;

impl Period {
    /// The period that a day is in.
    pub fn of(by: By, date: Date) -> Self {
        let (from, until) = match by {
            By::Day => (date, date),
            By::Month => (date.first_of_month(), date.last_of_month()),
            By::Year => (date.first_of_year(), date.last_of_year()),
        };
        Self { by, from, until }
    }

    /// The periods from the one that `from` is in until the one that `until` is in.
    pub fn between(by: By, from: Date, until: Date) -> Vec<Self> {
        let mut periods = Vec::new();
        let mut next = Some(Self::of(by, from));
        while let Some(period) = next.filter(|period| period.from <= until) {
            periods.push(period);
            next = period.until.tomorrow().ok().map(|date| Self::of(by, date));
        }
        periods
    }

    /// The day at whose end its rates open.
    pub(super) fn opening(&self) -> Date {
        match self.by {
            By::Day => churn_opening(self.until),
            By::Month | By::Year => self.from.yesterday().unwrap_or(Date::MIN),
        }
    }

    /// How many days before that the opening may lie, where that day was not kept: a month or a year is still told.
    pub(super) fn slack(&self) -> i32 {
        match self.by {
            By::Day => 0,
            By::Month | By::Year => 7,
        }
    }
}

/// The day at whose end the 30 days that end with `date` begin.
pub(super) fn churn_opening(date: Date) -> Date {
    date.saturating_sub(CHURN_DAYS.days())
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            By::Day => self.from.fmt(f),
            By::Month => write!(f, "{:04}-{:02}", self.from.year(), self.from.month()),
            By::Year => write!(f, "{:04}", self.from.year()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn periods_follow_one_another() {
        let shown = |by, from, until| {
            let periods = Period::between(by, from, until);
            let shown: Vec<String> = periods.iter().map(ToString::to_string).collect();
            shown.join(" ")
        };
        let (from, until) = (date(2024, 12, 30), date(2025, 2, 1));
        assert_eq!(shown(By::Month, from, until), "2024-12 2025-01 2025-02");
        assert_eq!(shown(By::Year, from, until), "2024 2025");
        assert_eq!(
            shown(By::Day, from, date(2025, 1, 1)),
            "2024-12-30 2024-12-31 2025-01-01"
        );
        assert_eq!(shown(By::Day, until, from), "");
    }

    #[test]
    fn thirty_days_open_with_the_end_of_the_day_before_them() {
        let day = Period::of(By::Day, date(2026, 3, 31));
        assert_eq!(day.opening(), date(2026, 3, 1));
        assert_eq!(Period::of(By::Month, date(2024, 3, 5)).opening(), date(2024, 2, 29));
    }
}
