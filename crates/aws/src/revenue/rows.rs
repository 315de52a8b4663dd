//! How days and customers' figures stand in the table of billing metrics.
//!
//! | rows | PK | SK |
//! |---|---|---|
//! | the newest day | `mrr` | `latest` |
//! | a day | `mrr` | `YYYY-MM-DD` |
//! | a customer's last figure | `customers` | the customer, a space, the currency |
//!
//! Others read the days' attributes, which are those of `cc_devops_revenue::billing_item`.

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::billing_item::{Attribute, attributes};
use cc_devops_revenue::customer_movements::SubscriptionAmounts;
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day, SubscriptionFigures};
use cc_devops_revenue::money::Exact;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::corrupt;
use crate::table::{Item, from_item, key, to_item};

pub(super) use cc_devops_revenue::billing_item::{
    CUSTOMER_MOVEMENTS, CUSTOMERS, DATE, DAYS, LATEST, MOVEMENTS, RECONSTRUCTED, RECORD,
};

/// Between customer and currency: lower than every character of an id, so that keys sort by customer
/// first.
const BETWEEN: char = ' ';

/// A day as an item, under this sort key.
pub(super) fn day_item(day: &Day, place: impl Into<String>) -> PortResult<Item> {
    let mut item = key(DAYS, place);
    for (name, attribute) in attributes(day)? {
        item.insert(name.to_owned(), value_of(attribute));
    }
    Ok(item)
}

fn value_of(attribute: Attribute) -> AttributeValue {
    match attribute {
        Attribute::Text(text) => AttributeValue::S(text),
        Attribute::Number(number) => AttributeValue::N(number),
        Attribute::Truth(truth) => AttributeValue::Bool(truth),
        Attribute::Unknown => AttributeValue::Null(true),
    }
}

/// An item as a day; none where it is not one that this adapter wrote.
pub(super) fn day_of(item: &Item) -> PortResult<Option<Day>> {
    let Some(AttributeValue::S(record)) = item.get(RECORD) else {
        return Ok(None);
    };
    let day = serde_json::from_str(record);
    day.map(Some).map_err(|error| corrupt("a day's MRR").because(error))
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
