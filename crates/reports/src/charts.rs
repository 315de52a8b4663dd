//! Numbers that people compare, as a picture: in the terminal and as SVG.
//!
//! A number over days is a line; what moved it from one number to another is a waterfall. Amounts are whole
//! numbers of the smallest unit; only places on the picture are fractions.

mod amount;
mod heat;
pub mod inline;
mod png;
mod scale;
mod shares;
pub mod svg;
pub mod terminal;

use jiff::civil::Date;

pub use amount::Unit;
pub use heat::{Cell, HeatMap, HeatRow};
pub use png::{PngError, png};
pub use shares::shares;

/// A number on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The day.
    pub date: Date,
    /// The number; none where it is not known. It is drawn as a gap, never as 0.
    pub amount: Option<i128>,
    /// Whether it is known to be whole; if not, it is drawn hollow.
    pub complete: bool,
    /// Whether it was computed afterwards; then it is drawn hollow, too.
    pub reconstructed: bool,
}

impl Point {
    /// Whether it is drawn as a full point: whole, and computed on its day.
    pub(crate) fn is_solid(&self) -> bool {
        self.complete && !self.reconstructed
    }
}

/// What led from one number to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waterfall {
    opening: i128,
    steps: Vec<(String, i128)>,
    closing: i128,
}

/// Steps that do not lead from opening to closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("opening and steps come to {found}, and closing is {closing}: correct the numbers")]
pub struct Unbalanced {
    found: i128,
    closing: i128,
}

impl Waterfall {
    /// A waterfall of named steps.
    ///
    /// # Errors
    /// [`Unbalanced`] if opening and steps do not make closing.
    pub fn new(opening: i128, steps: Vec<(String, i128)>, closing: i128) -> Result<Self, Unbalanced> {
        let found = steps
            .iter()
            .fold(opening, |sum, (_, change)| sum.saturating_add(*change));
        if found != closing {
            return Err(Unbalanced { found, closing });
        }
        Ok(Self {
            opening,
            steps,
            closing,
        })
    }

    /// Each bar: its name, where it begins and ends. Opening and closing stand on 0; each step begins where
    /// the one before ended.
    fn bars(&self) -> Vec<Bar<'_>> {
        let mut at = self.opening;
        let mut bars = vec![Bar {
            name: "opening",
            from: 0,
            to: self.opening,
            is_step: false,
        }];
        for (name, change) in &self.steps {
            let to = at.saturating_add(*change);
            bars.push(Bar {
                name,
                from: at,
                to,
                is_step: true,
            });
            at = to;
        }
        bars.push(Bar {
            name: "closing",
            from: 0,
            to: self.closing,
            is_step: false,
        });
        bars
    }
}

struct Bar<'a> {
    name: &'a str,
    from: i128,
    to: i128,
    is_step: bool,
}

impl Bar<'_> {
    fn label(&self, unit: Unit) -> String {
        if self.is_step {
            unit.change(self.to.saturating_sub(self.from))
        } else {
            unit.exact(self.to)
        }
    }
}

/// Points that hang together: known, and on days in a row.
fn runs(points: &[Point]) -> Vec<Vec<(Date, i128)>> {
    let mut runs: Vec<Vec<(Date, i128)>> = Vec::new();
    for point in points {
        let Some(amount) = point.amount else { continue };
        let follows = |(date, _): &(Date, i128)| date.tomorrow().is_ok_and(|next| next == point.date);
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(follows) => run.push((point.date, amount)),
            _ => runs.push(vec![(point.date, amount)]),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn each_step_begins_where_the_one_before_ended() {
        let steps = vec![("new".to_owned(), 500), ("churn".to_owned(), -200)];
        let whole = Waterfall::new(1_000, steps.clone(), 1_300).unwrap();
        let bars: Vec<(i128, i128)> = whole.bars().iter().map(|bar| (bar.from, bar.to)).collect();
        assert_eq!(bars, [(0, 1_000), (1_000, 1_500), (1_500, 1_300), (0, 1_300)]);
        let error = Waterfall::new(1_000, steps, 1_301).unwrap_err();
        assert!(error.to_string().contains("1300"), "{error}");
    }

    #[test]
    fn a_day_that_is_missing_or_not_known_is_a_gap() {
        let point = |day, amount| Point {
            date: date(2026, 3, day),
            amount,
            complete: true,
            reconstructed: false,
        };
        let points = [
            point(1, Some(1)),
            point(2, Some(2)),
            point(3, None),
            point(4, Some(4)),
            point(6, Some(6)),
        ];
        let lengths: Vec<usize> = runs(&points).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1, 1]);
    }
}
