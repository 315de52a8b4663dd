//! Subscriptions and their items.

use std::borrow::Cow;

use cc_devops_revenue::figure::{Figure, figure};
use cc_devops_revenue::model::{Cancels, Collection, Item, Price, PriceRef, Status, Subscription, TaxRate};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Terms;
use super::coupon::{WireDiscount, discounts};
use super::price::{WirePlan, WirePrice};
use super::schedule::schedule;
use super::wire::{Expandable, IdOf, Number, Text, WireTaxRate, currency};

type Discounts<'a> = Vec<Expandable<'a, WireDiscount<'a>>>;
pub(super) type TaxRates<'a> = Vec<Expandable<'a, WireTaxRate<'a>>>;

/// A subscription as it is sent.
#[derive(Debug, Deserialize)]
struct WireSubscription<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    customer: Option<IdOf<'a>>,
    #[serde(borrow)]
    customer_account: Option<IdOf<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    start_date: Option<i64>,
    created: Option<i64>,
    trial_end: Option<i64>,
    cancel_at_period_end: Option<bool>,
    cancel_at: Option<i64>,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    pause_collection: Option<IgnoredAny>,
    #[serde(borrow)]
    collection_method: Option<Text<'a>>,
    #[serde(borrow)]
    latest_invoice: Option<Expandable<'a, Invoice<'a>>>,
    automatic_tax: Option<AutomaticTax>,
    #[serde(borrow)]
    items: Items<'a>,
    #[serde(borrow)]
    discount: Option<Expandable<'a, WireDiscount<'a>>>,
    #[serde(borrow)]
    discounts: Option<Discounts<'a>>,
    #[serde(borrow)]
    default_tax_rates: Option<TaxRates<'a>>,
    /// Read for itself: a schedule that cannot be read does not hide what the subscription is worth now.
    #[serde(borrow)]
    schedule: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Invoice<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    amount_paid: Option<Number<'a>>,
}

#[derive(Debug, Deserialize)]
struct AutomaticTax {
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    data: Vec<WireItem<'a>>,
    has_more: Option<bool>,
}

/// An item as it is sent.
#[derive(Debug, Deserialize)]
struct WireItem<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    quantity: Option<u64>,
    #[serde(borrow)]
    price: Option<Expandable<'a, WirePrice<'a>>>,
    /// Read only if there is no price: every shape but the oldest has both.
    #[serde(borrow)]
    plan: Option<&'a RawValue>,
    #[serde(borrow)]
    discounts: Option<Discounts<'a>>,
    #[serde(borrow)]
    tax_rates: Option<TaxRates<'a>>,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    current_trial: Option<CurrentTrial>,
}

#[derive(Debug, Deserialize)]
struct CurrentTrial {
    end_date: Option<i64>,
}

/// Reads a subscription from its JSON. Texts are borrowed from it.
///
/// # Errors
/// If it is not a subscription in any known shape.
pub fn read_subscription(json: &[u8]) -> Result<Subscription<'_>, serde_json::Error> {
    let sent: WireSubscription<'_> = serde_json::from_slice(json)?;
    sent.read()
}

/// The figure of a subscription in JSON, with further items that it was sent without. Never fails as a
/// whole: what cannot be read is a figure with an error, with its id if that can be found.
pub fn figure_of<'a>(json: &'a [u8], more_items: &'a [Box<RawValue>], terms: Terms<'_>) -> Figure<'a> {
    let read = read_subscription(json).and_then(|mut subscription| {
        for item in more_items {
            let item: WireItem<'_> = serde_json::from_str(item.get())?;
            subscription.items.push(item.read()?);
            subscription.items_missing = false;
        }
        Ok(subscription)
    });
    match read {
        Ok(subscription) => figure(&subscription, terms.catalog, terms.options, terms.as_of, terms.explain),
        Err(error) => {
            let (id, customer) = name_of(json);
            Figure::unreadable(id, customer, &error.to_string())
        }
    }
}

