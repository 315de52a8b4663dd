//! The way of a request through this door: read, proven, let in, carried out, answered.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::any;
use cc_devops_http::access::Credential;
use cc_devops_http::problem::Problem;
use cc_devops_http::{AnswerLayer, App, RequestPlace, let_go_by};
use cc_devops_kernel::input::{self, InputError};
use cc_devops_kernel::secret::SecretValue;
use serde_json::{Map as Object, Value};

use crate::answer::Answering;
use crate::asked::{Asked, Protocol, is_doors_path, is_of_an_sdk};
use crate::canonical::Reached;
use crate::conform::{Moments, conform};
use crate::fault::{Failed, Fault};
use crate::form::Form;
use crate::operation::{Call, Operation};
use crate::refusals::{not_read, not_served, not_signed, of_problem};
use crate::service::Service;
use crate::signature::{NotSigned, Signed};
use crate::{bodies, cbor, services};

/// What every request is answered with.
struct DoorState {
    app: App,
    operations: HashMap<Service, HashMap<&'static str, Operation>>,
}

impl DoorState {
    fn new(app: &App) -> Self {
        let mut operations: HashMap<Service, HashMap<_, _>> = HashMap::new();
        for operation in services::table() {
            let of_service = operations.entry(operation.service).or_default();
            of_service.insert(operation.name, operation);
        }
        Self {
            app: app.clone(),
            operations,
        }
    }

    fn operation(&self, service: Service, name: &str) -> Option<&Operation> {
        self.operations.get(&service)?.get(name)
    }
}

/// Below the door's own path.
pub(crate) fn below_its_path(app: &App) -> Router {
    let served = any(serve).with_state(Arc::new(DoorState::new(app)));
    Router::new()
        .route("/aws", served.clone())
        .route("/aws/", served.clone())
        .route("/aws/{*rest}", served)
}

/// Wherever an SDK addresses it.
pub(crate) fn anywhere(app: &App) -> Router {
    let served = any(serve).with_state(Arc::new(DoorState::new(app)));
    Router::new().route("/", served.clone()).route("/{*rest}", served)
}

/// Whether a request is this door's though its path is not.
pub(crate) fn claims(request: &Request) -> bool {
    is_of_an_sdk(request) && !is_doors_path(request.uri().path())
}

/// How a request of this door is answered where it did not reach its routes: in the caller's protocol, too.
pub(crate) fn owns(request: &Request) -> Option<AnswerLayer> {
    if !is_doors_path(request.uri().path()) && !is_of_an_sdk(request) {
        return None;
    }
    let asked = Asked::of(request);
    Some(Box::new(move |response: Response| {
        match response.extensions().get::<Problem>() {
            None => response,
            Some(problem) => {
                let fault = of_problem(problem, asked.service, asked.family());
                Answering::to(&asked, None).refused_for(&fault, problem)
            }
        }
    }))
}

async fn serve(State(state): State<Arc<DoorState>>, request: Request) -> Response {
    let asked = Asked::of(&request);
    let carried_out = carry_out(&state, &asked, request).await;
    // After it: some calls wait for a while, and clients set their clocks by what is answered.
    let answering = Answering::to(&asked, Some(state.app.now()));
    match carried_out {
        Ok((operation, output)) => answering.given(operation, output),
        Err(Failed::Problem(problem)) => {
            answering.refused_for(&of_problem(&problem, asked.service, asked.family()), &problem)
        }
        Err(Failed::Fault(fault)) => answering.refused(&fault),
    }
}

