//! One request: its pace, its tries, its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cc_devops_outbound::{Answer, Error as Unsent, Request, StatusCode, Url, may_pass};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connection::Client;
use super::endpoint::Endpoint;
use super::error::Error;

/// No hint of Stripe's is obeyed for longer than this.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The most of Stripe's own words that an error repeats, in characters.
const LONGEST_MESSAGE: usize = 300;

/// One try failed.
pub(super) type Failure = cc_devops_outbound::Failure<Error>;

/// What a request asks for besides its path: names and values, in this order.
pub(super) type Parameters = Vec<(&'static str, String)>;

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: RefusalReason,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RefusalReason {
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

impl Client {
    /// The address of a list, or of one object in it.
    pub(super) fn url(&self, endpoint: Endpoint, id: Option<&str>, parameters: &Parameters) -> Url {
        let mut url = self.inner.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", endpoint.path()]).extend(id);
        }
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }

    /// Makes tries until one succeeds or the retries are used up. `paced`: the first one has been let
    /// through the limiter already.
    pub(super) async fn tries<T, F>(&self, endpoint: Endpoint, paced: bool, one: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let paced = AtomicBool::new(paced);
        let attempt = || async {
            if !paced.swap(false, Ordering::Relaxed) {
                self.inner.limiter.pass(endpoint).await;
            }
            one().await
        };
        let told = |error: &Error, wait| {
            self.inner.progress.send_modify(|progress| progress.retries += 1);
            tracing::debug!(%error, ?wait, "a request to Stripe is tried again");
        };
        self.inner.retries.run(None, attempt, told).await
    }

    /// One try.
    pub(super) async fn get<T: DeserializeOwned>(&self, endpoint: Endpoint, url: Url) -> Result<T, Failure> {
        self.inner.progress.send_modify(|progress| progress.requests += 1);
        let request = Request::get(url).authorization(self.inner.key.clone());
        let answer = self
            .inner
            .http
            .send(request)
            .await
            .map_err(|error| unsent(endpoint, error))?;
        if !answer.status.is_success() {
            return Err(self.refused(endpoint, &answer));
        }
        serde_json::from_slice(&answer.body).map_err(|source| Failure::again(Error::BadAnswer { endpoint, source }))
    }

    fn refused(&self, endpoint: Endpoint, answer: &Answer) -> Failure {
        let status = answer.status;
        // A refusal may have a body that says nothing; its status is enough.
        let reason = serde_json::from_slice::<Refusal>(&answer.body)
            .unwrap_or_default()
            .error;
        let wait = answer.retry_after(None).map(|wait| wait.min(LONGEST_WAIT));
        let limited = answer.header("stripe-rate-limited-reason");
        if status == StatusCode::TOO_MANY_REQUESTS {
            let everything = limited.is_some_and(|reason| reason.starts_with("global"));
            let pause = wait.unwrap_or(self.inner.retries.shortest);
            self.inner.limiter.hold(endpoint, everything, pause);
        }
        let retry = match answer.header("stripe-should-retry") {
            Some("true") => true,
            Some("false") => false,
            _ => may_pass(status) || status == StatusCode::CONFLICT,
        };
        let limited = limited.unwrap_or("no reason given").to_owned();
        let request = answer.header("request-id").unwrap_or("without an id").to_owned();
        Failure {
            error: refusal(endpoint, status, reason, limited, request),
            retry,
            wait,
        }
    }
}

/// What it means that no whole answer came. Every request only reads, and may be made again.
fn unsent(endpoint: Endpoint, error: Unsent) -> Failure {
    match error {
        Unsent::TooLarge { .. } => Failure::last(Error::TooLarge { endpoint }),
        source => Failure {
            retry: source.may_retry(true),
            ..Failure::last(Error::Network { endpoint, source })
        },
    }
}

fn refusal(endpoint: Endpoint, status: StatusCode, reason: RefusalReason, limited: String, request: String) -> Error {
    let message = reason.message.unwrap_or_default();
    let code = reason.code.unwrap_or_else(|| "no code".to_owned());
    match status {
        StatusCode::UNAUTHORIZED => Error::WrongKey,
        StatusCode::FORBIDDEN => Error::MissingPermission {
            endpoint,
            permission: permission(&message).unwrap_or_else(|| endpoint.permission()).to_owned(),
        },
        StatusCode::NOT_FOUND => Error::NotFound { endpoint },
        StatusCode::TOO_MANY_REQUESTS => Error::RateLimited {
            endpoint,
            reason: limited,
        },
        StatusCode::BAD_REQUEST if code == "resource_missing" && reason.param.as_deref() == Some("starting_after") => {
            Error::CursorGone { endpoint }
        }
        status if status.is_server_error() || status == StatusCode::CONFLICT => Error::Unavailable {
            endpoint,
            status: status.as_u16(),
            request,
        },
        status => Error::Refused {
            endpoint,
            status: status.as_u16(),
            code,
            message: message.chars().take(LONGEST_MESSAGE).collect(),
            request,
        },
    }
}

/// The permission that Stripe's words name.
fn permission(message: &str) -> Option<&str> {
    message
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .find(|word| word.starts_with("rak_"))
}
