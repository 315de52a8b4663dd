#![doc = include_str!("../README.md")]

pub mod audit;
pub mod auditing;
pub mod dependabot;
mod diff;
pub mod findings;
pub mod fix;
pub mod fixing;
pub mod handed_over;
pub mod hygiene;
pub mod issues;
mod keeping;
pub mod monitoring;
pub mod owner;
pub mod patterns;
pub mod policy;
pub mod ports;
pub mod protection;
pub mod report;
pub mod rules;
pub mod settings;
pub mod snapshot;
pub mod work;
pub mod worker;
pub mod workflows;

#[cfg(test)]
mod samples;
