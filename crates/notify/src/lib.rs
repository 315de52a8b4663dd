#![doc = include_str!("../README.md")]

pub mod blot;
pub mod channel;
pub mod check;
pub mod delivering;
mod delivery_state;
pub mod health;
pub mod ports;
pub mod render;
mod send;
pub mod settings;
mod settle;
pub mod slack_click;
pub mod slack_request;
mod trying;
mod values;
mod waiting;

pub use channel::{Channel, Mail, Transport, Value};
pub use check::{PAGERDUTY_URL, Problem, check};
pub use delivering::{Delivering, Parts};
pub use health::{ChannelHealth, ChannelState, MOST_COUNTED};
pub use ports::Topics;
pub use send::SendOptions;
pub use settings::{ChannelKind, ChannelSettings, MailTls};
pub use values::Variables;
