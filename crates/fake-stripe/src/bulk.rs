//! Subscriptions made from their number alone, so that a million of them cost next to nothing.

use serde_json::{Value, json};

use super::invoice::{About, Part, invoice as invoice_of, line};
use super::shape;

/// What the id of a generated subscription begins with.
pub(super) const SUBSCRIPTION: &str = "sub_bulk";
/// What the id of a generated subscription's customer begins with.
const CUSTOMER: &str = "cus_bulk";
/// The coupon that one generated subscription in seven has: ten per cent, for ever.
pub(super) const COUPON: &str = "bulk_tenth";
/// What the id of a generated invoice begins with.
pub(super) const INVOICE: &str = "in_bulk";
/// How many invoices a generated subscription has, where it has any: two years of months.
pub(super) const INVOICES_EACH: u32 = 24;
/// How many prices the generated subscriptions share.
const PRICES: u32 = 20;
/// When the generated prices and the coupon were made.
const BEGINNING: i64 = 1_500_000_000;

/// The prices that generated subscriptions have.
pub(super) fn prices() -> Vec<Value> {
    (0..PRICES).map(price).collect()
}

/// The coupon that some of them have.
pub(super) fn coupon() -> Value {
    let mut coupon = shape::coupon(COUPON, BEGINNING);
    shape::merge(&mut coupon, json!({ "percent_off": 10 }));
    coupon
}

fn price(number: u32) -> Value {
    let number = number % PRICES;
    let amount = 500 * (number + 1);
    let interval = if number % 4 == 3 { "year" } else { "month" };
    let mut price = shape::price(&format!("price_bulk{number:02}"), BEGINNING + i64::from(number));
    shape::merge(
        &mut price,
        json!({
            "unit_amount": amount, "unit_amount_decimal": amount.to_string(),
            "recurring": { "interval": interval }, "product": format!("prod_bulk{number:02}"),
        }),
    );
    price
}

/// The generated subscription of this number.
pub(super) fn subscription(number: u32, created: i64) -> Value {
    let id = format!("{SUBSCRIPTION}{number:08}");
    let customer = format!("{CUSTOMER}{number:08}");
    let item = shape::item(
        &format!("si_bulk{number:08}"),
        &id,
        created,
        &price(number),
        u64::from(number % 3 + 1),
    );
    let mut subscription = shape::subscription(&id, &customer, created, &[item]);
    if number % 50 == 7 {
        subscription["status"] = json!("past_due");
    }
    if number.is_multiple_of(7) {
        let discount = format!("di_bulk{number:08}");
        subscription["discounts"] = json!([shape::discount(&discount, COUPON, &customer, created)]);
    }
    subscription
}

/// The generated invoice of this number: the subscriptions have theirs one after the other.
pub(super) fn invoice(number: u32, created: i64) -> Value {
    let subscription = subscription(number / INVOICES_EACH, created);
    let item = &subscription["items"]["data"][0];
    let price = &item["price"];
    let part = Part {
        subscription: subscription["id"].clone(),
        item: item["id"].clone(),
        amount: price["unit_amount"].as_i64().unwrap_or_default() * item["quantity"].as_i64().unwrap_or(1),
        price: price.clone(),
        quantity: item["quantity"].clone(),
        period: (created, created + 2_592_000),
        prorated: false,
        invoice_item: Value::Null,
        discounts: json!([]),
    };
    let id = format!("{INVOICE}{number:08}");
    let lines = [line(&format!("il_bulk{number:08}"), &id, &part)];
    let about = About {
        subscription: &subscription,
        reason: "subscription_cycle",
        paid: true,
    };
    invoice_of(&id, created, about, &lines)
}
