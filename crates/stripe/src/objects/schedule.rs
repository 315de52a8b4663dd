//! Schedules of subscriptions: what comes after the current phase.

use cc_devops_revenue::model::{CouponRef, Discount, Item, Phase, PhaseRef, Price, PriceRef, Schedule};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::coupon::{WireCoupon, WireDiscount};
use super::price::{WirePlan, WirePrice};
use super::subscription::{TaxRates, tax_rates};
use super::wire::{Expandable, Text};

/// A schedule as it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct WireSchedule<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    end_behavior: Option<Text<'a>>,
    current_phase: Option<CurrentPhase>,
    #[serde(borrow)]
    phases: Option<Vec<WirePhase<'a>>>,
}

#[derive(Debug, Deserialize)]
struct CurrentPhase {
    end_date: i64,
}

#[derive(Debug, Deserialize)]
struct WirePhase<'a> {
    start_date: i64,
    #[serde(borrow)]
    items: Vec<PhaseItem<'a>>,
    #[serde(borrow)]
    discounts: Option<Vec<PhaseDiscount<'a>>>,
}

#[derive(Debug, Deserialize)]
struct PhaseItem<'a> {
    #[serde(borrow)]
    price: Option<Expandable<'a, WirePrice<'a>>>,
    #[serde(borrow)]
    plan: Option<Expandable<'a, WirePlan<'a>>>,
    quantity: Option<u64>,
    #[serde(borrow)]
    discounts: Option<Vec<PhaseDiscount<'a>>>,
    #[serde(borrow)]
    tax_rates: Option<TaxRates<'a>>,
}

/// A discount of a phase: of a coupon, or one that exists and goes on.
#[derive(Debug, Deserialize)]
struct PhaseDiscount<'a> {
    #[serde(borrow)]
    coupon: Option<Expandable<'a, WireCoupon<'a>>>,
    #[serde(borrow)]
    discount: Option<Expandable<'a, WireDiscount<'a>>>,
}

/// What a schedule does next. One that is only an id, or that cannot be read, is not known.
pub(super) fn schedule(sent: &RawValue) -> Schedule<'_> {
    let read = serde_json::from_str::<Expandable<'_, WireSchedule<'_>>>(sent.get());
    match read {
        Ok(Expandable::Object(schedule)) => schedule.read().unwrap_or(NOT_KNOWN),
        _ => NOT_KNOWN,
    }
}

const NOT_KNOWN: Schedule<'static> = Schedule {
    next: PhaseRef::NotSent,
    ends: false,
};

impl<'a> WireSchedule<'a> {
    fn read(self) -> Result<Schedule<'a>, serde_json::Error> {
        let is = |text: &Option<Text<'_>>, word: &str| text.as_ref().is_some_and(|text| text.0 == word);
        // One that is over, or let its subscription go, changes nothing any more.
        if ["released", "canceled", "completed"]
            .iter()
            .any(|over| is(&self.status, over))
        {
            return Ok(Schedule {
                next: PhaseRef::None,
                ends: false,
            });
        }
        let ends = is(&self.end_behavior, "cancel");
        let current_ends = self.current_phase.map_or(i64::MIN, |phase| phase.end_date);
        let phases = self.phases.unwrap_or_default();
        let next = phases.into_iter().find(|phase| phase.start_date >= current_ends);
        Ok(Schedule {
            next: match next {
                Some(phase) => PhaseRef::Sent(phase.read()?),
                None => PhaseRef::None,
            },
            ends,
        })
    }
}

impl<'a> WirePhase<'a> {
    fn read(self) -> Result<Phase<'a>, serde_json::Error> {
        let items = self.items.into_iter().map(PhaseItem::read).collect::<Result<_, _>>()?;
        Ok(Phase {
            start: self.start_date,
            items,
            discounts: discounts(self.discounts),
        })
    }
}

impl<'a> PhaseItem<'a> {
    fn read(self) -> Result<Item<'a>, serde_json::Error> {
        let price = match (self.price, self.plan) {
            (Some(Expandable::Object(price)), _) => PriceRef::Sent(price.into()),
            (Some(Expandable::Id(id)), _) | (None, Some(Expandable::Id(id))) => PriceRef::Id(id),
            (None, Some(Expandable::Object(plan))) => PriceRef::Sent(Price::from(plan)),
            (None, None) => return Err(serde::de::Error::custom("an item of a schedule's phase has no `price`")),
        };
        Ok(Item {
            id: "".into(),
            quantity: self.quantity.unwrap_or(1),
            trial_until: None,
            price,
            discounts: discounts(self.discounts),
            tax_rates: tax_rates(self.tax_rates),
        })
    }
}

fn discounts<'a>(sent: Option<Vec<PhaseDiscount<'a>>>) -> Vec<Discount<'a>> {
    let read = |sent: PhaseDiscount<'a>| match (sent.discount, sent.coupon) {
        (Some(discount), _) => Discount::from(discount),
        (None, coupon) => Discount {
            id: "".into(),
            end: None,
            coupon: coupon.map_or(CouponRef::NotSent, CouponRef::from),
        },
    };
    sent.unwrap_or_default().into_iter().map(read).collect()
}
