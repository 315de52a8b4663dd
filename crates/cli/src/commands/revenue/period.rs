//! MRR over days in one currency, as points, bars and a table.

use cc_devops_reports::charts::{Point, Unit, Waterfall as Bars};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::over_time::{self, OverTime};

use crate::error::CliError;
use crate::output::table;

/// Days in a currency, as pictures and a table.
pub(super) struct Period<'a>(pub(super) &'a OverTime);

impl Period<'_> {
    /// How amounts are written in pictures.
    pub(super) fn unit(&self) -> Unit {
        if self.0.currency == Currency::USD {
            return Unit::UsCents;
        }
        let mut code = *b"   ";
        for (letter, byte) in code.iter_mut().zip(self.0.currency.as_str().bytes()) {
            *letter = byte;
        }
        Unit::Minor {
            code,
            digits: self.0.currency.exponent(),
        }
    }

    /// The days on the line.
    pub(super) fn points(&self) -> Vec<Point> {
        let point = |point: over_time::Point| Point {
            date: point.date,
            amount: point.amount,
            complete: point.complete,
            reconstructed: point.reconstructed,
        };
        self.0.points().map(point).collect()
    }

    /// The steps of the period, those that moved nothing left out; none where no day could be converted.
    pub(super) fn bars(&self) -> Result<Option<Bars>, CliError> {
        let Some(whole) = self.0.steps() else { return Ok(None) };
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
        let whole = self.0.steps()?;
        let customers = |kind: Kind| self.0.customers(kind).to_string();
        let row = |what: String, amount: i128, customers: String| vec![what, self.0.currency.amount(amount), customers];
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
        Some(table(&["MOVEMENT", &self.0.currency.code(), "CUSTOMERS"], rows))
    }
}
