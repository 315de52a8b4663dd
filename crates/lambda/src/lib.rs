//! The functions: that of the control plane, and the one that reports MRR.
//!
//! The first tells payloads apart, hands them over, answers. It takes an SQS batch of requests, a request
//! given directly, CloudFormation's status events, the tasks of section 3 of the wire contract, and the
//! ticks of the schedule. The second, [`revenue`], is a program of its own, with a role and a rhythm of its
//! own. What they do is `core`'s; what they do it through are whatever ports they are given.

pub mod function;
pub mod logging;
pub mod payload;
pub mod revenue;
pub mod settings;

pub use function::{Function, Setup};
pub use payload::Payload;
pub use settings::Settings;
