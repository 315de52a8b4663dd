//! The API client: lists read side by side up to Stripe's limit and never over it.
//!
//! async-stripe (1.0.0-rc.10) is not used: its types are those of one API version where we read every
//! shape Stripe has sent, and its lists follow one cursor, 100 objects for every round trip.
//!
//! ```no_run
//! # use cc_devops_stripe::client::{Client, Listed, Settings, Statuses, WithItems};
//! # use serde::de::DeserializeOwned;
//! # async fn example<S>(key: cc_devops_core::secret::SecretValue) -> Result<(), cc_devops_stripe::client::Error>
//! # where S: DeserializeOwned + WithItems + Send + 'static {
//! let client = Client::new(&key, &Settings::default())?;
//! let mut subscriptions = client.subscriptions::<S>(Statuses::AllButCanceled, 1_795_392_000);
//! while let Some(page) = subscriptions.next_page().await? {
//!     println!("{} more", page.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # LOGGING
//! Never logged or put into an error: the key. An address is taken out of network errors.

mod endpoint;
mod error;
mod limiter;
mod listing;
mod ranges;
mod reads;
mod request;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_core::secret::SecretValue;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Url, redirect};
use tokio::sync::watch;

pub use self::endpoint::Endpoint;
pub use self::error::Error;
use self::limiter::Limiter;
pub use self::limiter::Limits;
pub use self::listing::{Listed, Listing};
pub use self::reads::{Statuses, Subscriptions, WithItems};
pub use self::request::Retries;

/// The version of Stripe's API that every request asks for.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Where Stripe answers.
pub const API_URL: &str = "https://api.stripe.com";

/// How Stripe is reached.
#[derive(Debug, Clone)]
pub struct Settings {
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

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_url: API_URL.to_owned(),
            limits: None,
            retries: Retries::default(),
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
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    key: HeaderValue,
    retries: Retries,
    limiter: Limiter,
    progress: watch::Sender<Progress>,
}

impl Client {
    /// A client that uses `key`, with white space around it taken off. The process must have chosen
    /// its TLS provider.
    ///
    /// # Errors
    /// No key, something that is no secret or restricted key, or an address that is no good.
    pub fn new(key: &SecretValue, settings: &Settings) -> Result<Self, Error> {
        let key = key.expose().trim();
        if key.is_empty() {
            return Err(Error::MissingKey);
        }
        let live = key.starts_with("rk_live_") || key.starts_with("sk_live_");
        let sandbox = key.starts_with("rk_test_") || key.starts_with("sk_test_");
        if !live && !sandbox {
            return Err(Error::NotAKey);
        }
        let base = Url::parse(&settings.api_url).map_err(|_| Error::Address)?;
        let safe = base.scheme() == "https" || base.scheme() == "http" && (sandbox || is_this_machine(&base));
        if !safe || base.query().is_some() || base.fragment().is_some() || !base.username().is_empty() {
            return Err(Error::Address);
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| Error::NotAKey)?;
        authorization.set_sensitive(true);
        let version = (
            HeaderName::from_static("stripe-version"),
            HeaderValue::from_static(API_VERSION),
        );
        let http = reqwest::Client::builder()
            .user_agent(concat!("cc-devops/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([version]))
            // The key goes to the address that was configured and to no other.
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .timeout(settings.total_timeout)
            .build()
            .map_err(Error::Client)?;
        let usual = if live { Limits::LIVE } else { Limits::SANDBOX };
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base,
                key: authorization,
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

fn is_this_machine(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(key: &str, api_url: &str) -> Result<Client, Error> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let settings = Settings {
            api_url: api_url.to_owned(),
            ..Settings::default()
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
