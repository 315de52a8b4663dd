//! A day as an item of the table of billing metrics, section 4 of the wire contract: the same wherever the table is.
//!
//! What can be counted is a number, made from exact decimal text. What cannot be known, for want of a rate, is unknown and
//! not left out: to read that as 0 takes intent. `ts`, `start_date` and `end_date` are ISO 8601 texts, as in every event and
//! as readers of this table have always found them; they end in `+00:00`, which the parsers take that do not know `Z`, and
//! have no fractions.

use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::day::Day;
use crate::report::Usd;
use crate::reporting::Figures;

/// The attribute of the partition key.
pub const PARTITION_KEY: &str = "PK";
/// The attribute of the sort key.
pub const SORT_KEY: &str = "SK";
/// The partition of the days.
pub const DAYS: &str = "mrr";
/// Where the newest day stands, beside its own date. It sorts behind every date.
pub const LATEST: &str = "latest";
/// The partition of the customers' figures.
pub const CUSTOMERS: &str = "customers";
/// The partition of customers' movements, and what the names of the partitions of one customer's begin with.
pub const CUSTOMER_MOVEMENTS: &str = "movements";
/// The attribute with the whole day.
pub const RECORD: &str = "record";
/// The attribute with the day's date.
pub const DATE: &str = "date";
/// The attribute with how many movements of customers are kept of the day.
pub const MOVEMENTS: &str = "movements";
/// The attribute of a day that was reconstructed.
pub const RECONSTRUCTED: &str = "reconstructed";

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number, as decimal text.
    Number(String),
    /// True or false.
    Truth(bool),
    /// Nobody knows.
    Unknown,
}

impl Attribute {
    fn number(number: impl Into<i128>) -> Self {
        Self::Number(number.into().to_string())
    }

    fn usd(amount: Option<Usd>) -> Self {
        amount.map_or(Self::Unknown, |amount| Self::Number(amount.to_string()))
    }
}

/// A day's attributes beside its key.
///
/// # Errors
/// `Refused`: the day cannot be written as JSON, or one of its moments has no date.
pub fn attributes(day: &Day) -> PortResult<Vec<(&'static str, Attribute)>> {
    let record = serde_json::to_string(day).map_err(|error| {
        PortError::new(PortErrorKind::Refused, "the day's MRR cannot be written as JSON").because(error)
    })?;
    let figures = Figures::of(day);
    let (start, end) = day.period;
    let mut attributes = vec![
        ("mrrUSD", Attribute::usd(figures.mrr_usd)),
        ("charges_usd", Attribute::usd(figures.charges_usd)),
        ("refunds_usd", Attribute::usd(figures.refunds_usd)),
        ("charge_count", Attribute::number(figures.charge_count)),
        ("refund_count", Attribute::number(figures.refund_count)),
        ("total_transactions", Attribute::number(figures.total_transactions)),
        ("period_days", Attribute::number(figures.period_days)),
        ("ts", moment(figures.timestamp.as_second())?),
        ("start_date", moment(start)?),
        ("end_date", moment(end)?),
        ("complete", Attribute::Truth(figures.complete)),
        ("policy", Attribute::Text(figures.policy.to_owned())),
        ("subscribers", Attribute::number(figures.subscribers)),
        ("arpaUSD", Attribute::usd(figures.arpa_usd)),
        (DATE, Attribute::Text(figures.date.to_string())),
        (RECORD, Attribute::Text(record)),
    ];
    if let Some(count) = day.customer_movements {
        attributes.push((MOVEMENTS, Attribute::number(count)));
    }
    if day.reconstructed.is_some() {
        attributes.push((RECONSTRUCTED, Attribute::Truth(true)));
    }
    Ok(attributes)
}

/// A moment in Unix seconds, as text.
fn moment(second: i64) -> PortResult<Attribute> {
    let moment = Timestamp::from_second(second);
    let moment = moment.map_err(|error| {
        PortError::new(PortErrorKind::Refused, "a moment of the day's MRR has no date").because(error)
    })?;
    Ok(Attribute::Text(moment.display_with_offset(Offset::UTC).to_string()))
}
