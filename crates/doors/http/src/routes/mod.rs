//! The table of routes: each with what it needs of its caller. Nothing is reachable that is not
//! in it, and `/openapi.json` is made from it.

mod agents;
mod billing;
mod events;
mod operations;
mod repositories;
mod requests;
mod sealing;
mod secrets;
mod stream;
mod submit;
mod webhooks;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use cc_devops_core::policy::Access;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::access::{Needs, enforce};
use crate::app::App;
use crate::problem::Problem;
use crate::{guard, openapi};

/// The longest `wait` of `POST /v1/events`, in seconds.
pub(crate) const MAX_WAIT: u16 = 300;

/// The path of `POST /v1/events`, which may take longer than the rest.
pub(crate) const EVENTS: &str = "/v1/events";

/// The whole HTTP API.
pub(crate) fn router(app: &App) -> Router {
    let (router, document) = table(app).split_for_parts();
    app.set_openapi(openapi::finish(&document).to_string());
    router
        .fallback(no_such_route)
        .with_state(app.clone())
        .layer(from_fn_with_state(app.clone(), guard::limit))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn_with_state(app.clone(), guard::observe))
}

fn table(app: &App) -> OpenApiRouter<App> {
    let manage_webhooks = Needs::Access(|_| Ok(Access::ManageWebhooks));
    let heartbeat = Needs::Access(|named| Ok(Access::SendHeartbeat { agent: named.agent()? }));
    let rows: [(Needs, UtoipaMethodRouter<App>); 19] = [
        // The engine holds the envelope against the token and lets the policies decide on each request.
        (Needs::Token, routes!(submit::post_events)),
        (
            Needs::View(|agent| Access::ReadEvents { agent }),
            routes!(events::get_events),
        ),
        (
            Needs::View(|agent| Access::ReadRequests { agent }),
            routes!(requests::list_requests),
        ),
        // Whose request it is stands in the ledger.
        (Needs::Token, routes!(requests::get_request)),
        (heartbeat, routes!(agents::post_heartbeat)),
        (Needs::Access(|_| Ok(Access::ListAgents)), routes!(agents::list_agents)),
        // The engine decides, and puts every attempt on record.
        (Needs::Token, routes!(secrets::get_secret)),
        // A public key: whoever may ask for anything may know it.
        (Needs::Token, routes!(sealing::get_sealing_key)),
        (manage_webhooks, routes!(webhooks::add_webhook)),
        (manage_webhooks, routes!(webhooks::list_webhooks)),
        (manage_webhooks, routes!(webhooks::delete_webhook)),
        (manage_webhooks, routes!(webhooks::enable_webhook)),
        (manage_webhooks, routes!(webhooks::list_dead_letters)),
        (manage_webhooks, routes!(webhooks::replay_dead_letters)),
        (
            Needs::Access(|_| Ok(Access::ReadMetrics)),
            routes!(operations::get_metrics),
        ),
        // The signature over the body proves the sender.
        (Needs::Nothing, routes!(billing::post_billing_event)),
        (Needs::Nothing, routes!(repositories::post_repository_event)),
        (Needs::Nothing, routes!(operations::get_health)),
        (Needs::Nothing, routes!(operations::get_openapi)),
    ];
    rows.into_iter()
        .fold(OpenApiRouter::with_openapi(openapi::start()), |router, (needs, row)| {
            let (schemas, mut paths, methods) =
                row.map(|methods| methods.route_layer(from_fn_with_state((app.clone(), needs), enforce)));
            openapi::complete(&mut paths, needs);
            router.routes((schemas, paths, methods))
        })
}

async fn no_such_route(method: Method, uri: Uri) -> Response {
    // A path is the caller's own text; it goes back to nobody else, and its query stays out.
    let detail = format!(
        "there is no {method} {}; `/openapi.json` lists what there is",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}
