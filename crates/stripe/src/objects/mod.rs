//! Stripe's objects, in every shape its API has sent, read into the domain's types.
//!
//! Shapes differ by API version: before 2025-03-31 a subscription has one `discount`, items have a `plan`
//! and periods stand on the subscription; since then there are `discounts` and periods on the items; since
//! 2025-09-30 a discount's coupon is its `source.coupon`. Events keep the shape of their day. So all are
//! read, enums are open, what may be expanded may be an id, and numbers are read from their text.

mod coupon;
mod customer;
mod invoice;
mod listed;
mod name;
mod other;
mod past;
mod price;
mod schedule;
mod subscription;
mod tax_rates;
mod trial;
mod wire;

pub use coupon::read_coupon;
pub use customer::{Customer, read_customer};
pub use invoice::{InvoiceLine, ListedInvoice, ListedInvoiceItem};
pub use listed::{BalanceTransaction, Event, ListedCoupon, ListedItem, ListedPrice, ListedSubscription};
pub(crate) use name::{field, id_of};
pub(crate) use other::{is_another, without_place};
pub use price::read_price;
pub use subscription::{figure_of, read_subscription};
pub use trial::TrialEnd;

use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Options;

/// What decides about a subscription's figure, besides the subscription.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'s> {
    /// Prices and coupons, for what was sent without them.
    pub catalog: &'s Catalog,
    /// The policy's options.
    pub options: &'s Options,
    /// The moment the figures are of, in Unix seconds.
    pub as_of: i64,
    /// Whether lines are wanted.
    pub explain: Explain,
}
