#![doc = include_str!("../README.md")]

mod addresses;
pub mod charts;
mod grouped;
mod heading;
mod html;
mod markdown;
mod sarif;
mod spreadsheet;
mod table;
mod wrap;

pub use addresses::GITHUB;
pub use html::html;
pub use markdown::markdown;
pub use sarif::sarif;
pub use spreadsheet::csv;
pub use table::{explain, table};
pub use wrap::{cut, wrap};

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