async fn carry_out<'a>(
    state: &'a DoorState,
    asked: &Asked,
    request: Request,
) -> Result<(&'a Operation, Value), Failed> {
    let (parts, body) = request.into_parts();
    let refused = |why| Failed::from(not_signed(why, asked.family()));
    // Nothing is read of what will not be looked at.
    let proven = match asked.service {
        Some(service) => prove(&state.app, &parts, service).await,
        None if asked.protocol == Protocol::Query => {
            // The service of a form stands in its signature, which may be missing or malformed.
            let called = asked.called.as_deref().unwrap_or_default();
            match Signed::read(&parts.headers, called, state.app.now()) {
                Err(why @ (NotSigned::Missing | NotSigned::Malformed(_))) => Err(refused(why)),
                _ => Err(not_served(asked, None).into()),
            }
        }
        None => Err(not_served(asked, asked.operation.as_deref()).into()),
    };
    let proven = match proven {
        Ok(proven) => proven,
        Err(failed) => {
            let_go_by(&state.app, &parts.extensions, body).await;
            return Err(failed);
        }
    };
    let body = bodies::read(&state.app, &parts, body).await?;
    let ways = Reached::ways(&parts, state.app.own_address().base());
    let reached = proven.signed.holds(&parts, &body, &proven.secret, &ways);
    let reached = reached.ok_or_else(|| refused(NotSigned::mismatch()))?;
    // From here on it has a place of its agent's.
    proven.credential.let_in(&state.app, &parts.extensions)?;

    let body = bodies::unpacked(&parts.headers, body)?;
    let (operation, input) = read(state, asked, proven.service, &parts.uri, &body)?;
    let call = Call {
        app: state.app.clone(),
        credential: proven.credential,
        region: proven.signed.region.into(),
        signed_at: proven.signed.at,
        endpoint: reached.endpoint().into(),
        let_in: parts.extensions.get::<RequestPlace>().cloned(),
    };
    Ok((operation, operation.run(call, input).await?))
}

/// Whose a request is, if the signature holds.
struct Proven {
    service: Service,
    signed: Signed,
    credential: Credential,
    secret: SecretValue,
}

async fn prove(app: &App, parts: &Parts, service: Service) -> Result<Proven, Failed> {
    let refused = |why| not_signed(why, service.family());
    let signed = Signed::read(&parts.headers, service.scope(), app.now()).map_err(refused)?;
    let session_token = signed.session_token.as_deref();
    let found = Credential::of_aws_key(app, &signed.key, session_token).await?;
    let (credential, secret) = found.ok_or_else(|| {
        let is_expired = app.aws_keys().is_expired(&signed.key, session_token, app.now());
        refused(if is_expired {
            NotSigned::ExpiredToken
        } else {
            NotSigned::UnknownKey
        })
    })?;
    Ok(Proven {
        service,
        signed,
        credential,
        secret,
    })
}

/// The operation that is asked for, and its input as its model has it.
fn read<'a>(
    state: &'a DoorState,
    asked: &Asked,
    service: Service,
    uri: &Uri,
    body: &Bytes,
) -> Result<(&'a Operation, Value), Failed> {
    let form = match asked.protocol {
        Protocol::Query => {
            // What has no body says it in its address.
            let text = match body.as_ref() {
                [] => uri.query().unwrap_or_default().as_bytes(),
                body => body,
            };
            Some(Form::read(text).map_err(|why| not_read(service, why.sentence()))?)
        }
        _ => None,
    };
    let named = match &form {
        Some(form) => form.text("Action"),
        None => asked.operation.as_deref(),
    };
    let Some(operation) = named.and_then(|name| state.operation(service, name)) else {
        // A form says of which service it is by its version alone.
        let meant = form
            .as_ref()
            .and_then(|form| Service::of_version(form.text("Version")?));
        if let Some(meant) = meant.filter(|meant| *meant != service) {
            return Err(not_signed(NotSigned::of_another(meant.scope()), meant.family()).into());
        }
        return Err(not_served(asked, named).into());
    };
    let shape = &operation.input;
    let (document, moments) = match (&form, asked.protocol) {
        (Some(form), _) => (form.document(shape), Moments::Iso),
        (None, _) if body.is_empty() => (Value::Object(Object::new()), Moments::Epoch),
        (None, Protocol::Cbor) => {
            let document = cbor::read(body, shape);
            let sentence = |error| format!("the body is not the CBOR of this operation: {error}");
            (
                document.map_err(|error| not_read(service, &sentence(error)))?,
                Moments::Epoch,
            )
        }
        (None, _) => (json(service, body)?, Moments::Epoch),
    };
    let input = conform(document, shape, moments).map_err(|refused| refused.fault(service))?;
    Ok((operation, input))
}

fn json(service: Service, body: &[u8]) -> Result<Value, Fault> {
    input::document(body).map_err(|error| {
        let what = match &error {
            InputError::NotJson(_) => "the body cannot be read",
            InputError::Refused(_) => "the body is not taken",
        };
        not_read(service, &format!("{what}: {error}"))
    })
}
