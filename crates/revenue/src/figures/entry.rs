//! A figure with everything it was computed from.

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use super::missing::Missing;
use super::name::{Name, Unit};
use crate::currency::Currency;
use crate::money::{OutOfRange, Total};

/// One of the numbers a figure is computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Term {
    /// What it is.
    pub what: String,
    /// Whether it is taken away.
    pub minus: bool,
    /// The number, exact: minor units where it is money.
    pub amount: Total,
    /// What it counts.
    pub unit: Unit,
}

impl Term {
    pub(super) fn money(what: impl Into<String>, amount: Total) -> Self {
        Self {
            what: what.into(),
            minus: false,
            amount,
            unit: Unit::Money,
        }
    }

    pub(super) fn count(what: impl Into<String>, count: u64) -> Self {
        Self {
            what: what.into(),
            minus: false,
            amount: count.into(),
            unit: Unit::Count,
        }
    }

    pub(super) fn taken_away(self) -> Self {
        Self { minus: true, ..self }
    }
}

/// The numbers that make a figure: those above the line, and those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fraction {
    /// What the numerator is multiplied by.
    pub(super) times: u64,
    pub(super) numerator: Vec<Term>,
    /// Empty where nothing is divided.
    pub(super) denominator: Vec<Term>,
}

impl Fraction {
    pub(super) fn sum(numerator: Vec<Term>) -> Self {
        Self {
            times: 1,
            numerator,
            denominator: Vec::new(),
        }
    }

    pub(super) fn over(numerator: Vec<Term>, denominator: Vec<Term>) -> Self {
        Self {
            times: 1,
            numerator,
            denominator,
        }
    }

    /// What it comes to; none where it is divided by 0.
    fn value(&self) -> Option<Total> {
        let above = sum(&self.numerator).times(&Total::from(self.times));
        if self.denominator.is_empty() {
            return Some(above);
        }
        above.over(&sum(&self.denominator))
    }
}

fn sum(terms: &[Term]) -> Total {
    terms.iter().fold(Total::default(), |sum, term| {
        if term.minus {
            sum.minus(&term.amount)
        } else {
            sum.plus(&term.amount)
        }
    })
}

/// A figure of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub name: Name,
    /// The currency that money is in.
    pub currency: Currency,
    /// The figure, exact; or why it is not there.
    pub value: Result<Total, Missing>,
    fraction: Option<Fraction>,
}

impl Entry {
    pub(super) fn new(name: Name, currency: Currency, fraction: Result<Fraction, Missing>, zero: &'static str) -> Self {
        let (value, fraction) = match fraction {
            Ok(fraction) => (fraction.value().ok_or(Missing::Zero(zero)), Some(fraction)),
            Err(missing) => (Err(missing), None),
        };
        Self {
            name,
            currency,
            value,
            fraction,
        }
    }

    /// The numbers above the line, where they are known.
    pub fn numerator(&self) -> &[Term] {
        self.fraction.as_ref().map_or(&[], |fraction| &fraction.numerator)
    }

    /// The numbers below the line; none where nothing is divided.
    pub fn denominator(&self) -> &[Term] {
        self.fraction.as_ref().map_or(&[], |fraction| &fraction.denominator)
    }

    /// The figure for people: `95.00 %`, `1234.50 USD`, `4.00`, `12`.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn shown(&self) -> Result<String, Missing> {
        let value = self.value.clone()?;
        Ok(match self.name.unit() {
            Unit::Money => format!(
                "{} {}",
                plain(&value, Unit::Money, self.currency)?,
                upper(self.currency)
            ),
            Unit::Share => percent(&value)?,
            unit => plain(&value, unit, self.currency)?,
        })
    }

    /// The figure as a plain decimal number for a table of another program: money in units of its currency, a share as a
    /// part of 1 of six places.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn decimal(&self) -> Result<String, Missing> {
        let value = self.value.clone()?;
        Ok(plain(&value, self.name.unit(), self.currency)?)
    }

    /// How it was computed, with its numbers: `(1000.00 + 50.00 − 25.00) ÷ 1000.00 = 102.50 %`.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn worked(&self) -> Result<String, Missing> {
        let shown = self.shown()?;
        let Some(fraction) = &self.fraction else {
            return Ok(shown);
        };
        if fraction.times == 1 && fraction.denominator.is_empty() && fraction.numerator.len() == 1 {
            return Ok(shown);
        }
        let mut text = self.side(
            &fraction.numerator,
            fraction.times > 1 || !fraction.denominator.is_empty(),
        )?;
        if fraction.times > 1 {
            text = format!("{} × {text}", fraction.times);
        }
        if !fraction.denominator.is_empty() {
            text = format!("{text} ÷ {}", self.side(&fraction.denominator, true)?);
        }
        Ok(format!("{text} = {shown}"))
    }

    /// One side of the line, in parentheses where it needs them.
    fn side(&self, terms: &[Term], in_a_product: bool) -> Result<String, OutOfRange> {
        let mut text = String::new();
        for (place, term) in terms.iter().enumerate() {
            let sign = match (place, term.minus) {
                (0, false) => "",
                (0, true) => "−",
                (_, false) => " + ",
                (_, true) => " − ",
            };
            text.push_str(sign);
            text.push_str(&self.amount(term)?);
        }
        Ok(if in_a_product && terms.len() > 1 {
            format!("({text})")
        } else {
            text
        })
    }

    /// A term's number for people, without its currency.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn amount(&self, term: &Term) -> Result<String, OutOfRange> {
        match term.unit {
            Unit::Share => percent(&term.amount),
            unit => plain(&term.amount, unit, self.currency),
        }
    }
}

fn upper(currency: Currency) -> String {
    currency.as_str().to_ascii_uppercase()
}

fn plain(value: &Total, unit: Unit, currency: Currency) -> Result<String, OutOfRange> {
    match unit {
        Unit::Money => value.shifted(0, currency.exponent()),
        Unit::Share => value.shifted(6, 6),
        Unit::Ratio => value.shifted(2, 2),
        Unit::Count => value.shifted(0, 0),
    }
}

/// In percent, with two places.
fn percent(value: &Total) -> Result<String, OutOfRange> {
    value.shifted(4, 2).map(|text| format!("{text} %"))
}

impl Serialize for Entry {
    /// `value` is exact, as text; `shown` is for people; `reason` says why there is neither.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Entry", 8)?;
        fields.serialize_field("value", &self.value.as_ref().ok())?;
        fields.serialize_field("shown", &self.shown().ok())?;
        fields.serialize_field("decimal", &self.decimal().ok())?;
        fields.serialize_field("unit", &self.name.unit())?;
        fields.serialize_field("reason", &self.shown().err().map(|missing| missing.to_string()))?;
        fields.serialize_field("formula", self.name.formula())?;
        fields.serialize_field("numerator", self.numerator())?;
        fields.serialize_field("denominator", self.denominator())?;
        fields.end()
    }
}
