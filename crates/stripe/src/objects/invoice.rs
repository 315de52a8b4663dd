//! Invoices and their lines, as far as they tell what a subscription was.
//!
//! Since 2025-03-31 a line says in `parent.subscription_item_details` (or `parent.invoice_item_details`) what it is
//! about, and has its price in `pricing.price_details`; before, `subscription`, `subscription_item`, `proration` and
//! `price` stand on the line itself. Source: <https://docs.stripe.com/api/invoice-line-item/object>.

use std::sync::Arc;

use cc_devops_revenue::model::{Price, PriceRef};
use cc_devops_revenue::past::{Billed, BilledLine, PastDiscount};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::past::past_discount;
use super::read_price;
use super::wire::{Expandable, IdOf, Number, Text};
use crate::client::Listed;

/// An invoice of a list.
#[derive(Debug, Clone)]
pub struct ListedInvoice {
    id: String,
    created: i64,
    /// The subscription it is of, if it is of one.
    pub subscription: Option<String>,
    /// Whether it is the first of its subscription.
    pub is_first: bool,
    /// When it was paid.
    pub paid_at: Option<i64>,
    /// Whether that was more than nothing.
    pub paid_something: bool,
    /// The discounts on the whole of it.
    pub discounts: Vec<PastDiscount>,
    /// Its lines, as far as they came.
    pub lines: Vec<InvoiceLine>,
    /// The last line that came, where there are more.
    pub last_of_more: Option<String>,
}

/// A line of an invoice, or an invoice item that is on none yet.
#[derive(Debug, Clone)]
pub struct InvoiceLine {
    id: String,
    /// The subscription it is of; none where the invoice says it.
    pub subscription: Option<String>,
    /// What it shows; none where it is of no subscription's item.
    pub billed: Option<Billed>,
    /// Its own discounts.
    pub discounts: Vec<PastDiscount>,
}

/// An invoice item of a list.
#[derive(Debug, Clone)]
pub struct ListedInvoiceItem {
    created: i64,
    /// What it shows.
    pub line: InvoiceLine,
}

#[derive(Deserialize)]
struct WireInvoice<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default)]
    created: i64,
    #[serde(borrow)]
    subscription: Option<IdOf<'a>>,
    #[serde(borrow)]
    parent: Option<InvoiceParent<'a>>,
    #[serde(borrow)]
    billing_reason: Option<Text<'a>>,
    #[serde(borrow)]
    amount_paid: Option<Number<'a>>,
    status_transitions: Option<StatusTransitions>,
    #[serde(borrow)]
    discounts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    discount: Option<&'a RawValue>,
    #[serde(borrow)]
    lines: Option<WireLines<'a>>,
}

#[derive(Deserialize)]
struct InvoiceParent<'a> {
    #[serde(borrow)]
    subscription_details: Option<Details<'a>>,
}

#[derive(Deserialize)]
struct StatusTransitions {
    paid_at: Option<i64>,
}

#[derive(Deserialize)]
struct WireLines<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    has_more: Option<bool>,
}

#[derive(Deserialize)]
struct WireLine<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    period: Option<Period>,
    quantity: Option<u64>,
    #[serde(borrow)]
    amount: Option<Number<'a>>,
    #[serde(borrow)]
    discounts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    parent: Option<LineParent<'a>>,
    #[serde(borrow)]
    pricing: Option<Pricing<'a>>,
    // The shape of before.
    #[serde(borrow)]
    subscription: Option<IdOf<'a>>,
    #[serde(borrow)]
    subscription_item: Option<Text<'a>>,
    proration: Option<bool>,
    proration_details: Option<ProrationDetails>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    plan: Option<&'a RawValue>,
    /// Only of an invoice item.
    date: Option<i64>,
}

#[derive(Deserialize)]
struct Period {
    start: i64,
    end: i64,
}

#[derive(Deserialize)]
struct LineParent<'a> {
    #[serde(borrow)]
    subscription_item_details: Option<Details<'a>>,
    #[serde(borrow)]
    invoice_item_details: Option<Details<'a>>,
    /// Of an invoice item.
    #[serde(borrow)]
    subscription_details: Option<Details<'a>>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    subscription: Option<IdOf<'a>>,
    #[serde(borrow)]
    subscription_item: Option<Text<'a>>,
    proration: Option<bool>,
    proration_details: Option<ProrationDetails>,
}

#[derive(Deserialize)]
struct ProrationDetails {
    credited_items: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Pricing<'a> {
    #[serde(borrow)]
    price_details: Option<PriceDetails<'a>>,
}

#[derive(Deserialize)]
struct PriceDetails<'a> {
    #[serde(borrow)]
    price: Option<&'a RawValue>,
}

