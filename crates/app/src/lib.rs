#![doc = include_str!("../README.md")]

#[cfg(not(any(feature = "embedded", feature = "aws")))]
compile_error!("a program keeps what it knows somewhere: switch on the feature `embedded`, `aws`, or both");

pub mod billing;
pub mod capabilities;
pub mod code_host;
pub mod error;
pub mod in_memory;
pub mod policies;
pub mod program;
pub mod rates;
pub mod repositories;
pub mod revenue;
pub mod settings;
pub mod watch;

#[cfg(feature = "cli")]
pub mod audit_archive;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "cli")]
mod http;
mod no_owner;
mod no_stacks;

pub use capabilities::{Backend, Capabilities};
pub use error::AppError;
pub use no_owner::NO_OWNER;
pub use program::Program;
pub use settings::Settings;
