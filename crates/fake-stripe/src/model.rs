//! What the fake account holds. Tests build it, change it and read it; the fake serves it.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::object_list::ObjectList;
use super::{bulk, shape};

/// The objects of one account.
///
/// Every function that adds an object takes a patch: JSON that is laid over a plain object of the
/// newest shape, so that a test says only what it is about.
#[derive(Debug)]
pub struct Model {
    pub(super) customers: ObjectList,
    pub(super) prices: ObjectList,
    pub(super) coupons: ObjectList,
    pub(super) subscriptions: ObjectList,
    pub(super) balance_transactions: ObjectList,
    pub(super) events: ObjectList,
    pub(super) invoices: ObjectList,
    pub(super) invoice_items: ObjectList,
    /// The subscriptions whose payments fail.
    pub(super) failing: HashSet<String>,
    pub(super) now: i64,
    made: u64,
}

impl Model {
    /// An empty account; what is added was created at `now` (Unix seconds) unless its patch says
    /// otherwise.
    pub fn at(now: i64) -> Self {
        Self {
            customers: ObjectList::new(),
            prices: ObjectList::new(),
            coupons: ObjectList::new(),
            subscriptions: ObjectList::new(),
            balance_transactions: ObjectList::new(),
            events: ObjectList::new(),
            invoices: ObjectList::new(),
            invoice_items: ObjectList::new(),
            failing: HashSet::new(),
            now,
            made: 0,
        }
    }

    /// Moves the account's time to `now`, in Unix seconds.
    pub fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// Adds a customer and returns the id.
    pub fn customer(&mut self, patch: Value) -> String {
        let object = shape::customer(&self.id("cus"), self.now);
        put(&mut self.customers, object, patch)
    }

    /// Adds a price, 10.00 USD a month unless the patch says otherwise, and returns the id.
    pub fn price(&mut self, patch: Value) -> String {
        let mut object = shape::price(&self.id("price"), self.now);
        if let Some(amount) = patch
            .get("unit_amount")
            .filter(|_| patch.get("unit_amount_decimal").is_none())
        {
            object["unit_amount_decimal"] = amount.as_i64().map_or(Value::Null, |amount| amount.to_string().into());
        }
        put(&mut self.prices, object, patch)
    }

    /// Adds a coupon that lasts for ever unless the patch says otherwise, and returns the id.
    pub fn coupon(&mut self, patch: Value) -> String {
        let object = shape::coupon(&self.id("coupon"), self.now);
        put(&mut self.coupons, object, patch)
    }

    /// Deletes a coupon: no list shows it any more, the discounts made from it stay.
    pub fn delete_coupon(&mut self, id: &str) {
        self.coupons.delete(id);
    }

    /// A discount of `coupon`, to put into the `discounts` of a subscription or of an item.
    pub fn discount(&mut self, coupon: &str) -> Value {
        shape::discount(&self.id("di"), coupon, "cus_fake", self.now)
    }

    /// Adds a subscription of `customer` to prices of this model, each with its quantity, and returns
    /// the id.
    pub fn subscription(&mut self, customer: &str, items: &[(&str, u64)], patch: Value) -> String {
        let id = patch["id"].as_str().map_or_else(|| self.id("sub"), str::to_owned);
        let created = patch["created"].as_i64().unwrap_or(self.now);
        let items: Vec<Value> = items
            .iter()
            .map(|(price, quantity)| {
                let price = self.prices.find(price).expect("the price is in the model");
                shape::item(&self.id("si"), &id, created, &price, *quantity)
            })
            .collect();
        let object = shape::subscription(&id, customer, created, &items);
        put(&mut self.subscriptions, object, patch)
    }

