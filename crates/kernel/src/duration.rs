//! Durations as people write them: a whole number with `s`, `m`, `h` or `d`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A duration that is written as `10s`, `5m`, `6h` or `2d`: from nothing to 3,660 days. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WrittenDuration(SignedDuration);

/// A text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write a whole number with s, m, h or d, as in 10s, 5m, 6h, 2d (3660d at most)")]
pub struct DurationError(String);

/// The longest duration that is taken, in seconds.
const MOST_SECONDS: i64 = 3_660 * 86_400;

impl WrittenDuration {
    /// So many seconds; what is below nothing is nothing, and what is too long is the longest.
    pub fn from_secs(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(seconds.clamp(0, MOST_SECONDS)))
    }

    /// The duration.
    pub fn get(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for WrittenDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let refused = || DurationError(text.chars().take(40).collect());
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text.get(digits.len()..) {
            Some("s") => 1,
            Some("m") => 60,
            Some("h") => 3_600,
            Some("d") => 86_400,
            _ => return Err(refused()),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let count: i64 = digits.parse().map_err(|_| refused())?;
        let seconds = count.checked_mul(unit).filter(|seconds| *seconds <= MOST_SECONDS);
        seconds.map(Self::from_secs).ok_or_else(refused)
    }
}

impl fmt::Display for WrittenDuration {
    /// In the largest unit that has no remainder: `90s`, `2h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
        let whole = units.iter().find(|(_, unit)| seconds > 0 && seconds % unit == 0);
        match whole {
            Some((name, unit)) => write!(f, "{}{name}", seconds / unit),
            None => write!(f, "{seconds}s"),
        }
    }
}

impl TryFrom<String> for WrittenDuration {
    type Error = DurationError;
    fn try_from(text: String) -> Result<Self, DurationError> {
        text.parse()
    }
}

impl From<WrittenDuration> for String {
    fn from(duration: WrittenDuration) -> Self {
        duration.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_with_its_unit_is_a_duration_and_is_shown_in_the_largest_that_fits() {
        for (text, seconds, shown) in [
            ("0s", 0, "0s"),
            ("10s", 10, "10s"),
            ("90s", 90, "90s"),
            ("120s", 120, "2m"),
            ("5m", 300, "5m"),
            ("6h", 21_600, "6h"),
            ("48h", 172_800, "2d"),
            ("3660d", 316_224_000, "3660d"),
        ] {
            let duration: WrittenDuration = text.parse().unwrap();
            assert_eq!(duration.get().as_secs(), seconds, "{text}");
            assert_eq!(duration.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_in_words() {
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "+5m",
            "1.5h",
            "5 m",
            "5M",
            "1w",
            "1h30m",
            "5m ",
            "3661d",
            "99999999999999999999s",
            "５m",
        ] {
            let error = text.parse::<WrittenDuration>().unwrap_err();
            assert!(error.to_string().contains("10s, 5m, 6h, 2d"), "{text}: {error}");
        }
    }
}
