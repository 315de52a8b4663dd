//! What the spine does over the fakes, what the fakes themselves promise, and what was ever stored.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod arrival;
mod aws_keys;
mod conditions;
mod contract_on_memory;
mod crash_points;
mod endpoints;
mod enrolment;
mod hostile_envelopes;
#[cfg(test)]
mod long_work;
#[cfg(test)]
mod plans;
mod publishing;
mod relay;
mod reporter;
mod sealed_values;
mod secret_edits;
mod stored;
