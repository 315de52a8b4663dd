//! What lists are asked for in their address: words, times and the place to go on from. An empty field asks for nothing.

use cc_devops_http::problem::Problem;
use cc_devops_kernel::paging::Cursor;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A word; none where the field is empty.
pub(crate) fn word(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A time: RFC 3339, or a day or a time in UTC as a field of a form has it.
pub(crate) fn time(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = word(text) else { return Ok(None) };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at));
    }
    let civil = text.parse::<DateTime>();
    let at = civil.and_then(|civil| TimeZone::UTC.to_timestamp(civil));
    let problem = |_| Problem::invalid("a time is a day or a time in UTC, as in 2026-03-01 or 2026-03-01T14:00");
    at.map(Some).map_err(problem)
}

/// A time as a field of a form takes it.
pub(crate) fn field_of(at: Option<Timestamp>) -> String {
    let Some(at) = at else { return String::new() };
    let form = if at.as_second().rem_euclid(60) == 0 {
        "%Y-%m-%dT%H:%M"
    } else {
        "%Y-%m-%dT%H:%M:%S"
    };
    at.strftime(form).to_string()
}

/// Where a page goes on.
pub(crate) fn cursor(text: Option<&str>) -> Result<Option<Cursor>, Problem> {
    let Some(text) = word(text) else { return Ok(None) };
    let place = text.parse::<i64>().ok().filter(|place| *place >= 0);
    let place = place.ok_or_else(|| Problem::invalid("the next page is found by its link alone"))?;
    Ok(Some(Cursor(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_utc_and_come_back_as_the_form_has_them() {
        let read = |text| time(Some(text)).map(field_of);
        assert_eq!(read("2026-03-01").ok().as_deref(), Some("2026-03-01T00:00"));
        assert_eq!(read("2026-03-01T14:05").ok().as_deref(), Some("2026-03-01T14:05"));
        assert_eq!(read("2026-03-01T14:05:09").ok().as_deref(), Some("2026-03-01T14:05:09"));
        assert_eq!(
            read("2026-03-01T14:05:00+02:00").ok().as_deref(),
            Some("2026-03-01T12:05")
        );
        assert_eq!(read(" ").ok().as_deref(), Some(""));
        assert!(time(Some("yesterday")).is_err());
        assert!(cursor(Some("-1")).is_err() && cursor(Some("x")).is_err());
        assert_eq!(cursor(Some("7")).ok(), Some(Some(Cursor(7))));
    }
}
