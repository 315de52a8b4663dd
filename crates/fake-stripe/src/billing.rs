//! Subscriptions that live: what their owner does to them, and what time does. Invoices come of it as at Stripe.
//!
//! A month has 30 days here and a year 365, so that tests can count. Amounts are those of prices per unit.

use serde_json::{Value, json};

use super::Model;
use super::invoice::{About, Part, invoice, invoice_item, line};
use super::shape;

const DAY: i64 = 86_400;

/// How a subscription begins.
#[derive(Debug, Clone, Default)]
pub struct Beginning<'a> {
    /// Its id; one of the fake's own, where none is given.
    pub id: Option<&'a str>,
    /// How many days it may be tried.
    pub trial_days: Option<i64>,
    /// A coupon on the whole.
    pub coupon: Option<&'a str>,
}

/// What a change does to what was paid already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proration {
    /// The rest of the period is settled with the next invoice.
    Create,
    /// Nothing.
    Leave,
}

impl Model {
    /// The account's time, in Unix seconds.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Subscribes a customer, now. The first invoice is paid, unless there is a trial: then it is of nothing.
    pub fn subscribe(&mut self, customer: &str, items: &[(&str, u64)], how: Beginning<'_>) -> String {
        let now = self.now;
        let trial_end = how.trial_days.map(|days| now + days * DAY);
        let discounts: Vec<Value> = how
            .coupon
            .map(|coupon| self.discount_from_now(coupon))
            .into_iter()
            .collect();
        let mut patch = json!({
            "discounts": discounts, "trial_start": trial_end.map(|_| now), "trial_end": trial_end,
            "status": if trial_end.is_some() { "trialing" } else { "active" },
        });
        if let Some(id) = how.id {
            patch["id"] = json!(id);
        }
        let id = self.subscription(customer, items, patch);
        self.change_subscription(&id, |subscription| {
            set_period(subscription, now, trial_end);
        });
        self.bill(&id, "subscription_create", true);
        id
    }

    /// Changes the item of this number to another price and quantity, now.
    pub fn change_item(&mut self, id: &str, number: usize, price: &str, quantity: u64, proration: Proration) {
        let subscription = self.living(id);
        let old = subscription["items"]["data"][number].clone();
        let price = self.prices.find(price).expect("the price is in the model");
        let other_interval = price["recurring"]["interval"] != old["price"]["recurring"]["interval"]
            || price["recurring"]["interval_count"] != old["price"]["recurring"]["interval_count"];
        let now = self.now;
        let mut new = shape::item(
            old["id"].as_str().expect("an item has an id"),
            id,
            old["created"].as_i64().unwrap_or(now),
            &price,
            quantity,
        );
        for key in ["current_period_start", "current_period_end", "discounts"] {
            new[key] = old[key].clone();
        }
        let in_trial = subscription["status"] == "trialing";
        if proration == Proration::Create && !in_trial {
            self.settle(&subscription, &old, -1);
            if !other_interval {
                self.settle(&subscription, &new, 1);
            }
        }
        let new_period = other_interval && !in_trial;
        self.change_subscription(id, |subscription| {
            subscription["items"]["data"][number] = new;
            if new_period {
                set_period(subscription, now, None);
            }
        });
        if new_period {
            self.bill(id, "subscription_update", true);
        }
    }

    /// Adds an item, now; the rest of the period is settled with the next invoice.
    pub fn add_item(&mut self, id: &str, price: &str, quantity: u64) {
        let mut subscription = self.living(id);
        let price = self.prices.find(price).expect("the price is in the model");
        let mut item = shape::item(&self.id("si"), id, self.now, &price, quantity);
        for key in ["current_period_start", "current_period_end"] {
            item[key] = subscription["items"]["data"][0][key].clone();
        }
        self.settle(&subscription, &item, 1);
        subscription["items"]["data"]
            .as_array_mut()
            .expect("items are a list")
            .push(item);
        self.subscriptions.put(subscription);
    }

