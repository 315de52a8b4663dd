//! The figure of one subscription: what it is worth a month, or why it counts nothing, or why nobody
//! can say.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::deductions::{tax_may_be_within, without_fee, without_tax};
use super::discounts::{Part, Terms, subtract};
pub use super::figure_error::{ErrorCode, FigureError};
use super::lines::{Explain, Line, LineKind, Trace};
use super::model::{
    Cancels, Catalog, Collection, CustomerDiscounts, Discount, Item, Status, Subscription, TaxRate, Usage,
};
use super::money::{Exact, OutOfRange};
use super::policy::{ActiveFrom, ChurnTiming, Options, PausedCollection};
use super::pricing;
use super::shares::{self, Share};
use super::subscription_outlook::SubscriptionOutlook;

/// What a subscription comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure<'a> {
    /// The subscription's id; empty if it could not be read.
    pub id: Cow<'a, str>,
    /// The customer's id; empty if there is none.
    pub customer: Cow<'a, str>,
    /// The subscription's currency; `None` if it is not known.
    pub currency: Option<Currency>,
    /// Its MRR in minor units of the currency. Rounded, it fits 64 bits.
    pub mrr: Result<Exact, FigureError>,
    /// Why it counts nothing.
    pub excluded: Option<Excluded>,
    /// Whether it counts although the collection of its payments is paused.
    pub collection_paused: bool,
    /// Whether taxes are or may be within its prices that cannot be told from the subscription: Stripe works
    /// them out invoice by invoice. The figure then includes them.
    pub tax_unknown: bool,
    /// Whether it counts without a discount of its own while nobody knows whether the customer has one.
    pub customer_discount_unknown: bool,
    /// The lines that led to it, if they were asked for. They add up to `mrr`.
    pub lines: Vec<Line>,
    /// Each item's share in it, if they were asked for. They add up to `mrr`.
    pub shares: Vec<Share>,
    /// The customer's country, two letters, if shares were asked for; `None` where it is not told.
    pub country: Option<Cow<'a, str>>,
    /// What stands beside it: a trial, what is agreed for later, what is overdue. `None` where nothing does.
    pub outlook: Option<Box<SubscriptionOutlook>>,
}

/// Why a subscription counts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excluded {
    /// It is in its trial.
    Trialing,
    /// Its invoices are no longer collected.
    Unpaid,
    /// It ended.
    Canceled,
    /// Its first payment is open.
    Incomplete,
    /// Its first payment never came.
    IncompleteExpired,
    /// Its trial ended without a means of payment.
    Paused,
    /// Its cancellation was asked for.
    CancelRequested,
    /// It begins later.
    NotStarted,
    /// The collection of its payments is paused, and the policy excludes that.
    CollectionPaused,
    /// Nothing was paid yet, and the policy waits for that.
    AwaitingFirstPayment,
}

impl<'a> Figure<'a> {
    /// The figure with texts of its own.
    pub fn into_owned(self) -> Figure<'static> {
        Figure {
            id: Cow::Owned(self.id.into_owned()),
            customer: Cow::Owned(self.customer.into_owned()),
            currency: self.currency,
            mrr: self.mrr,
            excluded: self.excluded,
            collection_paused: self.collection_paused,
            tax_unknown: self.tax_unknown,
            customer_discount_unknown: self.customer_discount_unknown,
            lines: self.lines,
            shares: self.shares,
            country: self.country.map(|country| Cow::Owned(country.into_owned())),
            outlook: self.outlook,
        }
    }

    /// The figure of a subscription of which nobody can say anything more.
    pub fn failed(id: Cow<'a, str>, customer: Cow<'a, str>, error: FigureError) -> Self {
        Self {
            id,
            customer,
            currency: None,
            mrr: Err(error),
            excluded: None,
            collection_paused: false,
            tax_unknown: false,
            customer_discount_unknown: false,
            lines: Vec::new(),
            shares: Vec::new(),
            country: None,
            outlook: None,
        }
    }
}

