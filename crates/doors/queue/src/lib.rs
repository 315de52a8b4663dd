#![doc = include_str!("../README.md")]

mod batch;
mod intake;

pub use batch::{AT_ONCE, Batch, Failed, Message, NoBatch};
pub use intake::{Delivered, signal, take};
