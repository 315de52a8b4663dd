//! One exchange with GitHub: past the limits, there and back, and what a refusal means.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cc_devops_kernel::ports::Clock;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbound::header::{ACCEPT, HeaderName, HeaderValue, IF_NONE_MATCH};
use cc_devops_outbound::{
    Answer, Error as Unsent, HeaderMap, HttpClient, HttpOptions, Method, Request, StatusCode, Url, bearer, header_text,
    retry_after,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::error::Error;
use super::limiter::{Limiter, Load};
use super::refusal;
use super::settings::{API_VERSION, GithubSettings, Trouble};

/// A page of 100 repositories with their files comes to a few megabytes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The longest that GitHub's own hint is waited for. A limit that lasts longer ends the work: what asked is
/// told until when.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The wait for a secondary limit that does not say how long. GitHub asks for a minute at least.
const USUAL_PAUSE: Duration = Duration::from_mins(1);

/// How long an answer may take before somebody who watches is told that it does.
const QUIET: Duration = Duration::from_secs(4);

/// The most of GitHub's own words that an error repeats, in characters.
const LONGEST_MESSAGE: usize = 300;

/// One try failed.
pub(super) type Failure = cc_devops_outbound::Failure<Error>;

/// What was asked of GitHub so far.
#[derive(Default)]
pub(super) struct Meter {
    pub(super) requests: AtomicU64,
    pub(super) points: AtomicU64,
}

/// What is asked in one try.
pub(super) struct Exchange<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<&'a Value>,
    pub(super) load: Load,
    /// What it is for, as an infinitive.
    pub(super) what: &'a str,
    /// Whether it may be made twice.
    pub(super) again: bool,
    /// What GitHub called the last answer, which need not be sent again.
    pub(super) etag: Option<&'a str>,
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    message: String,
    errors: Vec<Value>,
}

/// The way to GitHub, with the limits that all who share a credential keep.
pub(super) struct Transport {
    http: HttpClient,
    rest: Url,
    graphql: Url,
    limiter: Limiter,
    trouble: Option<Trouble>,
    clock: Arc<dyn Clock>,
}

impl Transport {
    pub(super) fn new(settings: &GithubSettings) -> Result<Self, Error> {
        let rest = settings.rest_address()?;
        let version = (
            HeaderName::from_static("x-github-api-version"),
            HeaderValue::from_static(API_VERSION),
        );
        let options = HttpOptions {
            connect_timeout: settings.connect_timeout,
            read_timeout: Some(settings.read_timeout),
            total_timeout: settings.total_timeout,
            largest_answer: LARGEST_ANSWER,
            headers: HeaderMap::from_iter([version]),
            ..HttpOptions::default()
        };
        Ok(Self {
            http: HttpClient::configured(&rest, options).map_err(Error::Client)?,
            graphql: super::settings::graphql_address(&rest),
            rest,
            limiter: Limiter::new(settings.limits),
            trouble: settings.trouble.clone(),
            clock: Arc::clone(&settings.clock),
        })
    }