/// What `subscription` is worth a month as of `as_of` (Unix seconds).
///
/// Its status is taken as it was sent; `as_of` decides which discounts, trials and cancellations have
/// ended. Never fails as a whole: what is wrong stands in the figure. What stands beside it is left out:
/// [`super::outlook::figure_with_outlook`] has it too.
pub fn figure<'a>(
    subscription: &Subscription<'a>,
    catalog: &Catalog,
    options: &Options,
    as_of: i64,
    explain: Explain,
) -> Figure<'a> {
    let mut figure = Figure {
        id: subscription.id.clone(),
        customer: subscription.customer.clone(),
        currency: currency(subscription, catalog),
        mrr: Ok(Exact::ZERO),
        excluded: None,
        collection_paused: false,
        tax_unknown: false,
        customer_discount_unknown: false,
        lines: Vec::new(),
        shares: Vec::new(),
        country: country(subscription, catalog, explain),
        outlook: None,
    };
    match exclusion(subscription, options, as_of) {
        Err(error) => figure.mrr = Err(error),
        Ok(Some(reason)) => {
            figure.excluded = Some(reason);
            if explain == Explain::Yes {
                figure.lines.push(Line {
                    kind: LineKind::Excluded,
                    item: None,
                    text: reason.words().to_owned(),
                    amount: Exact::ZERO,
                });
            }
        }
        Ok(None) => {
            let mut trace = Trace::new(explain);
            figure.collection_paused = subscription.collection_paused;
            figure.mrr = match figure.currency {
                _ if subscription.items.is_empty() && !subscription.items_missing => Err(FigureError::new(
                    ErrorCode::NoItems,
                    format!(
                        "the subscription {} counts and has no items; read it again with all of them",
                        subscription.id
                    ),
                )),
                None => Err(FigureError::new(
                    ErrorCode::UnknownCurrency,
                    format!("the subscription {} has no currency", subscription.id),
                )),
                Some(currency) => {
                    let terms = Terms {
                        catalog,
                        options,
                        as_of,
                        currency,
                    };
                    let mut unknown = Unknown::default();
                    let mrr = counted(subscription, terms, &mut trace, &mut unknown);
                    if mrr.is_ok() {
                        figure.tax_unknown = unknown.tax;
                        figure.customer_discount_unknown = unknown.customer_discount;
                    }
                    mrr
                }
            };
            // Half of an explanation would not add up to anything.
            if figure.mrr.is_ok() {
                (figure.lines, figure.shares) = trace.into_parts();
            }
            if let Ok(mrr) = figure.mrr {
                shares::settle(&mut figure.shares, mrr);
            }
        }
    }
    figure
}

/// The customer's country, as it was sent along or as a list of customers has it.
fn country<'a>(subscription: &Subscription<'a>, catalog: &Catalog, explain: Explain) -> Option<Cow<'a, str>> {
    if explain != Explain::Shares {
        return None;
    }
    let listed = || catalog.countries.get(subscription.customer.as_ref());
    let sent = subscription.country.clone();
    sent.or_else(|| listed().map(|country| Cow::Owned(country.clone().into_string())))
}

/// What cannot be told of a figure that stands.
#[derive(Debug, Default)]
struct Unknown {
    tax: bool,
    customer_discount: bool,
}

