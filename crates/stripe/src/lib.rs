//! Stripe, the billing source.

pub mod client;
pub mod objects;
pub mod webhook;
