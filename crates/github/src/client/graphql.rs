//! GraphQL: queries that stand in files and are held against GitHub's schema in a test.

use cc_devops_outbound::{HeaderMap, Method, StatusCode, header_text};
use cc_devops_repos::snapshot::Gap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

use super::connection::Client;
use super::error::Error;
use super::limiter::Load;
use super::refusal;
use super::transport::{Exchange, Failure, request_id};

/// A query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    /// Its name in the text.
    pub(crate) name: &'static str,
    /// Its text with every fragment it uses.
    pub(crate) text: &'static str,
}

/// An answer to a query: what was found, and what of it could not be.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) data: T,
    pub(crate) errors: Vec<GraphError>,
}

/// Something that could not be answered.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GraphError {
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) path: Vec<Value>,
    #[serde(default)]
    pub(crate) message: String,
}

impl GraphError {
    /// The name at this place of the path.
    pub(crate) fn at(&self, place: usize) -> Option<&str> {
        self.path.get(place).and_then(Value::as_str)
    }

    /// What it leaves unknown; `permission` is what it takes to see it.
    pub(crate) fn gap(&self, permission: &str) -> Gap {
        if let Some(error) = refusal::known("read it", &self.message, None) {
            Gap::NotRead(error.to_string())
        } else if self.is_forbidden() {
            Gap::Permission(permission.to_owned())
        } else {
            Gap::NotRead(self.message.chars().take(200).collect())
        }
    }

    /// Whether the credential may not.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self.kind.as_str(), "FORBIDDEN" | "INSUFFICIENT_SCOPES")
    }

    /// The number at this place of the path.
    pub(crate) fn index(&self, place: usize) -> Option<usize> {
        usize::try_from(self.path.get(place)?.as_u64()?).ok()
    }
}

#[derive(Deserialize)]
struct Body<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<GraphError>,
}

/// A first look at an answer, which may be large.
#[derive(Deserialize)]
struct ResponseEnvelope {
    data: Option<Cost>,
    #[serde(default)]
    errors: Vec<GraphError>,
}

#[derive(Deserialize)]
struct Cost {
    #[serde(rename = "rateLimit")]
    rate_limit: Option<RateLimit>,
}

#[derive(Deserialize)]
struct RateLimit {
    cost: u64,
}

impl Client {
    /// Makes a query.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        query: Query,
        variables: Value,
        what: &str,
    ) -> Result<Found<T>, Error> {
        self.asked((query.name, query.text), variables, what, true).await
    }

    /// Makes a query. One that is too much for GitHub is [`Error::TooSlow`] at once: it is to be made smaller.
    pub(crate) async fn query_or_shrink<T: DeserializeOwned>(
        &self,
        query: Query,
        variables: Value,
        what: &str,
    ) -> Result<Found<T>, Error> {
        self.asked((query.name, query.text), variables, what, false).await
    }

    /// Makes a query whose text depends on how much is asked. With `whole`, one that is too much for GitHub is tried
    /// again as it is; without, as in [`Client::query_or_shrink`].
    pub(crate) async fn asked<T: DeserializeOwned>(
        &self,
        (name, text): (&str, &str),
        variables: Value,
        what: &str,
        whole: bool,
    ) -> Result<Found<T>, Error> {
        let settled = |failure: Failure| match failure.error {
            Error::TooSlow { .. } => Failure {
                retry: whole,
                ..failure
            },
            _ => failure,
        };
        let body = json!({"query": text, "operationName": name, "variables": variables});
        self.tries(what, || async {
            let asked = Exchange {
                method: Method::POST,
                url: self.inner.transport.graphql(),
                body: Some(&body),
                load: Load::Query,
                what,
                again: true,
                etag: None,
            };
            let answer = self.one(asked).await.map_err(settled)?;
            self.read(&answer.headers, &answer.body, what).map_err(settled)
        })
        .await
    }

    fn read<T: DeserializeOwned>(&self, headers: &HeaderMap, body: &[u8], what: &str) -> Result<Found<T>, Failure> {
        let bad = |source| {
            Failure::last(Error::BadAnswer {
                what: what.to_owned(),
                source,
            })
        };
        let envelope: ResponseEnvelope = serde_json::from_slice(body).map_err(bad)?;
        let cost = envelope.data.as_ref().and_then(|data| data.rate_limit.as_ref());
        self.spent
            .points
            .fetch_add(cost.map_or(0, |limit| limit.cost), Ordering::Relaxed);
        if envelope.errors.iter().any(limited) {
            return Err(self.inner.transport.used_up(headers));
        }
        // A secondary limit may come as an answer, too.
        if envelope.data.is_none()
            && let Some(error) = envelope.errors.first()
            && let Some(failure) = self
                .inner
                .transport
                .limited(StatusCode::FORBIDDEN, headers, &error.message)
        {
            return Err(failure);
        }
        if envelope.errors.iter().any(too_much) {
            return Err(Failure::last(Error::TooSlow { what: what.to_owned() }));
        }
        let body: Body<T> = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(source) => return Err(bad(source)),
        };
        let words = |error: &GraphError| {
            let older = refusal::unknown_to_the_server(&error.message);
            let older = older.map(|missing| Error::OlderServer {
                what: what.to_owned(),
                missing,
            });
            let sso = header_text(headers, refusal::SINGLE_SIGN_ON);
            older.or_else(|| refusal::known(what, &error.message, sso))
        };
        // Where the one thing that was asked for is refused, there is nothing else in the answer.
        let alone = |error: &&GraphError| {
            let whole = matches!(error.at(0), None | Some("repositoryOwner" | "repository")) && error.path.len() <= 1;
            body.data.is_none() || whole
        };
        if let Some(error) = body.errors.iter().find(alone)
            && let Some(error) = words(error)
        {
            return Err(Failure::last(error));
        }
        match (body.data, body.errors.first()) {
            (Some(data), _) => Ok(Found {
                data,
                errors: body.errors,
            }),
            (None, Some(error)) if error.is_forbidden() => Err(Failure::last(Error::Forbidden {
                what: what.to_owned(),
                permission: None,
                message: error.message.clone(),
            })),
            (None, error) => Err(Failure::last(Error::Refused {
                what: what.to_owned(),
                status: 200,
                message: error.map_or_else(|| "it gives no reason".to_owned(), |error| error.message.clone()),
                request: request_id(headers),
            })),
        }
    }
}

/// Whether the hour's points are used up. Both names were seen.
fn limited(error: &GraphError) -> bool {
    matches!(error.kind.as_str(), "RATE_LIMITED" | "RATE_LIMIT")
}

/// Whether GitHub gave up on a query because of its size.
fn too_much(error: &GraphError) -> bool {
    matches!(
        error.kind.as_str(),
        "RESOURCE_LIMITS_EXCEEDED" | "MAX_NODE_LIMIT_EXCEEDED"
    ) || error.path.is_empty()
        && error
            .message
            .starts_with("Something went wrong while executing your query")
        || error.message.contains("timeout")
}