/// Whose figure it would have been.
fn name_of(json: &[u8]) -> (Cow<'_, str>, Cow<'_, str>) {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        id: Option<Text<'a>>,
    }
    #[derive(Deserialize)]
    struct Owner<'a> {
        #[serde(borrow)]
        customer: Option<IdOf<'a>>,
    }
    // One by one, so that one that is wrong does not hide the other.
    let id = serde_json::from_slice(json).ok().and_then(|head: Head<'_>| head.id);
    let customer = serde_json::from_slice(json)
        .ok()
        .and_then(|owner: Owner<'_>| owner.customer);
    (
        id.unwrap_or_default().0,
        customer.map(Expandable::into_id).unwrap_or_default(),
    )
}

impl<'a> WireSubscription<'a> {
    fn read(self) -> Result<Subscription<'a>, serde_json::Error> {
        let item_periods = self.items.data.iter().filter_map(WireItem::period);
        let period = item_periods
            .max()
            .or(self.current_period_start.zip(self.current_period_end));
        let invoice_paid = |invoice: Expandable<'_, Invoice<'_>>| match invoice {
            Expandable::Id(_) => None,
            Expandable::Object(invoice) => Some(invoice.paid()),
        };
        Ok(Subscription {
            id: self.id.0,
            customer: self
                .customer
                .or(self.customer_account)
                .map(Expandable::into_id)
                .unwrap_or_default(),
            country: None,
            currency: currency(self.currency.as_ref()),
            status: Status::from(&*self.status.0),
            start: self.start_date.or(self.created),
            trial_end: self.trial_end,
            cancels: match (self.cancel_at, self.cancel_at_period_end) {
                (Some(time), _) => Some(Cancels::At(time)),
                (None, Some(true)) => Some(Cancels::AtPeriodEnd),
                _ => None,
            },
            period,
            collection_paused: self.pause_collection.is_some(),
            collection: match self.collection_method {
                Some(method) if method.0 == "send_invoice" => Collection::ByInvoice,
                _ => Collection::Automatic,
            },
            latest_invoice_paid: self.latest_invoice.and_then(invoice_paid),
            automatic_tax: self.automatic_tax.and_then(|tax| tax.enabled).unwrap_or(false),
            items: self
                .items
                .data
                .into_iter()
                .map(WireItem::read)
                .collect::<Result<_, _>>()?,
            items_missing: self.items.has_more.unwrap_or(false),
            discounts: discounts(self.discounts, self.discount),
            default_tax_rates: tax_rates(self.default_tax_rates),
            schedule: self.schedule.map(schedule),
        })
    }
}

impl Invoice<'_> {
    /// Whether something was paid: the invoice of a trial is paid, with nothing.
    fn paid(&self) -> bool {
        let paid = self.status.as_ref().is_some_and(|status| status.0 == "paid");
        paid && self
            .amount_paid
            .is_none_or(|amount| amount.exact().is_some_and(|amount| amount.is_positive()))
    }
}

impl<'a> WireItem<'a> {
    fn period(&self) -> Option<(i64, i64)> {
        self.current_period_start.zip(self.current_period_end)
    }

    fn read(self) -> Result<Item<'a>, serde_json::Error> {
        let plan = |plan: &'a RawValue| serde_json::from_str::<Expandable<'a, WirePlan<'a>>>(plan.get());
        let price = match (self.price, self.plan) {
            (Some(Expandable::Object(price)), None) => PriceRef::Sent(price.into()),
            (Some(Expandable::Object(price)), Some(_)) if price.recurs() => PriceRef::Sent(price.into()),
            (Some(Expandable::Id(id)), None) => PriceRef::Id(id),
            (_, Some(sent)) => match plan(sent)? {
                Expandable::Object(plan) => PriceRef::Sent(Price::from(plan)),
                Expandable::Id(id) => PriceRef::Id(id),
            },
            (None, None) => return Err(serde::de::Error::custom("an item has neither `price` nor `plan`")),
        };
        Ok(Item {
            id: self.id.unwrap_or_default().0,
            quantity: self.quantity.unwrap_or(1),
            // A trial without an end lasts.
            trial_until: self.current_trial.map(|trial| trial.end_date.unwrap_or(i64::MAX)),
            price,
            discounts: discounts(self.discounts, None),
            tax_rates: tax_rates(self.tax_rates),
        })
    }
}

pub(super) fn tax_rates(sent: Option<TaxRates<'_>>) -> Vec<TaxRate> {
    sent.unwrap_or_default().into_iter().map(TaxRate::from).collect()
}
