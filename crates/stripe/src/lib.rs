#![doc = include_str!("../README.md")]

pub mod account;
pub mod client;
pub mod compute;
pub mod notices;
pub mod objects;
pub mod webhook;
