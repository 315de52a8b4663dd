//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod house;
mod repositories;
mod revenue;
mod sign_in;
