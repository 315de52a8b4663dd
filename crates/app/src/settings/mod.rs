//! Every setting: one definition, three sources.
//!
//! [`file`] defines each setting once: its key, its type, its range, its default, the sentence that documents it. What
//! that means beyond its shape is decided once too, when [`Settings`] are made. The three sources lead there:
//!
//! - the configuration file, and over it the variables `CC_DEVOPS__SECTION__KEY` and a command's flags ([`load`]);
//! - a function's variables, whose names the template gives ([`of_variables`]).
//!
//! All problems are reported together.

mod alerts;
mod aws;
mod check;
mod deploys;
pub mod file;
#[cfg(feature = "cli")]
mod load;
mod problems;
mod repositories;
mod retention;
mod revenue;
#[cfg(feature = "cli")]
mod server;
mod shape;
#[cfg(feature = "cli")]
mod shown;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "embedded"))]
mod sources_tests;
mod stacks;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "embedded"))]
mod tests;
mod variables;

pub use alerts::{AlertSettings, LOG_CHANNEL, TOPIC_CHANNEL};
pub use aws::AwsSettings;
pub use check::{PolicySource, Settings};
#[cfg(feature = "cli")]
pub use load::{DEFAULT_FILE, LoadedSettings, load, of_text};
pub use problems::Problem;
pub use repositories::{RepositoriesSettings, login};
pub use retention::RetentionSettings;
pub use revenue::{RatesFrom, RevenueSettings, rate, table_of};
#[cfg(feature = "cli")]
pub use server::parse_address;
#[cfg(feature = "cli")]
pub use shown::ShownSection;
pub use variables::{BadVariables, Form, VARIABLES, Variable, of_variables, of_variables_and_policy};
