//! Repository hygiene: what is known of a repository in, findings and what to do about them out.
//!
//! [`snapshot`] is what was read, [`policy`] what is demanded, [`findings::check`] holds one against the
//! other, [`audit`] adds a scan up and compares it with the one before. [`workflows`] decides about the
//! issue of a failing workflow. [`fix`] plans changes. All of that is pure. [`auditing`], [`monitoring`] and
//! [`remedying`] do it through the ports, and `keeping` knows what is kept in between.

pub mod audit;
pub mod auditing;
pub mod care;
pub mod dependabot;
pub mod findings;
pub mod fix;
mod keeping;
pub mod monitoring;
pub mod patterns;
pub mod policy;
pub mod protection;
pub mod remedying;
pub mod report;
pub mod rules;
pub mod snapshot;
pub mod workflows;

#[cfg(test)]
mod samples;
