//! `Retry-After` (RFC 9110, 10.2.3): how long a server asks to be left alone.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use jiff::Timestamp;

/// How long the server asks to be left alone; `None` where it asks for nothing or nobody can read it. A date
/// that has passed is no wait. The caller bounds what it obeys.
///
/// A date is counted from `now`, or, for a caller without a clock, from the answer's own `Date`.
///
/// ```
/// use cc_devops_outbound::{HeaderMap, retry_after};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "120".parse()?);
/// assert_eq!(retry_after(&headers, None).map(|wait| wait.as_secs()), Some(120));
/// # Ok::<(), cc_devops_outbound::header::InvalidHeaderValue>(())
/// ```
pub fn retry_after(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    let now = now.or_else(|| date(text(headers, &DATE)?));
    parse_retry_after(text(headers, &RETRY_AFTER)?, now)
}

/// The same of the header's text alone, for an answer that came by another client. A date is counted from `now`; without
/// it, a date asks for nothing.
pub fn parse_retry_after(asked: &str, now: Option<Timestamp>) -> Option<Duration> {
    let asked = asked.trim();
    if asked.is_empty() {
        return None;
    }
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // More seconds than a number holds is for ever.
    if asked.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::MAX);
    }
    let wait = date(asked)?.duration_since(now?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn read(asked: &str, dated: Option<&str>, now: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, asked.parse().unwrap());
        if let Some(dated) = dated {
            headers.insert(DATE, dated.parse().unwrap());
        }
        let now = now.map(|now| now.parse().unwrap());
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn both_forms_are_read() {
        for (asked, dated, now, expected) in [
            ("0", None, None, Some(0)),
            (" 120 ", None, None, Some(120)),
            ("99999999999999999999999", None, None, Some(u64::MAX)),
            (DATED, None, Some("1994-11-06T08:49:00Z"), Some(37)),
            // The caller's clock comes first, the answer's stands in.
            (
                DATED,
                Some("Sun, 06 Nov 1994 08:00:00 GMT"),
                Some("1994-11-06T08:49:00Z"),
                Some(37),
            ),
            (DATED, Some("Sun, 06 Nov 1994 08:49:07 GMT"), None, Some(30)),
            // It has passed.
            (DATED, None, Some("1994-11-06T09:00:00Z"), Some(0)),
            // Nobody says what time it is.
            (DATED, None, None, None),
            (DATED, Some("today"), None, None),
            ("soon", None, Some("1994-11-06T08:49:00Z"), None),
            ("-1", None, None, None),
            ("1.5", None, None, None),
            ("", None, None, None),
        ] {
            assert_eq!(read(asked, dated, now), expected, "{asked:?} {dated:?} {now:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), None), None);
    }

    #[test]
    fn the_text_alone_is_read_as_in_headers() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (asked, now, expected) in [
            (" 120 ", None, Some(120)),
            (DATED, Some(now), Some(37)),
            (DATED, None, None),
            ("soon", Some(now), None),
            (" ", Some(now), None),
        ] {
            let wait = parse_retry_after(asked, now).map(|wait| wait.as_secs());
            assert_eq!(wait, expected, "{asked:?} {now:?}");
        }
    }
}
