//! The HTTP API and its workers, over the fake of every port.
#![cfg(test)]

mod authorisation;
mod bad_input;
mod description;
mod house;
mod leases;
mod limits;
mod reading;
mod repositories;
mod revenue;
mod schedule;
mod secrecy;
mod serving;
mod submitting;
mod telling;
mod webhooks;
