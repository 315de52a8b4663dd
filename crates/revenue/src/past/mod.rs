//! What a billing source still knows of the past: subscriptions as they are now with the moments of their lives, and
//! what their invoices show of plans, quantities and discounts before.

mod items;
mod owned;
pub(crate) mod timeline;

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;

use super::model::{Catalog, Discount, PriceRef, Subscription};
pub use owned::owned;

/// What is known of an account's past.
#[derive(Debug, Default)]
pub struct Past {
    /// Prices and coupons, for what is known by its id.
    pub catalog: Catalog,
    /// Every subscription, ended ones too.
    pub subscriptions: Vec<PastSubscription>,
    /// What reading it took.
    pub reading: Reading,
}

/// How far the reading of a past is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Requests made, tries after a failure included.
    pub requests: u64,
    /// Subscriptions read.
    pub subscriptions: u64,
    /// Invoices and invoice items read.
    pub invoices: u64,
}

/// A billing source that remembers.
#[async_trait]
pub trait BillingPast: Send + Sync {
    /// What is known of the time from `from` (Unix seconds) until now. How far it is, is told to `progress`.
    ///
    /// # Errors
    /// What made the reading end early. `NotFound` where no key is configured.
    async fn past(&self, from: i64, progress: &mut (dyn FnMut(Reading) + Send)) -> PortResult<Past>;
}

/// A subscription with what is known of its past. Moments are Unix seconds.
#[derive(Debug, Clone)]
pub struct PastSubscription {
    /// As it is now; where it could not be read, its id and its customer's, and why.
    pub now: Result<Subscription<'static>, Unreadable>,
    /// When it was made.
    pub created: i64,
    /// Its trial, the end not in it.
    pub trial: Option<(i64, i64)>,
    /// When its cancellation was asked for.
    pub cancel_asked: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// When its first invoice was paid, where that made it active and is known.
    pub activated: Option<i64>,
    /// When an invoice with something to pay was paid first.
    pub first_paid: Option<i64>,
    /// When items that it has now were added to it, by the item's id.
    pub items_added: Vec<(String, i64)>,
    /// What was billed.
    pub billed: Vec<Billed>,
    /// Every discount that is known of, those that ended too.
    pub discounts: Vec<PastDiscount>,
}

/// A subscription in no known shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id.
    pub id: String,
    /// Its customer's.
    pub customer: String,
    /// What is wrong with it.
    pub why: String,
}

/// What a line of an invoice shows of an item.
#[derive(Debug, Clone)]
pub struct Billed {
    /// The item's id; empty where the line does not say.
    pub item: Arc<str>,
    /// When the line's period begins, in Unix seconds.
    pub at: i64,
    /// When it ends.
    pub until: i64,
    /// What it shows.
    pub line: BilledLine,
    /// The price, by its id where that is all there is.
    pub price: PriceRef<'static>,
    /// How many; none where the price has tiers, which are billed a line each.
    pub quantity: Option<u64>,
}

/// The kinds of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BilledLine {
    /// A period, paid for in full: from its beginning the item has this price and quantity.
    Period,
    /// The rest of a period after a change: from its beginning the item has this price and quantity.
    Rest,
    /// What was not used after a change: until its beginning the item had this price and quantity.
    Unused,
}

/// A discount and when it counted.
#[derive(Debug, Clone)]
pub struct PastDiscount {
    /// The item it is on; none where it is on the whole.
    pub item: Option<Arc<str>>,
    /// From when on.
    pub start: i64,
    /// Until when, as the discount itself says, or its not being there any more; that second not in it.
    pub end: Option<i64>,
    /// What it takes off.
    pub discount: Discount<'static>,
}
