//! Stripe's objects as its API version of 2026-10-28 sends them, in full: what a request did not
//! expand is taken out when it is answered.

use serde_json::{Value, json};

/// Lays `patch` over `base`: objects are merged, everything else is replaced.
pub(super) fn merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch,
    }
}

pub(super) fn customer(id: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": created, "currency": "usd",
        "delinquent": false, "description": null, "discount": null, "email": null, "invoice_prefix": "FAKE",
        "livemode": false, "metadata": {}, "name": null, "phone": null, "preferred_locales": [],
        "shipping": null, "tax_exempt": "none", "test_clock": null,
    })
}

pub(super) fn price(id: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "price", "active": true, "billing_scheme": "per_unit", "created": created,
        "currency": "usd", "currency_options": {}, "custom_unit_amount": null, "livemode": false,
        "lookup_key": null, "metadata": {}, "nickname": null, "product": "prod_fake",
        "recurring": {
            "interval": "month", "interval_count": 1, "meter": null, "trial_period_days": null,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null, "type": "recurring",
        "unit_amount": 1000, "unit_amount_decimal": "1000",
    })
}

pub(super) fn coupon(id: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "coupon", "amount_off": null, "applies_to": null, "created": created,
        "currency": null, "currency_options": {}, "duration": "forever", "duration_in_months": null,
        "livemode": false, "max_redemptions": null, "metadata": {}, "name": null, "percent_off": null,
        "redeem_by": null, "times_redeemed": 1, "valid": true,
    })
}

pub(super) fn discount(id: &str, coupon: &str, customer: &str, start: i64) -> Value {
    json!({
        "id": id, "object": "discount", "checkout_session": null, "customer": customer,
        "customer_account": null, "end": null, "invoice": null, "invoice_item": null,
        "promotion_code": null, "source": { "coupon": coupon, "type": "coupon" }, "start": start,
        "subscription": null, "subscription_item": null,
    })
}

/// An item, with the plan that Stripe still sends beside its price.
pub(super) fn item(id: &str, subscription: &str, created: i64, price: &Value, quantity: u64) -> Value {
    let recurring = &price["recurring"];
    let mut inline = price.clone();
    if let Some(inline) = inline.as_object_mut() {
        inline.remove("currency_options");
    }
    json!({
        "id": id, "object": "subscription_item", "billing_thresholds": null, "created": created,
        "current_period_end": created + 2_592_000, "current_period_start": created, "discounts": [],
        "metadata": {},
        "plan": {
            "id": price["id"], "object": "plan", "active": price["active"], "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"], "billing_scheme": price["billing_scheme"],
            "created": price["created"], "currency": price["currency"], "interval": recurring["interval"],
            "interval_count": recurring["interval_count"], "livemode": false, "metadata": {},
            "meter": recurring["meter"], "nickname": null, "product": price["product"],
            "tiers_mode": price["tiers_mode"], "transform_usage": price["transform_quantity"],
            "trial_period_days": null, "usage_type": recurring["usage_type"],
        },
        "price": inline,
        "quantity": quantity, "subscription": subscription, "tax_rates": [],
    })
}

pub(super) fn subscription(id: &str, customer: &str, created: i64, items: &[Value]) -> Value {
    let currency = items
        .first()
        .map_or_else(|| json!("usd"), |item| item["price"]["currency"].clone());
    let mut subscription = json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": created, "billing_cycle_anchor_config": null,
        "billing_mode": { "type": "flexible", "flexible": { "proration_discounts": "included" } },
        "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically", "created": created, "currency": currency,
        "customer": customer, "customer_account": null, "days_until_due": null,
        "default_payment_method": null, "default_source": null, "default_tax_rates": [],
        "description": null, "discounts": [], "ended_at": null,
    });
    let rest = json!({
        "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
        "items": {
            "object": "list", "data": items, "has_more": false,
            "url": format!("/v1/subscription_items?subscription={id}"),
        },
        "latest_invoice": null, "livemode": false, "metadata": {},
        "next_pending_invoice_item_invoice": null, "on_behalf_of": null, "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null, "payment_method_types": null,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null,
        "schedule": null, "start_date": created, "status": "active", "test_clock": null,
        "transfer_data": null, "trial_end": null,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
        "trial_start": null,
    });
    merge(&mut subscription, rest);
    subscription
}

pub(super) fn balance_transaction(id: &str, created: i64, category: &str, amount: i64, currency: &str) -> Value {
    // A dispute arrives as an adjustment; only its reporting category tells.
    let kind = match category {
        "dispute" | "dispute_reversal" => "adjustment",
        other => other,
    };
    json!({
        "id": id, "object": "balance_transaction", "amount": amount, "available_on": created,
        "balance_type": "payments", "created": created, "currency": currency, "description": null,
        "exchange_rate": null, "fee": 0, "fee_details": [], "net": amount,
        "reporting_category": category, "source": null, "status": "available", "type": kind,
    })
}

pub(super) fn event(id: &str, created: i64, kind: &str, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": super::API_VERSION, "created": created,
        "data": { "object": object }, "livemode": false, "pending_webhooks": 0,
        "request": { "id": null, "idempotency_key": null }, "type": kind,
    })
}
