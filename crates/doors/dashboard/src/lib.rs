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
mod refusal;
mod routes;
mod said;

pub use house::Dashboard;

use axum::Router;
use cc_devops_http::{App, Mount};

/// The dashboard, as the API's listener mounts it.
pub fn door(dashboard: Dashboard) -> Mount {
    Box::new(move |app: &App| -> Router { routes::router(app, dashboard) })
}