    /// Adds a subscription as it stands, its prices, coupons and customer with it, and returns the id.
    /// What it shows expanded is served unexpanded, unless asked for.
    pub fn whole_subscription(&mut self, mut subscription: Value) -> String {
        self.take_coupons(&mut subscription["discounts"]);
        let items = subscription["items"]["data"].as_array_mut();
        for item in items.into_iter().flatten() {
            let mut discounts = item["discounts"].take();
            self.take_coupons(&mut discounts);
            item["discounts"] = discounts;
            if item["price"].is_object() && self.prices.find(text(&item["price"], "id")).is_none() {
                self.prices.put(item["price"].clone());
            }
        }
        if self.customers.find(text(&subscription, "customer")).is_none() {
            let customer = shape::customer(text(&subscription, "customer"), self.now);
            self.customers.put(customer);
        }
        put(&mut self.subscriptions, subscription, json!({}))
    }

    /// Changes an object in place: a second day.
    pub fn change_subscription(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.subscriptions.find(id).expect("what is changed exists");
        change(&mut object);
        self.subscriptions.put(object);
    }

    /// The subscription of this id, with everything that could be expanded but its coupons.
    pub fn find_subscription(&self, id: &str) -> Option<Value> {
        self.subscriptions.find(id)
    }

    /// Adds a balance transaction: a reporting category, an amount in minor units (negative leaves the
    /// account), a settlement currency. Returns the id.
    pub fn balance_transaction(&mut self, category: &str, amount: i64, currency: &str, created: i64) -> String {
        let object = shape::balance_transaction(&self.id("txn"), created, category, amount, currency);
        put(&mut self.balance_transactions, object, json!({}))
    }

    /// Adds an event about `object`, now, and returns the id.
    pub fn event(&mut self, kind: &str, object: &Value) -> String {
        let event = shape::event(&self.id("evt"), self.now, kind, object);
        put(&mut self.events, event, json!({}))
    }

    /// Adds `count` subscriptions, all but one in fifty `active` and the others `past_due`, with 20
    /// prices and, one in seven, a coupon. `created` gives the second in which each was made, by its
    /// number. They are made when they are asked for, and a million of them take some 30 MB.
    pub fn fill(&mut self, count: u32, created: impl Fn(u32) -> i64) {
        for price in bulk::prices() {
            self.prices.put(price);
        }
        self.coupons.put(bulk::coupon());
        self.subscriptions
            .fill(count, bulk::SUBSCRIPTION, bulk::subscription, created);
    }

    /// Adds two years of invoices to the first `count` subscriptions that [`Model::fill`] made: one every 30 days from
    /// `start` on, in the second of its month that `offset` gives by the subscription's number.
    pub fn fill_two_years_of_invoices(&mut self, count: u32, start: i64, offset: impl Fn(u32) -> i64) {
        let each = bulk::INVOICES_EACH;
        self.invoices
            .fill(count * each, bulk::INVOICE, bulk::invoice, |number| {
                start + i64::from(number % each) * 2_592_000 + offset(number / each)
            });
    }

    /// How many subscriptions there are, canceled ones too.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// What an id that is to be expanded stands for.
    pub(super) fn look_up(&self, key: &str, id: &str) -> Option<Value> {
        match key {
            "coupon" => self.coupons.find(id),
            "price" => self.prices.find(id),
            "customer" => self
                .customers
                .find(id)
                .or_else(|| id.starts_with("cus_").then(|| shape::customer(id, self.now))),
            "subscription" => self.subscriptions.find(id),
            _ => None,
        }
    }

    fn take_coupons(&mut self, discounts: &mut Value) {
        for discount in discounts.as_array_mut().into_iter().flatten() {
            // A bare id, or the shape of before 2025-09-30, stays as it is.
            if let Some(coupon) = discount
                .pointer_mut("/source/coupon")
                .filter(|coupon| coupon.is_object())
            {
                let id = json!(text(coupon, "id"));
                self.coupons.put(std::mem::replace(coupon, id));
            }
        }
    }

    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_fake{:06}", self.made)
    }
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

fn put(list: &mut ObjectList, mut object: Value, patch: Value) -> String {
    shape::merge(&mut object, patch);
    let id = text(&object, "id").to_owned();
    list.put(object);
    id
}
