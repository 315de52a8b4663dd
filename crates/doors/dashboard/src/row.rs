//! A row of the table of pages and acts: what answers at a path, behind its gate.

use std::sync::Arc;

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use cc_devops_http::access::Privilege;

use crate::gate;
use crate::state::{DashboardState, PageState};

/// A page or an act behind its gate.
pub(crate) struct Row {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Whether its visitor must have signed in.
    pub(crate) needs_session: bool,
    pub(crate) methods: MethodRouter,
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
