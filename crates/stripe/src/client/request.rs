//! One request: its pace, its tries, its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Client, Endpoint, Error};

/// No page of 100 objects comes near it.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// No hint of Stripe's is obeyed for longer than this.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The most of Stripe's own words that an error repeats, in characters.
const LONGEST_MESSAGE: usize = 300;

/// How a failed request is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How often at most, after the first try.
    pub times: usize,
    /// The shortest wait before a try; each later one is about twice as long.
    pub shortest: Duration,
    /// The longest wait, but for one that Stripe asks for.
    pub longest: Duration,
}

impl Default for Retries {
    /// Six times, waiting from half a second to 16 seconds: about half a minute in all.
    fn default() -> Self {
        Self {
            times: 6,
            shortest: Duration::from_millis(500),
            longest: Duration::from_secs(16),
        }
    }
}

/// One try failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether another try may succeed.
    retry: bool,
    /// What Stripe asked for.
    wait: Option<Duration>,
}

impl Failure {
    pub(super) fn again(error: Error) -> Self {
        Self {
            error,
            retry: true,
            wait: None,
        }
    }

    pub(super) fn last(error: Error) -> Self {
        Self {
            error,
            retry: false,
            wait: None,
        }
    }
}

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
        let retries = self.inner.retries;
        let delays = ExponentialBuilder::default()
            .with_min_delay(retries.shortest)
            .with_max_delay(retries.longest)
            .with_max_times(retries.times)
            .with_jitter();
        (|| async {
            if !paced.swap(false, Ordering::Relaxed) {
                self.inner.limiter.pass(endpoint).await;
            }
            one().await
        })
        .retry(delays)
        .sleep(tokio::time::sleep)
        .when(|failure: &Failure| failure.retry)
        .adjust(|failure, delay| delay.map(|delay| failure.wait.map_or(delay, |wait| wait.max(delay))))
        .notify(|failure, delay| {
            self.inner.progress.send_modify(|progress| progress.retries += 1);
            tracing::debug!(error = %failure.error, ?delay, "a request to Stripe is tried again");
        })
        .await
        .map_err(|failure| failure.error)
    }

    /// One try.
    pub(super) async fn get<T: DeserializeOwned>(&self, endpoint: Endpoint, url: Url) -> Result<T, Failure> {
        self.inner.progress.send_modify(|progress| progress.requests += 1);
        let network = |error: reqwest::Error| {
            Failure::again(Error::Network {
                endpoint,
                source: error.without_url(),
            })
        };
        let request = self
            .inner
            .http
            .get(url)
            .header(reqwest::header::AUTHORIZATION, self.inner.key.clone());
        let mut response = request.send().await.map_err(network)?;
        if !response.status().is_success() {
            return Err(self.refused(endpoint, response).await);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Failure::last(Error::TooLarge { endpoint }));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|source| Failure::again(Error::BadAnswer { endpoint, source }))
    }

    async fn refused(&self, endpoint: Endpoint, response: Response) -> Failure {
        let status = response.status();
        let headers = response.headers().clone();
        // A refusal may have a body that says nothing; its status is enough.
        let body = response.bytes().await.unwrap_or_default();
        let reason = serde_json::from_slice::<Refusal>(&body).unwrap_or_default().error;
        let wait = text(&headers, "retry-after")
            .and_then(|seconds| seconds.parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        let limited = text(&headers, "stripe-rate-limited-reason");
        if status == StatusCode::TOO_MANY_REQUESTS {
            let everything = limited.is_some_and(|reason| reason.starts_with("global"));
            let pause = wait.unwrap_or(self.inner.retries.shortest);
            self.inner.limiter.hold(endpoint, everything, pause);
        }
        let usual = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT);
        let retry = match text(&headers, "stripe-should-retry") {
            Some("true") => true,
            Some("false") => false,
            _ => usual,
        };
        let limited = limited.unwrap_or("no reason given").to_owned();
        let request = text(&headers, "request-id").unwrap_or("without an id").to_owned();
        Failure {
            error: refusal(endpoint, status, reason, limited, request),
            retry,
            wait,
        }
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

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
