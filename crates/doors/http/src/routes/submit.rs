//! `POST /v1/events`: takes requests in. What is answered with 202 is durable.

use axum::Extension;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::input;
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::envelope::{Envelope, Unreadable};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info_span};
use utoipa::IntoParams;

use crate::access::{Caller, Permitted, SubmitRequests};
use crate::app::App;
use crate::dispatcher::{Admitted, admit};
use crate::extract::{Query, not_taken, read_json_bytes};
use crate::openapi::EventsBody;
use crate::places::{Place, RequestPlace};
use crate::problem::Problem;
use crate::wire::{Accepted, AcceptedStatus, CompletedDetail, Entries, Entry, Refused, RefusedStatus};

/// The longest `wait` of `POST /v1/events`, in seconds.
pub(crate) const MAX_WAIT: u16 = 300;

/// The path of `POST /v1/events`, which may take longer than the rest.
pub(crate) const EVENTS: &str = "/v1/events";

/// How many entries an array may have, as with EventBridge.
const MAX_ENTRIES: usize = 10;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Seconds to wait for the outcome; without, the answer comes as soon as the request is durable.
    /// So it does where the agent waits for as many outcomes already as it may.
    #[param(minimum = 0, maximum = 300)]
    wait: Option<u16>,
}

/// Asks for something to be done
///
/// Takes an EventBridge envelope with a `devops.request`, or an array of up to ten. An answer of
/// 202 says that the request is durable; its outcome comes as a `devops.completed` event, which
/// `GET /v1/events`, `GET /v1/requests/{requestId}` and webhooks show. With `wait` the answer is
/// 200 and the outcome, if that comes in time.
#[utoipa::path(
    post, path = "/v1/events", tag = "requests", params(Waiting),
    request_body(content = EventsBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The outcome, or the outcomes of an array", content_type = "application/json",
            body = OutcomeAnswer),
        (status = 202, description = "Durable; the outcome follows", content_type = "application/json",
            body = AcceptedAnswer),
    ),
)]
pub(crate) async fn post_events(
    permitted: Permitted<SubmitRequests>,
    Extension(let_in): Extension<RequestPlace>,
    Query(query): Query<Waiting>,
    request: Request,
) -> Result<Response, Problem> {
    if query.wait.is_some_and(|wait| wait > MAX_WAIT) {
        return Err(Problem::invalid(format!("`wait` may be {MAX_WAIT} seconds at most")));
    }
    let (app, caller) = (permitted.app(), permitted.caller());
    let arrival = Instant::now();
    let deadline = arrival + app.config.limits.request_timeout;
    let read = timeout_at(deadline, read_events(app, request)).await;
    let events = match read.unwrap_or_else(|_| Err(Problem::malformed("the body did not arrive in time"))) {
        Ok(events) => events,
        // The fault is this server's own.
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => {
            permitted.refuse(failure_of(&problem)).await?;
            return Err(problem);
        }
    };
    let wait = query.wait.map(|seconds| Duration::from_secs(seconds.into()));
    let until = wait.map(|wait| Instant::now() + wait);
    let answer = async {
        match events {
            Events::One(event) => one(app, caller, &let_in, event, deadline, until).await,
            Events::Many(events) => many(app, caller, &let_in, events, deadline, until).await,
        }
    };
    tokio::select! {
        answer = answer => answer,
        () = permitted.credential().ended(app), if until.is_some() => Err(Problem::token_ended()),
    }
}

/// The answer when the outcome came in time.
#[derive(utoipa::ToSchema)]
#[schema(as = OutcomeAnswer)]
#[expect(dead_code, reason = "describes the two forms of the answer")]
#[serde(untagged)]
pub(crate) enum OutcomeAnswer {
    /// Of one event.
    One(CompletedDetail),
    /// Of an array.
    Many(Entries),
}

/// The answer when the outcome follows.
#[derive(utoipa::ToSchema)]
#[schema(as = AcceptedAnswer)]
#[expect(dead_code, reason = "describes the two forms of the answer")]
#[serde(untagged)]
pub(crate) enum AcceptedAnswer {
    /// Of one event.
    One(Accepted),
    /// Of an array.
    Many(Entries),
}

enum Events {
    One(Value),
    Many(Vec<Value>),
}

async fn read_events(app: &App, request: Request) -> Result<Events, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = read_json_bytes(&parts.headers, body, app.config.limits.body_bytes).await?;
    match input::documents(&bytes).map_err(|error| not_taken(&error).because(Reason::SchemaValidationFailed))? {
        Value::Array(events) if events.is_empty() || events.len() > MAX_ENTRIES => {
            let problem = Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("an array must hold 1 to {MAX_ENTRIES} events, not {}", events.len()),
            );
            Err(problem.because(Reason::SchemaValidationFailed))
        }
        Value::Array(events) => Ok(Events::Many(events)),
        event => Ok(Events::One(event)),
    }
}

/// What is on record of a body that nobody could read.
fn failure_of(problem: &Problem) -> Failure {
    let reason = problem.reason().unwrap_or(Reason::SchemaValidationFailed);
    Failure::new(reason, problem.detail())
}

/// An event that was sent, as it is read.
pub(crate) struct Sent {
    /// For the log's sake, before anything is checked.
    request_id: String,
    pub(crate) read: Result<Envelope, Unreadable>,
}

