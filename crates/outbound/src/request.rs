//! What is sent.

use std::fmt;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, InvalidHeaderValue};
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

/// One request. Its `Debug` shows the method, the host and nothing else.
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) within: Option<Duration>,
    pub(crate) until: Option<Instant>,
}

impl Request {
    /// A request without headers of its own and without a body.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            within: None,
            until: None,
        }
    }

    /// A request that reads.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// A request that hands something over.
    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// With this header, in the place of any other of its name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With these headers beside those it has.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// As the holder of a token, see [`bearer`].
    #[must_use]
    pub fn authorization(self, value: HeaderValue) -> Self {
        self.header(AUTHORIZATION, value)
    }

    /// With a body that is JSON already.
    #[must_use]
    pub fn json(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// Answered within this time, in the place of the client's own total time limit.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Answered by then at the latest, whatever other limit there is: the deadline of whoever waits.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.until = Some(deadline);
        self
    }

    /// How long it may take from now.
    pub(crate) fn time_limit(&self, usual: Duration) -> Duration {
        let limit = self.within.unwrap_or(usual);
        match self.until {
            Some(deadline) => limit.min(deadline.saturating_duration_since(Instant::now())),
            None => limit,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

/// A token as the value of `Authorization` (RFC 6750, 2.1), which `Debug` does not show.
///
/// # Errors
/// The token has characters that no header has.
pub fn bearer(token: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_token_nor_path_nor_body_is_in_its_debug_text() {
        let url = Url::parse("https://user:word@hooks.example/secret/path?key=query").unwrap();
        let request = Request::post(url)
            .authorization(bearer("verysecret").unwrap())
            .json("\"body\"");
        let shown = format!("{request:?}");
        assert!(shown.contains("hooks.example") && shown.contains("POST"), "{shown}");
        for secret in ["word", "secret", "query", "body", "Bearer"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(!format!("{:?}", request.headers).contains("verysecret"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_nearest_limit_counts() {
        const USUAL: u64 = 30;
        let url = Url::parse("https://api.example/").unwrap();
        for (within, until, expected) in [
            (None, None, USUAL),
            (Some(90), None, 90),
            (None, Some(5), 5),
            (None, Some(90), USUAL),
            (Some(90), Some(60), 60),
            (Some(1), Some(60), 1),
            (None, Some(0), 0),
        ] {
            let mut request = Request::get(url.clone());
            if let Some(seconds) = within {
                request = request.within(Duration::from_secs(seconds));
            }
            if let Some(seconds) = until {
                request = request.until(Instant::now() + Duration::from_secs(seconds));
            }
            let limit = request.time_limit(Duration::from_secs(USUAL));
            assert_eq!(limit.as_secs(), expected, "{within:?} {until:?}");
        }
    }
}
