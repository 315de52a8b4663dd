//! Numbers as DynamoDB has them: 38 decimal digits, kept exactly, and written in one way.

use std::cmp::Ordering;
use std::fmt;

/// How many digits a number may have.
const MOST_DIGITS: usize = 38;

/// Between which places its first digit may stand.
const PLACES: std::ops::RangeInclusive<i64> = -129..=126;

/// A number: its digits without zeros at either end, and where the point is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    is_negative: bool,
    /// Empty for 0.
    digits: String,
    /// How many of the digits stand before the point; below 0, as many zeros stand between.
    point: i64,
}

/// Why a text is none of its numbers, in DynamoDB's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoNumber {
    /// It is no number.
    Unreadable,
    /// It has more digits than can be kept.
    TooManyDigits,
    /// It is too large, or too near to 0.
    OutOfRange,
}

impl Number {
    /// Reads a text.
    pub(crate) fn read(text: &str) -> Result<Self, NoNumber> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((mantissa, exponent)) => (mantissa, whole(exponent)?),
        };
        let (is_negative, unsigned) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, mantissa.trim_start_matches('-')),
            Some(b'+') => (false, mantissa.trim_start_matches('+')),
            _ => (false, mantissa),
        };
        // One sign at most.
        if mantissa.len() > unsigned.len() + 1 {
            return Err(NoNumber::Unreadable);
        }
        let (before, behind) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{before}{behind}");
        if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NoNumber::Unreadable);
        }
        let significant = all.trim_start_matches('0');
        let leading = places(all.len() - significant.len())?;
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Ok(Self {
                is_negative: false,
                digits: String::new(),
                point: 0,
            });
        }
        if digits.len() > MOST_DIGITS {
            return Err(NoNumber::TooManyDigits);
        }
        let point = places(before.len())?.saturating_sub(leading).saturating_add(exponent);
        if !PLACES.contains(&point) {
            return Err(NoNumber::OutOfRange);
        }
        Ok(Self {
            is_negative,
            digits: digits.to_owned(),
            point,
        })
    }

    /// How many digits it has.
    pub(crate) fn len(&self) -> usize {
        self.digits.len()
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

/// An exponent.
fn whole(text: &str) -> Result<i64, NoNumber> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NoNumber::Unreadable);
    }
    let value: i64 = text.parse().map_err(|_| NoNumber::OutOfRange)?;
    // What is added to it stays in range.
    if value.abs() > 1_000_000 {
        return Err(NoNumber::OutOfRange);
    }
    Ok(value)
}

fn places(count: usize) -> Result<i64, NoNumber> {
    i64::try_from(count).map_err(|_| NoNumber::OutOfRange)
}

impl fmt::Display for Number {
    /// Plain decimal digits, as DynamoDB gives them back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        if self.is_negative {
            f.write_str("-")?;
        }
        let length = self.digits.len();
        match usize::try_from(self.point) {
            Ok(point) if point >= length => write!(f, "{}{}", self.digits, "0".repeat(point - length)),
            Ok(point) if point > 0 => {
                let (before, behind) = self.digits.split_at(point);
                write!(f, "{before}.{behind}")
            }
            _ => {
                let zeros = usize::try_from(self.point.unsigned_abs()).unwrap_or_default();
                write!(f, "0.{}{}", "0".repeat(zeros), self.digits)
            }
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.sign().cmp(&other.sign());
        if signs != Ordering::Equal || self.sign() == 0 {
            return signs;
        }
        // Digits behind the point sort as text, where none end in zeros.
        let sizes = (self.point, &self.digits).cmp(&(other.point, &other.digits));
        if self.is_negative { sizes.reverse() } else { sizes }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_one_way() {
        for (given, written) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("00120.50", "120.5"),
            ("+7", "7"),
            ("-1234.10", "-1234.1"),
            ("0.05", "0.05"),
            ("12e3", "12000"),
            ("1.5E-3", "0.0015"),
            (".5", "0.5"),
            ("5.", "5"),
            ("100", "100"),
        ] {
            assert_eq!(Number::read(given).unwrap().to_string(), written, "{given}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", ".", "-", "--1", "+-1", "1e", "1e+", "0x1", "NaN", " 1", "1 ", "1,5", "1e1.5", "١",
        ] {
            assert_eq!(Number::read(text), Err(NoNumber::Unreadable), "{text:?}");
        }
        assert_eq!(Number::read(&"1".repeat(39)), Err(NoNumber::TooManyDigits));
        assert!(Number::read(&format!("{}000", "1".repeat(38))).is_ok());
        for text in ["1e126", "1e-131", "1e99999999999999999999", "-1e1000001"] {
            assert_eq!(Number::read(text), Err(NoNumber::OutOfRange), "{text}");
        }
        assert!(Number::read("1e125").is_ok() && Number::read("1e-130").is_ok());
    }

    #[test]
    fn numbers_are_compared_as_such() {
        let sorted = ["-20", "-3", "-0.5", "0", "0.04", "0.5", "3", "12.05", "12.5", "100"];
        for (place, lower) in sorted.iter().enumerate() {
            for higher in sorted.iter().skip(place + 1) {
                let (lower, higher) = (Number::read(lower).unwrap(), Number::read(higher).unwrap());
                assert!(lower < higher, "{lower} < {higher}");
            }
        }
        assert_eq!(Number::read("1.50"), Number::read("15e-1"));
    }
}
