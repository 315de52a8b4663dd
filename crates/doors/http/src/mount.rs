//! A door that is served on the API's listener.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use crate::app::App;
use crate::door_profile::DoorProfile;

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
