//! The whole door, over the fake of every port: what an SDK sends, and what it reads.
#![cfg(test)]

mod defects;
mod harness;
mod keys;
mod limits;
mod metrics;
mod parameters;
mod places;
mod reads;
mod secrecy;
mod secrets;
mod signing;
mod strangers;
mod unserved;
