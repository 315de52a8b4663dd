//! A door that is served on the API's listener, and how it answers.

use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cc_devops_kernel::door::Door;
use tower::ServiceExt;

use crate::app::App;

/// A door that is served on the API's listener, behind its limits.
pub struct Mount {
    /// Its routes.
    pub routes: Box<dyn FnOnce(&App) -> Router + Send>,
    /// What it takes beside them, wherever that is addressed.
    pub claims: Option<Claims>,
    /// How it answers.
    pub profile: DoorProfile,
}

/// The requests that are a door's own by what they hold, and not by their path.
pub struct Claims {
    /// Whether a request is one. It must be the door's own by its [`DoorProfile`], too.
    pub takes: fn(&Request) -> bool,
    /// Where they are answered.
    pub routes: Box<dyn FnOnce(&App) -> Router + Send>,
}

/// What an answer of a door goes through last, made from its request.
pub type AnswerLayer = Box<dyn FnOnce(Response) -> Response + Send>;

/// How a door answers to the requests that are its own, also where these did not reach its routes.
#[derive(Clone, Copy)]
pub struct DoorProfile {
    /// Which door it is.
    pub door: Door,
    /// What every answer to a request of its own goes through last; none where the request is not its own. To these it
    /// decides itself which pages may send it something. A [`Problem`](crate::problem::Problem) is among an answer's
    /// extensions where it tells one.
    pub owns: fn(&Request) -> Option<AnswerLayer>,
    /// How much longer than others its requests may take.
    pub patience: Duration,
}

/// Whose a request is, among its extensions, and how much longer than others it may take.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) door: Door,
    pub(crate) patience: Duration,
}

/// Hands a request over to the door that claims it, whatever route it would have found.
pub(crate) async fn hand_over(
    takes: fn(&Request) -> bool,
    routes: Router,
    mut request: Request,
    next: Next,
) -> Response {
    if !takes(&request) {
        return next.run(request).await;
    }
    // It stands before the door's own otherwise.
    request.extensions_mut().remove::<MatchedPath>();
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => never.into_response(),
    }
}
