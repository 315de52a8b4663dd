//! Subscriptions with texts of their own.

use crate::borrowed::owned as owned_text;
use crate::model::{CustomerDiscounts, Discount, Item, PriceRef, Subscription};

/// The subscription with texts of its own.
pub fn owned(subscription: Subscription<'_>) -> Subscription<'static> {
    Subscription {
        id: owned_text(subscription.id),
        customer: owned_text(subscription.customer),
        country: subscription.country.map(owned_text),
        currency: subscription.currency,
        status: subscription.status,
        start: subscription.start,
        trial_end: subscription.trial_end,
        cancels: subscription.cancels,
        period: subscription.period,
        collection_paused: subscription.collection_paused,
        collection: subscription.collection,
        latest_invoice_paid: subscription.latest_invoice_paid,
        automatic_tax: subscription.automatic_tax,
        items: subscription.items.into_iter().map(item).collect(),
        items_missing: subscription.items_missing,
        discounts: subscription.discounts.into_iter().map(discount).collect(),
        customer_discounts: match subscription.customer_discounts {
            CustomerDiscounts::Known(discounts) => {
                CustomerDiscounts::Known(discounts.into_iter().map(discount).collect())
            }
            CustomerDiscounts::NotSent => CustomerDiscounts::NotSent,
        },
        application_fee_percent: subscription.application_fee_percent,
        default_tax_rates: subscription.default_tax_rates,
        // What is planned now was not what was planned then.
        schedule: None,
    }
}

fn item(item: Item<'_>) -> Item<'static> {
    Item {
        id: owned_text(item.id),
        quantity: item.quantity,
        trial_until: item.trial_until,
        price: price(item.price),
        discounts: item.discounts.into_iter().map(discount).collect(),
        tax_rates: item.tax_rates,
    }
}

fn price(price: PriceRef<'_>) -> PriceRef<'static> {
    match price {
        PriceRef::Sent(price) => PriceRef::Sent(price.into_owned()),
        PriceRef::Id(id) => PriceRef::Id(owned_text(id)),
    }
}

fn discount(discount: Discount<'_>) -> Discount<'static> {
    discount.into_owned()
}

impl PriceRef<'_> {
    /// The price's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Sent(price) => &price.id,
            Self::Id(id) => id,
        }
    }

    /// The reference with texts of its own.
    pub fn into_owned(self) -> PriceRef<'static> {
        price(self)
    }
}
