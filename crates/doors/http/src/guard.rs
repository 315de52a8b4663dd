//! What surrounds every request: the span, the count, the limits, and an answer in the common
//! form even where a handler panicked.

use std::any::Any;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cc_devops_kernel::door::Door;
use tracing::{Instrument, field, info_span};

use crate::app::App;
use crate::connections::Peer;
use crate::door_profile::Owner;
use crate::places::{Places, RequestPlace};
use crate::problem::Problem;
use crate::routes::submit::{EVENTS, MAX_WAIT};

/// Opens the request's span, counts its answer, refuses what is not for this server, and gives the
/// framework's own refusals the common form; a door gives its answers its own.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    // The connection does not idle meanwhile.
    let _under_way = request.extensions().get::<Peer>().map(Peer::begin);
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let span = info_span!("http", method, route, agent = field::Empty, request_id = field::Empty);
    let owned = app.doors.iter().find_map(|door| Some((door, (door.owns)(&request)?)));
    if let Some((door, _)) = &owned {
        let (door, patience) = (door.door, door.patience);
        request.extensions_mut().insert(Owner { door, patience });
    }
    let response = match app.addressed.refusal(&request, owned.is_some()) {
        Some(problem) => problem.into_response(),
        None => in_common_form(next.run(request).instrument(span.clone()).await),
    };
    let response = match owned {
        Some((_, dress)) => dress(response),
        None => response,
    };
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, "answered"));
    app.meters.answered(method, route, status);
    response
}

/// Sheds load and ends what takes too long.
pub(crate) async fn limit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let owner = request.extensions().get::<Owner>().copied();
    let let_in = match owner {
        // Whoever asks there is known by a signature, for which the body must be there first.
        Some(owner) if owner.door == Door::Aws => {
            let from = Peer::charged_network(request.extensions());
            app.places.enter_unproven(from).map(Some)
        }
        _ => {
            let places = app.places.of_route(route.unwrap_or_default());
            let place = places.map(Places::enter).transpose();
            place.map(|place| place.map(RequestPlace::on))
        }
    };
    let let_in = match let_in {
        Ok(let_in) => let_in,
        Err(full) => return Problem::from(full).into_response(),
    };
    // Kept here as well, so that it is held as long as the answer takes.
    if let Some(let_in) = &let_in {
        request.extensions_mut().insert(let_in.clone());
    }
    let limits = &app.config.limits;
    let waits = request.method() == Method::POST && request.uri().path() == EVENTS;
    let wait = if waits {
        Duration::from_secs(MAX_WAIT.into())
    } else {
        owner.map_or(Duration::ZERO, |owner| owner.patience)
    };
    match tokio::time::timeout(limits.request_timeout + wait, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Problem::timed_out().into_response(),
    }
}

/// The answer where a handler panicked. What it panicked with may hold anything, so it is not logged.
pub(crate) fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

fn in_common_form(response: Response) -> Response {
    let status = response.status();
    if status != StatusCode::METHOD_NOT_ALLOWED || response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    let problem = Problem::new(status, "this path takes other methods; the header `Allow` lists them");
    let mut answer = problem.into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        answer.headers_mut().insert(ALLOW, allow.clone());
    }
    answer
}

/// A method's name for the metrics: a closed set, so that no caller can make up series.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
