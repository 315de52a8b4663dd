#![doc = include_str!("../README.md")]

pub mod completion_queue;
pub mod ports;
pub mod webhooks;
