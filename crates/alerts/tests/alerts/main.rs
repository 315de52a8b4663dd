//! Alerts: what the settings mean, and the services over a store.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod policy;
mod services;
