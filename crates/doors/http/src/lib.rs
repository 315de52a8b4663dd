#![doc = include_str!("../README.md")]

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
