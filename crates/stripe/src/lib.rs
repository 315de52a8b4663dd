//! Stripe, the billing source.

pub mod client;
pub mod compute;
pub mod objects;
pub mod webhook;
