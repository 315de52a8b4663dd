//! A schedule from one text, whichever of the three kinds it is: for `fleet next` and wherever a person writes one.

use jiff::{SignedDuration, Timestamp};

use super::on_calendar::is_shorthand;
use super::{Schedule, ScheduleError};

impl Schedule {
    /// Reads a text as a period (`5m`), a cron expression (`0 6 * * *`, `@daily`) or OnCalendar expressions
    /// (`Mon..Fri 06:00`, one a line). The zone means nothing to a period.
    ///
    /// # Errors
    /// As the kind that it was taken for, or it looks like none.
    pub fn read(text: &str, zone: &str, now: Timestamp) -> Result<Self, ScheduleError> {
        let text = text.trim();
        match kind(text) {
            Kind::Period(seconds) => Self::period(SignedDuration::from_secs(seconds)),
            Kind::Cron => Self::cron(text, zone, now),
            Kind::OnCalendar => Self::on_calendar(text, zone, now),
            Kind::None => Err(ScheduleError::Unreadable { text: text.to_owned() }),
        }
    }
}

enum Kind {
    /// In seconds.
    Period(i64),
    Cron,
    OnCalendar,
    None,
}

fn kind(text: &str) -> Kind {
    if let Some(seconds) = seconds(text) {
        return Kind::Period(seconds);
    }
    if let Some(name) = text.strip_prefix('@') {
        // `@1395716396` is a time of systemd's.
        return if name.starts_with(|first: char| first.is_ascii_digit()) {
            Kind::OnCalendar
        } else {
            Kind::Cron
        };
    }
    if text.lines().count() > 1 || text.contains([':', '~']) {
        return Kind::OnCalendar;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some(first) = words.first() else {
        return Kind::None;
    };
    // OnCalendar has four words at most: weekdays, date, time, zone.
    let is_calendar = is_shorthand(first)
        || first.starts_with(|letter: char| letter.is_ascii_alphabetic())
        || (words.len() < 3 && first.trim_matches('-').contains('-'));
    match words.len() {
        5.. => Kind::Cron,
        _ if is_calendar => Kind::OnCalendar,
        2.. => Kind::Cron,
        _ => Kind::None,
    }
}

/// The seconds of a whole number with `s`, `m`, `h` or `d`. One too large to count is the largest number.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let unit = match text.strip_prefix(digits)? {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(digits.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(unit))
}
