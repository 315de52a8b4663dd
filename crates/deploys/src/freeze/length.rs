//! How long a window stays open, as people write it.

use jiff::SignedDuration;

/// The shortest that a window stays open.
pub const MIN_LENGTH: SignedDuration = SignedDuration::from_mins(1);

/// The longest: a year of 366 days.
pub const MAX_LENGTH: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A length cannot be read, or is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LengthError;

impl std::fmt::Display for LengthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "write how long it stays open as whole days, hours and minutes, such as `2d 12h` or `90m`: 1 minute to 366 days",
        )
    }
}

impl std::error::Error for LengthError {}

/// Reads a length: whole numbers with `d` (24 hours), `h` or `m`, each once at most and in this order, with or without
/// spaces between them.
///
/// # Errors
/// It is none, or shorter than [`MIN_LENGTH`] or longer than [`MAX_LENGTH`].
pub fn length(text: &str) -> Result<SignedDuration, LengthError> {
    let mut minutes: i64 = 0;
    let mut units = [('d', 24 * 60), ('h', 60), ('m', 1)].into_iter();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at_checked(digits).ok_or(LengthError)?;
        let number: i64 = number.parse().map_err(|_| LengthError)?;
        let unit = behind.chars().next().ok_or(LengthError)?;
        let (_, each) = units.find(|(letter, _)| *letter == unit).ok_or(LengthError)?;
        let part = number.checked_mul(each).ok_or(LengthError)?;
        minutes = minutes.checked_add(part).ok_or(LengthError)?;
        rest = behind.get(unit.len_utf8()..).unwrap_or_default().trim_start();
    }
    let bounds = MIN_LENGTH.as_mins()..=MAX_LENGTH.as_mins();
    if bounds.contains(&minutes) {
        Ok(SignedDuration::from_mins(minutes))
    } else {
        Err(LengthError)
    }
}
