//! Schedules of subscriptions: what comes after the current phase.

use cc_devops_revenue::model::{CouponRef, Discount, Item, Phase, PhaseRef, Price, PriceRef, Schedule};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::coupon::{WireCoupon, WireDiscount};
use super::price::{WirePlan, WirePrice};
use super::tax_rates::{TaxRates, tax_rates};
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn planned(change: impl FnOnce(&mut Value)) -> String {
        let mut sent = json!({
            "id": "sub_sched_1", "object": "subscription_schedule", "status": "active", "end_behavior": "release",
            "current_phase": {"start_date": 100, "end_date": 200},
            "phases": [
                {"start_date": 100, "end_date": 200, "items": [{"price": "price_now"}]},
                {"start_date": 200, "end_date": 300, "discounts": [{"coupon": "half", "discount": null}],
                 "items": [{"price": "price_next", "quantity": 3, "discounts": [{"coupon": null, "discount": "di_1"}]}]},
                {"start_date": 300, "end_date": 400, "items": [{"price": "price_later"}]},
            ],
        });
        change(&mut sent);
        sent.to_string()
    }

    /// The prices of the next phase, and whether the subscription ends with the schedule.
    fn read(json: &str) -> (Option<Vec<String>>, bool) {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let schedule = schedule(raw);
        let next = match schedule.next {
            PhaseRef::None => Some(Vec::new()),
            PhaseRef::NotSent => None,
            PhaseRef::Sent(phase) => {
                let prices = phase.items.iter().map(|item| match &item.price {
                    PriceRef::Id(id) => format!("{} of {id} from {}", item.quantity, phase.start),
                    PriceRef::Sent(price) => price.id.to_string(),
                });
                Some(prices.collect())
            }
        };
        (next, schedule.ends)
    }

    #[test]
    fn what_comes_after_the_current_phase_is_next() {
        let next = |text: &str| (Some(vec![text.to_owned()]), false);
        assert_eq!(read(&planned(|_| ())), next("3 of price_next from 200"));
        let not_begun = planned(|sent| sent["current_phase"] = Value::Null);
        assert_eq!(read(&not_begun), next("1 of price_now from 100"));
        let last = planned(|sent| {
            sent["current_phase"] = json!({"start_date": 300, "end_date": 400});
            sent["end_behavior"] = json!("cancel");
        });
        assert_eq!(read(&last), (Some(Vec::new()), true));
        let over = planned(|sent| sent["status"] = json!("released"));
        assert_eq!(read(&over), (Some(Vec::new()), false));
    }

    #[test]
    fn a_phase_has_discounts_of_its_own() {
        let json = planned(|_| ());
        let raw: &RawValue = serde_json::from_str(&json).unwrap();
        let PhaseRef::Sent(phase) = schedule(raw).next else {
            panic!("there is a next phase")
        };
        assert!(matches!(&phase.discounts[0].coupon, CouponRef::Id(id) if id == "half"));
        let goes_on = &phase.items[0].discounts[0];
        assert!(goes_on.id == "di_1" && matches!(goes_on.coupon, CouponRef::NotSent));
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        assert_eq!(read("\"sub_sched_1\""), (None, false));
        let strange = planned(|sent| sent["phases"][1]["items"][0]["price"] = Value::Null);
        assert_eq!(read(&strange), (None, false));
    }
}
