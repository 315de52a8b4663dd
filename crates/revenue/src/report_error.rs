//! Why there is no report.

use cc_devops_kernel::ports::PortError;
use jiff::civil::Date;

use super::customers::CustomersError;
use super::money::OutOfRange;
use super::movements::MovementsError;

/// Why there is no report. Nothing that was kept has changed, as far as anybody can see.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// An outside system failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A customer's figure could not be kept.
    #[error(transparent)]
    Customers(#[from] CustomersError),
    /// The movements do not add up.
    #[error(transparent)]
    Movements(#[from] MovementsError),
    /// An amount beyond 128 bits.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// The moment is none.
    #[error("{0} is no moment in Unix seconds that has a date")]
    NoDate(i64),
    /// A later day is kept already.
    #[error(
        "{latest} is kept already, and a day before it cannot be put under it; leave out the moment, or use --dry-run"
    )]
    Past {
        /// The newest day.
        latest: Date,
    },
    /// The one who takes the figures wants no more.
    #[error("the report was broken off")]
    BrokenOff,
    /// The event could not be written.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}
