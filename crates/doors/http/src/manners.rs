//! A door that is served on the API's listener, and how it answers.

use axum::Router;
use axum::response::Response;

use crate::app::App;

/// A door that is served on the API's listener, behind its limits.
pub struct Mount {
    /// Its routes.
    pub routes: Box<dyn FnOnce(&App) -> Router + Send>,
    /// How it answers.
    pub manners: Manners,
}

/// How a door answers on the paths that are its own, also where a request did not reach its routes.
#[derive(Clone, Copy)]
pub struct Manners {
    /// Whether a path is its own. On these it decides itself which pages may send it something.
    pub owns: fn(&str) -> bool,
    /// What every answer goes through last. A [`Problem`](crate::problem::Problem) is among an answer's extensions where
    /// it tells one.
    pub dress: fn(Response) -> Response,
}
