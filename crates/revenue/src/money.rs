//! Exact numbers: [`Exact`] for one amount, [`Sum`] to add up any number of them, [`Total`] for what
//! comes out. Nothing is rounded until somebody asks for it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;
use num_rational::{BigRational, Ratio};
use num_traits::{
    CheckedAdd as _, CheckedDiv as _, CheckedMul as _, CheckedSub as _, Signed as _, ToPrimitive as _, Zero as _,
};
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact rational number. Where it is money, it counts minor units (cents) of a currency.
///
/// Its text is an integer or a fraction in lowest terms: `1000`, `3/20`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exact(Ratio<i128>);

/// A number too large for exact 128-bit arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount is too large to be computed exactly; check it at Stripe")]
pub struct OutOfRange;

/// A text that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number is written as 30, 30.4 or 365/12, with at most 28 digits")]
pub struct NotANumber;

impl Exact {
    /// Nothing.
    pub const ZERO: Self = Self(Ratio::new_raw(0, 1));

    /// One.
    pub const ONE: Self = Self(Ratio::new_raw(1, 1));

    /// A whole number.
    pub fn whole(number: i64) -> Self {
        Self(Ratio::new_raw(number.into(), 1))
    }

    /// `numerator / denominator`; `None` if the denominator is 0.
    pub fn fraction(numerator: i64, denominator: i64) -> Option<Self> {
        (denominator != 0).then(|| Self(Ratio::new(numerator.into(), denominator.into())))
    }

    /// The sum.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        if self.is_whole() && other.is_whole() {
            let sum = self.0.numer().checked_add(other.0.numer()).ok_or(OutOfRange)?;
            return Ok(Self(Ratio::new_raw(sum, 1)));
        }
        self.0.checked_add(&other.0).map(Self).ok_or(OutOfRange)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_sub(&other.0).map(Self).ok_or(OutOfRange)
    }

    /// The product.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn times(self, other: Self) -> Result<Self, OutOfRange> {
        if self.is_whole() && other.is_whole() {
            let product = self.0.numer().checked_mul(other.0.numer()).ok_or(OutOfRange)?;
            return Ok(Self(Ratio::new_raw(product, 1)));
        }
        self.0.checked_mul(&other.0).map(Self).ok_or(OutOfRange)
    }

    /// The quotient.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits, and for a division by 0.
    pub fn over(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_div(&other.0).map(Self).ok_or(OutOfRange)
    }

    /// The number with the other sign.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn negated(self) -> Result<Self, OutOfRange> {
        Self::ZERO.minus(self)
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        *self.0.numer() == 0
    }

    /// Whether it is more than 0.
    pub fn is_positive(&self) -> bool {
        *self.0.numer() > 0
    }

    /// Rounded to a whole number, halves away from zero.
    pub fn rounded(&self) -> i128 {
        let (numerator, denominator) = (*self.0.numer(), *self.0.denom());
        let (quotient, rest) = (numerator / denominator, numerator % denominator);
        let (rest, denominator) = (rest.unsigned_abs(), denominator.unsigned_abs());
        // Not `2 * rest >= denominator`: that may overflow.
        if rest != 0 && rest >= denominator - rest {
            quotient + numerator.signum()
        } else {
            quotient
        }
    }

    /// The numerator and the denominator, in lowest terms; the denominator is positive.
    pub fn parts(&self) -> (i128, i128) {
        (*self.0.numer(), *self.0.denom())
    }

    /// The number that [`Exact::parts`] took apart, if they are in lowest terms with a positive
    /// denominator.
    pub(super) const fn from_parts(numerator: i128, denominator: i128) -> Self {
        Self(Ratio::new_raw(numerator, denominator))
    }

    fn is_whole(&self) -> bool {
        *self.0.denom() == 1
    }

    /// The number divided by `10^exponent` as a decimal of at least `exponent` places; beyond 12 more
    /// places it is rounded, and a `~` says so.
    pub fn decimal(&self, exponent: u32) -> String {
        let (numerator, denominator) = self.parts();
        for more in 0..=12 {
            let scaled = numerator.checked_mul(10_i128.pow(more));
            if let Some(scaled) = scaled
                && scaled % denominator == 0
            {
                return with_point(scaled / denominator, exponent + more);
            }
        }
        format!("~{}", with_point(self.rounded(), exponent))
    }
}

/// A whole number with a decimal point before its last `places` digits.
fn with_point(number: i128, places: u32) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let one = 10_u128.pow(places);
    let (whole, rest) = (number.unsigned_abs() / one, number.unsigned_abs() % one);
    if places == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:0width$}", width = places as usize)
    }
}

impl Default for Exact {
    fn default() -> Self {
        Self::ZERO
    }
}

impl FromStr for Exact {
    type Err = NotANumber;

    /// An integer, a decimal (`30.4`, `2.5e1`), or a fraction of two such (`365/12`).
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        match text.split_once('/') {
            // What `Display` writes has up to 39 digits, more than a decimal takes.
            None => decimal(text).or_else(|_| text.parse().map(Self).map_err(|_| NotANumber)),
            Some((numerator, denominator)) => text.parse().map(Self).or_else(|_| {
                let numerator = decimal(numerator.trim())?;
                numerator.over(decimal(denominator.trim())?).map_err(|_| NotANumber)
            }),
        }
    }
}

fn decimal(text: &str) -> Result<Exact, NotANumber> {
    let number = Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| NotANumber)?;
    let numerator = number.mantissa();
    if number.scale() == 0 {
        return Ok(Exact(Ratio::new_raw(numerator, 1)));
    }
    Ok(Exact(Ratio::new(numerator, 10_i128.pow(number.scale()))))
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Adds up any number of [`Exact`]s without overflow and without a common denominator: numerators are
/// kept per denominator, of which money has few.
#[derive(Clone, Default, Debug)]
pub struct Sum {
    numerators: BTreeMap<i128, i128>,
    /// What no longer fitted.
    spilled: BigRational,
}

