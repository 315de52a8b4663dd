//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod alerts;
mod deploys;
mod health;
mod house;
mod live;
mod overview;
mod records;
mod repositories;
mod revenue;
mod sign_in;
mod webhooks;
