//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod health;
mod house;
mod live;
mod sign_in;
