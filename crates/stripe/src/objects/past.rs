//! The moments of a subscription's life, and since when its discounts count.

use std::sync::Arc;

use cc_devops_revenue::model::{CouponRef, Discount};
use cc_devops_revenue::past::{PastDiscount, PastSubscription, Unreadable, owned};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::coupon::WireDiscount;
use super::listed::ListedSubscription;
use super::subscription::{name_of, read_whole};
use super::wire::{Expandable, Text};
use crate::client::Listed as _;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Moments<'a> {
    created: Option<i64>,
    start_date: Option<i64>,
    trial_start: Option<i64>,
    trial_end: Option<i64>,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    #[serde(borrow)]
    discounts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    discount: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Items<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Items<'a> {
    #[serde(borrow)]
    data: Vec<ItemMoments<'a>>,
}

#[derive(Deserialize)]
struct ItemMoments<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    created: Option<i64>,
    #[serde(borrow)]
    discounts: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Span {
    start: Option<i64>,
    end: Option<i64>,
}

/// A discount with when it counts; none where only its id was sent. `since` is when it began where it does not say.
pub(super) fn past_discount(json: &RawValue, item: Option<&Arc<str>>, since: i64) -> Option<PastDiscount> {
    let span: Span = serde_json::from_str(json.get()).ok()?;
    let sent: Expandable<'_, WireDiscount<'_>> = serde_json::from_str(json.get()).ok()?;
    Some(PastDiscount {
        item: item.cloned(),
        start: span.start.unwrap_or(since),
        end: span.end,
        discount: Discount::from(sent).into_owned(),
    })
}

impl ListedSubscription {
    /// What it tells of its past. One that cannot be read is there with what is wrong.
    pub fn past(&self) -> PastSubscription {
        let (json, more_items) = self.json();
        let moments: Moments<'_> = serde_json::from_slice(json).unwrap_or_default();
        let created = moments.created.unwrap_or_else(|| self.created());
        let now = read_whole(json, more_items).map(owned).map_err(|error| {
            let (id, customer) = name_of(json);
            Unreadable {
                id: id.into_owned(),
                customer: customer.into_owned(),
                why: error.to_string(),
            }
        });
        let more: Vec<ItemMoments<'_>> = (more_items.iter())
            .filter_map(|item| serde_json::from_str(item.get()).ok())
            .collect();
        let mut discounts: Vec<PastDiscount> = Vec::new();
        let sent = moments.discounts.iter().flatten().copied();
        let all: Vec<&RawValue> = sent.chain(moments.discount).collect();
        for found in all.into_iter().filter_map(|json| past_discount(json, None, created)) {
            // The one `discount` of old shapes stands beside `discounts`, too.
            if !discounts.iter().any(|known| known.discount.id == found.discount.id) {
                discounts.push(found);
            }
        }
        let mut items_added = Vec::new();
        for item in moments.items.data.iter().chain(&more) {
            let Some(id) = &item.id else { continue };
            if let Some(added) = item.created {
                // Items of a new subscription are made with it, give or take.
                let with_it = added <= created.saturating_add(60);
                items_added.push((id.0.clone().into_owned(), if with_it { created } else { added }));
            }
            let of: Arc<str> = Arc::from(&*id.0);
            let sent = item.discounts.iter().flatten();
            discounts.extend(sent.filter_map(|json| past_discount(json, Some(&of), created)));
        }
        PastSubscription {
            now,
            created,
            trial: moments
                .trial_start
                .or(moments.start_date)
                .zip(moments.trial_end)
                .filter(|(start, end)| start < end),
            cancel_asked: moments.canceled_at,
            ended: moments.ended_at,
            activated: None,
            first_paid: None,
            items_added,
            billed: Vec::new(),
            discounts,
        }
    }

    /// Whether items listed for themselves may tell of discounts what this cannot: their coupons are too deep in a list
    /// and `known` has those that still exist.
    pub fn has_open_discounts(&self, known: impl Fn(&str) -> bool) -> bool {
        let (json, more_items) = self.json();
        let Ok(read) = read_whole(json, more_items) else {
            return false;
        };
        let mut discounts = read.items.iter().flat_map(|item| &item.discounts);
        discounts.any(|discount| match &discount.coupon {
            CouponRef::Sent(_) => false,
            CouponRef::Id(id) => !known(id),
            CouponRef::NotSent => true,
        })
    }
}