impl Sent {
    pub(crate) fn of(event: Value) -> Self {
        Self {
            request_id: peek(&event),
            read: Envelope::read(event),
        }
    }
}

/// Takes an event in on a task of its own: a caller that goes away does not stop it halfway.
pub(crate) async fn take_in(
    app: &App,
    (caller, door): (&Caller, Door),
    Sent { request_id, read }: Sent,
    wait: bool,
    deadline: Instant,
) -> Result<Admitted, Problem> {
    let span = info_span!(parent: None, "request", request_id, agent = %caller.0.name);
    let work: futures::future::BoxFuture<'static, PortResult<Admitted>> =
        Box::pin(admit(app.clone(), (caller.principal(), door), read, wait));
    let task = app.running.spawn(work.instrument(span));
    match timeout_at(deadline, task).await {
        Err(_elapsed) => Err(Problem::timed_out()),
        Ok(Err(_panic)) => Err(Problem::internal()),
        Ok(Ok(admitted)) => Ok(admitted?),
    }
}

/// The id that an event says it has.
fn peek(event: &Value) -> String {
    let id = event.get("detail").and_then(|detail| detail.get("requestId"));
    match id.and_then(Value::as_str).map(RequestId::new) {
        Some(Ok(id)) => id.into(),
        _ => "unknown".to_owned(),
    }
}

/// A place to wait in, where somebody wants to and there is one; the place among those that are
/// answered at once is given back then. Who finds none is told that its request is durable.
fn place_to_wait(app: &App, caller: &Caller, let_in: &RequestPlace, taken: &[&Admitted]) -> Option<Place<AgentName>> {
    let waits = |admitted: &&Admitted| matches!(admitted, Admitted::UnderWay(_, Some(_)));
    if !taken.iter().any(waits) {
        return None;
    }
    let place = app.places.waits.take(&caller.0.name).ok()?;
    let_in.leave();
    Some(place)
}

async fn one(
    app: &App,
    caller: &Caller,
    let_in: &RequestPlace,
    event: Value,
    deadline: Instant,
    until: Option<Instant>,
) -> Result<Response, Problem> {
    let sent = Sent::of(event);
    let request_id = sent.request_id.clone();
    tracing::Span::current().record("request_id", request_id.as_str());
    let admitted = take_in(app, (caller, Door::Api), sent, until.is_some(), deadline)
        .await
        .map_err(|problem| problem.about(request_id))?;
    let place = place_to_wait(app, caller, let_in, &[&admitted]);
    match finish(app, admitted, until, place.is_some()).await {
        Entry::Completed(completed) => Ok(Json(completed).into_response()),
        Entry::Accepted(accepted) => Ok((StatusCode::ACCEPTED, Json(accepted)).into_response()),
        Entry::Refused(refused) => Err(Failure::new(refused.reason, refused.error).into()),
    }
}

async fn many(
    app: &App,
    caller: &Caller,
    let_in: &RequestPlace,
    events: Vec<Value>,
    deadline: Instant,
    until: Option<Instant>,
) -> Result<Response, Problem> {
    let taken = events
        .into_iter()
        .map(|event| take_in(app, (caller, Door::Api), Sent::of(event), until.is_some(), deadline));
    let taken = join_all(taken).await;
    // Where nothing at all could be stored, the answer as a whole says so.
    if let Some(Err(problem)) = taken.first()
        && taken.iter().all(Result::is_err)
    {
        return Err(problem.clone());
    }
    let place = place_to_wait(app, caller, let_in, &taken.iter().flatten().collect::<Vec<_>>());
    let may_wait = place.is_some();
    let entries = taken.into_iter().map(|admitted| async {
        match admitted {
            Ok(admitted) => finish(app, admitted, until, may_wait).await,
            Err(problem) => Entry::Refused(Refused {
                status: RefusedStatus::Error,
                reason: problem.reason().unwrap_or(Reason::InternalError),
                error: problem.detail().to_owned(),
            }),
        }
    });
    let entries = join_all(entries).await;
    let all_ended = entries.iter().all(|entry| !matches!(entry, Entry::Accepted(_)));
    let status = if until.is_some() && all_ended {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(Entries { entries })).into_response())
}

/// What to tell of an event that was taken in: its outcome, where that is there or is waited for and
/// comes in time.
async fn finish(app: &App, admitted: Admitted, until: Option<Instant>, may_wait: bool) -> Entry {
    let accepted = |request_id: String| {
        Entry::Accepted(Accepted {
            request_id,
            status: AcceptedStatus::Accepted,
        })
    };
    match (admitted, until) {
        (Admitted::Unreadable(failure), _) => Entry::Refused(Refused {
            status: RefusedStatus::Error,
            reason: failure.reason,
            error: failure.message,
        }),
        (Admitted::Ended(completed), Some(_)) => Entry::Completed(completed),
        (Admitted::Ended(completed), None) => accepted(completed.request_id),
        (Admitted::UnderWay(id, Some(wait)), Some(until)) if may_wait => tokio::select! {
            completed = wait.outcome(app) => Entry::Completed(Box::new(completed)),
            () = tokio::time::sleep_until(until) => accepted(id.into()),
            () = app.stopping.cancelled() => accepted(id.into()),
        },
        (Admitted::UnderWay(id, _), _) => accepted(id.into()),
    }
}
