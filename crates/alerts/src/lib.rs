#![doc = include_str!("../README.md")]

pub mod condition;
pub mod message;

pub use condition::{Condition, ConditionChange, ConditionKind, Severity};
pub use message::{Message, MessageKind, Named};
