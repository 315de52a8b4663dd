//! The function of the control plane: tells payloads apart, hands them over, answers.
//!
//! It takes an SQS batch of requests, a request given directly, CloudFormation's status events, the
//! tasks of section 3 of the wire contract, and the ticks of the schedule. What it does with them
//! is `core`'s; what it does it through are whatever ports it is given.

pub mod function;
pub mod payload;
pub mod settings;

pub use function::{Function, Setup};
pub use payload::Payload;
pub use settings::Settings;
