//! One REST request: its way through the limits, its tries, its answer.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use octocrab::Octocrab;
use octocrab::secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::atomic::Ordering;
use url::form_urlencoded::Serializer;

use super::limiter::Load;
use super::{Client, Error};

/// A page of 100 repositories with their files comes to a few megabytes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The longest that GitHub's own hint is waited for. A limit that lasts longer ends the work: what asked is
/// told until when.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The wait for a secondary limit that does not say how long. GitHub asks for a minute at least.
const USUAL_PAUSE: Duration = Duration::from_mins(1);

/// The most of GitHub's own words that an error repeats, in characters.
const LONGEST_MESSAGE: usize = 300;

/// How a failed request is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How often at most, after the first try.
    pub times: usize,
    /// The shortest wait before a try; each later one is about twice as long.
    pub shortest: Duration,
    /// The longest wait, but for one that GitHub asks for.
    pub longest: Duration,
}

impl Default for Retries {
    /// Five times, waiting from half a second to 8 seconds: about 15 seconds in all.
    fn default() -> Self {
        Self {
            times: 5,
            shortest: Duration::from_millis(500),
            longest: Duration::from_secs(8),
        }
    }
}

/// One try failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether another try may succeed and does no harm.
    pub(super) retry: bool,
    /// What GitHub asked for.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn last(error: Error) -> Self {
        Self {
            error,
            retry: false,
            wait: None,
        }
    }
}

/// A REST request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    what: String,
    /// Whether it may be made twice.
    again: bool,
    content: bool,
}

fn path(segments: &[&str]) -> String {
    let mut url = url::Url::parse("http://host").ok();
    if let Some(Ok(mut path)) = url.as_mut().map(url::Url::path_segments_mut) {
        path.extend(segments);
    }
    url.map(|url| url.path().to_owned()).unwrap_or_default()
}

/// A request that reads; each segment of the path is escaped.
pub(crate) fn get(segments: &[&str]) -> (Method, String) {
    (Method::GET, path(segments))
}

/// A request that makes something; it is not made twice unless GitHub says that it was not let in.
pub(crate) fn post(segments: &[&str]) -> (Method, String) {
    (Method::POST, path(segments))
}

/// A request that sets something.
pub(crate) fn put(segments: &[&str]) -> (Method, String) {
    (Method::PUT, path(segments))
}

/// A value in a query.
pub(crate) struct Text(String);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<usize> for Text {
    fn from(number: usize) -> Self {
        Self(number.to_string())
    }
}

impl Ask {
    /// A request; `what` says as an infinitive what it is for.
    pub(crate) fn new((method, path): (Method, String), what: impl Into<String>) -> Self {
        Self {
            again: method != Method::POST,
            method,
            path,
            query: Vec::new(),
            body: None,
            what: what.into(),
            content: false,
        }
    }

    pub(crate) fn patch(mut self) -> Self {
        self.method = Method::PATCH;
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Text>) -> Self {
        self.query.push((name, value.into().0));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// It writes what people are notified of.
    pub(crate) fn content(mut self) -> Self {
        self.content = true;
        self
    }

    fn load(&self) -> Load {
        match (&self.method, self.content) {
            (&Method::GET, _) => Load::Read,
            (_, true) => Load::Content,
            (_, false) => Load::Write,
        }
    }

    fn uri(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.path)
    }
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    message: String,
    errors: Vec<Value>,
}

