#![doc = include_str!("../README.md")]

pub mod charts;
mod grouped;
mod html;
mod markdown;
mod sarif;
mod table;

pub use html::html;
pub use markdown::markdown;
pub use sarif::sarif;
pub use table::{explain, table};

/// How a table is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Whether lists are given in full.
    pub verbose: bool,
    /// How many columns a line may have.
    pub width: u16,
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
