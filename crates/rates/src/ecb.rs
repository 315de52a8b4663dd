//! The Bank's file over HTTP: fetched when it may have changed, kept while it has not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult};
use cc_devops_outbound::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use cc_devops_outbound::{
    AddressError, Answer, Error, Failure, HeaderMap, HttpClient, HttpOptions, PlainHttp, Request, Retries, StatusCode,
    Url, address, may_pass,
};
use cc_devops_revenue::ports::RateSource;
use cc_devops_revenue::rates::Rates;
use jiff::tz::TimeZone;
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
pub struct EcbSettings {
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

impl Default for EcbSettings {
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
    http: HttpClient,
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

/// What the file is now.
enum Fetched {
    New(Box<Kept>),
    Unchanged,
}

impl Ecb {
    /// The Bank's rates; the clock says which day's file is the newest there can be. The process must have chosen
    /// its TLS provider.
    ///
    /// # Errors
    /// An address that is none, or would be reached in the clear.
    pub fn new(settings: &EcbSettings, clock: Arc<dyn Clock>) -> PortResult<Self> {
        let refused = |message: &str| PortError::new(PortErrorKind::Refused, message);
        let url = address(&settings.url, PlainHttp::LoopbackOnly).map_err(|error| match error {
            AddressError::Form(_) => refused("revenue.rates_url is no URL").because(error),
            AddressError::Plain | AddressError::Parts => {
                refused("revenue.rates_url must be an https URL: rates that anybody can change are none")
            }
        })?;
        let options = HttpOptions {
            connect_timeout: settings.connect_timeout,
            total_timeout: settings.total_timeout,
            largest_answer: LARGEST_FILE,
            redirects: 3,
            ..HttpOptions::default()
        };
        let http = HttpClient::configured(&url, options)
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

    async fn fetch(&self, kept: Option<&Kept>) -> PortResult<Fetched> {
        let told = |error: &PortError, wait| {
            tracing::debug!(%error, ?wait, "exchange rates are asked for again");
        };
        self.retries.run(None, || self.try_once(kept), told).await
    }

    async fn try_once(&self, kept: Option<&Kept>) -> Result<Fetched, Failure<PortError>> {
        let conditions = kept.map(|kept| kept.conditions.clone()).unwrap_or_default();
        let request = Request::get(self.url.clone()).headers(conditions);
        let answer = self.http.send(request).await.map_err(unreachable)?;
        if answer.status == StatusCode::NOT_MODIFIED && kept.is_some() {
            return Ok(Fetched::Unchanged);
        }
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        let mut conditions = HeaderMap::new();
        for (given, condition) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
            if let Some(value) = answer.headers.get(given) {
                conditions.insert(condition, value.clone());
            }
        }
        let text = String::from_utf8(answer.body).map_err(|error| {
            let message = "the file of exchange rates is no text: check revenue.rates_url";
            Failure::last(PortError::new(PortErrorKind::Refused, message).because(error))
        })?;
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        // The Bank's day may have begun where ours has not.
        let latest = today.tomorrow().unwrap_or(today);
        let rates = read(&text, latest).map_err(|error| {
            let message = format!("the file of exchange rates cannot be used: {error}");
            Failure::last(PortError::new(PortErrorKind::Refused, message).because(error))
        })?;
        Ok(Fetched::New(Box::new(Kept {
            rates,
            asked: Instant::now(),
            conditions,
        })))
    }

    fn refused(&self, answer: &Answer) -> Failure<PortError> {
        let retry = may_pass(answer.status);
        let kind = if retry {
            PortErrorKind::Unavailable
        } else {
            PortErrorKind::Refused
        };
        let wait = answer.retry_after(Some(self.clock.now()));
        Failure {
            error: PortError::new(
                kind,
                format!(
                    "the source of exchange rates answers {}: check revenue.rates_url",
                    answer.status
                ),
            ),
            retry,
            wait: wait.map(|wait| wait.min(LONGEST_WAIT)),
        }
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
            (Ok(Fetched::New(new)), kept) => Ok(kept.insert(*new).rates.clone()),
            (Ok(Fetched::Unchanged), Some(kept)) => {
                kept.asked = Instant::now();
                Ok(kept.rates.clone())
            }
            (Err(error), Some(kept)) => {
                tracing::warn!(%error, "no newer exchange rates can be had; those of before are used");
                Ok(kept.rates.clone())
            }
            (Err(error), None) => Err(error),
            (Ok(Fetched::Unchanged), None) => Err(PortError::new(
                PortErrorKind::Refused,
                "the source of exchange rates answers that nothing changed, and nothing was asked before",
            )),
        }
    }
}

fn unreachable(error: Error) -> Failure<PortError> {
    if let Error::TooLarge { .. } = error {
        let message = "the file of exchange rates is larger than 1 MiB: check revenue.rates_url";
        return Failure::last(PortError::new(PortErrorKind::Refused, message));
    }
    let message = "the source of exchange rates cannot be reached: check the network and revenue.rates_url";
    Failure {
        retry: error.may_retry(true),
        ..Failure::last(PortError::new(PortErrorKind::Unavailable, message).because(error))
    }
}
