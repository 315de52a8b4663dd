#![doc = include_str!("../README.md")]

mod assets;
mod components;
mod extract;
mod gate;
mod headers;
mod house;
mod kinds;
mod layout;
mod links;
mod live;
mod origin;
mod pages;
mod random;
mod refusal;
mod routes;
mod said;

pub use house::Dashboard;

use std::sync::Arc;

use axum::http::Method;
use cc_devops_http::{App, Manners, Mount};

/// The dashboard, as the API's listener mounts it.
pub fn door(dashboard: Dashboard) -> Mount {
    Mount {
        routes: Box::new(move |app| routes::router(app, dashboard)),
        manners: Manners {
            owns: routes::owns,
            dress: gate::dress,
        },
    }
}

/// Every page and act: how it is sent, its path, and whether its visitor must have signed in. The tests hold their cases to
/// it.
#[doc(hidden)]
pub fn rows(app: &App) -> Vec<(Method, &'static str, bool)> {
    let house = Arc::new(house::House {
        app: app.clone(),
        dashboard: Dashboard::default(),
    });
    let rows = routes::table(&house).into_iter();
    rows.map(|row| (row.method, row.path, row.needs_session)).collect()
}
