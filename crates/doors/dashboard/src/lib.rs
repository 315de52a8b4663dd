#![doc = include_str!("../README.md")]

mod assets;
mod components;
mod extract;
mod gate;
mod headers;
mod key_list;
mod kinds;
mod layout;
mod links;
mod live;
mod next_page;
mod origin;
mod pages;
mod refusal;
mod routes;
mod row;
mod said;
mod section;
mod signed_in;
mod state;

pub use state::Dashboard;

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use cc_devops_http::{AnswerLayer, App, DoorProfile, Mount};
use cc_devops_kernel::door::Door;

/// The dashboard, as the API's listener mounts it.
pub fn door(dashboard: Dashboard) -> Mount {
    Mount {
        routes: Box::new(move |app| routes::router(app, dashboard)),
        claims: None,
        profile: DoorProfile {
            door: Door::Dashboard,
            owns: |request| routes::owns(request.uri().path()).then(|| Box::new(gate::dress) as AnswerLayer),
            patience: Duration::ZERO,
        },
    }
}

/// Every page and act: how it is sent, its path, and whether its visitor must have signed in. The tests hold their cases to
/// it.
#[doc(hidden)]
pub fn rows(app: &App) -> Vec<(Method, &'static str, bool)> {
    let shared = Arc::new(state::DashboardState {
        app: app.clone(),
        dashboard: Dashboard::default(),
    });
    let rows = routes::table(&shared).into_iter();
    rows.map(|row| (row.method, row.path, row.needs_session)).collect()
}