/// What a subscription that counts is worth a month.
fn counted<'s>(
    subscription: &'s Subscription<'_>,
    terms: Terms<'s>,
    trace: &mut Trace,
    unknown: &mut Unknown,
) -> Result<Exact, FigureError> {
    if subscription.items_missing {
        let message = format!(
            "the subscription {} has more items than were sent; list them all",
            subscription.id
        );
        return Err(FigureError::new(ErrorCode::ItemsIncomplete, message));
    }
    let mut parts = Vec::with_capacity(subscription.items.len());
    let mut items = Vec::with_capacity(subscription.items.len());
    for item in &subscription.items {
        if let Some(part) = part(item, terms, trace)? {
            let price = pricing::price(item, terms.catalog)?;
            unknown.tax |= subscription.automatic_tax
                && tax_may_be_within(pricing::tax(price, terms.currency, terms.catalog), terms.currency)
                && tax_rates(subscription, item).is_empty()
                && part.amount.is_positive();
            parts.push(part);
            items.push(item);
        }
    }
    let (discounts, kind) = discounts_of(subscription, terms.catalog, unknown);
    subtract(discounts, &mut parts, kind, terms, trace)?;
    let mut total = Exact::ZERO;
    for (part, item) in parts.iter().zip(items) {
        let net = without_tax(part, tax_rates(subscription, item), trace)?;
        total = total.plus(net)?;
        trace.share(net, || pricing::price(item, terms.catalog).ok());
    }
    if terms.options.subtract_application_fee
        && let Some(percent) = subscription.application_fee_percent
    {
        total = without_fee(total, percent, &subscription.id, trace)?;
    }
    if i64::try_from(total.rounded()).is_err() {
        return Err(OutOfRange.into());
    }
    if unknown.tax {
        trace.line(LineKind::Note, "", Exact::ZERO, || {
            "taxes are or may be within the price, and Stripe works them out invoice by invoice: they are still in"
                .to_owned()
        });
    }
    if unknown.customer_discount {
        trace.line(LineKind::Note, "", Exact::ZERO, || {
            "the customer was sent as an id only: a discount of the customer would not be in".to_owned()
        });
    }
    Ok(total)
}

/// The discounts of the whole: its own, or the customer's where it has none.
fn discounts_of<'s>(
    subscription: &'s Subscription<'_>,
    catalog: &'s Catalog,
    unknown: &mut Unknown,
) -> (&'s [Discount<'s>], LineKind) {
    if !subscription.discounts.is_empty() {
        return (&subscription.discounts, LineKind::SubscriptionDiscount);
    }
    let of_customer = match &subscription.customer_discounts {
        CustomerDiscounts::Known(discounts) => discounts.as_slice(),
        CustomerDiscounts::NotSent => {
            let listed = catalog.customers.get(subscription.customer.as_ref());
            unknown.customer_discount = listed.is_none();
            listed.map(Vec::as_slice).unwrap_or_default()
        }
    };
    (of_customer, LineKind::CustomerDiscount)
}

/// An item after its own discounts; `None` if it does not count.
fn part<'s>(item: &'s Item<'_>, terms: Terms<'s>, trace: &mut Trace) -> Result<Option<Part<'s>>, FigureError> {
    let price = pricing::price(item, terms.catalog)?;
    let skipped = if price.usage == Usage::Metered {
        Some("charged by usage, which does not recur: not counted")
    } else if item.trial_until.is_some_and(|end| end > terms.as_of) {
        Some("still in a trial of its own: not counted")
    } else {
        None
    };
    if let Some(why) = skipped {
        trace.line(LineKind::Excluded, &item.id, Exact::ZERO, || why.to_owned());
        return Ok(None);
    }
    if let Usage::Other(usage) = &price.usage {
        let message = format!(
            "the price {} is of usage type `{usage}`, which is not known; tell us of it",
            price.id
        );
        return Err(FigureError::new(ErrorCode::UnknownUsageType, message));
    }
    let times = pricing::times_a_month(price, terms.options)?;
    let amount = pricing::monthly(item, price, times, terms.currency, terms.catalog, terms.options, trace)?;
    let mut part = Part {
        item: &item.id,
        product: &price.product,
        times,
        amount,
    };
    subtract(
        &item.discounts,
        std::slice::from_mut(&mut part),
        LineKind::ItemDiscount,
        terms,
        trace,
    )?;
    Ok(Some(part))
}

fn tax_rates<'s>(subscription: &'s Subscription<'_>, item: &'s Item<'_>) -> &'s [TaxRate] {
    if item.tax_rates.is_empty() {
        &subscription.default_tax_rates
    } else {
        &item.tax_rates
    }
}

