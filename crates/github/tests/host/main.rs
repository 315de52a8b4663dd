//! The adapter against the fake GitHub.

mod house;
mod issues;
mod reading;
mod trouble;
mod writing;
