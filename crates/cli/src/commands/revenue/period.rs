//! MRR over days in one currency, as points, bars and a table.

use cc_devops_reports::charts::{Point, Unit, Waterfall as Bars};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::figures::Days;
use cc_devops_revenue::in_currency::Steps;
use cc_devops_revenue::movements::{Converted, Kind};

use super::csv;
use super::words::{amount_of, upper};
use crate::error::CliError;
use crate::output::table;

/// Days in a currency: what they came to, and what moved it.
pub(super) struct Period<'a> {
    days: &'a [Day],
    currency: Currency,
    moved: Vec<Option<Converted>>,
    whole: Option<Steps>,
}

impl<'a> Period<'a> {
    /// Days, oldest first; `known` are these and those that they were compared with.
    pub(super) fn of(days: &'a [Day], known: &Days<'_>, currency: Currency) -> Self {
        let moved: Vec<Option<Converted>> = days.iter().map(|day| day.moved_in(known, currency)).collect();
        Self {
            days,
            currency,
            whole: Steps::of(moved.iter().flatten()),
            moved,
        }
    }

    /// How amounts are written in pictures.
    pub(super) fn unit(&self) -> Unit {
        if self.currency == Currency::USD {
            return Unit::UsCents;
        }
        let mut code = *b"   ";
        for (letter, byte) in code.iter_mut().zip(self.currency.as_str().bytes()) {
            *letter = byte;
        }
        Unit::Minor {
            code,
            digits: self.currency.exponent(),
        }
    }

    /// The days on the line.
    pub(super) fn points(&self) -> Vec<Point> {
        let point = |day: &Day| Point {
            date: day.date,
            amount: day.mrr_in(self.currency),
            complete: day.summary.complete,
            reconstructed: day.reconstructed.is_some(),
        };
        self.days.iter().map(point).collect()
    }

    /// The steps of the period, those that moved nothing left out; none where no day could be converted.
    pub(super) fn bars(&self) -> Result<Option<Bars>, CliError> {
        let Some(whole) = &self.whole else { return Ok(None) };
        let moved = whole.moved.iter().map(|(kind, amount)| (kind.to_string(), *amount));
        let others = [("rates", whole.currency_effects), ("days not kept", whole.gaps)];
        let others = others.map(|(name, amount)| (name.to_owned(), amount));
        let steps = moved
            .chain(others.into_iter().filter(|(_, amount)| *amount != 0))
            .collect();
        let bars = Bars::new(whole.opening, steps, whole.closing);
        bars.map(Some)
            .map_err(|error| CliError::internal("the movements of the period do not add up", error))
    }

    /// What moved MRR, in numbers; none where no day could be converted.
    pub(super) fn table(&self) -> Option<String> {
        let whole = self.whole.as_ref()?;
        let customers = |kind: Kind| self.days.iter().map(|day| day.moved(kind)).sum::<u64>().to_string();
        let row =
            |what: String, amount: i128, customers: String| vec![what, amount_of(amount, self.currency), customers];
        let mut rows = vec![row("opening".to_owned(), whole.opening, String::new())];
        for (kind, amount) in &whole.moved {
            rows.push(row(kind.to_string(), *amount, customers(*kind)));
        }
        for (what, amount) in [
            ("currency effects", whole.currency_effects),
            ("days not kept", whole.gaps),
        ] {
            if amount != 0 {
                rows.push(row(what.to_owned(), amount, String::new()));
            }
        }
        rows.push(row("closing".to_owned(), whole.closing, String::new()));
        Some(table(&["MOVEMENT", &upper(self.currency), "CUSTOMERS"], rows))
    }

    /// A line for each day; what is not known is empty.
    pub(super) fn csv(&self) -> Result<String, CliError> {
        let code = self.currency;
        let named = |name: &str| format!("{name}_{code}");
        let mut head = vec!["date".to_owned(), "complete".to_owned(), "subscribers".to_owned()];
        head.extend([named("mrr"), named("opening")]);
        head.extend(Kind::ALL.iter().map(|kind| named(kind.as_str())));
        head.extend([named("currency_effects"), named("closing")]);
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let money = |amount: Option<i128>| amount.map(|amount| amount_of(amount, code)).unwrap_or_default();
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
                money(
                    moved
                        .as_ref()
                        .map(|moved| moved.moved.get(kind).copied().unwrap_or_default()),
                )
            }));
            row.extend([of(|moved| moved.currency_effects), of(|moved| moved.closing)]);
            row
        });
        csv::table(&head, rows)
    }
}
