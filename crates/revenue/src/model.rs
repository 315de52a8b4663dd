//! What a subscription is made of, as far as its figure needs it. Texts may be borrowed from the input.

use std::borrow::Cow;
use std::collections::HashMap;

use super::borrowed::owned;
pub use super::coupon::{Coupon, CouponRef, Discount, Duration, Off};
use super::currency::Currency;
use super::money::Exact;

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The customer's id; empty if there is none.
    pub customer: Cow<'a, str>,
    /// The customer's country, two letters; `None` where that was not sent along.
    pub country: Option<Cow<'a, str>>,
    /// Its currency; `None` if it is not told or not a currency.
    pub currency: Option<Currency>,
    /// Where it stands in its life.
    pub status: Status,
    /// When it began, in Unix seconds.
    pub start: Option<i64>,
    /// When its trial ended or will end, in Unix seconds.
    pub trial_end: Option<i64>,
    /// The cancellation that was asked for.
    pub cancels: Option<Cancels>,
    /// When the current period began and ends, in Unix seconds: of the item whose period began last.
    pub period: Option<(i64, i64)>,
    /// Whether the collection of its payments is paused.
    pub collection_paused: bool,
    /// How its payments are collected.
    pub collection: Collection,
    /// Whether its latest invoice was paid; `None` if that was not sent along.
    pub latest_invoice_paid: Option<bool>,
    /// Whether Stripe works out its taxes invoice by invoice.
    pub automatic_tax: bool,
    /// Its items.
    pub items: Vec<Item<'a>>,
    /// Whether it has more items than these.
    pub items_missing: bool,
    /// The discounts of the whole, in Stripe's order.
    pub discounts: Vec<Discount<'a>>,
    /// The customer's own discounts, which count where the subscription has none.
    pub customer_discounts: CustomerDiscounts<'a>,
    /// The share of each payment, in hundredths, that goes to a platform; `None` if none.
    pub application_fee_percent: Option<Exact>,
    /// The tax rates of items that have none.
    pub default_tax_rates: Vec<TaxRate>,
    /// What its schedule does next; `None` if it has no schedule.
    pub schedule: Option<Schedule<'a>>,
}

/// What is planned for a subscription. Source: <https://docs.stripe.com/api/subscription_schedules/object>.
#[derive(Debug, Clone)]
pub struct Schedule<'a> {
    /// The phase after the current one.
    pub next: PhaseRef<'a>,
    /// Whether the subscription ends with the schedule.
    pub ends: bool,
}

/// The next phase of a schedule, or what is known of it.
#[derive(Debug, Clone)]
pub enum PhaseRef<'a> {
    /// There is none.
    None,
    /// As it was sent along.
    Sent(Phase<'a>),
    /// The schedule was sent as its id only.
    NotSent,
}

/// A phase of a schedule.
#[derive(Debug, Clone)]
pub struct Phase<'a> {
    /// When it begins, in Unix seconds.
    pub start: i64,
    /// Its items.
    pub items: Vec<Item<'a>>,
    /// Its discounts.
    pub discounts: Vec<Discount<'a>>,
}

/// The discounts of a subscription's customer.
#[derive(Debug, Clone)]
pub enum CustomerDiscounts<'a> {
    /// The customer was sent along, or there is none.
    Known(Vec<Discount<'a>>),
    /// The customer is only an id: to be looked up.
    NotSent,
}

/// Where a subscription stands. Source: <https://docs.stripe.com/api/subscriptions/object>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// In good standing.
    Active,
    /// The latest invoice is overdue.
    PastDue,
    /// In its trial.
    Trialing,
    /// Invoices are no longer collected.
    Unpaid,
    /// Ended.
    Canceled,
    /// The first payment is open.
    Incomplete,
    /// The first payment never came.
    IncompleteExpired,
    /// The trial ended without a means of payment.
    Paused,
    /// One that Stripe added later.
    Other(Box<str>),
}

/// When a subscription will be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancels {
    /// When its current period ends.
    AtPeriodEnd,
    /// At this moment, in Unix seconds.
    At(i64),
}

/// How payments are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// By Stripe: a subscription becomes active when its first invoice is paid.
    Automatic,
    /// The customer pays invoices: a subscription is active before.
    ByInvoice,
}

/// One line of a subscription.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// How many units.
    pub quantity: u64,
    /// Until when it is in a trial of its own, in Unix seconds.
    pub trial_until: Option<i64>,
    /// Its price.
    pub price: PriceRef<'a>,
    /// Its own discounts, in Stripe's order.
    pub discounts: Vec<Discount<'a>>,
    /// Its own tax rates.
    pub tax_rates: Vec<TaxRate>,
}

