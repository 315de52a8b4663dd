//! A subscription as it was at a moment.

use std::borrow::Cow;

use super::items::{ItemLife, lives};
use super::{BilledLine, PastSubscription};
use crate::figure::{ErrorCode, Figure, FigureError};
use crate::lines::Explain;
use crate::model::{Cancels, Catalog, Collection, CustomerDiscounts, Discount, Item, Status, Subscription};
use crate::outlook::figure_with_outlook;
use crate::policy::Options;

/// A subscription's life, made ready to be looked at on many days.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    past: PastSubscription,
    items: Vec<ItemLife>,
    /// The moments at which its figure may change, in order.
    moments: Vec<i64>,
}

impl Timeline {
    /// The life of a subscription.
    pub(crate) fn new(past: PastSubscription) -> Self {
        let items = past.now.as_ref().map_or_else(|_| Vec::new(), |now| lives(&past, now));
        let mut timeline = Self {
            moments: Vec::new(),
            items,
            past,
        };
        timeline.moments = timeline.moments();
        timeline
    }

    /// Whether its figure may be another at `until` than it was at `from`.
    pub(crate) fn changes(&self, from: i64, until: i64) -> bool {
        let next = self.moments.partition_point(|moment| *moment <= from);
        self.moments.get(next).is_some_and(|moment| *moment <= until)
    }

    /// Whether an item is another now than it was billed last, without anybody knowing since when.
    pub(crate) fn changed_unseen(&self) -> bool {
        self.past.ended.is_none() && self.items.iter().any(|item| item.changed_unseen)
    }

    /// Whether it is no longer collected, and counts until it is known not to.
    pub(crate) fn is_unpaid(&self) -> bool {
        matches!(&self.past.now, Ok(now) if now.status == Status::Unpaid)
    }

    /// Whether the collection of its payments is paused, since nobody knows when.
    pub(crate) fn is_paused(&self) -> bool {
        matches!(&self.past.now, Ok(now) if now.collection_paused)
    }

