//! The proof that a handler is handed: made here and nowhere else.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use jiff::Timestamp;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Paths;
use utoipa::openapi::schema::Schema;
use utoipa_axum::router::UtoipaMethodRouter;

use super::{Caller, Credential, Privilege, enforce};
use crate::app::App;
use crate::problem::Problem;

/// The state of a route that needs a `P`. Its handler cannot look into it.
pub(crate) struct Door<P> {
    app: App,
    needs: PhantomData<fn() -> P>,
}

impl<P> Clone for Door<P> {
    fn clone(&self) -> Self {
        Self::of(&self.app)
    }
}

impl<P> Door<P> {
    fn of(app: &App) -> Self {
        Self {
            app: app.clone(),
            needs: PhantomData,
        }
    }

    /// What the gate itself works with.
    pub(super) fn app(&self) -> &App {
        &self.app
    }
}

impl<P: Privilege> Door<P> {
    /// The proof, for a caller that has been asked about.
    pub(super) fn permit(&self, caller: Caller, credential: Credential, privilege: P) -> Permitted<P> {
        Permitted {
            app: self.app.clone(),
            caller,
            credential,
            privilege,
        }
    }
}

/// Proof that the caller is known and may do what a `P` is about. What it may touch stands in its methods.
#[derive(Clone)]
pub(crate) struct Permitted<P> {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) credential: Credential,
    pub(super) privilege: P,
}

impl<P> Permitted<P> {
    /// Who calls.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.ports().clock.now()
    }
}

impl<P: Privilege> FromRequestParts<Door<P>> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _door: &Door<P>) -> Result<Self, Problem> {
        let permitted = parts.extensions.remove::<Self>();
        permitted.ok_or_else(Problem::unauthenticated)
    }
}

/// What is handed to the handler of a route that anybody may call.
pub(crate) struct Open(App);

impl Open {
    /// What the handler works with. It has to find out itself what it may tell, and to whom.
    pub(crate) fn app(&self) -> &App {
        &self.0
    }
}

impl FromRequestParts<Door<Self>> for Open {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, door: &Door<Self>) -> Result<Self, Infallible> {
        Ok(Self(door.app.clone()))
    }
}

/// A route behind its gate.
pub(crate) struct Row {
    /// Whether it needs a token.
    pub(crate) needs_token: bool,
    /// The schemas that its description refers to.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    /// Its description.
    pub(crate) paths: Paths,
    /// Its handler.
    pub(crate) methods: MethodRouter,
}

/// A route whose handler is handed a [`Permitted`] of this privilege.
pub(crate) fn permitted<P: Privilege>(app: &App, route: UtoipaMethodRouter<Door<P>>) -> Row {
    let (schemas, paths, methods) = route;
    let door = Door::of(app);
    let gate = from_fn_with_state(door.clone(), enforce::<P>);
    Row {
        needs_token: true,
        schemas,
        paths,
        methods: methods.route_layer(gate).with_state(door),
    }
}

/// A route that anybody may call.
pub(crate) fn open(app: &App, route: UtoipaMethodRouter<Door<Open>>) -> Row {
    let (schemas, paths, methods) = route;
    Row {
        needs_token: false,
        schemas,
        paths,
        methods: methods.with_state(Door::of(app)),
    }
}
