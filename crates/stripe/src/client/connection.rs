//! The client itself: how Stripe is reached, and with which key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbound::header::{HeaderName, HeaderValue};
use cc_devops_outbound::{HeaderMap, HttpClient, HttpOptions, PlainHttp, Retries, Url, base_address, bearer};
use tokio::sync::watch;

use super::error::Error;
use super::limiter::{Limiter, Limits};

/// No page of 100 objects comes near it.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// How a failed request is tried again, where nobody says: six times, waiting from half a second to 16 seconds,
/// about half a minute in all.
const RETRIES: Retries = Retries {
    times: 6,
    shortest: Duration::from_millis(500),
    longest: Duration::from_secs(16),
};

/// The version of Stripe's API that every request asks for.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Where Stripe answers.
pub const API_URL: &str = "https://api.stripe.com";

/// How Stripe is reached.
#[derive(Debug, Clone)]
pub struct StripeSettings {
    /// The address without `/v1`. `http` is refused unless the key is of a sandbox or the host is this
    /// machine.
    pub api_url: String,
    /// Requests per second; `None` is what Stripe allows this kind of key.
    pub limits: Option<Limits>,
    /// How failed requests are tried again.
    pub retries: Retries,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest silence in an answer.
    pub read_timeout: Duration,
    /// The longest a request may take.
    pub total_timeout: Duration,
}

impl Default for StripeSettings {
    fn default() -> Self {
        Self {
            api_url: API_URL.to_owned(),
            limits: None,
            retries: RETRIES,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(80),
        }
    }
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Requests made, tries after a failure included.
    pub requests: u64,
    /// Tries after a failure.
    pub retries: u64,
    /// Subscriptions read.
    pub subscriptions: u64,
}

/// A client of one account. Clones share its connections and its limits; an account should have only
/// one in a process.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) http: HttpClient,
    pub(super) base: Url,
    pub(super) key: HeaderValue,
    pub(super) retries: Retries,
    pub(super) limiter: Limiter,
    pub(super) progress: watch::Sender<Progress>,
}

impl Client {
    /// A client that uses `key`, with white space around it taken off.
    ///
    /// # Errors
    /// No key, something that is no secret or restricted key, or an address that is no good.
    pub fn new(key: &SecretValue, settings: &StripeSettings) -> Result<Self, Error> {
        let key = key.expose().trim();
        if key.is_empty() {
            return Err(Error::MissingKey);
        }
        let live = key.starts_with("rk_live_") || key.starts_with("sk_live_");
        let sandbox = key.starts_with("rk_test_") || key.starts_with("sk_test_");
        if !live && !sandbox {
            return Err(Error::NotAKey);
        }
        let plain = if sandbox {
            PlainHttp::Anywhere
        } else {
            PlainHttp::LoopbackOnly
        };
        let base = base_address(&settings.api_url, plain).map_err(|_| Error::Address)?;
        let key = bearer(key).map_err(|_| Error::NotAKey)?;
        let version = (
            HeaderName::from_static("stripe-version"),
            HeaderValue::from_static(API_VERSION),
        );
        let options = HttpOptions {
            connect_timeout: settings.connect_timeout,
            read_timeout: Some(settings.read_timeout),
            total_timeout: settings.total_timeout,
            largest_answer: LARGEST_ANSWER,
            plain_http: plain,
            headers: HeaderMap::from_iter([version]),
            ..HttpOptions::default()
        };
        let http = HttpClient::configured(&base, options).map_err(Error::Client)?;
        let usual = if live { Limits::LIVE } else { Limits::SANDBOX };
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base,
                key,
                retries: settings.retries,
                limiter: Limiter::new(settings.limits.unwrap_or(usual)),
                progress: watch::Sender::new(Progress::default()),
            }),
        })
    }

    /// How far the reading is, now and whenever it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.progress.subscribe()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(key: &str, api_url: &str) -> Result<Client, Error> {
        let settings = StripeSettings {
            api_url: api_url.to_owned(),
            ..StripeSettings::default()
        };
        Client::new(&SecretValue::new(key.to_owned()), &settings)
    }

    #[test]
    fn a_key_is_a_key() {
        assert!(matches!(client(" \n", API_URL), Err(Error::MissingKey)));
        for not in ["pk_live_public", "whsec_x", "sk_live_a\u{7f}b"] {
            assert!(matches!(client(not, API_URL), Err(Error::NotAKey)), "{not}");
        }
        assert!(client("rk_live_x\n", API_URL).is_ok());
    }

    #[test]
    fn a_live_key_is_not_sent_in_the_clear() {
        let live = |url| client("sk_live_x", url);
        for bad in [
            "http://stripe.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "not a url",
            "https://me@host",
        ] {
            assert!(matches!(live(bad), Err(Error::Address)), "{bad}");
        }
        for good in [
            "http://127.0.0.1:8420",
            "http://[::1]:8420",
            "http://localhost:1/",
            "https://proxy.example/stripe",
        ] {
            assert!(live(good).is_ok(), "{good}");
        }
        assert!(client("sk_test_x", "http://stripe-mock:12111").is_ok());
    }

    #[test]
    fn the_key_is_not_in_its_debug_text() {
        let client = client("sk_live_verysecret", API_URL).unwrap();
        assert!(!format!("{client:?} {:?}", client.inner.http).contains("verysecret"));
        assert!(!format!("{:?}", client.inner.key).contains("verysecret"));
    }
}