    /// Takes the item of this number away, now; what was not used is settled with the next invoice.
    pub fn remove_item(&mut self, id: &str, number: usize) {
        let mut subscription = self.living(id);
        let items = subscription["items"]["data"].as_array_mut().expect("items are a list");
        let item = items.remove(number);
        self.settle(&subscription, &item, -1);
        self.subscriptions.put(subscription);
    }

    /// Puts a coupon on the whole, from now on.
    pub fn give_coupon(&mut self, id: &str, coupon: &str) {
        let discount = self.discount_from_now(coupon);
        self.change_subscription(id, |subscription| subscription["discounts"] = json!([discount]));
    }

    /// Ends a subscription, now.
    pub fn cancel_now(&mut self, id: &str) {
        let now = self.now;
        self.change_subscription(id, |subscription| end(subscription, now, now));
    }

    /// Asks that a subscription ends with its period.
    pub fn cancel_at_period_end(&mut self, id: &str) {
        let now = self.now;
        self.change_subscription(id, |subscription| {
            subscription["cancel_at_period_end"] = json!(true);
            subscription["canceled_at"] = json!(now);
            subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"].clone();
            subscription["cancellation_details"]["reason"] = json!("cancellation_requested");
        });
    }

    /// From now on nothing can be collected of a subscription: its next invoice stays open.
    pub fn let_payments_fail(&mut self, id: &str) {
        self.failing.insert(id.to_owned());
    }

    /// Time passes: trials and discounts end, periods are renewed, and what was to end with its period ends.
    pub fn pass_until(&mut self, until: i64) {
        for id in self.subscriptions.ids() {
            while let Some(at) = self.due(&id).filter(|at| *at <= until) {
                self.now = at;
                self.renew(&id, at);
            }
        }
        self.now = until;
    }

    /// When something happens next to a subscription by itself.
    fn due(&self, id: &str) -> Option<i64> {
        let subscription = self.subscriptions.find(id)?;
        if ["canceled", "incomplete_expired"]
            .iter()
            .any(|over| subscription["status"] == *over)
        {
            return None;
        }
        let period = subscription["items"]["data"][0]["current_period_end"].as_i64();
        let discounts = subscription["discounts"].as_array().into_iter().flatten();
        period
            .into_iter()
            .chain(discounts.filter_map(|discount| discount["end"].as_i64()))
            .min()
    }

    fn renew(&mut self, id: &str, at: i64) {
        let mut renewed = false;
        self.change_subscription(id, |subscription| {
            let discounts = subscription["discounts"].as_array_mut().expect("discounts are a list");
            discounts.retain(|discount| discount["end"].as_i64().is_none_or(|end| end > at));
            let over = subscription["items"]["data"][0]["current_period_end"].as_i64() == Some(at);
            if over && subscription["cancel_at_period_end"] == true {
                let asked = subscription["canceled_at"].as_i64().unwrap_or(at);
                end(subscription, asked, at);
            } else if over {
                if subscription["status"] == "trialing" {
                    subscription["status"] = json!("active");
                }
                set_period(subscription, at, None);
                renewed = true;
            }
        });
        if renewed {
            let paid = !self.failing.contains(id);
            self.bill(id, "subscription_cycle", paid);
            if !paid {
                self.change_subscription(id, |subscription| subscription["status"] = json!("past_due"));
            }
        }
    }

