//! A door that is served on the API's listener.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use futures::future::Either;
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt};

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

/// Hands a request over to the door that claims it, whatever route it would have found. A service of its own, because
/// axum's `from_fn` copies all that is below it and boxes an answer, for every request that nobody claims.
#[derive(Clone)]
pub(crate) struct HandOver<S = ()> {
    claimed: Arc<[Claimed]>,
    others: S,
}

struct Claimed {
    takes: fn(&Request) -> bool,
    routes: Router,
}

impl HandOver {
    /// Of doors' claims, each with its finished routes.
    pub(crate) fn to(claims: impl IntoIterator<Item = (fn(&Request) -> bool, Router)>) -> Self {
        let claims = claims.into_iter();
        Self {
            claimed: claims.map(|(takes, routes)| Claimed { takes, routes }).collect(),
            others: (),
        }
    }
}

impl<S> Layer<S> for HandOver {
    type Service = HandOver<S>;

    fn layer(&self, others: S) -> HandOver<S> {
        HandOver {
            claimed: Arc::clone(&self.claimed),
            others,
        }
    }
}

impl<S> Service<Request> for HandOver<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Oneshot<Router, Request>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.others.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Some(claimed) = self.claimed.iter().find(|claimed| (claimed.takes)(&request)) else {
            return Either::Right(self.others.call(request));
        };
        // It stands before the door's own otherwise.
        request.extensions_mut().remove::<MatchedPath>();
        Either::Left(claimed.routes.clone().oneshot(request))
    }
}
