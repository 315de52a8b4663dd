//! The HTTP API and its workers, over the fake of every port.
#![cfg(test)]

mod actions;
mod alerting;
mod authorisation;
mod bad_input;
mod connections;
mod deploys;
mod description;
mod harness;
mod health;
mod http2;
mod keys;
mod lasting;
mod leases;
mod limits;
mod observers;
mod pings;
mod places;
mod reading;
mod relay;
mod repositories;
mod revenue;
mod revenue_lists;
mod schedule;
mod secrecy;
mod serving;
mod slack;
mod strangers;
mod submitting;
mod webhooks;
