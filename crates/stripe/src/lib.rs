#![doc = include_str!("../README.md")]

pub mod account;
mod account_past;
pub mod client;
pub mod compute;
pub mod notices;
pub mod objects;
pub mod webhook;
