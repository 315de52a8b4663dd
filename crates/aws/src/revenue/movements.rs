//! How movements of customers stand in the table of billing metrics: twice, by place and by customer.
//!
//! | rows | PK | SK |
//! |---|---|---|
//! | a movement | `movements` | its place in the list of all, 16 digits |
//! | the same, to be found by its customer | `movements of `, the customer | its place |
//!
//! A day says how many of them count: what an earlier run of the day left behind them does not.

use std::collections::HashMap;

use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter, number_at, place};
use cc_devops_revenue::day::CustomerKey;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::movements::Kind;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::rows::{CUSTOMER_MOVEMENTS as ALL, DATE, DAYS, MOVEMENTS};
use super::{AT_ONCE, BillingTable};
use crate::batches::{BATCH, Pages, pages};
use crate::error::corrupt;
use crate::table::{Item, from_item, text, to_item};

#[derive(Serialize, Deserialize)]
struct MovementRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    date: Date,
    customer: String,
    currency: Currency,
    kind: Kind,
    /// Exact: an integer or a fraction of minor units.
    before: Exact,
    after: Exact,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscriptions: Option<Vec<String>>,
}

/// The partition of a customer's movements.
fn partition_of(customer: &str) -> String {
    format!("{ALL} of {customer}")
}

fn sort_key(place: Cursor) -> String {
    format!("{:016}", place.0)
}

fn items_of(place: Cursor, movement: &CustomerMovement) -> PortResult<[Item; 2]> {
    let row = |pk: String| {
        to_item(&MovementRow {
            pk,
            sk: sort_key(place),
            date: movement.date,
            customer: movement.key.customer.clone(),
            currency: movement.key.currency,
            kind: movement.kind,
            before: movement.before,
            after: movement.after,
            subscriptions: movement.subscriptions.clone(),
        })
    };
    Ok([row(ALL.to_owned())?, row(partition_of(&movement.key.customer))?])
}

fn movement_of(item: Item) -> PortResult<(Cursor, CustomerMovement)> {
    let row: MovementRow = from_item(item, "a customer's movement")?;
    let place = row
        .sk
        .parse()
        .map_err(|_| corrupt("the key of a customer's movement"))?;
    let movement = CustomerMovement {
        date: row.date,
        key: CustomerKey {
            customer: row.customer,
            currency: row.currency,
        },
        kind: row.kind,
        before: row.before,
        after: row.after,
        subscriptions: row.subscriptions,
    };
    Ok((Cursor(place), movement))
}

impl BillingTable {
    pub(super) async fn put_movements(&self, date: Date, first: u32, movements: &[CustomerMovement]) -> PortResult<()> {
        let mut items = Vec::with_capacity(movements.len() * 2);
        for (number, movement) in (first..).zip(movements) {
            items.extend(items_of(place(date, number), movement)?);
        }
        let batches: Vec<Vec<Item>> = items.chunks(BATCH).map(<[Item]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.put_batch(batch))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    pub(super) async fn page_of_movements(
        &self,
        wanted: &MovementFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<CustomerMovement>> {
        let mut found: Vec<(Cursor, CustomerMovement)> = Vec::new();
        let span = wanted.places().map(|(first, last)| {
            let behind = after.map_or(first, |after| first.max(Cursor(after.0.saturating_add(1))));
            (behind, last)
        });
        if let Some((first, last)) = span.filter(|(first, last)| first <= last) {
            let counted = self.movements_of_days(wanted).await?;
            let partition = wanted.customer.as_deref().map_or_else(|| ALL.to_owned(), partition_of);
            let mut pages = Pages::new(|| {
                self.query(&partition, "SK BETWEEN :first AND :last")
                    .expression_attribute_values(":first", text(sort_key(first)))
                    .expression_attribute_values(":last", text(sort_key(last)))
            });
            // One more than asked for tells whether there are more.
            let asked = i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX);
            while found.len() <= limit
                && let Some(items) = pages.next(asked).await?
            {
                for item in items {
                    let (at, movement) = movement_of(item)?;
                    let counts = counted.get(&movement.date).is_some_and(|count| number_at(at) < *count);
                    if counts && wanted.wants(movement.kind, &movement.key.customer) {
                        found.push((at, movement));
                    }
                }
            }
        }
        let more = found.len() > limit;
        found.truncate(limit);
        Ok(Page {
            next: found.last().filter(|_| more).map(|(at, _)| *at),
            items: found.into_iter().map(|(_, movement)| movement).collect(),
        })
    }

    /// How many movements of each day count.
    async fn movements_of_days(&self, wanted: &MovementFilter) -> PortResult<HashMap<Date, u32>> {
        // Dates outside these four digits do not sort as text.
        let from = wanted.from.max(date(0, 1, 1));
        let query = || {
            self.query(DAYS, "SK BETWEEN :from AND :until")
                .expression_attribute_values(":from", text(from.to_string()))
                .expression_attribute_values(":until", text(wanted.until.to_string()))
                .projection_expression("#date, #movements")
                .expression_attribute_names("#date", DATE)
                .expression_attribute_names("#movements", MOVEMENTS)
        };
        let items = if from > wanted.until {
            Vec::new()
        } else {
            pages(query, usize::MAX).await?
        };
        let count = |item: &Item| {
            let date = item.get(DATE)?.as_s().ok()?.parse().ok()?;
            Some((date, item.get(MOVEMENTS)?.as_n().ok()?.parse().ok()?))
        };
        Ok(items.iter().filter_map(count).collect())
    }
}
