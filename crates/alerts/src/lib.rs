#![doc = include_str!("../README.md")]

pub mod condition;
pub mod limits;
pub mod message;
pub mod ports;
pub mod wording;

pub use condition::{Condition, ConditionChange, ConditionKind, Severity};
pub use limits::ConditionLimits;
pub use message::{Message, MessageKind, Named};
pub use ports::ConditionSink;