    /// Makes the invoice of the period that begins now, with what waited for it.
    fn bill(&mut self, id: &str, reason: &'static str, paid: bool) {
        let subscription = self.living(id);
        let (now, number) = (self.now, self.id("in"));
        let mut lines = Vec::new();
        for waiting in self.invoice_items.all() {
            if !waiting["invoice"].is_null() || waiting["parent"]["subscription_details"]["subscription"] != id {
                continue;
            }
            let mut waiting = waiting;
            let details = &waiting["parent"]["subscription_details"];
            let price = waiting["pricing"]["price_details"]["price"].as_str();
            let part = Part {
                subscription: json!(id),
                item: details["subscription_item"].clone(),
                price: price.and_then(|price| self.prices.find(price)).unwrap_or_default(),
                quantity: waiting["quantity"].clone(),
                amount: waiting["amount"].as_i64().unwrap_or_default(),
                period: (
                    waiting["period"]["start"].as_i64().unwrap_or_default(),
                    waiting["period"]["end"].as_i64().unwrap_or_default(),
                ),
                prorated: true,
                invoice_item: waiting["id"].clone(),
                discounts: json!([]),
            };
            let name = self.id("il");
            lines.push(line(&name, &number, &part));
            waiting["invoice"] = json!(number);
            self.invoice_items.put(waiting);
        }
        let in_trial = subscription["status"] == "trialing";
        for item in subscription["items"]["data"].as_array().into_iter().flatten() {
            let part = self.part(id, item, period_of(item), false);
            let part = Part {
                amount: if in_trial { 0 } else { part.amount },
                ..part
            };
            let name = self.id("il");
            lines.push(line(&name, &number, &part));
        }
        let about = About {
            subscription: &subscription,
            reason,
            paid,
        };
        self.invoices.put(invoice(&number, now, about, &lines));
        self.change_subscription(id, |subscription| subscription["latest_invoice"] = json!(number));
    }

    /// Puts what the rest of the period is worth on the next invoice: owed, or with a negative sign given back.
    fn settle(&mut self, subscription: &Value, item: &Value, sign: i64) {
        let id = subscription["id"].as_str().expect("a subscription has an id");
        let (start, end) = period_of(item);
        let part = self.part(id, item, (self.now, end), true);
        let rest = sign * part.amount * (end - self.now) / (end - start).max(1);
        let part = Part { amount: rest, ..part };
        let name = self.id("ii");
        let object = invoice_item(&name, &subscription["customer"], self.now, &part);
        self.invoice_items.put(object);
    }

    fn part(&self, subscription: &str, item: &Value, period: (i64, i64), prorated: bool) -> Part {
        let price = item["price"]["id"].as_str().and_then(|id| self.prices.find(id));
        let price = price.unwrap_or_default();
        let unit = price["unit_amount"].as_i64().unwrap_or_default();
        Part {
            subscription: json!(subscription),
            item: item["id"].clone(),
            amount: unit * item["quantity"].as_i64().unwrap_or(1),
            price,
            quantity: item["quantity"].clone(),
            period,
            prorated,
            invoice_item: Value::Null,
            discounts: item["discounts"].clone(),
        }
    }

    fn discount_from_now(&mut self, coupon: &str) -> Value {
        let mut discount = self.discount(coupon);
        let coupon = self.coupons.find(coupon).expect("the coupon is in the model");
        let months = coupon["duration_in_months"].as_i64();
        discount["end"] = json!(months.map(|months| self.now + months * 30 * DAY));
        discount
    }

    fn living(&self, id: &str) -> Value {
        self.subscriptions.find(id).expect("the subscription is in the model")
    }
}

fn period_of(item: &Value) -> (i64, i64) {
    let at = |key: &str| item[key].as_i64().unwrap_or_default();
    (at("current_period_start"), at("current_period_end"))
}

/// Begins a period, of a trial or of the interval.
fn set_period(subscription: &mut Value, start: i64, trial_end: Option<i64>) {
    for item in subscription["items"]["data"].as_array_mut().into_iter().flatten() {
        let recurring = &item["price"]["recurring"];
        let days = match recurring["interval"].as_str() {
            Some("year") => 365,
            Some("week") => 7,
            Some("day") => 1,
            _ => 30,
        };
        let count = recurring["interval_count"].as_i64().unwrap_or(1);
        item["current_period_start"] = json!(start);
        item["current_period_end"] = json!(trial_end.unwrap_or(start + days * count * DAY));
    }
}

fn end(subscription: &mut Value, asked: i64, at: i64) {
    subscription["status"] = json!("canceled");
    subscription["canceled_at"] = json!(asked);
    subscription["ended_at"] = json!(at);
}
