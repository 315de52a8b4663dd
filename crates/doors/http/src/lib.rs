//! The HTTP API, the workers behind it, and the scheduler, over a [`ControlPlane`] and its ports.
//!
//! [`Server`] binds and serves; [`Service`] is the same without a socket, for tests and for those
//! who bring their own. A request is durable before it is answered with 202; then a task of its own
//! carries it out. Whatever a crash leaves undone, the workers take up: the sweep requests nobody
//! works on, the relay events that somebody is still to be told of, the deliverer webhooks, the scheduler missed runs.
//!
//! # LOGGING
//! Every line about a request carries `request_id` and `agent`. Never logged: bodies, headers,
//! query strings, tokens, secrets' values, requests' `params`, a webhook's signing secret, the path
//! and query of a webhook's address, what a panicking handler panicked with. The log says what
//! failed and what is underneath; a caller is told what to do, as problem details without internals.
//!
//! [`ControlPlane`]: cc_devops_requests::engine::ControlPlane

mod access;
mod addressed;
mod app;
mod bell;
mod completions;
mod connections;
mod deliveries;
mod dispatcher;
mod extract;
mod guard;
mod health;
mod hygiene;
mod meters;
mod openapi;
mod places;
mod problem;
mod relay;
mod renewals;
mod retention;
mod revenue;
mod routes;
mod scheduler;
mod seldom;
mod serving;
mod strangers;
mod sweep;
mod tls;
mod wire;

pub mod config;
pub mod error;

pub use config::ServerConfig;
pub use error::ServerError;
pub use hygiene::Hygiene;
pub use revenue::Revenue;
pub use serving::{Capabilities, Server, Service, Workers};
