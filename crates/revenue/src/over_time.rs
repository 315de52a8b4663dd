//! MRR over some days in one currency, as every door shows it: the line, what moved it, and what became of it lately.

use cc_devops_kernel::ports::PortResult;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::currency::Currency;
use super::day::Day;
use super::figures::{CHURN_DAYS, Days};
use super::in_currency::Steps;
use super::money::{Exact, Total};
use super::movements::{Converted, Kind};
use super::tables::Table;
use crate::ports::RevenueStore;

/// How many days the day that MRR is compared with may lie earlier than it should, where that one was not kept.
const SLACK: i32 = 6;

/// Days in a currency: what they came to, and what moved it.
#[derive(Debug, Clone)]
pub struct OverTime {
    /// The first day.
    pub from: Date,
    /// The last day; it is in.
    pub until: Date,
    /// The currency that money is in.
    pub currency: Currency,
    /// Those of the 30 days before, on which churn looks back.
    before: Vec<Day>,
    days: Vec<Day>,
    moved: Vec<Option<Converted>>,
    steps: Option<Steps>,
}

/// A day on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The day.
    pub date: Date,
    /// Its MRR in minor units; `None` where it cannot be told, because a currency has no rate.
    pub amount: Option<i128>,
    /// Whether everything of it could be computed and converted.
    pub complete: bool,
    /// Whether it was computed afterwards.
    pub reconstructed: bool,
}

/// What became of MRR since a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The day that it is compared with.
    pub since: Date,
    /// What it was then, in minor units.
    pub before: i128,
    /// By how much it rose, in minor units; negative where it fell.
    pub amount: i128,
    /// That as a part of what it was; none where that was 0.
    pub share: Option<Total>,
}

impl OverTime {
    /// Reads the days from `from` until `until`, both inclusive: one read of the store.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(store: &dyn RevenueStore, from: Date, until: Date, currency: Currency) -> PortResult<Self> {
        let known = store.days(from.saturating_sub(CHURN_DAYS.days()), until).await?;
        let (before, days) = known.into_iter().partition(|day: &Day| day.date < from);
        Ok(Self::of((from, until), before, days, currency))
    }

    fn of((from, until): (Date, Date), before: Vec<Day>, days: Vec<Day>, currency: Currency) -> Self {
        let known = Days::new(before.iter().chain(&days));
        let moved: Vec<Option<Converted>> = days.iter().map(|day| day.moved_in(&known, currency)).collect();
        Self {
            from,
            until,
            currency,
            steps: Steps::of(moved.iter().flatten()),
            moved,
            before,
            days,
        }
    }

    /// The days that were kept, oldest first.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// The same with those of the 30 days before.
    pub fn known(&self) -> Days<'_> {
        Days::new(self.before.iter().chain(&self.days))
    }

    /// The days that were kept, as points.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = Point> + ExactSizeIterator {
        self.days.iter().map(|day| self.point(day))
    }

    /// Every day, also those that were not kept, which are none.
    pub fn line(&self) -> Vec<(Date, Option<Point>)> {
        let mut points = self.points().peekable();
        let mut line = Vec::new();
        let mut next = Some(self.from);
        while let Some(date) = next.filter(|date| *date <= self.until) {
            line.push((date, points.next_if(|point| point.date == date)));
            next = date.tomorrow().ok();
        }
        line
    }

    /// The newest day of those that were read, the 30 days before among them.
    pub fn latest(&self) -> Option<Point> {
        let day = self.days.last().or(self.before.last());
        day.map(|day| self.point(day))
    }

    /// What became of MRR in the 30 days until the newest day. `None` where the day at their beginning was not kept, nor
    /// one of the week before, or one of both cannot be converted.
    pub fn change(&self) -> Option<Change> {
        let latest = self.latest()?;
        let opening = latest.date.saturating_sub(CHURN_DAYS.days());
        let known = self.known();
        let day = known.newest(opening.saturating_sub(SLACK.days()), opening)?;
        let (before, now) = (day.mrr_in(self.currency)?, latest.amount?);
        let amount = now.checked_sub(before)?;
        let exact = |minor| Total::from(Exact::from_parts(minor, 1));
        Some(Change {
            since: day.date,
            before,
            amount,
            share: exact(amount).over(&exact(before)),
        })
    }

    /// What moved MRR, all days together; none where no day could be converted.
    pub fn steps(&self) -> Option<&Steps> {
        self.steps.as_ref()
    }

    /// How many customers moved that way.
    pub fn customers(&self, kind: Kind) -> u64 {
        self.days.iter().map(|day| day.moved(kind)).sum()
    }

    /// The first and the last day that were computed afterwards, where any was.
    pub fn reconstructed(&self) -> Option<(Date, Date)> {
        let mut dates = self.days.iter().filter(|day| day.reconstructed.is_some());
        let first = dates.next()?.date;
        Some((first, dates.next_back().map_or(first, |day| day.date)))
    }

    /// A line for each day that was kept; what is not known is empty.
    pub fn table(&self) -> Table {
        let code = self.currency;
        let named = |name: &str| format!("{name}_{code}");
        let mut head = vec!["date".to_owned(), "complete".to_owned(), "subscribers".to_owned()];
        head.extend([named("mrr"), named("opening")]);
        head.extend(Kind::ALL.iter().map(|kind| named(kind.as_str())));
        head.extend([named("currency_effects"), named("closing")]);
        let money = |amount: Option<i128>| amount.map(|amount| code.amount(amount)).unwrap_or_default();
        let rows = self.days.iter().zip(&self.moved).map(|(day, moved)| {
            let of = |part: fn(&Converted) -> i128| money(moved.as_ref().map(part));
            let mut row = vec![
                day.date.to_string(),
                day.summary.complete.to_string(),
                day.summary.subscribers.to_string(),
                money(day.mrr_in(code)),
                of(|moved| moved.opening),
            ];
            row.extend(Kind::ALL.iter().map(|kind| {
                let of_kind = |moved: &Converted| moved.moved.get(kind).copied().unwrap_or_default();
                money(moved.as_ref().map(of_kind))
            }));
            row.extend([of(|moved| moved.currency_effects), of(|moved| moved.closing)]);
            row
        });
        Table {
            rows: rows.collect(),
            head,
        }
    }

    fn point(&self, day: &Day) -> Point {
        Point {
            date: day.date,
            amount: day.mrr_in(self.currency),
            complete: day.summary.complete,
            reconstructed: day.reconstructed.is_some(),
        }
    }
}

#[cfg(test)]
#[path = "over_time_tests.rs"]
mod tests;
