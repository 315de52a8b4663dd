//! Pings: an agent, or one line of a crontab, says that it is there. They need no token: the address is the secret, and it
//! is in no log. Forms and answers are Healthchecks'.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cc_devops_fleet::watch::{ReceivedSignal, Signal};
use cc_devops_fleet::watching::BySlug;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::access::Open;
use crate::app::App;
use crate::capabilities::Watch;
use crate::ping_bodies::{self, Beginning, KEPT, NotTaken};
use crate::ping_paths::{self, BadForm, PingAddress, PingPath, PingSignal};
use crate::places::RequestPlace;
use crate::problem::{DEFAULT_RETRY, Problem};

/// How much of a body is kept, for those who send one.
const PING_BODY_LIMIT: HeaderName = HeaderName::from_static("ping-body-limit");

/// How long the store may take before a sender is asked to try again.
const STORE: Duration = Duration::from_secs(15);

/// What stands in a ping's query; anything else there is passed over, as Healthchecks does.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Extras {
    /// The run that this ping belongs to, a UUID; it pairs a start with its end.
    #[param(pattern = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
    rid: Option<String>,
    /// With `1`, an agent that is not there yet is added under the slug's name.
    create: Option<String>,
}

/// Says that an agent is there, that a run of it begins, ended or failed
///
/// `address` is the agent's own UUID, or a key and the agent's name in small letters (`KEY/SLUG`); behind it may stand
/// `/start`, `/fail`, `/log` or an exit status, `/0` to `/255`. What is sent as the body is kept with the ping, its first
/// 10,000 bytes. The ping is durable when it is answered. An agent that counts POST alone answers 200 to the others, too,
/// and they are on its record as ignored.
#[utoipa::path(
    method(get, head, post), path = "/ping/{*address}", tag = "pings",
    params(
        ("address" = String, Path, description = "The agent's ping address, and what the ping says",
            pattern = r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[A-Za-z0-9_-]{1,64}/[a-z0-9_-]{1,64})(/(start|fail|log|[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?$"),
        Extras,
    ),
    responses(
        (status = 200, description = "`OK`", body = String, content_type = "text/plain"),
        (status = 201, description = "`Created`: the ping counts, and its agent is new", body = String, content_type = "text/plain"),
        (status = 400, description = "`invalid url format`, `invalid uuid format`, or the body did not arrive", body = String, content_type = "text/plain"),
        (status = 404, description = "`not found`", body = String, content_type = "text/plain"),
        (status = 408, description = "The body did not arrive in time", body = String, content_type = "text/plain"),
        (status = 409, description = "The slug is several agents'", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn ping(
    open: Open,
    Extension(place): Extension<RequestPlace>,
    method: Method,
    uri: Uri,
    body: Body,
) -> Response {
    match take(open.app(), &place, &method, &uri, body).await {
        Ok(response) => response,
        Err(Refused::Text(status, text)) => answer(status, text),
        Err(Refused::Problem(problem)) => problem.into_response(),
    }
}

/// Why a ping does not count.
enum Refused {
    /// As Healthchecks answers.
    Text(StatusCode, &'static str),
    /// What is no fault of the ping's.
    Problem(Problem),
}

impl Refused {
    const NOT_FOUND: Self = Self::Text(StatusCode::NOT_FOUND, "not found");
}

impl From<BadForm> for Refused {
    fn from(bad: BadForm) -> Self {
        Self::Text(StatusCode::BAD_REQUEST, bad.as_str())
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<PortError> for Refused {
    fn from(error: PortError) -> Self {
        match error.kind {
            // Revoked in the meantime.
            PortErrorKind::NotFound => Self::NOT_FOUND,
            // Nobody knows whether it was kept: it is sent again, which does no harm.
            PortErrorKind::Timeout => {
                drop(Problem::from(error));
                Self::Problem(unavailable())
            }
            _ => Self::Problem(error.into()),
        }
    }
}

fn unavailable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the ping could not be kept in time; send it again",
    )
    .retry_after(DEFAULT_RETRY)
}

async fn take(app: &App, place: &RequestPlace, method: &Method, uri: &Uri, body: Body) -> Result<Response, Refused> {
    let path = uri.path().strip_prefix("/ping/").unwrap_or_default();
    let ping = ping_paths::read(path)?;
    let Query(extras) = Query::<Extras>::try_from_uri(uri).map_err(|_| BadForm::Url)?;
    let rid = match &extras.rid {
        None => None,
        Some(rid) => Some(ping_paths::uuid(rid).ok_or(BadForm::Uuid)?),
    };
    let watch = app.watch.as_ref().ok_or(Refused::NOT_FOUND)?;
    // Whoever guesses is answered before anything of a body is read.
    let found = timeout(STORE, whose(watch, &ping, extras.create.as_deref() == Some("1"))).await;
    let (agent, created) = found.map_err(|_elapsed| unavailable())??;
    if let Some(rate) = &app.rate {
        rate.check(&agent)?;
    }
    place.charge(&agent).map_err(Problem::from)?;
    let Beginning { bytes, rest } = ping_bodies::beginning(body)
        .await
        .map_err(|not_taken| match not_taken {
            NotTaken::Broken => Refused::Text(StatusCode::BAD_REQUEST, "the body did not arrive completely"),
            NotTaken::Slow => Refused::Text(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
            NotTaken::Stopping => Problem::stopping().into(),
        })?;
    let heard = heard(app, ping.says, method, rid, bytes);
    let taken = timeout(STORE, watch.watching.heard(&agent, heard)).await;
    let taken = taken.map_err(|_elapsed| unavailable())??;
    app.heard_of(taken.flips.len());
    // What follows holds up nobody.
    place.leave();
    let whole = match rest {
        None => true,
        Some(rest) => ping_bodies::drop_rest(rest).await,
    };
    let mut response = if created {
        answer(StatusCode::CREATED, "Created")
    } else {
        answer(StatusCode::OK, "OK")
    };
    if !whole {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Whose ping it is, and whether that agent is new.
async fn whose(watch: &Watch, ping: &PingPath<'_>, create: bool) -> Result<(AgentName, bool), Refused> {
    match ping.address {
        PingAddress::Uuid(uuid) => {
            let agent = watch.watching.by_ping(&uuid.to_string()).await?;
            Ok((agent.ok_or(Refused::NOT_FOUND)?, false))
        }
        PingAddress::Slug { key, slug } => match watch.watching.by_slug(key, slug, create).await? {
            BySlug::Agent { name, created } => Ok((name, created)),
            BySlug::Unknown => Err(Refused::NOT_FOUND),
            BySlug::Ambiguous => Err(Refused::Text(StatusCode::CONFLICT, "ambiguous slug")),
            BySlug::Full => Err(Refused::Text(
                StatusCode::TOO_MANY_REQUESTS,
                "pings have added as many agents as they may",
            )),
        },
    }
}

fn heard(app: &App, says: PingSignal, method: &Method, rid: Option<Uuid>, body: Vec<u8>) -> ReceivedSignal {
    let (signal, exit) = match says {
        PingSignal::Success => (Signal::Success, None),
        PingSignal::Start => (Signal::Start, None),
        PingSignal::Failure => (Signal::Failure, None),
        PingSignal::Log => (Signal::Log, None),
        PingSignal::Exit(status) => (Signal::of_exit(status), Some(status)),
    };
    ReceivedSignal {
        exit,
        rid: rid.map(|rid| rid.to_string()),
        body: (!body.is_empty()).then_some(body),
        how: Some(method.as_str().to_owned()),
        ..ReceivedSignal::new(app.ports().clock.now(), signal)
    }
}

fn answer(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PING_BODY_LIMIT, HeaderValue::from(KEPT)),
    ];
    (status, headers, text).into_response()
}
