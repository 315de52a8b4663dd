#![doc = include_str!("../README.md")]

mod access;
mod addressed;
mod app;
#[cfg_attr(not(test), expect(dead_code, reason = "its routes come with the watch"))]
mod badge_images;
mod capabilities;
mod client_network;
mod completions;
mod connections;
mod deliveries;
mod dispatcher;
mod due_checks;
mod extract;
mod guard;
mod health;
mod health_cache;
mod hygiene;
mod job_end;
mod meters;
mod openapi;
#[cfg_attr(not(test), expect(dead_code, reason = "its routes come with the watch"))]
mod ping_bodies;
#[cfg_attr(not(test), expect(dead_code, reason = "its routes come with the watch"))]
mod ping_paths;
mod places;
mod problem;
#[cfg_attr(not(test), expect(dead_code, reason = "its workers come with the watch"))]
mod progress;
mod relay;
mod renewals;
mod retention;
mod revenue;
mod routes;
mod scheduler;
mod serving;
mod standing;
mod strangers;
mod strangers_rate;
mod sweep;
mod throttled_log;
mod tls;
mod wake_signal;
mod wire;

pub mod config;
pub mod error;

pub use capabilities::{Capabilities, Hygiene, Revenue};
pub use config::ServerConfig;
pub use error::ServerError;
pub use serving::{Server, Service, Workers};
