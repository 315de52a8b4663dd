//! The proof that a handler is handed: made here and nowhere else.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::installation::Installation;
use jiff::Timestamp;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Paths;
use utoipa::openapi::schema::Schema;
use utoipa_axum::router::UtoipaMethodRouter;

use super::{Caller, Credential, Privilege, Question, enforce};
use crate::app::App;
use crate::problem::Problem;

/// The state of a route that needs a `P`. Its handler cannot look into it.
pub struct Entrance<P> {
    app: App,
    needs: PhantomData<fn() -> P>,
}

impl<P> Clone for Entrance<P> {
    fn clone(&self) -> Self {
        Self::of(&self.app)
    }
}

impl<P> Entrance<P> {
    /// The state of a route of this server.
    pub fn of(app: &App) -> Self {
        Self {
            app: app.clone(),
            needs: PhantomData,
        }
    }

    /// What the gate itself works with.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

impl<P: Privilege> Entrance<P> {
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
pub struct Permitted<P> {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) credential: Credential,
    pub(super) privilege: P,
}

impl<P> Permitted<P> {
    /// The proof for a caller that was let in by a door of its own, where what a `P` is about is named by no path and no
    /// query.
    ///
    /// # Errors
    /// No policy permits it; it cannot be asked without what a path or a query names.
    pub fn of(app: &App, credential: &Credential) -> Result<Self, Problem>
    where
        P: Privilege,
    {
        let caller = Caller(Arc::clone(&credential.agent));
        let uri = Uri::from_static("/");
        let privilege = P::ask(&Question {
            app,
            agent: &caller.0,
            params: None,
            uri: &uri,
        })?;
        Ok(Self {
            app: app.clone(),
            caller,
            credential: credential.clone(),
            privilege,
        })
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The proof that the same caller may do something else; none where it may not.
    ///
    /// # Errors
    /// What is asked for cannot be asked without what a path or a query names.
    pub fn also<Q: Privilege>(&self) -> Result<Permitted<Q>, Problem> {
        Permitted::of(&self.app, &self.credential)
    }

    /// Whether the policies let the caller do this: what it may not is not offered to it.
    pub fn may(&self, access: &Access) -> bool {
        self.app.may(&self.caller.0, access)
    }

    /// The installation.
    pub fn installation(&self) -> &Installation {
        self.app.control.installation()
    }

    /// What the caller came with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.app.now()
    }
}

impl<P: Privilege> FromRequestParts<Entrance<P>> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _entrance: &Entrance<P>) -> Result<Self, Problem> {
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

impl FromRequestParts<Entrance<Self>> for Open {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, entrance: &Entrance<Self>) -> Result<Self, Infallible> {
        Ok(Self(entrance.app.clone()))
    }
}

/// A route behind its gate.
pub(crate) struct Row {
    /// Whether it needs a token.
    pub needs_token: bool,
    /// The schemas that its description refers to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// Its description.
    pub paths: Paths,
    /// Its handler.
    pub methods: MethodRouter,
}

/// A route whose handler is handed a [`Permitted`] of this privilege.
pub(crate) fn permitted<P: Privilege>(app: &App, route: UtoipaMethodRouter<Entrance<P>>) -> Row {
    let (schemas, paths, methods) = route;
    let entrance = Entrance::of(app);
    let gate = from_fn_with_state(entrance.clone(), enforce::<P>);
    Row {
        needs_token: true,
        schemas,
        paths,
        methods: methods.route_layer(gate).with_state(entrance),
    }
}

/// A route that anybody may call.
pub(crate) fn open(app: &App, route: UtoipaMethodRouter<Entrance<Open>>) -> Row {
    let (schemas, paths, methods) = route;
    Row {
        needs_token: false,
        schemas,
        paths,
        methods: methods.with_state(Entrance::of(app)),
    }
}
