//! Subscriptions and their items.

use std::borrow::Cow;

use cc_devops_revenue::figure::{ErrorCode, Figure, FigureError};
use cc_devops_revenue::model::{Cancels, Collection, CustomerDiscounts, Item, Price, PriceRef, Status, Subscription};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Terms;
use super::coupon::{WireDiscount, discounts};
use super::customer::WireCustomer;
use super::name::{customer_of, id_of};
use super::other::{other_object, without_place};
use super::price::{WirePlan, WirePrice};
use super::schedule::schedule;
use super::tax_rates::{TaxRates, tax_rates};
use super::wire::{Expandable, IdOf, Number, Text, currency};
use cc_devops_revenue::outlook::figure_with_outlook;

type Discounts<'a> = Vec<Expandable<'a, WireDiscount<'a>>>;

/// A subscription as it is sent.
#[derive(Debug, Deserialize)]
struct WireSubscription<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    object: Option<Text<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    customer: Option<Expandable<'a, WireCustomer<'a>>>,
    #[serde(borrow)]
    customer_account: Option<IdOf<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    start_date: Option<i64>,
    created: Option<i64>,
    /// The start's name in the oldest shape.
    start: Option<i64>,
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
    /// Not in the oldest shape, which has a plan of its own.
    #[serde(borrow)]
    items: Option<Items<'a>>,
    /// Read only if there are no items.
    #[serde(borrow)]
    plan: Option<&'a RawValue>,
    quantity: Option<u64>,
    #[serde(borrow)]
    application_fee_percent: Option<Number<'a>>,
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
    data: Option<Vec<WireItem<'a>>>,
    has_more: Option<bool>,
    next_page: Option<IgnoredAny>,
}

/// An item as it is sent.
#[derive(Debug, Default, Deserialize)]
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
    match read_whole(json, more_items) {
        Ok(subscription) => {
            figure_with_outlook(&subscription, terms.catalog, terms.options, terms.as_of, terms.explain)
        }
        Err(error) => unreadable(json, &error),
    }
}

/// The figure of what is no subscription, with its names as far as they can be read.
fn unreadable<'a>(json: &'a [u8], error: &serde_json::Error) -> Figure<'a> {
    let message = other_object(json)
        .unwrap_or_else(|| format!("not a subscription as Stripe sends it: {}", without_place(error)));
    let (id, customer) = name_of(json);
    Figure::failed(id, customer, FigureError::new(ErrorCode::Unreadable, message))
}

/// Reads a subscription with further items that it was sent without.
pub(super) fn read_whole<'a>(
    json: &'a [u8],
    more_items: &'a [Box<RawValue>],
) -> Result<Subscription<'a>, serde_json::Error> {
    let mut subscription = read_subscription(json)?;
    for item in more_items {
        let item: WireItem<'_> = serde_json::from_str(item.get())?;
        subscription.items.push(item.read()?);
        subscription.items_missing = false;
    }
    Ok(subscription)
}

/// Whose figure it would have been.
pub(super) fn name_of(json: &[u8]) -> (Cow<'_, str>, Cow<'_, str>) {
    (id_of(json).unwrap_or_default(), customer_of(json).unwrap_or_default())
}

impl<'a> WireSubscription<'a> {
    fn read(self) -> Result<Subscription<'a>, serde_json::Error> {
        use serde::de::Error as _;
        // A schedule's id looks like a subscription's: what an object says of itself decides.
        if self.object.is_some_and(|object| object.0 != "subscription") {
            return Err(serde_json::Error::custom("it is another object"));
        }
        let items_missing = self.items.as_ref().is_some_and(Items::are_more);
        let items = match (self.items, self.plan) {
            (Some(items), _) => items.data.unwrap_or_default(),
            (None, Some(_)) => vec![WireItem {
                quantity: self.quantity,
                plan: self.plan,
                ..WireItem::default()
            }],
            (None, None) => Vec::new(),
        };
        let item_periods = items.iter().filter_map(WireItem::period);
        let period = item_periods
            .max()
            .or(self.current_period_start.zip(self.current_period_end));
        let invoice_paid = |invoice: Expandable<'_, Invoice<'_>>| match invoice {
            Expandable::Id(_) => None,
            Expandable::Object(invoice) => Some(invoice.paid()),
        };
        let (customer, customer_discounts, country) = match (self.customer, self.customer_account) {
            (Some(Expandable::Object(customer)), _) => {
                let customer = customer.read();
                (
                    customer.id,
                    CustomerDiscounts::Known(customer.discounts),
                    customer.country,
                )
            }
            (Some(Expandable::Id(id)), _) => (id, CustomerDiscounts::NotSent, None),
            (None, Some(account)) => (account.into_id(), CustomerDiscounts::NotSent, None),
            (None, None) => (Cow::default(), CustomerDiscounts::Known(Vec::new()), None),
        };
        let fee = self.application_fee_percent.map(|percent| {
            let exact = percent.exact();
            exact.ok_or_else(|| serde_json::Error::custom("`application_fee_percent` is no number"))
        });
        Ok(Subscription {
            id: self.id.0,
            country,
            customer,
            customer_discounts,
            application_fee_percent: fee.transpose()?,
            currency: currency(self.currency.as_ref()),
            status: Status::from(&*self.status.0),
            start: self.start_date.or(self.created).or(self.start),
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
            items: items.into_iter().map(WireItem::read).collect::<Result<_, _>>()?,
            items_missing,
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

impl Items<'_> {
    fn are_more(&self) -> bool {
        self.has_more.unwrap_or(false) || self.next_page.is_some()
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
            (Some(Expandable::Object(price)), Some(sent)) if price.recurs() => {
                let beside = || match plan(sent) {
                    Ok(Expandable::Object(plan)) => Some(plan),
                    _ => None,
                };
                PriceRef::Sent(price.with_tiers_of(beside))
            }
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
