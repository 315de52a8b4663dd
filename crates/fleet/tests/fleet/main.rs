//! The watch over agents: held to cases by hand, held to what holds of everything, and as a service.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod days;
mod simulate;
mod simulate_properties;
mod watch;
mod watching;
