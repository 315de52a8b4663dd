//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod agents;
mod alerts;
mod audit;
mod authorisation;
mod deploys;
mod harness;
mod health;
mod links;
mod live;
mod manners;
mod overview;
mod policies;
mod records;
mod repositories;
mod requests;
mod revenue;
mod secrets;
mod sessions;
mod settings;
mod sign_in;
mod webhooks;
