//! How days and customers' figures stand in the table of billing metrics.
//!
//! | rows | PK | SK |
//! |---|---|---|
//! | the newest day | `mrr` | `latest` |
//! | a day | `mrr` | `YYYY-MM-DD` |
//! | a customer's last figure | `customers` | the customer, a space, the currency |
//!
//! Others read the days' attributes, section 4 of the wire contract. What can be counted is a number, made
//! from exact decimal text. What cannot be known, for want of a rate, is NULL and not left out: to read
//! that as 0 takes intent. `ts`, `start_date` and `end_date` are ISO 8601 texts, as in every event and as
//! readers of this table have always found them; they end in `+00:00`, which the parsers take that do not
//! know `Z`, and have no fractions.

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_revenue::customer_movements::SubscriptionAmounts;
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day, SubscriptionFigures};
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::report::Usd;
use cc_devops_revenue::reporting::Figures;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::error::corrupt;
use crate::table::{Item, from_item, key, number, text, to_item};

/// The partition of the days.
pub(super) const DAYS: &str = "mrr";
/// Where the newest day stands.
pub(super) const LATEST: &str = "latest";
/// The partition of the customers' figures.
pub(super) const CUSTOMERS: &str = "customers";
/// The attribute with the whole day.
pub(super) const RECORD: &str = "record";
/// The attribute with the day's date.
pub(super) const DATE: &str = "date";
/// The attribute with how many movements of customers are kept of the day.
pub(super) const MOVEMENTS: &str = "movements";
/// The attribute of a day that was reconstructed.
pub(super) const RECONSTRUCTED: &str = "reconstructed";

/// Between customer and currency: lower than every character of an id, so that keys sort by customer
/// first.
const BETWEEN: char = ' ';

/// A day as an item, under this sort key.
pub(super) fn day_item(day: &Day, place: impl Into<String>) -> PortResult<Item> {
    let record = serde_json::to_string(day).map_err(|error| {
        PortError::new(PortErrorKind::Refused, "the day's MRR cannot be written as JSON").because(error)
    })?;
    let figures = Figures::of(day);
    let (start, end) = day.period;
    let attributes = [
        ("mrrUSD", usd(figures.mrr_usd)),
        ("charges_usd", usd(figures.charges_usd)),
        ("refunds_usd", usd(figures.refunds_usd)),
        ("charge_count", number(figures.charge_count)),
        ("refund_count", number(figures.refund_count)),
        ("total_transactions", number(figures.total_transactions)),
        ("period_days", number(figures.period_days)),
        ("ts", moment(figures.timestamp.as_second())?),
        ("start_date", moment(start)?),
        ("end_date", moment(end)?),
        ("complete", AttributeValue::Bool(figures.complete)),
        ("policy", text(figures.policy)),
        ("subscribers", number(figures.subscribers)),
        ("arpaUSD", usd(figures.arpa_usd)),
        (DATE, text(figures.date.to_string())),
        (RECORD, text(record)),
    ];
    let mut item = key(DAYS, place);
    item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    if let Some(count) = day.customer_movements {
        item.insert(MOVEMENTS.to_owned(), number(count));
    }
    if day.reconstructed.is_some() {
        item.insert(RECONSTRUCTED.to_owned(), AttributeValue::Bool(true));
    }
    Ok(item)
}

/// An item as a day; none where it is not one that this adapter wrote.
pub(super) fn day_of(item: &Item) -> PortResult<Option<Day>> {
    let Some(AttributeValue::S(record)) = item.get(RECORD) else {
        return Ok(None);
    };
    let day = serde_json::from_str(record);
    day.map(Some).map_err(|error| corrupt("a day's MRR").because(error))
}

fn usd(amount: Option<Usd>) -> AttributeValue {
    amount.map_or(AttributeValue::Null(true), |amount| {
        AttributeValue::N(amount.to_string())
    })
}

/// A moment in Unix seconds, as text.
fn moment(second: i64) -> PortResult<AttributeValue> {
    let moment = Timestamp::from_second(second);
    let moment = moment.map_err(|error| {
        PortError::new(PortErrorKind::Refused, "a moment of the day's MRR has no date").because(error)
    })?;
    Ok(text(moment.display_with_offset(Offset::UTC).to_string()))
}

/// A customer's figure, without what its key says.
#[derive(Serialize, Deserialize)]
struct FigureRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    /// Exact: an integer or a fraction of minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    figure: Option<Exact>,
    day: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opening: Option<Exact>,
    /// What its subscriptions are worth one by one, now and before that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscriptions: Option<SubscriptionAmounts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opening_subscriptions: Option<SubscriptionAmounts>,
}

/// The sort key of a customer's figure.
pub(super) fn customer_place(of: &CustomerKey) -> String {
    format!("{}{BETWEEN}{}", of.customer, of.currency)
}

/// A customer's figure as an item.
pub(super) fn customer_item(row: &CustomerRow) -> PortResult<Item> {
    to_item(&FigureRow {
        pk: CUSTOMERS.to_owned(),
        sk: customer_place(&row.key),
        figure: row.figure,
        day: row.day,
        opening: row.opening,
        subscriptions: row.subscriptions.now.clone(),
        opening_subscriptions: row.subscriptions.opening.clone(),
    })
}

/// An item as a customer's figure.
pub(super) fn customer_of(item: Item) -> PortResult<CustomerRow> {
    let row: FigureRow = from_item(item, "a customer's MRR")?;
    let named = row.sk.rsplit_once(BETWEEN);
    let key = named.and_then(|(customer, currency)| {
        Some(CustomerKey {
            customer: customer.to_owned(),
            currency: currency.parse().ok()?,
        })
    });
    Ok(CustomerRow {
        key: key.ok_or_else(|| corrupt("the key of a customer's MRR"))?,
        figure: row.figure,
        day: row.day,
        opening: row.opening,
        subscriptions: SubscriptionFigures {
            now: row.subscriptions,
            opening: row.opening_subscriptions,
        },
    })
}
