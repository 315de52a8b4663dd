//! The API client. octocrab is the transport. Limits, tries and errors are here, because its retries know
//! neither GitHub's hints nor which requests may be made twice; so is an App's proof of itself, because
//! octocrab's needs aws-lc or the `rsa` crate, whose timing leak (RUSTSEC-2023-0071) is not mended.
//!
//! # LOGGING
//! Never logged or put into an error: tokens, keys, secrets' values. Names of repositories are.

mod credential;
mod error;
mod graphql;
mod identity;
mod limiter;
mod request;
mod signing;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cc_devops_core::ports::Spent;
use http::header::HeaderName;
use octocrab::Octocrab;
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

pub use self::credential::{Credential, CredentialSource};
pub use self::error::Error;
pub(crate) use self::graphql::{GraphError, Query};
use self::identity::Identity;
use self::limiter::Limiter;
pub use self::limiter::Limits;
pub use self::request::Retries;
pub(crate) use self::request::{Ask, get, post, put};

/// Where GitHub answers.
pub const API_URL: &str = "https://api.github.com";

/// The version of the REST API that every request asks for.
pub const API_VERSION: &str = "2022-11-28";

/// How GitHub is reached.
#[derive(Debug, Clone)]
pub struct Settings {
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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_url: API_URL.to_owned(),
            limits: Limits::default(),
            retries: Retries::default(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(1),
        }
    }
}

/// A client with one credential. Clones share its connections and its limits; a credential should have
/// only one in a process.
#[derive(Clone)]
pub(crate) struct Client {
    inner: Arc<Inner>,
    spent: Arc<Meter>,
}

struct Inner {
    rest: Octocrab,
    /// GraphQL stands elsewhere than REST on an Enterprise Server.
    graphql: Octocrab,
    graphql_path: String,
    identity: Identity,
    retries: Retries,
    total_timeout: Duration,
    limiter: Limiter,
    /// Whose token it is.
    viewer: OnceCell<String>,
    /// The node ids of repositories by their full names, as far as they came by.
    nodes: Mutex<HashMap<String, String>>,
}

#[derive(Default)]
struct Meter {
    requests: AtomicU64,
    points: AtomicU64,
}

impl Client {
    /// A client with this credential, which asks about this owner. The process must have chosen its TLS
    /// provider; must be called in a runtime.
    pub(crate) fn new(credential: Credential, owner: &str, settings: &Settings) -> Result<Self, Error> {
        let base = address(&settings.api_url)?;
        let (graphql_base, graphql_path) = graphql_address(&base);
        Ok(Self {
            inner: Arc::new(Inner {
                rest: library(settings, base.as_str())?,
                graphql: library(settings, &graphql_base)?,
                graphql_path,
                identity: Identity::new(credential, owner),
                retries: settings.retries,
                total_timeout: settings.total_timeout,
                limiter: Limiter::new(settings.limits),
                viewer: OnceCell::new(),
                nodes: Mutex::default(),
            }),
            spent: Arc::default(),
        })
    }

    /// The same client, counting anew.
    pub(crate) fn metered(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            spent: Arc::default(),
        }
    }

    /// Learns a repository's node id.
    pub(crate) fn learn_node(&self, full_name: &str, node: &str) {
        let mut nodes = self.inner.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.insert(full_name.to_ascii_lowercase(), node.to_owned());
    }

    /// A repository's node id; `None` if there is no such repository.
    pub(crate) async fn node_of(&self, full_name: &str) -> Result<Option<String>, Error> {
        let known = {
            let nodes = self.inner.nodes.lock().unwrap_or_else(PoisonError::into_inner);
            nodes.get(&full_name.to_ascii_lowercase()).cloned()
        };
        let Some((owner, name)) = full_name.split_once('/') else {
            return Ok(None);
        };
        if known.is_some() {
            return Ok(known);
        }
        let variables = serde_json::json!({"owner": owner, "name": name});
        let what = format!("find {full_name}");
        let answer = self
            .query::<NodeAnswer>(crate::queries::REPOSITORY_ID, variables, &what)
            .await?;
        match answer.data.repository {
            Some(repository) => Ok(Some(repository.id)),
            None => match crate::queries::absent(&answer.errors, &what) {
                Error::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The login of the account that asks.
    pub(crate) async fn viewer(&self) -> Result<String, Error> {
        let read = async || {
            let what = "read whose token it is";
            let answer = self
                .query::<Viewer>(crate::queries::VIEWER, serde_json::json!({}), what)
                .await?;
            Ok(answer.data.viewer.login)
        };
        self.inner.viewer.get_or_try_init(read).await.cloned()
    }

    /// What this client and its clones took.
    pub(crate) fn spent(&self) -> Spent {
        Spent {
            requests: self.spent.requests.load(Ordering::Relaxed),
            points: self.spent.points.load(Ordering::Relaxed),
        }
    }
}

#[derive(Deserialize)]
struct Viewer {
    viewer: Login,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

#[derive(Deserialize)]
struct NodeAnswer {
    repository: Option<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn library(settings: &Settings, base: &str) -> Result<Octocrab, Error> {
    Octocrab::builder()
        .base_uri(base)
        .map_err(|_| Error::Address)?
        .set_connect_timeout(Some(settings.connect_timeout))
        .set_read_timeout(Some(settings.read_timeout))
        .set_write_timeout(Some(settings.read_timeout))
        .add_header(HeaderName::from_static("x-github-api-version"), API_VERSION.to_owned())
        .build()
        .map_err(|error| Error::Client(Box::new(error)))
}

fn address(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| Error::Address)?;
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let this_machine = host == "localhost" || number.is_ok_and(|address| address.is_loopback());
    let safe = url.scheme() == "https" || url.scheme() == "http" && this_machine;
    if !safe || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(Error::Address);
    }
    Ok(url)
}

/// Where GraphQL stands: `/graphql` beside the REST API, and `/api/graphql` beside `/api/v3`.
fn graphql_address(rest: &Url) -> (String, String) {
    let mut root = rest.clone();
    let path = match rest.path().trim_end_matches('/').strip_suffix("/v3") {
        Some(api) => format!("{api}/graphql"),
        None => format!("{}/graphql", rest.path().trim_end_matches('/')),
    };
    root.set_path("");
    (root.to_string(), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_stands_beside_the_rest_api() {
        let of = |text| {
            let (root, path) = graphql_address(&address(text).unwrap());
            format!("{}{path}", root.trim_end_matches('/'))
        };
        assert_eq!(of("https://api.github.com"), "https://api.github.com/graphql");
        assert_eq!(of("https://ghe.example/api/v3"), "https://ghe.example/api/graphql");
        assert_eq!(of("https://ghe.example/api/v3/"), "https://ghe.example/api/graphql");
        assert_eq!(of("http://127.0.0.1:8420"), "http://127.0.0.1:8420/graphql");
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