/// The subscription's currency; in the oldest shapes only the price says it.
fn currency(subscription: &Subscription<'_>, catalog: &Catalog) -> Option<Currency> {
    subscription.currency.or_else(|| {
        let item = subscription.items.first()?;
        pricing::price(item, catalog).ok()?.currency
    })
}

/// Why the subscription counts nothing; `None` if it counts.
fn exclusion(subscription: &Subscription<'_>, options: &Options, as_of: i64) -> Result<Option<Excluded>, FigureError> {
    let by_status = match &subscription.status {
        Status::Active | Status::PastDue => None,
        Status::Trialing => Some(Excluded::Trialing),
        Status::Unpaid => Some(Excluded::Unpaid),
        Status::Canceled => Some(Excluded::Canceled),
        Status::Incomplete => Some(Excluded::Incomplete),
        Status::IncompleteExpired => Some(Excluded::IncompleteExpired),
        Status::Paused => Some(Excluded::Paused),
        Status::Other(status) => {
            let message = format!(
                "the status `{status}` of {} is not known; tell us of it",
                subscription.id
            );
            return Err(FigureError::new(ErrorCode::UnknownStatus, message));
        }
    };
    if by_status.is_some() {
        return Ok(by_status);
    }
    let requested = subscription.cancels.is_some();
    let ends = match subscription.cancels {
        Some(Cancels::At(time)) => Some(time),
        Some(Cancels::AtPeriodEnd) => subscription.period.map(|(_, end)| end),
        None => None,
    };
    let reason = if subscription.start.is_some_and(|start| start > as_of) {
        Some(Excluded::NotStarted)
    } else if requested && options.churn_timing == ChurnTiming::Requested {
        Some(Excluded::CancelRequested)
    } else if ends.is_some_and(|end| end <= as_of) {
        Some(Excluded::Canceled)
    } else if subscription.collection_paused && options.paused_collection == PausedCollection::Exclude {
        Some(Excluded::CollectionPaused)
    } else if options.active_from == ActiveFrom::FirstPayment && !ever_paid(subscription) {
        Some(Excluded::AwaitingFirstPayment)
    } else {
        None
    };
    Ok(reason)
}

/// Whether a first payment came, as far as the subscription tells.
///
/// A paid latest invoice says so. Else: without a trial and with automatic collection, Stripe makes a
/// subscription active by its first payment; after a trial, or with invoices that the customer pays
/// himself, we count from the second period on, which begins after the first one's invoice was settled.
fn ever_paid(subscription: &Subscription<'_>) -> bool {
    if subscription.latest_invoice_paid == Some(true) {
        return true;
    }
    let first_invoice = match (subscription.trial_end, subscription.collection) {
        (Some(trial_end), _) => Some(trial_end),
        (None, Collection::ByInvoice) => subscription.start,
        (None, Collection::Automatic) => return true,
    };
    // An hour: Stripe finalises an invoice that long after the period began.
    let begun = subscription.period.map(|(start, _)| start);
    matches!((begun, first_invoice), (Some(begun), Some(first)) if begun > first + 3600)
}

impl Excluded {
    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Trialing => "in its trial: not counted",
            Self::Unpaid => "unpaid, and no longer collected: not counted",
            Self::Canceled => "cancelled: not counted",
            Self::Incomplete => "the first payment is open: not counted",
            Self::IncompleteExpired => "the first payment never came: not counted",
            Self::Paused => "paused after a trial without a means of payment: not counted",
            Self::CancelRequested => "its cancellation was asked for: not counted under this policy",
            Self::NotStarted => "begins later: not counted yet",
            Self::CollectionPaused => "its collection is paused: not counted under this policy",
            Self::AwaitingFirstPayment => "nothing was paid yet: not counted under this policy",
        }
    }
}

#[cfg(test)]
#[path = "figure_tests.rs"]
mod tests;
