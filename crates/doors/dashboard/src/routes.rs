//! The table of pages and acts: each with what its visitor must be permitted. Nothing is reachable that is not in it; a
//! handler that does not take the proof of its row does not compile.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use cc_devops_http::App;
use cc_devops_http::problem::Problem;

use crate::refusal::Refusal;
use crate::row::Row;
use crate::state::{Dashboard, DashboardState};
use crate::{assets, gate, live, pages};

/// Every page and act.
pub(crate) fn table(shared: &Arc<DashboardState>) -> Vec<Row> {
    let pages = [
        pages::sign_in::rows(shared),
        pages::overview::rows(shared),
        pages::agents::rows(shared),
        pages::requests::rows(shared),
        pages::deploys::rows(shared),
        pages::alerts::rows(shared),
        pages::secrets::rows(shared),
        pages::revenue::rows(shared),
        pages::repositories::rows(shared),
        pages::audit::rows(shared),
        pages::policies::rows(shared),
        pages::webhooks::rows(shared),
        pages::settings::rows(shared),
        pages::health::rows(shared),
        pages::keys::rows(shared),
        live::rows(shared),
    ];
    pages.into_iter().flatten().collect()
}

/// Whether a path is the dashboard's.
pub(crate) fn owns(path: &str) -> bool {
    path == "/ui" || path.starts_with("/ui/")
}

/// The dashboard's routes.
pub(crate) fn router(app: &App, dashboard: Dashboard) -> Router {
    let shared = Arc::new(DashboardState {
        app: app.clone(),
        dashboard,
    });
    let rows = table(&shared);
    let router = rows
        .into_iter()
        .fold(Router::new(), |router, row| router.route(row.path, row.methods));
    router
        .route("/ui/", get(async || Redirect::permanent("/ui")))
        .route("/ui/assets/{file}", get(assets::serve))
        .route("/ui/{*rest}", any(no_such_page))
        .layer(from_fn_with_state(shared, gate::frame))
        .route("/", get(start))
}

async fn no_such_page() -> Refusal {
    Refusal(Problem::not_found("there is no such page"))
}

/// A browser is led to the overview; a program is told where the API is.
async fn start(headers: HeaderMap) -> Response {
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepts.is_some_and(|accept| accept.contains("text/html")) {
        gate::dress(Redirect::to("/ui").into_response())
    } else {
        Problem::not_found("the API is under /v1, `/openapi.json` describes it; the dashboard is at /ui")
            .into_response()
    }
}