impl<'a> Item<'a> {
    /// Takes the price from the one of `others` that was sent with it, where this one has only its id.
    pub(super) fn take_price_of(&mut self, others: &[Item<'a>]) {
        let PriceRef::Id(id) = &self.price else { return };
        let sent = others.iter().find_map(|other| match &other.price {
            PriceRef::Sent(price) if price.id == *id => Some(price.clone()),
            _ => None,
        });
        if let Some(price) = sent {
            self.price = PriceRef::Sent(price);
        }
    }
}

/// A price, or only its id.
#[derive(Debug, Clone)]
pub enum PriceRef<'a> {
    /// As it was sent along.
    Sent(Price<'a>),
    /// To be looked up.
    Id(Cow<'a, str>),
}

/// What a unit costs, how often.
#[derive(Debug, Clone)]
pub struct Price<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The product's id; empty if it is not told.
    pub product: Cow<'a, str>,
    /// The currency of `charge`.
    pub currency: Option<Currency>,
    /// How often it is charged.
    pub interval: Interval,
    /// Every how many intervals; 0 if it is not told.
    pub interval_count: u32,
    /// What its quantity means.
    pub usage: Usage,
    /// Whether taxes are within it.
    pub tax: TaxBehavior,
    /// What it charges.
    pub charge: Charge,
    /// What it charges in other currencies.
    pub currency_options: Vec<(Currency, Charge)>,
    /// Whether taxes are within it in other currencies, where that was said.
    pub currency_taxes: Vec<(Currency, TaxBehavior)>,
    /// How a quantity becomes packages.
    pub packages: Option<Packages>,
}

/// What a price's quantity means. Source: <https://docs.stripe.com/api/prices/object>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    /// So many units are billed each time.
    Licensed,
    /// What was used is billed: it does not recur.
    Metered,
    /// One that Stripe added later.
    Other(Box<str>),
}

/// Whether taxes are within a price. Source: <https://docs.stripe.com/api/prices/object>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxBehavior {
    /// They come on top, or nothing was said.
    Exclusive,
    /// They are within it.
    Inclusive,
    /// The account's settings decide, which are not sent along.
    Unspecified,
}

/// How often a price is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interval {
    /// Daily.
    Day,
    /// Weekly.
    Week,
    /// Monthly.
    Month,
    /// Yearly.
    Year,
    /// One that Stripe added later; empty if the price does not recur.
    Other(Box<str>),
}

/// What a price charges. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// This much for each unit.
    PerUnit(Exact),
    /// Each tier's amount for the units in it.
    Graduated(Vec<Tier>),
    /// The amount of the tier the quantity is in, for all units.
    Volume(Vec<Tier>),
    /// By tiers that were not sent along.
    TiersMissing,
    /// No amount, or one in a form that is not known.
    Unknown,
}

/// A step of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// The last unit in it; `None` if it has no end.
    pub up_to: Option<u64>,
    /// For each unit, in minor units.
    pub unit: Exact,
    /// For the tier as a whole, in minor units.
    pub flat: Exact,
}

/// Packages in place of single units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packages {
    /// How many units a package has; 0 cannot be computed with.
    pub size: u64,
    /// Whether a package that was begun counts.
    pub round_up: bool,
}

/// A tax rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxRate {
    /// Comes on top of the price.
    Exclusive,
    /// This many hundredths, within the price.
    Inclusive(Exact),
    /// Was sent as its id only, or cannot be read.
    Unknown,
}

/// Prices and coupons by id, for what subscriptions are sent without.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Prices with their tiers.
    pub prices: HashMap<String, Price<'static>>,
    /// Coupons with their products and their amounts in other currencies.
    pub coupons: HashMap<String, Coupon<'static>>,
    /// The customers that are known, with their own discounts.
    pub customers: HashMap<Box<str>, Vec<Discount<'static>>>,
    /// The countries of those customers of whom one is known.
    pub countries: HashMap<Box<str>, Box<str>>,
    /// Whether these are all coupons there are. Then one that is not among them was deleted, and the
    /// products it applies to are not known.
    pub coupons_complete: bool,
}

impl Catalog {
    /// Adds a price.
    pub fn add_price(&mut self, price: Price<'_>) {
        let price = price.into_owned();
        self.prices.insert(price.id.clone().into_owned(), price);
    }

    /// Adds a coupon.
    pub fn add_coupon(&mut self, coupon: Coupon<'_>) {
        let coupon = coupon.into_owned();
        self.coupons.insert(coupon.id.clone().into_owned(), coupon);
    }

    /// Adds a customer, with the discounts that are the customer's own and the country.
    pub fn add_customer(&mut self, id: &str, discounts: Vec<Discount<'_>>, country: Option<&str>) {
        let discounts = discounts.into_iter().map(Discount::into_owned).collect();
        self.customers.insert(id.into(), discounts);
        if let Some(country) = country {
            self.countries.insert(id.into(), country.into());
        }
    }
}

impl Price<'_> {
    /// The price with texts of its own.
    pub fn into_owned(self) -> Price<'static> {
        Price {
            id: owned(self.id),
            product: owned(self.product),
            currency: self.currency,
            interval: self.interval,
            interval_count: self.interval_count,
            usage: self.usage,
            tax: self.tax,
            charge: self.charge,
            currency_options: self.currency_options,
            currency_taxes: self.currency_taxes,
            packages: self.packages,
        }
    }
}

impl Status {
    /// As Stripe writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Trialing => "trialing",
            Self::Unpaid => "unpaid",
            Self::Canceled => "canceled",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Paused => "paused",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for Status {
    fn from(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            "trialing" => Self::Trialing,
            "unpaid" => Self::Unpaid,
            "canceled" => Self::Canceled,
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "paused" => Self::Paused,
            other => Self::Other(other.into()),
        }
    }
}

impl From<&str> for Usage {
    fn from(text: &str) -> Self {
        match text {
            "licensed" => Self::Licensed,
            "metered" => Self::Metered,
            other => Self::Other(other.into()),
        }
    }
}

impl From<&str> for Interval {
    fn from(text: &str) -> Self {
        match text {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            other => Self::Other(other.into()),
        }
    }
}

impl Interval {
    /// As Stripe writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Other(text) => text,
        }
    }
}
