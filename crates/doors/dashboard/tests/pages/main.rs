//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod authorisation;
mod house;
mod links;
mod manners;
mod policies;
mod sessions;
mod settings;
mod health;
mod house;
mod live;
mod repositories;
mod revenue;
mod alerts;
mod deploys;
mod house;
mod records;
mod sign_in;
mod webhooks;
