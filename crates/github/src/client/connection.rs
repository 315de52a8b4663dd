//! The client: one credential, its tries, and what it keeps in mind.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use cc_devops_outbound::{Answer, Retries, StatusCode};
use cc_devops_repos::ports::ApiUsage;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::ask::Ask;
use super::credential::Credential;
use super::error::Error;
use super::identity::Identity;
use super::settings::GithubSettings;
use super::transport::{Exchange, Failure, Meter, Transport};

/// An answer to a request that was made under the name of an earlier one.
pub(crate) enum Conditional<T> {
    /// It is the same; a 304 takes nothing of the hour's requests.
    /// Source: <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate>.
    Unchanged,
    /// Another one, and its name.
    Now(T, Option<String>),
}

/// A client with one credential. Clones share its connections and its limits; a credential should have
/// only one in a process.
#[derive(Clone)]
pub(crate) struct Client {
    pub(super) inner: Arc<Inner>,
    pub(super) spent: Arc<Meter>,
}

pub(super) struct Inner {
    pub(super) transport: Transport,
    identity: Identity,
    retries: Retries,
    /// Whose token it is.
    viewer: OnceCell<String>,
    /// The node ids of repositories by their full names, as far as they came by.
    nodes: Mutex<HashMap<String, String>>,
}

impl Client {
    /// A client with this credential, which asks about this owner.
    pub(crate) fn new(credential: Credential, owner: &str, settings: &GithubSettings) -> Result<Self, Error> {
        Ok(Self {
            inner: Arc::new(Inner {
                transport: Transport::new(settings)?,
                identity: Identity::new(credential, owner),
                retries: settings.retries,
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

    /// A repository's node id, where it came by.
    pub(crate) fn known_node(&self, full_name: &str) -> Option<String> {
        let nodes = self.inner.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.get(&full_name.to_ascii_lowercase()).cloned()
    }

    /// Where the login of the account that asks is kept.
    pub(crate) fn viewer_cell(&self) -> &OnceCell<String> {
        &self.inner.viewer
    }

    /// What this client and its clones took.
    pub(crate) fn spent(&self) -> ApiUsage {
        ApiUsage {
            requests: self.spent.requests.load(Ordering::Relaxed),
            points: self.spent.points.load(Ordering::Relaxed),
        }
    }

    /// Makes a request and reads its answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Error> {
        let answer = self.answer(ask).await?;
        serde_json::from_slice(&answer.body).map_err(|source| Error::BadAnswer {
            what: ask.what.clone(),
            source,
        })
    }

    /// The same, unless the answer of this name still stands.
    pub(crate) async fn conditional<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        etag: Option<&str>,
    ) -> Result<Conditional<T>, Error> {
        let ask = match etag {
            Some(etag) => ask.clone().unless(etag),
            None => ask.clone(),
        };
        let answer = self.answer(&ask).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Conditional::Unchanged);
        }
        let name = answer.header("etag").map(ToOwned::to_owned);
        let value = serde_json::from_slice(&answer.body).map_err(|source| Error::BadAnswer {
            what: ask.what.clone(),
            source,
        })?;
        Ok(Conditional::Now(value, name))
    }

    /// The day in UTC, by the clock that is used.
    pub(crate) fn today(&self) -> Date {
        self.inner.transport.now().to_zoned(TimeZone::UTC).date()
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
        let path = ask.path_and_query();
        self.tries(&ask.what, || {
            self.one(Exchange {
                method: ask.method.clone(),
                url: self.inner.transport.rest(&path),
                body: ask.body.as_ref(),
                load: ask.load(),
                what: &ask.what,
                again: ask.again,
                etag: ask.etag.as_deref(),
            })
        })
        .await
    }

    /// Makes tries until one succeeds or the retries are used up.
    pub(super) async fn tries<T, F>(&self, what: &str, one: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let told = |error: &Error, wait| {
            tracing::debug!(%error, ?wait, what, "a request to GitHub is tried again");
            self.inner.transport.tell_trouble(error);
        };
        self.inner.retries.run(None, one, told).await
    }

    /// One try.
    pub(super) async fn one(&self, asked: Exchange<'_>) -> Result<Answer, Failure> {
        let Inner {
            transport, identity, ..
        } = &*self.inner;
        let token = identity.token(transport, &self.spent).await?;
        match transport.exchange(&self.spent, &token, asked).await {
            // An App's token may have been revoked before its end; the next try asks for another.
            Err(failure) if matches!(failure.error, Error::WrongToken) && identity.forget_token(&token).await => {
                Err(Failure { retry: true, ..failure })
            }
            answered => answered,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
