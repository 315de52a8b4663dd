#![doc = include_str!("../README.md")]

mod accounts;
mod batches;
mod changes;
pub mod client;
mod host;
mod issues;
pub mod notices;
mod place;
mod queries;
#[cfg(test)]
mod recorded;
mod scan;
mod settings;
mod writers;

pub use host::GitHub;
