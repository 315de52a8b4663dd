//! `revenue compute` on what stands beside the cases of the field: other forms, currencies, places of the same kinds.

use std::fs;

use serde_json::{Value, json};

use crate::process::{Place, Run};

mod input;

const AS_OF: &str = "1795392000";

/// A subscription of one price, 10.00 USD a month; `patch` is laid over it, `price` over its price.
fn subscription(id: &str, price: &Value, patch: &Value) -> Value {
    let mut whole = json!({
        "id": id, "object": "subscription", "customer": {"id": "cus_1", "object": "customer", "discount": null},
        "currency": "usd", "status": "active", "start_date": 1_750_000_000,
        "items": {"object": "list", "has_more": false, "data": [{
            "id": "si_1", "object": "subscription_item", "quantity": 1, "price": {
                "id": "price_1", "object": "price", "product": "prod_1", "currency": "usd", "billing_scheme": "per_unit",
                "unit_amount": 1000, "recurring": {"interval": "month", "interval_count": 1},
            },
        }]},
    });
    lay(&mut whole["items"]["data"][0]["price"], price);
    lay(&mut whole, patch);
    whole
}

fn plain(id: &str) -> Value {
    subscription(id, &json!({}), &json!({}))
}

fn lay(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                lay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

fn compute(input: impl AsRef<[u8]>, files: &[(&str, String)], arguments: &[&str]) -> Run {
    let place = Place::new();
    fs::write(place.path().join("input"), input).unwrap();
    let mut all = vec!["revenue", "compute", "--input", "input", "--as-of", AS_OF];
    for (flag, text) in files {
        let name = flag.trim_start_matches('-');
        place.write(name, text);
        all.extend([*flag, name]);
    }
    all.extend(arguments);
    place.run(&all)
}

fn answer(input: impl AsRef<[u8]>, files: &[(&str, String)], arguments: &[&str]) -> (i32, Value) {
    let run = compute(input, files, &[arguments, &["--json"]].concat());
    (run.code, run.json())
}

/// The exact MRR of the only subscription.
fn exact(subscription: &Value, arguments: &[&str]) -> String {
    let (code, answer) = answer(subscription.to_string(), &[], arguments);
    let entry = &answer["subscriptions"][0];
    assert_eq!(code, 0, "{answer}");
    entry["mrr_exact"].as_str().unwrap().to_owned()
}

fn error_of(answer: &Value, place: usize) -> &str {
    answer["subscriptions"][place]["error"]["code"]
        .as_str()
        .unwrap_or_default()
}

fn tiered(mode: &str, first_flat: Option<i64>, interval: &str) -> Value {
    json!({
        "billing_scheme": "tiered", "tiers_mode": mode, "unit_amount": null,
        "recurring": {"interval": interval, "interval_count": 1, "usage_type": "licensed"},
        "tiers": [{"up_to": 5, "unit_amount": 700, "flat_amount": first_flat}, {"up_to": null, "unit_amount": 500}],
    })
}

#[test]
fn a_first_tiers_flat_fee_is_billed_of_every_interval_currency_and_mode() {
    let at_zero = json!({"items": {"object": "list", "data": []}});
    let of = |price: &Value, currency: &str, patch: &Value| {
        let mut whole = subscription("sub_1", price, &json!({"currency": currency}));
        let item = &mut whole["items"]["data"][0];
        item["quantity"] = json!(0);
        item["price"]["currency"] = json!(currency);
        lay(&mut whole, patch);
        whole
    };
    assert!(at_zero["items"]["data"].as_array().unwrap().is_empty());
    let half = json!({"discounts": [{"id": "di", "coupon": {"id": "H", "percent_off": 50, "duration": "forever"}}]});
    for (price, currency, patch, expected) in [
        (tiered("graduated", Some(1200), "year"), "usd", json!({}), "100"),
        (tiered("volume", Some(1200), "week"), "usd", json!({}), "5200"),
        (tiered("graduated", Some(1200), "day"), "usd", json!({}), "36500"),
        (tiered("volume", Some(1200), "month"), "jpy", json!({}), "1200"),
        (tiered("graduated", Some(1200), "month"), "kwd", half.clone(), "600"),
        (tiered("volume", Some(1), "year"), "usd", half, "1/24"),
        (tiered("graduated", None, "month"), "usd", json!({}), "0"),
    ] {
        let rates = ["--rate", "jpy=0.0067", "--rate", "kwd=3.25"];
        assert_eq!(
            exact(&of(&price, currency, &patch), &rates),
            expected,
            "{price} {currency}"
        );
    }
}

fn coupon(patch: &Value) -> Value {
    let mut coupon = json!({"id": "C", "object": "coupon", "duration": "forever"});
    lay(&mut coupon, patch);
    coupon
}

#[test]
fn a_customers_discount_follows_the_rules_of_every_discount() {
    let with = |discount: &Value| {
        let customer = json!({"id": "cus_1", "object": "customer", "discount": discount});
        subscription("sub_1", &json!({}), &json!({ "customer": customer }))
    };
    let tenth = coupon(&json!({"percent_off": 10}));
    for (discount, expected) in [
        (json!({"id": "di", "coupon": tenth}), "900"),
        (
            json!({"id": "di", "source": {"type": "coupon", "coupon": tenth}}),
            "900",
        ),
        (json!({"id": "di", "coupon": tenth, "end": 1_700_000_000}), "1000"),
        (
            json!({"id": "di", "coupon": coupon(&json!({"amount_off": 250, "currency": "usd"}))}),
            "750",
        ),
        (
            json!({"id": "di", "coupon": coupon(&json!({"percent_off": 10, "applies_to": {"products": ["other"]}}))}),
            "1000",
        ),
        (
            json!({"id": "di", "coupon": coupon(&json!({"percent_off": 10, "applies_to": {"products": ["prod_1"]}}))}),
            "900",
        ),
        (
            json!({"id": "di", "coupon": coupon(&json!({"percent_off": 0}))}),
            "1000",
        ),
        (
            json!({"id": "di", "coupon": coupon(&json!({"percent_off": 10, "duration": "once"}))}),
            "1000",
        ),
    ] {
        assert_eq!(exact(&with(&discount), &[]), expected, "{discount}");
    }
    for (coupon, code) in [
        (json!("C"), "unresolved_discount"),
        (coupon(&json!({"percent_off": 100.5})), "invalid_discount"),
        (
            coupon(&json!({"amount_off": -1, "currency": "usd"})),
            "invalid_discount",
        ),
    ] {
        let (exit, answer) = answer(with(&json!({"id": "di", "coupon": coupon})).to_string(), &[], &[]);
        assert_eq!((exit, error_of(&answer, 0)), (1, code), "{answer}");
    }
    let listed = [("--coupons", json!([coupon(&json!({"percent_off": 10}))]).to_string())];
    let (exit, found) = answer(with(&json!({"id": "di", "coupon": "C"})).to_string(), &listed, &[]);
    assert_eq!(
        (exit, &found["subscriptions"][0]["mrr_exact"]),
        (0, &json!("900")),
        "{found}"
    );
}

#[test]
fn fees_taxes_and_the_shape_of_2015_have_their_neighbours() {
    let fee = |percent: &Value| subscription("sub_1", &json!({}), &json!({"application_fee_percent": percent}));
    let with = ["--set", "subtract_application_fee=true"];
    assert_eq!(exact(&fee(&json!(12.5)), &with), "875");
    assert_eq!(exact(&fee(&json!(100)), &with), "0");
    assert_eq!(exact(&fee(&json!(null)), &with), "1000");
    let (exit, answer_of) = answer(fee(&json!(120)).to_string(), &[], &with);
    assert_eq!((exit, error_of(&answer_of, 0)), (1, "unknown_amount"), "{answer_of}");
    let taxed = |currency: &str, price: &Value| {
        let mut whole = subscription(
            "sub_1",
            price,
            &json!({"automatic_tax": {"enabled": true}, "currency": currency}),
        );
        lay(&mut whole["items"]["data"][0]["price"], price);
        whole
    };
    let unspecified = |currency: &str| json!({"currency": currency, "tax_behavior": "unspecified"});
    let option = json!({
        "tax_behavior": "exclusive", "currency_options": {"eur": {"unit_amount": 900, "tax_behavior": "inclusive"}},
    });
    for (subscription, unknown) in [
        (taxed("eur", &unspecified("eur")), 1),
        (taxed("jpy", &unspecified("jpy")), 1),
        (taxed("cad", &unspecified("cad")), 0),
        (taxed("usd", &unspecified("usd")), 0),
        (taxed("eur", &option), 1),
        (taxed("usd", &option), 0),
    ] {
        let rates = ["--rate", "eur=1.1", "--rate", "jpy=0.0067", "--rate", "cad=0.7"];
        let (exit, answer) = answer(subscription.to_string(), &[], &rates);
        assert_eq!((exit, &answer["tax_unknown"]), (0, &json!(unknown)), "{subscription}");
    }
    let old = |plan: &Value, patch: &Value| {
        let mut plan_of = json!({"id": "p", "object": "plan", "amount": 900, "currency": "usd", "interval": "month"});
        lay(&mut plan_of, plan);
        let mut whole = json!({
            "id": "sub_1", "object": "subscription", "customer": "cus_1", "plan": plan_of, "status": "active",
            "start": 1_440_000_000, "cancel_at_period_end": false, "tax_percent": 19,
        });
        lay(&mut whole, patch);
        whole
    };
    for (subscription, expected) in [
        (old(&json!({}), &json!({})), "900"),
        (old(&json!({}), &json!({"quantity": 0})), "0"),
        (old(&json!({"currency": "jpy"}), &json!({"quantity": 3})), "2700"),
        (old(&json!({"usage_type": "metered"}), &json!({})), "0"),
        (
            old(&json!({"interval": "month", "interval_count": 3}), &json!({})),
            "300",
        ),
        (old(&json!({}), &json!({"cancel_at_period_end": true})), "0"),
        (
            old(
                &json!({}),
                &json!({"items": null, "discount": {"coupon": coupon(&json!({"percent_off": 50}))}}),
            ),
            "450",
        ),
    ] {
        assert_eq!(
            exact(&subscription, &["--rate", "jpy=0.0067"]),
            expected,
            "{subscription}"
        );
    }
}

#[test]
fn a_moment_is_given_in_three_forms() {
    let place = Place::new();
    // At 22:00 of the day.
    let late = subscription("sub_1", &json!({}), &json!({"start_date": 1_795_471_200}));
    place.write("input", &late.to_string());
    let counts = |command: &[&str], when: &str| {
        let run = place
            .run(&[command, &["--input", "input", "--as-of", when, "--json"]].concat())
            .exits(0);
        run.json()["subscriptions"][0]["excluded"].is_null()
    };
    for command in [vec!["revenue", "compute"], vec!["revenue", "explain", "sub_1"]] {
        assert!(counts(&command, "2026-11-23"));
        assert!(!counts(&command, "2026-11-22"));
        assert!(counts(&command, "2026-11-23T22:00:00Z"));
        assert!(counts(&command, "2026-11-23T23:00:00.5+01:00"));
        assert!(!counts(&command, "2026-11-23T21:59:59Z"));
        assert!(!counts(&command, "2026-11-23T22:30:00+01:00"));
        assert!(counts(&command, "1795471200"));
        assert!(!counts(&command, "-1"));
        for wrong in [
            "2026-02-29",
            "2026-11-23T22:00:00",
            "tomorrow",
            "",
            "2026-13-01",
            "23.11.2026",
        ] {
            let all = [&command[..], &["--input", "input", "--as-of", wrong]].concat();
            place.run(&all).exits(2);
        }
    }
}

#[test]
fn a_person_is_told_what_a_program_is() {
    let euro = json!({"currency": "eur", "tax_behavior": "unspecified"});
    let patch = json!({"currency": "eur", "customer": "cus_9", "automatic_tax": {"enabled": true}});
    let taxed = subscription("sub_e", &euro, &patch).to_string();
    let zloty = subscription("sub_z", &json!({"currency": "pln"}), &json!({"currency": "pln"})).to_string();
    let input = format!("{taxed}\n{taxed}\n");
    let run = compute(&input, &[], &["--rate", "eur=1.1"]).exits(0);
    for part in [
        "11.00 USD",
        "1 copy",
        "customers of 1 subscription",
        "taxes",
        "command line",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    let run = compute(
        format!("{input}{zloty}\n{{\"id\":\"sub_x\"}}\n"),
        &[],
        &["--rate", "eur=1.1"],
    )
    .exits(1);
    for part in [
        "1 subscription could not be computed",
        "there is no rate for PLN",
        "(incomplete)",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
}