    /// The time, by the clock that is used.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The address of a path and query, both escaped, under the REST API.
    pub(super) fn rest(&self, path_and_query: &str) -> Url {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let mut url = self.rest.clone();
        url.set_path(&format!("{}{path}", self.rest.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// Where GraphQL is asked.
    pub(super) fn graphql(&self) -> Url {
        self.graphql.clone()
    }

    /// One try with this token.
    pub(super) async fn exchange(
        &self,
        meter: &Meter,
        token: &SecretValue,
        asked: Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let Exchange { what, again, etag, .. } = asked;
        let token = bearer(token.expose()).map_err(|_| Failure::last(Error::NotAToken))?;
        let mut request = Request::new(asked.method, asked.url).authorization(token);
        if asked.load != Load::Query {
            request = request.header(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        }
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(body) = asked.body {
            request = request.json(body.to_string());
        }
        let passage = self.limiter.pass(asked.load).await;
        meter.requests.fetch_add(1, Ordering::Relaxed);
        let answered = self.answered(self.http.send(request)).await;
        passage.done();
        let answer = answered.map_err(|error| unsent(&error, what, again))?;
        if answer.status.is_success() || (etag.is_some() && answer.status == StatusCode::NOT_MODIFIED) {
            return Ok(answer);
        }
        Err(self.refused(&answer, what, again))
    }

    /// Waits for an answer, and says so where it is long in coming.
    async fn answered<T>(&self, sending: impl Future<Output = T>) -> T {
        let mut sending = std::pin::pin!(sending);
        let Some(trouble) = &self.trouble else {
            return sending.await;
        };
        tokio::select! {
            answered = &mut sending => return answered,
            () = tokio::time::sleep(QUIET) => trouble.report(&format!("{} has not answered yet", self.host())),
        }
        sending.await
    }

    /// Says why a request is made again.
    pub(super) fn tell_trouble(&self, error: &Error) {
        let Some(trouble) = &self.trouble else { return };
        match error {
            Error::Network { reason, .. } => {
                trouble.report(&format!("{} cannot be reached: {reason}; trying again", self.host()));
            }
            error => trouble.report(&format!("{error}; trying again")),
        }
    }

    fn host(&self) -> &str {
        self.rest.host_str().unwrap_or("GitHub")
    }

    /// What a refusal means.
    fn refused(&self, answer: &Answer, what: &str, again: bool) -> Failure {
        let status = answer.status;
        let refusal = serde_json::from_slice::<Refusal>(&answer.body).unwrap_or_default();
        let message = words(&refusal);
        if let Some(failure) = self.limited(status, &answer.headers, &message) {
            return failure;
        }
        if !status.is_server_error()
            && let Some(error) = refusal::known(what, &message, answer.header(refusal::SINGLE_SIGN_ON))
        {
            return Failure::last(error);
        }
        let what = what.to_owned();
        let request = request_id(&answer.headers);
        let error = match status {
            StatusCode::UNAUTHORIZED => Error::WrongToken,
            StatusCode::FORBIDDEN => Error::Forbidden {
                what,
                permission: answer.header("x-accepted-github-permissions").map(ToOwned::to_owned),
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
        let after = retry_after(headers, Some(self.now()));
        let used_up = header_text(headers, "x-ratelimit-remaining") == Some("0");
        if let (None, true) = (after, used_up) {
            return Some(self.used_up(headers));
        }
        let secondary = message.to_ascii_lowercase().contains("secondary rate limit")
            || message.to_ascii_lowercase().contains("abuse detection");
        if after.is_none() && !secondary && status != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        let wait = after.unwrap_or(USUAL_PAUSE);
        self.limiter.hold(wait.min(LONGEST_WAIT));
        Some(Failure {
            error: Error::SecondaryLimit {
                message: message.to_owned(),
                until: self.now().checked_add(wait).unwrap_or(Timestamp::MAX),
                wait: SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX),
            },
            retry: wait <= LONGEST_WAIT,
            wait: Some(wait),
        })
    }

    /// The hour's requests are used up. The wait is until they begin anew, if that is soon.
    pub(super) fn used_up(&self, headers: &HeaderMap) -> Failure {
        let now = self.now();
        let until = header_text(headers, "x-ratelimit-reset")
            .and_then(|seconds| seconds.parse().ok())
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .unwrap_or(now);
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default() + Duration::from_secs(1);
        if wait <= LONGEST_WAIT {
            self.limiter.hold(wait);
        }
        Failure {
            error: Error::RateLimited {
                until,
                wait: until.duration_since(now).max(SignedDuration::ZERO),
            },
            retry: wait <= LONGEST_WAIT,
            wait: Some(wait),
        }
    }
}

/// What it means that no whole answer came.
fn unsent(error: &Unsent, what: &str, again: bool) -> Failure {
    let what = what.to_owned();
    let reason = match error {
        Unsent::TooLarge { .. } => return Failure::last(Error::TooLarge { what }),
        Unsent::TimedOut(_) => "it does not answer in time".to_owned(),
        error => error.reason(),
    };
    Failure {
        retry: error.may_retry(again),
        ..Failure::last(Error::Network { what, reason })
    }
}

/// GitHub's id of a request, for its support.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    header_text(headers, "x-github-request-id")
        .unwrap_or("without an id")
        .to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_under_the_address_of_the_api_as_it_is() {
        for (base, expected) in [
            ("https://api.github.com", "https://api.github.com/repos/a/b%2Fc?q=a%20b"),
            (
                "https://ghe.example/api/v3/",
                "https://ghe.example/api/v3/repos/a/b%2Fc?q=a%20b",
            ),
        ] {
            let settings = GithubSettings {
                api_url: base.to_owned(),
                ..GithubSettings::default()
            };
            let transport = Transport::new(&settings).unwrap();
            assert_eq!(transport.rest("/repos/a/b%2Fc?q=a%20b").as_str(), expected);
        }
    }
}
