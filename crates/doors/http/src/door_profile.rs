//! How a door answers that is served beside the API.

use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use cc_devops_kernel::door::Door;

/// What an answer of a door goes through last, made from its request.
pub type AnswerLayer = Box<dyn FnOnce(Response) -> Response + Send>;

/// How a door answers to the requests that are its own, also where these did not reach its routes.
#[derive(Clone, Copy)]
pub struct DoorProfile {
    /// Which door it is.
    pub door: Door,
    /// What every answer to a request of its own goes through last; none where the request is not its own. To these it
    /// decides itself which pages may send it something. A [`Problem`](crate::problem::Problem) is among an answer's
    /// extensions where it tells one.
    pub owns: fn(&Request) -> Option<AnswerLayer>,
    /// How much longer than others its requests may take.
    pub patience: Duration,
}

/// Whose a request is, among its extensions, and how much longer than others it may take.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) door: Door,
    pub(crate) patience: Duration,
}
