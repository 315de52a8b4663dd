//! The Bank's file over HTTP: fetched when it may have changed, kept while it has not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use cc_devops_core::ports::{Clock, PortError, PortErrorKind, PortResult, RateSource};
use cc_devops_core::revenue::rates::Rates;
use jiff::tz::TimeZone;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::daily_file::read;

/// Where the Bank's daily file is.
pub const ECB_URL: &str = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml";

/// The file has some two kilobytes.
const LARGEST_FILE: usize = 1 << 20;

/// No hint of the server's is obeyed for longer than this.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How the Bank is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The daily file. `http` is refused unless the host is this machine.
    pub url: String,
    /// How long rates are good without asking again. They change once a working day, about 16:00 CET.
    pub good_for: Duration,
    /// How a failed request is tried again.
    pub retries: Retries,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest a request may take.
    pub total_timeout: Duration,
}

/// How a failed request is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How often at most, after the first try.
    pub times: usize,
    /// The shortest wait before a try; each later one is about twice as long.
    pub shortest: Duration,
    /// The longest wait, but for one that the server asks for.
    pub longest: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: ECB_URL.to_owned(),
            good_for: Duration::from_hours(1),
            retries: Retries {
                times: 3,
                shortest: Duration::from_millis(500),
                longest: Duration::from_secs(8),
            },
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
        }
    }
}

/// The European Central Bank's daily reference rates.
pub struct Ecb {
    clock: Arc<dyn Clock>,
    http: Client,
    url: Url,
    good_for: Duration,
    retries: Retries,
    kept: Mutex<Option<Kept>>,
}

/// The file as it was fetched last.
#[derive(Debug, Clone)]
struct Kept {
    rates: Rates,
    asked: Instant,
    /// What makes the next request a conditional one.
    conditions: HeaderMap,
}

/// One try failed.
struct Failure {
    error: PortError,
    again: bool,
    wait: Option<Duration>,
}

/// What was answered.
enum Answer {
    New(Box<Kept>),
    Unchanged,
}

impl Ecb {
    /// The Bank's rates; the clock says which day's file is the newest there can be. The process must have chosen
    /// its TLS provider.
    ///
    /// # Errors
    /// An address that is none, or would be reached in the clear.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> PortResult<Self> {
        let refused = |message: &str| PortError::new(PortErrorKind::Refused, message);
        let url = Url::parse(&settings.url).map_err(|error| refused("revenue.rates_url is no URL").because(error))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_this_machine(&url)) {
            return Err(refused(
                "revenue.rates_url must be an https URL: rates that anybody can change are none",
            ));
        }
        let http = Client::builder()
            .user_agent(concat!("cc-devops/", env!("CARGO_PKG_VERSION")))
            .https_only(url.scheme() == "https")
            .redirect(redirect::Policy::limited(3))
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .build()
            .map_err(|error| refused("the HTTP client for exchange rates cannot be made").because(error))?;
        Ok(Self {
            clock,
            http,
            url,
            good_for: settings.good_for,
            retries: settings.retries,
            kept: Mutex::default(),
        })
    }

    async fn fetch(&self, kept: Option<&Kept>) -> PortResult<Answer> {
        let delays = ExponentialBuilder::default()
            .with_min_delay(self.retries.shortest)
            .with_max_delay(self.retries.longest)
            .with_max_times(self.retries.times)
            .with_jitter();
        (|| self.try_once(kept))
            .retry(delays)
            .sleep(tokio::time::sleep)
            .when(|failure: &Failure| failure.again)
            .adjust(|failure, delay| delay.map(|delay| failure.wait.map_or(delay, |wait| wait.max(delay))))
            .await
            .map_err(|failure| failure.error)
    }

    async fn try_once(&self, kept: Option<&Kept>) -> Result<Answer, Failure> {
        let conditions = kept.map(|kept| kept.conditions.clone()).unwrap_or_default();
        let request = self.http.get(self.url.clone()).headers(conditions);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && kept.is_some() {
            return Ok(Answer::Unchanged);
        }
        if !status.is_success() {
            return Err(refused(&response));
        }
        let mut conditions = HeaderMap::new();
        for (given, condition) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
            if let Some(value) = response.headers().get(given) {
                conditions.insert(condition, value.clone());
            }
        }
        let text = body(response).await?;
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        // The Bank's day may have begun where ours has not.
        let latest = today.tomorrow().unwrap_or(today);
        let rates = read(&text, latest).map_err(|error| {
            let message = format!("the file of exchange rates cannot be used: {error}");
            last(PortError::new(PortErrorKind::Refused, message).because(error))
        })?;
        Ok(Answer::New(Box::new(Kept {
            rates,
            asked: Instant::now(),
            conditions,
        })))
    }
}

#[async_trait]
impl RateSource for Ecb {
    async fn newest(&self) -> PortResult<Rates> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = &*kept
            && kept.asked.elapsed() < self.good_for
        {
            return Ok(kept.rates.clone());
        }
        match (self.fetch(kept.as_ref()).await, &mut *kept) {
            (Ok(Answer::New(new)), kept) => Ok(kept.insert(*new).rates.clone()),
            (Ok(Answer::Unchanged), Some(kept)) => {
                kept.asked = Instant::now();
                Ok(kept.rates.clone())
            }
            (Err(error), Some(kept)) => {
                tracing::warn!(%error, "no newer exchange rates can be had; those of before are used");
                Ok(kept.rates.clone())
            }
            (Err(error), None) => Err(error),
            (Ok(Answer::Unchanged), None) => Err(PortError::new(
                PortErrorKind::Refused,
                "the source of exchange rates answers that nothing changed, and nothing was asked before",
            )),
        }
    }
}

async fn body(mut response: Response) -> Result<String, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST_FILE {
            return Err(last(PortError::new(
                PortErrorKind::Refused,
                "the file of exchange rates is larger than 1 MiB: check revenue.rates_url",
            )));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|error| {
        let message = "the file of exchange rates is no text: check revenue.rates_url";
        last(PortError::new(PortErrorKind::Refused, message).because(error))
    })
}

fn last(error: PortError) -> Failure {
    Failure {
        error,
        again: false,
        wait: None,
    }
}

fn unreachable(error: reqwest::Error) -> Failure {
    let message = "the source of exchange rates cannot be reached: check the network and revenue.rates_url";
    Failure {
        error: PortError::new(PortErrorKind::Unavailable, message).because(error.without_url()),
        again: true,
        wait: None,
    }
}

fn refused(response: &Response) -> Failure {
    let status = response.status();
    let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let kind = if again {
        PortErrorKind::Unavailable
    } else {
        PortErrorKind::Refused
    };
    let seconds = response.headers().get(RETRY_AFTER).and_then(seconds);
    Failure {
        error: PortError::new(
            kind,
            format!("the source of exchange rates answers {status}: check revenue.rates_url"),
        ),
        again,
        wait: seconds.map(|wait| wait.min(LONGEST_WAIT)),
    }
}

/// `Retry-After` in seconds; its other form, a date, is for maintenance that outlasts our patience.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn is_this_machine(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
