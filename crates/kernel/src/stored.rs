//! How events are kept by a store, and read again by a later version.
//!
//! What is written says what it is and in which version of its form: `{"v":1,"kind":"completed","body":{…}}`.
//! What is read may be of any form that ever landed, and may have fields that nobody knew then. A kind or
//! a version that is not known here makes one row unreadable, and nothing else.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::events::{Announcement, EventBody};
use crate::outcome::Completed;

/// The newest version of the form.
const VERSION: u32 = 1;

const COMPLETED: &str = "completed";
const ANNOUNCEMENT: &str = "announcement";

/// A stored event cannot be read. It does not hold what is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer version wrote it.
    #[error("a newer version of this program wrote it: run that one, or a newer one")]
    Newer,
    /// It is nothing that was ever written.
    #[error("it is damaged, at line {line} column {column}: restore it from a backup")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged {
            line: error.line(),
            column: error.column(),
        }
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    v: u32,
    kind: &'a str,
    body: &'a T,
}

#[derive(Deserialize)]
struct Kept<'a> {
    v: u32,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// An event as it is kept.
///
/// # Errors
/// It cannot be written as JSON.
pub fn write_event(body: &EventBody) -> serde_json::Result<String> {
    match body {
        EventBody::Completed(completed) => write_completed(completed),
        EventBody::Announcement(news) => write(ANNOUNCEMENT, news),
    }
}

/// An outcome as it is kept: the same as its event.
///
/// # Errors
/// It cannot be written as JSON.
pub fn write_completed(completed: &Completed) -> serde_json::Result<String> {
    write(COMPLETED, completed)
}

fn write<T: Serialize>(kind: &str, body: &T) -> serde_json::Result<String> {
    serde_json::to_string(&Written { v: VERSION, kind, body })
}

/// Reads an event, whichever version kept it.
///
/// # Errors
/// It was kept by a newer version, or is damaged.
pub fn read_event(text: &str) -> Result<EventBody, Unreadable> {
    match serde_json::from_str::<Kept<'_>>(text) {
        Ok(kept) if kept.v > VERSION => Err(Unreadable::Newer),
        Ok(kept) => match &*kept.kind {
            COMPLETED => Ok(EventBody::Completed(serde_json::from_str(kept.body.get())?)),
            ANNOUNCEMENT => Ok(EventBody::Announcement(serde_json::from_str(kept.body.get())?)),
            _ => Err(Unreadable::Newer),
        },
        Err(_) => bare(text),
    }
}

/// Reads an outcome, whichever version kept it.
///
/// # Errors
/// It was kept by a newer version, is damaged, or is no outcome.
pub fn read_completed(text: &str) -> Result<Completed, Unreadable> {
    match read_event(text)? {
        EventBody::Completed(completed) => Ok(completed),
        EventBody::Announcement(_) => Err(Unreadable::Damaged { line: 1, column: 1 }),
    }
}

/// As it was kept before the form had a name: the body alone, an outcome's or an announcement's.
fn bare(text: &str) -> Result<EventBody, Unreadable> {
    match serde_json::from_str::<Completed>(text) {
        Ok(completed) => Ok(EventBody::Completed(completed)),
        Err(error) => match serde_json::from_str::<Announcement>(text) {
            Ok(news) => Ok(EventBody::Announcement(news)),
            Err(_) => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::outcome::Status;

    fn completed() -> Completed {
        Completed {
            request_id: "r-1".into(),
            action: "putSecret".into(),
            status: Status::Success,
            result: Some(serde_json::json!({"versionId": "v"})),
            error: None,
            reason: None,
            latency_ms: 3,
            requested_by: "A".into(),
            timestamp: Timestamp::UNIX_EPOCH,
            approval: None,
        }
    }

    fn news() -> Announcement {
        Announcement {
            key: "mrr/2026-03-01".into(),
            source: "contentcraft.billing".into(),
            detail_type: "MRR Calculation Complete".into(),
            detail: r#"{"mrrUSD":12345678901234567890.10}"#.into(),
            timestamp: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn both_kinds_come_back_as_they_were_kept() {
        for body in [EventBody::from(completed()), EventBody::from(news())] {
            let kept = write_event(&body).unwrap();
            assert!(kept.starts_with(r#"{"v":1,"kind":""#), "{kept}");
            assert_eq!(read_event(&kept), Ok(body));
        }
        assert_eq!(read_completed(&write_completed(&completed()).unwrap()), Ok(completed()));
    }

    #[test]
    fn the_bare_forms_of_older_versions_are_read() {
        let kept = serde_json::to_string(&completed()).unwrap();
        assert_eq!(read_event(&kept), Ok(completed().into()));
        let kept = serde_json::to_string(&news()).unwrap();
        assert_eq!(read_event(&kept), Ok(news().into()));
        assert!(read_completed(&kept).is_err(), "news is no outcome");
    }

    #[test]
    fn fields_of_a_later_version_are_let_pass() {
        for body in [EventBody::from(completed()), EventBody::from(news())] {
            let mut kept: serde_json::Value = serde_json::from_str(&write_event(&body).unwrap()).unwrap();
            kept["priority"] = 7.into();
            kept["body"]["weight"] = serde_json::json!({"kg": 1});
            assert_eq!(read_event(&kept.to_string()), Ok(body));
        }
    }

    #[test]
    fn what_is_newer_or_damaged_is_an_error_without_the_text() {
        for newer in [
            r#"{"v":2,"kind":"completed","body":{"secret":"x"}}"#,
            r#"{"v":1,"kind":"poem","body":{"secret":"x"}}"#,
        ] {
            assert_eq!(read_event(newer), Err(Unreadable::Newer));
        }
        for damaged in [
            "",
            "{",
            "null",
            r#"{"secret":"sesame"}"#,
            r#"{"v":1,"kind":"completed","body":{}}"#,
        ] {
            let error = read_event(damaged).unwrap_err();
            assert!(matches!(error, Unreadable::Damaged { .. }), "{damaged}: {error}");
            assert!(!error.to_string().contains("sesame"));
        }
    }
}
