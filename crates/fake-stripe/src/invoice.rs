//! Invoices, their lines and invoice items, as Stripe's API version of 2026-10-28 sends them.
//! Source: <https://docs.stripe.com/api/invoices/object>, <https://docs.stripe.com/api/invoice-line-item/object>.

use serde_json::{Value, json};

/// What an invoice is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) subscription: &'a Value,
    /// Such as `subscription_cycle`.
    pub(super) reason: &'static str,
    /// Whether it was paid at once.
    pub(super) paid: bool,
}

/// A part of an invoice: an item over a time.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) subscription: Value,
    pub(super) item: Value,
    pub(super) price: Value,
    pub(super) quantity: Value,
    pub(super) amount: i64,
    pub(super) period: (i64, i64),
    pub(super) prorated: bool,
    /// The invoice item it is made from.
    pub(super) invoice_item: Value,
    pub(super) discounts: Value,
}

/// A line of an invoice.
pub(super) fn line(id: &str, invoice: &str, part: &Part) -> Value {
    json!({
        "id": id, "object": "line_item", "amount": part.amount, "currency": part.price["currency"],
        "description": description(part), "discount_amounts": [], "discountable": !part.prorated,
        "discounts": part.discounts, "invoice": invoice, "livemode": false, "metadata": {},
        "parent": {
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": part.invoice_item, "proration": part.prorated,
                "proration_details": { "credited_items": credited(part) },
                "subscription": part.subscription, "subscription_item": part.item,
            },
            "type": "subscription_item_details",
        },
        "period": { "end": part.period.1, "start": part.period.0 }, "pretax_credit_amounts": [],
        "pricing": pricing(part), "quantity": part.quantity, "subtotal": part.amount, "taxes": [],
    })
}

/// An invoice item, which waits for the next invoice.
pub(super) fn invoice_item(id: &str, customer: &Value, now: i64, part: &Part) -> Value {
    json!({
        "id": id, "object": "invoiceitem", "amount": part.amount, "currency": part.price["currency"],
        "customer": customer, "customer_account": null, "date": now, "description": description(part),
        "discountable": false, "discounts": [], "invoice": null, "livemode": false, "metadata": {},
        "net_amount": part.amount,
        "parent": {
            "subscription_details": { "subscription": part.subscription, "subscription_item": part.item },
            "type": "subscription_details",
        },
        "period": { "end": part.period.1, "start": part.period.0 }, "pricing": pricing(part), "proration": true,
        "proration_details": { "discount_amounts": [], "credited_items": credited(part) },
        "quantity": part.quantity, "tax_rates": [], "test_clock": null,
    })
}

/// An invoice with these lines.
pub(super) fn invoice(id: &str, now: i64, about: About<'_>, lines: &[Value]) -> Value {
    let total: i64 = lines.iter().filter_map(|line| line["amount"].as_i64()).sum();
    let due = total.max(0);
    let paid = if about.paid { due } else { 0 };
    json!({
        "id": id, "object": "invoice", "amount_due": due, "amount_overpaid": 0, "amount_paid": paid,
        "amount_remaining": due - paid, "attempted": true, "auto_advance": !about.paid,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_reason": about.reason, "collection_method": about.subscription["collection_method"], "created": now,
        "currency": about.subscription["currency"], "customer": about.subscription["customer"],
        "customer_account": null, "description": null, "discounts": about.subscription["discounts"],
        "lines": {
            "object": "list", "data": lines, "has_more": false, "url": format!("/v1/invoices/{id}/lines"),
        },
        "livemode": false, "metadata": {}, "number": null,
        "parent": {
            "quote_details": null,
            "subscription_details": { "metadata": {}, "subscription": about.subscription["id"] },
            "type": "subscription_details",
        },
        "period_end": now, "period_start": now, "status": if about.paid { "paid" } else { "open" },
        "status_transitions": {
            "finalized_at": now, "marked_uncollectible_at": null, "paid_at": about.paid.then_some(now),
            "voided_at": null,
        },
        "subtotal": total, "total": total,
    })
}

fn pricing(part: &Part) -> Value {
    json!({
        "price_details": { "price": part.price["id"], "product": part.price["product"] }, "type": "price_details",
        "unit_amount_decimal": part.price["unit_amount_decimal"],
    })
}

/// What a credit refers to: the line that was paid before.
fn credited(part: &Part) -> Value {
    if part.prorated && part.amount < 0 {
        json!({ "invoice": "in_before", "invoice_line_items": ["il_before"] })
    } else {
        Value::Null
    }
}

fn description(part: &Part) -> String {
    let product = part.price["product"].as_str().unwrap_or_default();
    match (part.prorated, part.amount < 0) {
        (false, _) => format!("{} × {product}", part.quantity),
        (true, true) => format!("Unused time on {} × {product}", part.quantity),
        (true, false) => format!("Remaining time on {} × {product}", part.quantity),
    }
}