impl Sum {
    /// Adds a number.
    pub fn add(&mut self, number: Exact) {
        let (numerator, denominator) = number.parts();
        self.add_parts(numerator, denominator);
    }

    /// Takes a number away.
    pub fn subtract(&mut self, number: Exact) {
        let (numerator, denominator) = number.parts();
        match numerator.checked_neg() {
            Some(numerator) => self.add_parts(numerator, denominator),
            None => self.spilled -= BigRational::new(numerator.into(), denominator.into()),
        }
    }

    /// Adds what another sum holds.
    pub fn merge(&mut self, other: &Self) {
        for (&denominator, &numerator) in &other.numerators {
            self.add_parts(numerator, denominator);
        }
        self.spilled += &other.spilled;
    }

    fn add_parts(&mut self, numerator: i128, denominator: i128) {
        let held = self.numerators.entry(denominator).or_insert(0);
        if let Some(sum) = held.checked_add(numerator) {
            *held = sum;
        } else {
            self.spilled += BigRational::new((*held).into(), denominator.into());
            *held = numerator;
        }
    }

    /// The sum.
    pub fn total(&self) -> Total {
        let mut total = self.spilled.clone();
        for (&denominator, &numerator) in &self.numerators {
            total += BigRational::new(numerator.into(), denominator.into());
        }
        Total(total)
    }
}

/// An exact number of any size: what a [`Sum`] comes to.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total(BigRational);

impl Total {
    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Rounded to a whole number, halves away from zero.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn rounded(&self) -> Result<i128, OutOfRange> {
        self.0.round().to_integer().to_i128().ok_or(OutOfRange)
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// Times `factor`, times ten to the power of `digits`.
    #[must_use]
    pub(super) fn scaled(&self, factor: &Self, digits: i32) -> Self {
        let ten = BigRational::from_integer(BigInt::from(10));
        Self(&self.0 * &factor.0 * ten.pow(digits))
    }

    /// The product.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        Self(&self.0 * &other.0)
    }

    /// Divided by `other`; `None` if that is 0.
    pub fn over(&self, other: &Self) -> Option<Self> {
        (!other.is_zero()).then(|| Self(&self.0 / &other.0))
    }

    /// How far it is from 0.
    #[must_use]
    pub fn magnitude(&self) -> Self {
        Self(self.0.abs())
    }
}

impl From<Exact> for Total {
    fn from(number: Exact) -> Self {
        let (numerator, denominator) = number.parts();
        Self(BigRational::new_raw(numerator.into(), denominator.into()))
    }
}

impl From<u64> for Total {
    fn from(number: u64) -> Self {
        Self(BigRational::from_integer(number.into()))
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(NotANumber))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_read_exactly() {
        for (text, shown) in [
            ("1000", "1000"),
            ("0.05", "1/20"),
            ("33.3", "333/10"),
            ("365/12", "365/12"),
            ("-2.50", "-5/2"),
            ("2.5e1", "25"),
            ("0.000000000001", "1/1000000000000"),
        ] {
            assert_eq!(exact(text).to_string(), shown, "{text}");
        }
        for text in ["", "x", "1/0", "1/2/3", "1e999", "0x10", "1,5"] {
            assert_eq!(text.parse::<Exact>(), Err(NotANumber), "{text}");
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let rounded: Vec<i128> = ["1/2", "-1/2", "49/100", "-49/100", "3/2", "5/3", "0", "7"]
            .map(|text| exact(text).rounded())
            .into();
        assert_eq!(rounded, [1, -1, 0, 0, 2, 2, 0, 7]);
        assert_eq!(Total::from(exact("-1/2")).rounded(), Ok(-1));
        assert_eq!(Exact::from_parts(i128::MAX, 2).rounded(), i128::MAX / 2 + 1);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let large = Exact::from_parts(i128::MAX, 1);
        assert_eq!(large.plus(Exact::ONE), Err(OutOfRange));
        assert_eq!(large.times(exact("2")), Err(OutOfRange));
        assert_eq!(Exact::ONE.over(Exact::ZERO), Err(OutOfRange));
    }

    #[test]
    fn a_sum_holds_more_than_a_number() {
        let mut sum = Sum::default();
        for _ in 0..3 {
            sum.add(Exact::from_parts(i128::MAX, 3));
        }
        assert_eq!(sum.total().to_string(), i128::MAX.to_string());
    }

    proptest! {
        #[test]
        fn a_sum_does_not_care_about_order(numbers in prop::collection::vec((any::<i64>(), 1..200_i64), 0..40), at in 0..40_usize) {
            let numbers: Vec<Exact> = numbers.iter().map(|(n, d)| Exact::fraction(*n, *d).unwrap()).collect();
            let (mut once, mut left, mut right) = (Sum::default(), Sum::default(), Sum::default());
            for number in &numbers {
                once.add(*number);
            }
            let at = at.min(numbers.len());
            for number in numbers[..at].iter().rev() {
                left.add(*number);
            }
            for number in numbers[at..].iter().rev() {
                right.add(*number);
            }
            right.merge(&left);
            prop_assert_eq!(once.total(), right.total());
            for number in &numbers {
                once.subtract(*number);
            }
            prop_assert!(once.total().is_zero());
        }

        #[test]
        fn what_is_shown_is_read_again(numerator in any::<i64>(), denominator in 1..i64::MAX) {
            let number = Exact::fraction(numerator, denominator).unwrap();
            let json = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(serde_json::from_str::<Exact>(&json).unwrap(), number);
        }
    }
}
