//! Times and durations as people write them on the command line.

use cc_devops_kernel::ports::{Clock, SystemClock};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time: RFC 3339, or how long ago, as in `90m` or `2d`.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let hint = || format!("{text:?} is no time; write 2026-01-31T12:00:00Z, or how long ago: 90m, 24h, 7d");
    let age = span(text).ok_or_else(hint)?;
    SystemClock.now().checked_sub(age).map_err(|_| hint())
}

/// A time to come: RFC 3339, or how long until then, as in `90m` or `2d`.
pub(super) fn parse_until(text: &str) -> Result<Timestamp, String> {
    let hint = || format!("{text:?} is no time; write 2026-01-31T12:00:00Z, or how long until then: 90m, 24h, 7d");
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let ahead = span(text).ok_or_else(hint)?;
    SystemClock.now().checked_add(ahead).map_err(|_| hint())
}

fn span(text: &str) -> Option<SignedDuration> {
    let (count, unit) = text.split_at_checked(text.len().saturating_sub(1))?;
    if !count.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = count.parse::<i64>().ok()?.checked_mul(unit)?;
    Some(SignedDuration::from_secs(seconds))
}

/// A time, or a day's beginning in UTC, as in `2026-01-31`.
pub(super) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    match text.parse::<Date>().ok().filter(|_| text.len() == 10) {
        Some(day) => {
            let begins = day.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
            Ok(begins.timestamp())
        }
        None => parse_time(text),
    }
}

/// A time as tables show it: RFC 3339 to the second.
pub(super) fn show(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time that may be absent.
pub(super) fn show_or_dash(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_is_a_point_or_a_length_of_time() {
        let ahead = parse_until("90m").unwrap().duration_since(SystemClock.now());
        assert!((5_340..=5_400).contains(&ahead.as_secs()));
        assert_eq!(
            show(parse_until("2999-01-31T12:00:00Z").unwrap()),
            "2999-01-31T12:00:00Z"
        );
        assert!(parse_until("tomorrow").is_err());
        for bad in ["", "2", "-2s", "+2s", "1.5h", "2 h", "2w"] {
            assert!(parse_until(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_is_a_point_or_an_age() {
        let point = parse_time("2026-01-31T12:00:00Z").unwrap();
        assert_eq!(show(point), "2026-01-31T12:00:00Z");
        assert_eq!(show(parse_moment("2026-01-31").unwrap()), "2026-01-31T00:00:00Z");
        assert_eq!(parse_moment("2026-01-31T12:00:00Z").unwrap(), point);
        assert!(parse_moment("2026-02-30").is_err());
        let age = SystemClock.now().duration_since(parse_time("90m").unwrap());
        assert!((5_399..5_460).contains(&age.as_secs()));
        for bad in ["", "d", "yesterday", "5", "5y", "\u{e9}", "9223372036854775807d"] {
            assert!(parse_time(bad).is_err(), "{bad:?}");
        }
    }
}