impl Client {
    /// Makes a request and reads its answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Error> {
        let answer = self.answer(ask).await?;
        serde_json::from_slice(&answer.body).map_err(|source| Error::BadAnswer {
            what: ask.what.clone(),
            source,
        })
    }

    /// The same; `None` where there is no such thing.
    pub(crate) async fn optional<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<T>, Error> {
        match self.json(ask).await {
            Ok(value) => Ok(Some(value)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a request whose answer says no more than that it was done.
    pub(crate) async fn done(&self, ask: &Ask) -> Result<(), Error> {
        self.answer(ask).await.map(drop)
    }

    /// Every page of a list, one after the other; `pick` takes the list out of a page.
    pub(crate) async fn pages<P, T>(&self, ask: &Ask, size: usize, pick: impl Fn(P) -> Vec<T>) -> Result<Vec<T>, Error>
    where
        P: DeserializeOwned,
    {
        let mut all = Vec::new();
        for page in 1_usize.. {
            let items = pick(
                self.json(&ask.clone().with("per_page", size).with("page", page))
                    .await?,
            );
            let count = items.len();
            all.extend(items);
            if count < size {
                break;
            }
        }
        Ok(all)
    }

    async fn answer(&self, ask: &Ask) -> Result<Answer, Error> {
        self.tries(&ask.what, || async {
            let mut request = Request::builder().method(ask.method.clone()).uri(ask.uri());
            request = request.header(http::header::ACCEPT, "application/vnd.github+json");
            self.one(
                &self.inner.rest,
                request,
                ask.body.as_ref(),
                ask.load(),
                &ask.what,
                ask.again,
            )
            .await
        })
        .await
    }

    /// Makes tries until one succeeds or the retries are used up.
    pub(super) async fn tries<T, F>(&self, what: &str, one: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let retries = self.inner.retries;
        let delays = ExponentialBuilder::default()
            .with_min_delay(retries.shortest)
            .with_max_delay(retries.longest)
            .with_max_times(retries.times)
            .with_jitter();
        one.retry(delays)
            .sleep(tokio::time::sleep)
            .when(|failure: &Failure| failure.retry)
            .adjust(|failure, delay| delay.map(|delay| failure.wait.map_or(delay, |wait| wait.max(delay))))
            .notify(|failure, delay| {
                tracing::debug!(error = %failure.error, ?delay, what, "a request to GitHub is tried again");
            })
            .await
            .map_err(|failure| failure.error)
    }

    /// One try.
    pub(super) async fn one(
        &self,
        through: &Octocrab,
        request: http::request::Builder,
        body: Option<&Value>,
        load: Load,
        what: &str,
        again: bool,
    ) -> Result<Answer, Failure> {
        let token = self.token().await?;
        let exchange = self.exchange(through, token.clone(), request, body, load, what, again);
        match exchange.await {
            // An App's token may have been revoked before its end; the next try asks for another.
            Err(failure) if matches!(failure.error, Error::WrongToken) && self.forget_token(&token).await => {
                Err(Failure { retry: true, ..failure })
            }
            answered => answered,
        }
    }

    /// One try with this token.
    #[expect(clippy::too_many_arguments, reason = "what a request is, once")]
    pub(super) async fn exchange(
        &self,
        through: &Octocrab,
        token: SecretString,
        request: http::request::Builder,
        body: Option<&Value>,
        load: Load,
        what: &str,
        again: bool,
    ) -> Result<Answer, Failure> {
        let passage = self.inner.limiter.pass(load).await;
        self.spent.requests.fetch_add(1, Ordering::Relaxed);
        let network = |reason: String| Failure {
            error: Error::Network {
                what: what.to_owned(),
                reason,
            },
            retry: again,
            wait: None,
        };
        let library = |error: octocrab::Error| network(root(&error));
        let through = through.user_access_token(token).map_err(library)?;
        let request = through.build_request(request, body).map_err(library)?;
        let exchange = async {
            let response = through.execute(request).await.map_err(library)?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| {
                match error.downcast::<http_body_util::LengthLimitError>() {
                    Ok(_) => Failure::last(Error::TooLarge { what: what.to_owned() }),
                    Err(error) => network(root(&*error)),
                }
            })?;
            Ok((parts, body.to_bytes().to_vec()))
        };
        let answered = tokio::time::timeout(self.inner.total_timeout, exchange).await;
        passage.done();
        let (parts, body) = answered.map_err(|_| network("it does not answer in time".to_owned()))??;
        if parts.status.is_success() {
            return Ok(Answer {
                headers: parts.headers,
                body,
            });
        }
        Err(self.refused(parts.status, &parts.headers, &body, what, again))
    }

    /// What a refusal means.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], what: &str, again: bool) -> Failure {
        let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or_default();
        let message = words(&refusal);
        if let Some(failure) = self.limited(status, headers, &message) {
            return failure;
        }
        let what = what.to_owned();
        let request = text(headers, "x-github-request-id")
            .unwrap_or("without an id")
            .to_owned();
        let error = match status {
            StatusCode::UNAUTHORIZED => Error::WrongToken,
            StatusCode::FORBIDDEN => Error::Forbidden {
                what,
                permission: text(headers, "x-accepted-github-permissions").map(ToOwned::to_owned),
                message,
            },
            StatusCode::NOT_FOUND => Error::NotFound { what },
            StatusCode::GONE => Error::Gone { what, message },
            StatusCode::CONFLICT => Error::Changed { what },
            status if status.is_redirection() => Error::Moved { what },
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Error::TooSlow { what },
            status if status.is_server_error() => Error::Unavailable {
                what,
                status: status.as_u16(),
                request,
            },
            status => Error::Refused {
                what,
                status: status.as_u16(),
                message,
                request,
            },
        };
        Failure {
            retry: again && status.is_server_error(),
            error,
            wait: None,
        }
    }

    /// Whether a limit was met, and what to do then. Such a request was not let in, so it may be made again.
    pub(super) fn limited(&self, status: StatusCode, headers: &HeaderMap, message: &str) -> Option<Failure> {
        if !matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            return None;
        }
        let after = text(headers, RETRY_AFTER.as_str())
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        let used_up = text(headers, "x-ratelimit-remaining") == Some("0");
        if let (None, true) = (after, used_up) {
            return Some(self.used_up(headers));
        }
        let secondary = message.to_ascii_lowercase().contains("secondary rate limit")
            || message.to_ascii_lowercase().contains("abuse detection");
        if after.is_none() && !secondary && status != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        let wait = after.unwrap_or(USUAL_PAUSE);
        self.inner.limiter.hold(wait.min(LONGEST_WAIT));
        Some(Failure {
            error: Error::SecondaryLimit {
                message: message.to_owned(),
            },
            retry: wait <= LONGEST_WAIT,
            wait: Some(wait),
        })
    }

    /// The hour's requests are used up. The wait is until they begin anew, if that is soon.
    pub(super) fn used_up(&self, headers: &HeaderMap) -> Failure {
        let now = Timestamp::now();
        let until = text(headers, "x-ratelimit-reset")
            .and_then(|seconds| seconds.parse().ok())
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .unwrap_or(now);
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default() + Duration::from_secs(1);
        if wait <= LONGEST_WAIT {
            self.inner.limiter.hold(wait);
        }
        Failure {
            error: Error::RateLimited { until },
            retry: wait <= LONGEST_WAIT,
            wait: Some(wait),
        }
    }
}

/// GitHub's words, its list of mistakes behind them.
fn words(refusal: &Refusal) -> String {
    let mistakes = refusal.errors.iter().map(|mistake| match mistake {
        Value::String(text) => text.clone(),
        other => {
            let text = |name: &str| other.get(name).and_then(Value::as_str);
            match (text("message"), text("resource"), text("field"), text("code")) {
                (Some(message), ..) => message.to_owned(),
                (None, Some(resource), Some(field), Some(code)) => format!("{resource}.{field} is {code}"),
                _ => other.to_string(),
            }
        }
    });
    let all: Vec<String> = std::iter::once(refusal.message.clone()).chain(mistakes).collect();
    all.join("; ").chars().take(LONGEST_MESSAGE).collect()
}

/// The innermost reason: those around it only say that a request failed.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
