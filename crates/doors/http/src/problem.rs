//! What a caller is told when it goes wrong: problem details (RFC 9457). The one place where port
//! errors become HTTP statuses.

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cc_devops_kernel::acts::ActError;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use cc_devops_requests::deploys::DecideError;
use serde::Serialize;

use crate::throttled_log::ThrottledLog;

/// The media type of problem details.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// How long a caller is asked to wait where nothing better is known.
pub(crate) const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// An answer that says what went wrong. Its detail never holds a parameter's value.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    reason: Option<Reason>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    /// A problem of this status, in a sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            reason: None,
            request_id: None,
            retry_after: None,
        }
    }

    /// With a reason for programs.
    #[must_use]
    pub(crate) fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// About this request.
    #[must_use]
    pub(crate) fn about(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// With how long to wait before it is tried again.
    #[must_use]
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// No token that is good.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "send a valid token in the header `Authorization: Bearer ccd_…`",
        )
    }

    /// A token that was good when the caller came.
    pub(crate) fn token_ended() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "the token has ended while the outcome was waited for; the request is not lost, and a token that is good \
             shows what became of it",
        )
    }

    /// No policy permits it.
    pub fn denied(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail).because(Reason::SecurityViolation)
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What is asked for cannot be.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).because(Reason::InvalidParameter)
    }

    /// What is asked for cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail).because(Reason::SchemaValidationFailed)
    }

    /// There is no place.
    pub(crate) fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is answering as many requests as it may; try again",
        )
        .retry_after(DEFAULT_RETRY)
    }

    /// It took too long.
    pub(crate) fn timed_out() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the answer did not come in time; what was asked for may still be done, so ask again with the same requestId",
        )
        .because(Reason::Timeout)
    }

    /// A fault of our own.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a fault of the control plane's own; its log says more",
        )
        .because(Reason::InternalError)
    }

    /// The server was told to stop before what was sent had arrived; nothing of it was begun.
    pub(crate) fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server stops, and took nothing of this request; send it again to the next one",
        )
        .retry_after(DEFAULT_RETRY)
    }

    /// Its HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong and what to do, in a sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// How long to wait before it is tried again, where that is known.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Its reason, where it has one.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, failure.message).because(failure.reason)
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Refused(failure) if failure.reason == Reason::SecurityViolation => Self::denied(failure.message),
            ActError::Refused(failure) => failure.into(),
            ActError::Port(error) => error.into(),
        }
    }
}

impl Problem {
    /// Why an act was not done that is well formed and cannot be as things stand.
    pub(crate) fn as_things_stand(error: ActError) -> Self {
        match error {
            ActError::Refused(failure) if failure.reason == Reason::InvalidParameter => {
                Self::new(StatusCode::CONFLICT, failure.message)
            }
            error => error.into(),
        }
    }
}

impl From<DecideError> for Problem {
    /// Says to who comes too late, or with another digest, what there is.
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NoSuchPlan => Self::not_found(
                "there is no such plan, or it is not yours to see; `GET /v1/deploys` lists those you may see",
            ),
            DecideError::NotAllowed(sentence) => Self::denied(sentence),
            DecideError::Port(error) => error.into(),
            DecideError::NoDigestYet | DecideError::OtherDigest { .. } | DecideError::Decided { .. } => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
        }
    }
}

impl From<PortError> for Problem {
    /// Logs what failed and tells the caller what to do.
    fn from(error: PortError) -> Self {
        /// A full disk refuses every request: one line of a kind in a while, with their number.
        static LINES: [ThrottledLog; 5] = [const { ThrottledLog::new() }; 5];
        let [unavailable, timeout, full, corrupt, key] = &LINES;
        match error.kind {
            PortErrorKind::Unavailable => warn(unavailable, &error),
            PortErrorKind::Timeout => warn(timeout, &error),
            PortErrorKind::Full => fault(full, &error),
            PortErrorKind::Corrupt => fault(corrupt, &error),
            PortErrorKind::Key => fault(key, &error),
            // The caller's mistake or bad luck, not ours.
            PortErrorKind::Superseded
            | PortErrorKind::Exists
            | PortErrorKind::NotFound
            | PortErrorKind::TooLarge
            | PortErrorKind::Refused
            | PortErrorKind::Stopped => {
                tracing::debug!(kind = ?error.kind, error = %Chain(&error), "a port refused");
            }
        }
        let retry = error.retry_after.and_then(|wait| Duration::try_from(wait).ok());
        match error.kind {
            PortErrorKind::Unavailable | PortErrorKind::Stopped => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "a system the control plane needs is busy or out of reach; try again",
            )
            .because(Reason::ApiError)
            .retry_after(retry.unwrap_or(DEFAULT_RETRY)),
            PortErrorKind::Timeout => Self::timed_out(),
            PortErrorKind::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "the store is full and takes no more requests; an operator must make room",
            )
            .because(Reason::ApiError),
            PortErrorKind::Corrupt => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "what is stored cannot be read; an operator must check the data and restore a backup",
            )
            .because(Reason::InternalError),
            PortErrorKind::Key => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the key that protects the data is missing or wrong; an operator must put it back",
            )
            .because(Reason::InternalError),
            PortErrorKind::Superseded => Self::new(
                StatusCode::CONFLICT,
                "somebody else went on with this; read it again and try once more",
            ),
            PortErrorKind::Exists => Self::new(StatusCode::CONFLICT, error.message),
            PortErrorKind::NotFound => Self::new(StatusCode::NOT_FOUND, error.message),
            PortErrorKind::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.message),
            PortErrorKind::Refused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.message).because(Reason::ApiError)
            }
        }
    }
}

fn warn(line: &ThrottledLog, error: &PortError) {
    if let Some(left_out) = line.say() {
        tracing::warn!(kind = ?error.kind, error = %Chain(error), left_out, "a port failed");
    }
}

fn fault(line: &ThrottledLog, error: &PortError) {
    if let Some(left_out) = line.say() {
        tracing::error!(kind = ?error.kind, error = %Chain(error), left_out, "a port failed");
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: self.reason,
            request_id: self.request_id.as_deref(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.extensions_mut().insert(self.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

/// Seconds, rounded up, at least one: `Retry-After` knows no fractions.
pub fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// An error with everything underneath it, for one line of a log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
    }

    #[test]
    fn every_port_error_has_its_status() {
        let status = |kind| Problem::from(PortError::new(kind, "x")).status.as_u16();
        assert_eq!(status(PortErrorKind::Unavailable), 503);
        assert_eq!(status(PortErrorKind::Timeout), 504);
        assert_eq!(status(PortErrorKind::Full), 507);
        assert_eq!(status(PortErrorKind::Corrupt), 500);
        assert_eq!(status(PortErrorKind::Key), 500);
        assert_eq!(status(PortErrorKind::Superseded), 409);
        assert_eq!(status(PortErrorKind::Exists), 409);
        assert_eq!(status(PortErrorKind::NotFound), 404);
        assert_eq!(status(PortErrorKind::TooLarge), 413);
        assert_eq!(status(PortErrorKind::Refused), 422);
    }

    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_one_line_of_the_log_and_not_one_a_request() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..1_000 {
                drop(Problem::from(PortError::new(PortErrorKind::Full, "no room")));
            }
            drop(Problem::from(PortError::new(PortErrorKind::Corrupt, "page 7")));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("no room") && text.contains("page 7"), "{text}");
    }

    #[test]
    fn internals_stay_inside() {
        let error = PortError::new(PortErrorKind::Corrupt, "page 7 of ledger.db is malformed");
        assert!(!Problem::from(error).detail.contains("ledger.db"));
    }
}
