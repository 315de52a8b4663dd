//! The table of routes: each with what its caller must be permitted. Nothing is reachable that is not
//! in it, and `/openapi.json` is made from it. A handler that does not take the proof of its row does
//! not compile.

mod agents;
mod alerts;
mod badges;
mod billing;
mod dashboard;
mod deploys;
mod events;
mod keys;
mod operations;
mod pings;
mod repositories;
mod requests;
mod revenue;
mod said;
mod sealing;
mod secrets;
mod slack;
mod stacks;
mod stream;
pub(crate) mod submit;
mod webhooks;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{
    DecidePlans, FetchAwsKeys, FindRequest, ListAgents, MakeSessionLinks, ManageAgents, ManageAlerts, ManageAwsKeys,
    ManageWebhooks, PauseAgent, ReadAlerts, ReadDeploys, ReadEvents, ReadFreezes, ReadMetrics, ReadRequests,
    ReadRevenue, ReadSecret, Row, SealValues, SendHeartbeat, SetMaintenance, SubmitRequests, open, permitted,
};
use crate::app::App;
use crate::mount::{HandOver, Mount};
use crate::problem::Problem;
use crate::{guard, openapi};

/// The whole HTTP API, and the doors beside it.
pub(crate) fn router(app: &App, doors: Vec<Mount>) -> Router {
    let (router, document) = table(app).split_for_parts();
    app.set_openapi(openapi::finish(&document, app.control.registry()).to_string());
    let mut claims = Vec::new();
    let mounted = doors.into_iter().fold(router, |router, door| {
        claims.extend(door.claims);
        router.merge((door.routes)(app))
    });
    let claims: Vec<_> = claims
        .into_iter()
        .map(|claim| (claim.takes, surrounded(app, HandOver::to([]), (claim.routes)(app))))
        .collect();
    surrounded(app, HandOver::to(claims), mounted.fallback(no_such_route))
}

/// Routes with what surrounds every request, in one layer: each would be boxed by itself, for every request.
fn surrounded(app: &App, claimed: HandOver, routes: Router) -> Router {
    routes.layer((
        claimed,
        from_fn_with_state(app.clone(), guard::observe),
        CatchPanicLayer::custom(guard::panicked),
        from_fn_with_state(app.clone(), guard::limit),
    ))
}

fn table(app: &App) -> OpenApiRouter {
    let of_requests: [Row; 13] = [
        permitted::<SubmitRequests>(app, routes!(submit::post_events)),
        permitted::<ReadEvents>(app, routes!(events::get_events)),
        permitted::<ReadRequests>(app, routes!(requests::list_requests)),
        permitted::<FindRequest>(app, routes!(requests::get_request)),
        permitted::<ReadDeploys>(app, routes!(deploys::list_deploys)),
        permitted::<ReadDeploys>(app, routes!(deploys::get_deploy)),
        permitted::<ReadFreezes>(app, routes!(deploys::list_freezes)),
        permitted::<DecidePlans>(app, routes!(deploys::approve_deploy)),
        permitted::<DecidePlans>(app, routes!(deploys::deny_deploy)),
        permitted::<DecidePlans>(app, routes!(deploys::override_freeze)),
        permitted::<ReadDeploys>(app, routes!(stacks::list_deployed)),
        permitted::<SubmitRequests>(app, routes!(stacks::roll_back)),
        permitted::<SubmitRequests>(app, routes!(stacks::promote)),
    ];
    let others: [Row; 37] = [
        permitted::<SendHeartbeat>(app, routes!(agents::post_heartbeat)),
        permitted::<ListAgents>(app, routes!(agents::list_agents)),
        permitted::<ListAgents>(app, routes!(agents::get_history)),
        permitted::<PauseAgent>(app, routes!(agents::pause_agent)),
        permitted::<PauseAgent>(app, routes!(agents::resume_agent)),
        permitted::<ManageAwsKeys>(app, routes!(keys::add_key)),
        permitted::<ManageAgents>(app, routes!(keys::list_keys)),
        permitted::<ManageAwsKeys>(app, routes!(keys::end_key)),
        permitted::<FetchAwsKeys>(app, routes!(keys::get_credentials)),
        permitted::<ReadAlerts>(app, routes!(alerts::list_alerts)),
        permitted::<ReadAlerts>(app, routes!(alerts::get_alert)),
        permitted::<ManageAlerts>(app, routes!(alerts::acknowledge_alert)),
        permitted::<ReadAlerts>(app, routes!(alerts::list_silences)),
        permitted::<ManageAlerts>(app, routes!(alerts::add_silence)),
        permitted::<ManageAlerts>(app, routes!(alerts::delete_silence)),
        permitted::<ListAgents>(app, routes!(alerts::get_maintenance)),
        permitted::<SetMaintenance>(app, routes!(alerts::set_maintenance)),
        permitted::<SetMaintenance>(app, routes!(alerts::end_maintenance)),
        permitted::<ReadSecret>(app, routes!(secrets::get_secret)),
        permitted::<SealValues>(app, routes!(sealing::get_sealing_key)),
        permitted::<ManageWebhooks>(app, routes!(webhooks::add_webhook)),
        permitted::<ManageWebhooks>(app, routes!(webhooks::list_webhooks)),
        permitted::<ManageWebhooks>(app, routes!(webhooks::delete_webhook)),
        permitted::<ManageWebhooks>(app, routes!(webhooks::enable_webhook)),
        permitted::<ManageWebhooks>(app, routes!(webhooks::list_dead_letters)),
        permitted::<ManageWebhooks>(app, routes!(webhooks::replay_dead_letters)),
        permitted::<ReadMetrics>(app, routes!(operations::get_metrics)),
        permitted::<ReadRevenue>(app, routes!(revenue::list_revenue_days)),
        permitted::<ReadRevenue>(app, routes!(revenue::list_revenue_movements)),
        permitted::<MakeSessionLinks>(app, routes!(dashboard::make_link)),
        // The address is the secret.
        open(app, routes!(pings::ping)),
        open(app, routes!(badges::get_badge)),
        // The signature over the body proves the sender.
        open(app, routes!(billing::post_billing_event)),
        open(app, routes!(repositories::post_repository_event)),
        open(app, routes!(slack::post_slack_action)),
        open(app, routes!(operations::get_health)),
        open(app, routes!(operations::get_openapi)),
    ];
    of_requests
        .into_iter()
        .chain(others)
        .fold(OpenApiRouter::with_openapi(openapi::start()), |router, row| {
            let Row {
                needs_token,
                schemas,
                mut paths,
                methods,
            } = row;
            openapi::complete(&mut paths, needs_token);
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
