//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod agents;
mod house;
mod secrets;
mod sign_in;