    /// What it was worth at a moment; nothing where it was not made yet.
    pub(crate) fn figure(&self, at: i64, catalog: &Catalog, options: &Options) -> Option<Figure<'static>> {
        if at < self.past.created {
            return None;
        }
        match &self.past.now {
            Ok(now) => {
                let then = self.as_of(now, at);
                Some(figure_with_outlook(&then, catalog, options, at, Explain::No).into_owned())
            }
            Err(wrong) => Some(Figure::failed(
                Cow::Owned(wrong.id.clone()),
                Cow::Owned(wrong.customer.clone()),
                FigureError::new(ErrorCode::Unreadable, wrong.why.clone()),
            )),
        }
    }

    /// Whether it was ever worth anything before a moment.
    pub(crate) fn ever_counted(&self, before: i64, catalog: &Catalog, options: &Options) -> bool {
        let moments = self.moments.iter().filter(|moment| **moment < before);
        moments.rev().any(|moment| {
            let figure = self.figure(*moment, catalog, options);
            figure.is_some_and(|figure| figure.mrr.is_ok_and(|mrr| !mrr.is_zero()))
        })
    }

    /// The subscription as it was.
    fn as_of(&self, now: &Subscription<'static>, at: i64) -> Subscription<'static> {
        let past = &self.past;
        let ended = past.ended.is_some_and(|ended| ended <= at);
        let status = if ended { Status::Canceled } else { self.status(now, at) };
        let asked = past.cancel_asked.is_none_or(|asked| asked <= at);
        Subscription {
            id: now.id.clone(),
            customer: now.customer.clone(),
            country: now.country.clone(),
            currency: now.currency,
            status,
            start: now.start,
            trial_end: past.trial.map(|(_, end)| end).or(now.trial_end),
            cancels: match (past.cancel_asked, past.ended, now.cancels) {
                _ if !asked || ended => None,
                // What has ended says when it was to end.
                (Some(_), Some(end), _) => Some(Cancels::At(end)),
                (_, _, cancels) => cancels,
            },
            period: self.period(at).or(now.period),
            // Nobody knows since when.
            collection_paused: false,
            collection: now.collection,
            latest_invoice_paid: Some(past.first_paid.is_some_and(|paid| paid <= at)),
            automatic_tax: now.automatic_tax,
            items: self.items.iter().filter_map(|item| self.item(item, now, at)).collect(),
            items_missing: now.items_missing,
            discounts: self.discounts(None, at),
            customer_discounts: self.customer_discounts(now),
            application_fee_percent: now.application_fee_percent,
            default_tax_rates: now.default_tax_rates.clone(),
            schedule: None,
        }
    }

    /// Where one that has not ended stood.
    fn status(&self, now: &Subscription<'static>, at: i64) -> Status {
        let past = &self.past;
        if past.trial.is_some_and(|(start, end)| (start..end).contains(&at)) {
            return Status::Trialing;
        }
        match &now.status {
            // The first payment is open, or never came.
            never @ (Status::IncompleteExpired | Status::Incomplete) => never.clone(),
            Status::Paused if now.trial_end.is_some_and(|end| end <= at) => Status::Paused,
            other @ Status::Other(_) => other.clone(),
            _ if past.trial.is_none()
                && now.collection == Collection::Automatic
                && past.activated.is_some_and(|activated| at < activated) =>
            {
                Status::Incomplete
            }
            _ => Status::Active,
        }
    }

    /// The period that was paid for.
    fn period(&self, at: i64) -> Option<(i64, i64)> {
        let billed = self.past.billed.iter();
        billed
            .filter(|billed| billed.line == BilledLine::Period && billed.at <= at)
            .map(|billed| (billed.at, billed.until))
            .max()
    }

    fn item(&self, item: &ItemLife, now: &Subscription<'static>, at: i64) -> Option<Item<'static>> {
        let before = item.steps.partition_point(|step| step.from <= at);
        let step = item.steps.get(before.checked_sub(1)?)?;
        let state = step.state.as_ref()?;
        let current = now.items.iter().find(|current| *current.id == *item.id);
        Some(Item {
            id: Cow::Owned((*item.id).to_owned()),
            quantity: state.quantity,
            trial_until: current.and_then(|current| current.trial_until),
            price: state.price.clone(),
            discounts: self.discounts(Some(&item.id), at),
            tax_rates: current.map(|current| current.tax_rates.clone()).unwrap_or_default(),
        })
    }

    /// The discounts of an item, or of the whole.
    fn discounts(&self, item: Option<&str>, at: i64) -> Vec<Discount<'static>> {
        let counts = |discount: &&super::PastDiscount| {
            discount.item.as_deref() == item && discount.start <= at && discount.end.is_none_or(|end| at < end)
        };
        let found = self.past.discounts.iter().filter(counts);
        found.map(|found| found.discount.clone()).collect()
    }

    /// The customer's own discounts, but for those of which invoices show when they counted: these are among the
    /// subscription's.
    fn customer_discounts(&self, now: &Subscription<'static>) -> CustomerDiscounts<'static> {
        let CustomerDiscounts::Known(discounts) = &now.customer_discounts else {
            return CustomerDiscounts::NotSent;
        };
        let known = |id: &str| self.past.discounts.iter().any(|found| found.discount.id == id);
        let others = discounts.iter().filter(|discount| !known(&discount.id));
        CustomerDiscounts::Known(others.cloned().collect())
    }

    fn moments(&self) -> Vec<i64> {
        let past = &self.past;
        let mut moments = vec![past.created];
        if let Some((start, end)) = past.trial {
            moments.extend([start, end]);
        }
        moments.extend(
            [past.cancel_asked, past.ended, past.activated, past.first_paid]
                .into_iter()
                .flatten(),
        );
        for billed in &past.billed {
            moments.extend([billed.at, billed.until, billed.at.saturating_add(3_601)]);
        }
        moments.extend(self.items.iter().flat_map(|item| &item.steps).map(|step| step.from));
        for discount in &past.discounts {
            moments.push(discount.start);
            moments.extend(discount.end);
        }
        if let Ok(now) = &past.now {
            moments.extend(now.start);
            moments.extend(now.trial_end);
            moments.extend(now.period.map(|(_, end)| end));
            moments.extend(now.items.iter().filter_map(|item| item.trial_until));
            if let Some(Cancels::At(end)) = now.cancels {
                moments.push(end);
            }
        }
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}
