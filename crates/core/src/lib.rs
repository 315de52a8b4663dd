//! The control plane's domain: types, rules, use cases and ports.
//!
//! Signals come in, a capability decides, ports act, the ledger remembers, the relay tells.
//! Nothing here does I/O: every outside system stands behind a trait in [`ports`], and time comes
//! through [`ports::Clock`], so a test decides all of it.
//!
//! # LOGGING
//! Never logged, returned in an error, audited, published or counted: a secret's value, a bearer
//! token, a webhook's signing secret, a request's `params`. [`secret::SecretValue`] has neither
//! `Debug` nor `Serialize`, so the compiler refuses most ways of doing it by accident.

pub mod acts;
pub mod alerts;
pub mod audit;
pub mod events;
pub mod fleet;
pub mod health;
pub mod input;
pub mod installation;
pub mod names;
pub mod policy;
pub mod ports;
pub mod repos;
pub mod requests;
pub mod retention;
pub mod revenue;
pub mod schedule;
pub mod sealed_values;
pub mod sealing;
pub mod secret;
pub mod signing;
pub mod stored;
pub mod text;
pub mod webhooks;

pub use installation::Installation;
pub use requests::engine::ControlPlane;