/// A price by its id, or as it was sent.
fn price_of(json: &RawValue) -> Option<PriceRef<'static>> {
    if let Ok(Expandable::<IgnoredAny>::Id(id)) = serde_json::from_str(json.get()) {
        return Some(PriceRef::Id(id.into_owned().into()));
    }
    let price = read_price(json.get().as_bytes()).ok()?;
    Some(PriceRef::Sent(Price::into_owned(price)))
}

impl WireLine<'_> {
    fn read(self, created: i64) -> InvoiceLine {
        let parent = self.parent.as_ref();
        let details = parent.and_then(|parent| {
            let of_item = parent.subscription_item_details.as_ref();
            let of_line = of_item.or(parent.invoice_item_details.as_ref());
            of_line.or(parent.subscription_details.as_ref())
        });
        let subscription = self.subscription.as_ref().map(id_of);
        let subscription = subscription.or_else(|| details?.subscription.as_ref().map(id_of));
        let item = self.subscription_item.as_ref();
        let item = item.or_else(|| details?.subscription_item.as_ref());
        let item: Arc<str> = Arc::from(item.map_or("", |item| &*item.0));
        let prorated = self.proration.or_else(|| details?.proration).unwrap_or(false) || self.date.is_some();
        let credited = self.proration_details.as_ref();
        let credited = credited.or_else(|| details?.proration_details.as_ref());
        let credited = credited.is_some_and(|details| details.credited_items.is_some());
        let negative = self.amount.is_some_and(|amount| amount.text().starts_with('-'));
        let line = match (prorated, negative || credited) {
            (false, _) => BilledLine::Period,
            (true, true) => BilledLine::Unused,
            (true, false) => BilledLine::Rest,
        };
        let pricing = self
            .pricing
            .as_ref()
            .and_then(|pricing| pricing.price_details.as_ref()?.price);
        let price = pricing.or(self.price).or(self.plan).and_then(price_of);
        // What somebody put on an invoice by hand is of no item.
        let of_an_item = !item.is_empty() || prorated;
        let billed = self
            .period
            .as_ref()
            .zip(price)
            .filter(|_| of_an_item)
            .map(|(period, price)| Billed {
                item: Arc::clone(&item),
                at: period.start,
                until: period.end,
                line,
                price,
                quantity: self.quantity,
            });
        let of = (!item.is_empty()).then_some(&item);
        let discounts = self.discounts.iter().flatten();
        let discounts = discounts.filter_map(|json| past_discount(json, of, created)).collect();
        InvoiceLine {
            id: self.id.0.clone().into_owned(),
            subscription,
            billed,
            discounts,
        }
    }
}

fn id_of(sent: &IdOf<'_>) -> String {
    match sent {
        Expandable::Id(id) => id.clone().into_owned(),
        Expandable::Object(object) => object.id().to_owned(),
    }
}

impl InvoiceLine {
    /// Reads a line.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(json: &RawValue, created: i64) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<WireLine<'_>>(json.get()).map(|line| line.read(created))
    }
}

impl<'de> Deserialize<'de> for ListedInvoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let sent: WireInvoice<'_> = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        let created = sent.created;
        let details = sent
            .parent
            .as_ref()
            .and_then(|parent| parent.subscription_details.as_ref());
        let subscription = sent.subscription.as_ref().or_else(|| details?.subscription.as_ref());
        let subscription = subscription.map(id_of);
        let (sent_lines, more) = sent
            .lines
            .map_or_else(Default::default, |lines| (lines.data, lines.has_more.unwrap_or(false)));
        let lines: Result<Vec<InvoiceLine>, _> = sent_lines
            .into_iter()
            .map(|line| InvoiceLine::read(line, created))
            .collect();
        let lines = lines.map_err(D::Error::custom)?;
        let discounts = sent.discounts.iter().flatten().copied().chain(sent.discount);
        Ok(Self {
            id: sent.id.0.into_owned(),
            created,
            subscription,
            is_first: sent
                .billing_reason
                .is_some_and(|reason| reason.0 == "subscription_create"),
            paid_at: sent.status_transitions.and_then(|transitions| transitions.paid_at),
            paid_something: sent
                .amount_paid
                .is_some_and(|amount| amount.exact().is_some_and(|amount| amount.is_positive())),
            discounts: discounts
                .filter_map(|json| past_discount(json, None, created))
                .collect(),
            last_of_more: lines.last().filter(|_| more).map(|line| line.id.clone()),
            lines,
        })
    }
}

impl Listed for ListedInvoice {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl<'de> Deserialize<'de> for ListedInvoiceItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let sent: WireLine<'_> = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        let created = sent.date.unwrap_or_default();
        Ok(Self {
            created,
            line: sent.read(created),
        })
    }
}

impl Listed for ListedInvoiceItem {
    fn id(&self) -> &str {
        &self.line.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}
