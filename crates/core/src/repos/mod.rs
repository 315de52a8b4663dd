//! Repository hygiene: pure. What is known of a repository in, findings and what to do about them out.
//!
//! [`snapshot`] is what was read, [`policy`] what is demanded, [`findings::check`] holds one against the
//! other, [`audit`] adds a scan up and compares it with the one before. [`workflows`] decides about the
//! issue of a failing workflow. [`fix`] plans changes. Nothing here asks GitHub or writes to it.

pub mod audit;
pub mod dependabot;
pub mod findings;
pub mod fix;
pub mod patterns;
pub mod policy;
pub mod protection;
pub mod report;
pub mod rules;
pub mod snapshot;
pub mod workflows;

#[cfg(test)]
mod samples;
