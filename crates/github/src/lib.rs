//! GitHub, the code host: an owner's repositories read in pages, the issues about workflows, planned changes
//! carried out, webhooks.
//!
//! Settings are read with GraphQL, 100 repositories a request. What only REST knows is read beside it, and
//! kept where it seldom changes: see `docs/REPOS.md` for the requests and the permissions they need.

mod accounts;
mod batches;
mod changes;
pub mod client;
mod host;
mod issues;
pub mod notices;
mod queries;
#[cfg(test)]
mod recorded;
mod scan;

pub use host::GitHub;
