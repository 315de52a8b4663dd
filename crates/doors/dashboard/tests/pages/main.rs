//! The dashboard's pages and acts, over the fake of every port.
#![cfg(test)]

mod house;
mod sign_in;
