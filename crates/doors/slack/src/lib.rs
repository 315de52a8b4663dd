#![doc = include_str!("../README.md")]

mod answers;
mod clicks;
mod deciding;
pub mod function_url;

pub use answers::{Answer, Answers, HooksOfSlack};
pub use clicks::{NotTaken, SIGNATURE_HEADER, SigningParts, SlackClicks, TIMESTAMP_HEADER};
