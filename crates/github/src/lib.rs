//! GitHub, the code host.

pub mod client;
mod queries;
