//! Subscriptions made from their number alone, so that a million of them cost next to nothing.

use serde_json::{Value, json};

use super::shape;

/// What the id of a generated subscription begins with.
pub(super) const SUBSCRIPTION: &str = "sub_bulk";
/// What the id of a generated subscription's customer begins with.
const CUSTOMER: &str = "cus_bulk";
/// The coupon that one generated subscription in seven has: ten per cent, for ever.
pub(super) const COUPON: &str = "bulk_tenth";
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
