//! The table of pages and acts: each with what its visitor must be permitted. Nothing is reachable that is not in it; a
//! handler that does not take the proof of its row does not compile.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, any, get, post};
use cc_devops_http::App;
use cc_devops_http::access::Privilege;
use cc_devops_http::problem::Problem;

use crate::refusal::Refusal;
use crate::state::{Dashboard, DashboardState, PageState};
use crate::{assets, gate, live, pages};

/// A page or an act behind its gate.
pub(crate) struct Row {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Whether its visitor must have signed in.
    pub(crate) needs_session: bool,
    methods: MethodRouter,
}

/// A page whose handler is handed a `Visit` of this privilege.
pub(crate) fn page<P: Privilege, T: 'static, H: Handler<T, PageState<P>>>(
    shared: &Arc<DashboardState>,
    path: &'static str,
    handler: H,
) -> Row {
    guarded::<P>(shared, Method::GET, path, get(handler))
}

/// An act: a POST that changes something and leaves one audit row.
pub(crate) fn act<P: Privilege, T: 'static, H: Handler<T, PageState<P>>>(
    shared: &Arc<DashboardState>,
    path: &'static str,
    handler: H,
) -> Row {
    guarded::<P>(shared, Method::POST, path, post(handler))
}

/// A page that anybody may see.
pub(crate) fn open_page<T: 'static, H: Handler<T, Arc<DashboardState>>>(
    shared: &Arc<DashboardState>,
    path: &'static str,
    handler: H,
) -> Row {
    unguarded(shared, Method::GET, path, get(handler))
}

/// An act that anybody may try.
pub(crate) fn open_act<T: 'static, H: Handler<T, Arc<DashboardState>>>(
    shared: &Arc<DashboardState>,
    path: &'static str,
    handler: H,
) -> Row {
    unguarded(shared, Method::POST, path, post(handler))
}

fn guarded<P: Privilege>(
    shared: &Arc<DashboardState>,
    method: Method,
    path: &'static str,
    methods: MethodRouter<PageState<P>>,
) -> Row {
    let page_state = PageState::<P>::of(shared);
    let gate = from_fn_with_state(page_state.clone(), gate::enter::<P>);
    Row {
        method,
        path,
        needs_session: true,
        methods: methods.route_layer(gate).with_state(page_state),
    }
}

fn unguarded(
    shared: &Arc<DashboardState>,
    method: Method,
    path: &'static str,
    methods: MethodRouter<Arc<DashboardState>>,
) -> Row {
    Row {
        method,
        path,
        needs_session: false,
        methods: methods.with_state(Arc::clone(shared)),
    }
}

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
