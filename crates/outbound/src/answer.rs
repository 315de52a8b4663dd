//! What came back.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::retry_after;

/// A whole answer, whatever its status. Its `Debug` shows neither headers nor body.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. Of a refusal (a status other than 2xx) no more than 1 MiB is kept, and less where the
    /// connection broke: its status says enough.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header that is text; the first of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.headers, name)
    }

    /// How long the server asks to be left alone, see [`retry_after`].
    pub fn retry_after(&self, now: Option<Timestamp>) -> Option<Duration> {
        retry_after(&self.headers, now)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A header that is text; the first of its name.
pub fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
