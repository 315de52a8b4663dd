//! How GitHub is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_outbound::{PlainHttp, Retries, Url, base_address};

use super::error::Error;
use super::limiter::Limits;

/// Where GitHub answers.
pub const API_URL: &str = "https://api.github.com";

/// The version of the REST API that every request asks for.
pub const API_VERSION: &str = "2022-11-28";

/// Five times, waiting from half a second to 8 seconds: about 15 seconds in all.
const RETRIES: Retries = Retries {
    times: 5,
    shortest: Duration::from_millis(500),
    longest: Duration::from_secs(8),
};

/// Whoever is told while an answer is waited for: that none comes, or that a request is made again.
#[derive(Clone)]
pub struct Trouble(Arc<dyn Fn(&str) + Send + Sync>);

impl Trouble {
    /// Calls `report` with a sentence without its full stop.
    pub fn reporting(report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(super) fn report(&self, sentence: &str) {
        (self.0)(sentence);
    }
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trouble")
    }
}

/// How GitHub is reached.
#[derive(Clone)]
pub struct GithubSettings {
    /// The address of the REST API: [`API_URL`], or `https://HOST/api/v3` of a GitHub Enterprise Server.
    /// `http` is refused unless the host is this machine.
    pub api_url: String,
    /// How much may be asked.
    pub limits: Limits,
    /// How failed requests are tried again.
    pub retries: Retries,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest silence in an answer.
    pub read_timeout: Duration,
    /// The longest a request may take. GitHub ends its own work after 10 seconds.
    pub total_timeout: Duration,
    /// Who is told of trouble while it lasts.
    pub trouble: Option<Trouble>,
    /// Time: when an App's token ends, and when the hour's requests begin anew.
    pub clock: Arc<dyn Clock>,
}

impl Default for GithubSettings {
    fn default() -> Self {
        Self {
            api_url: API_URL.to_owned(),
            limits: Limits::default(),
            retries: RETRIES,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(1),
            trouble: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl GithubSettings {
    /// The address of the REST API.
    pub(super) fn rest_address(&self) -> Result<Url, Error> {
        base_address(self.api_url.trim_end_matches('/'), PlainHttp::LoopbackOnly).map_err(|_| Error::Address)
    }
}

/// Where people see what the REST API at `api_url` tells of, without a trailing slash: `https://github.com`, the host of a
/// GitHub Enterprise Server, or `https://NAME.ghe.com` beside `https://api.NAME.ghe.com`.
pub fn web_address(api_url: &str) -> String {
    let address = api_url.trim_end_matches('/');
    let address = address.strip_suffix("/api/v3").unwrap_or(address);
    address.replacen("://api.", "://", 1)
}

/// Where GraphQL stands: `/graphql` beside the REST API, and `/api/graphql` beside `/api/v3`.
pub(super) fn graphql_address(rest: &Url) -> Url {
    let mut url = rest.clone();
    let path = rest.path().trim_end_matches('/');
    url.set_path(&format!("{}/graphql", path.strip_suffix("/v3").unwrap_or(path)));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<Url, Error> {
        let settings = GithubSettings {
            api_url: text.to_owned(),
            ..GithubSettings::default()
        };
        settings.rest_address()
    }

    #[test]
    fn graphql_stands_beside_the_rest_api() {
        let of = |text| graphql_address(&address(text).unwrap()).to_string();
        assert_eq!(of("https://api.github.com"), "https://api.github.com/graphql");
        assert_eq!(of("https://ghe.example/api/v3"), "https://ghe.example/api/graphql");
        assert_eq!(of("https://ghe.example/api/v3/"), "https://ghe.example/api/graphql");
        assert_eq!(of("http://127.0.0.1:8420"), "http://127.0.0.1:8420/graphql");
    }

    #[test]
    fn people_see_it_beside_the_rest_api() {
        for (api, web) in [
            (API_URL, "https://github.com"),
            ("https://api.github.com/", "https://github.com"),
            ("https://ghe.example/api/v3/", "https://ghe.example"),
            ("https://api.octo.ghe.com", "https://octo.ghe.com"),
            ("http://127.0.0.1:8420", "http://127.0.0.1:8420"),
        ] {
            assert_eq!(web_address(api), web);
        }
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        for bad in [
            "http://github.example",
            "ftp://127.0.0.1",
            "no url",
            "https://me@host",
            "https://host?x=1",
        ] {
            assert!(matches!(address(bad), Err(Error::Address)), "{bad}");
        }
        for good in ["http://localhost:1", "http://[::1]:1", "https://github.example/api/v3"] {
            assert!(address(good).is_ok(), "{good}");
        }
    }
}
