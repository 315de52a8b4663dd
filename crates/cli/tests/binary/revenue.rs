//! `revenue`: every case of the rules through the real binary, with each of its variants.

use serde_json::{Value, json};

use crate::process::{Place, Run};

const CASES: &str = include_str!("../../../stripe/tests/cases.json");

fn cases() -> Vec<Value> {
    serde_json::from_str(CASES).unwrap()
}

/// `revenue compute` of one case with a variant's options.
fn compute(place: &Place, case: &Value, policy: Option<&Value>) -> Run {
    place.write("subscriptions.json", &case["subscription"].to_string());
    let as_of = case["as_of"].to_string();
    let mut arguments = vec![
        "revenue",
        "compute",
        "--input",
        "subscriptions.json",
        "--as-of",
        &as_of,
        "--json",
    ];
    let options: Vec<String> = policy
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            format!(
                "{name}={}",
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            )
        })
        .collect();
    for option in &options {
        arguments.extend(["--set", option]);
    }
    place.run(&arguments)
}

#[test]
fn every_case_has_its_figure() {
    let place = Place::new();
    let cases = cases();
    assert_eq!(cases.len(), 47);
    for case in &cases {
        let name = &case["name"];
        if let Some(code) = case.get("expect_error") {
            let report = compute(&place, case, None).exits(1).json();
            let row = &report["subscriptions"][0];
            assert_eq!(row["error"]["code"], *code, "{name}: {row}");
            assert_eq!(
                (&row["mrr_minor"], &report["complete"]),
                (&json!(null), &json!(false)),
                "{name}"
            );
            continue;
        }
        // Without a rate, the total in dollars is missing, and the exit code says so.
        let code = |minor: &Value| i32::from(case["currency"] != "usd" && *minor != 0);
        let several = case.get("expected_by_currency").is_some();
        let expected_code = if several { 1 } else { code(&case["expected_minor"]) };
        let report = compute(&place, case, None).exits(expected_code).json();
        if let Some(expected) = case.get("expected_by_currency").and_then(Value::as_object) {
            let totals = report["totals"].as_array().unwrap();
            assert_eq!(totals.len(), expected.len(), "{name}");
            for total in totals {
                let currency = total["currency"].as_str().unwrap();
                assert_eq!(total["mrr_minor"], expected[currency], "{name}");
            }
            assert_eq!(
                (&report["mrrUSD"], &report["complete"]),
                (&json!(null), &json!(false)),
                "{name}"
            );
            continue;
        }
        let row = &report["subscriptions"][0];
        assert_eq!(row["mrr_minor"], case["expected_minor"], "{name}: {row}");
        if let Some(exact) = case.get("expected_exact") {
            assert_eq!(row["mrr_exact"], *exact, "{name}");
            assert_eq!(report["totals"][0]["mrr_exact"], *exact, "{name}");
        }
        for variant in case.get("variants").and_then(Value::as_array).into_iter().flatten() {
            let run = compute(&place, case, Some(&variant["policy"]));
            let report = run.exits(code(&variant["expected_minor"])).json();
            let figure = &report["subscriptions"][0]["mrr_minor"];
            assert_eq!(*figure, variant["expected_minor"], "{name} with {}", variant["policy"]);
        }
    }
}

#[test]
fn a_person_sees_totals_and_what_could_not_be_computed() {
    let place = Place::new();
    let of = |name: &str| {
        let cases = cases();
        let case = cases.iter().find(|case| case["name"] == *name).unwrap();
        case["subscription"].to_string()
    };
    let lines = [
        of("annual_1200_usd"),
        of("kwd_yearly"),
        of("unexpanded_discount_must_error"),
    ];
    place.write("all.ndjson", &lines.join("\n"));
    let arguments = [
        "revenue",
        "compute",
        "--input",
        "all.ndjson",
        "--as-of",
        "1795392000",
        "--rate",
        "kwd=3.25",
    ];
    let shown = place.run(&arguments).exits(1).stdout;
    for part in [
        "USD",
        "100.00",
        "KWD",
        "8.333",
        "127.08 USD (incomplete)",
        "unresolved_discount",
    ] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    place.write("unpaid.json", &of("status_unpaid"));
    let unpaid = place
        .run(&["revenue", "compute", "--input", "unpaid.json"])
        .exits(0)
        .stdout;
    assert!(unpaid.contains("not counted   1 unpaid"), "{unpaid}");
    let without = place.run(&arguments[..6]).exits(1).stdout;
    assert!(without.contains("give a --rate for KWD"), "{without}");
}

#[test]
fn every_cent_is_explained() {
    let place = Place::new();
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case["name"] == "item_then_subscription_discount")
        .unwrap();
    place.write("one.json", &case["subscription"].to_string());
    let id = case["subscription"]["id"].as_str().unwrap();
    let arguments = ["revenue", "explain", id, "--input", "one.json", "--as-of", "1795392000"];
    let shown = place.run(&arguments).exits(0).stdout;
    assert!(shown.contains("16.20 USD a month"), "{shown}");
    let report = place.run(&[&arguments[..], &["--json"]].concat()).exits(0).json();
    let lines = report["subscriptions"][0]["lines"].as_array().unwrap();
    let sum: i64 = lines
        .iter()
        .map(|line| line["amount"].as_str().unwrap().parse::<i64>().unwrap())
        .sum();
    assert_eq!(sum, 1620, "{lines:?}");
    let customer = place.run(&[
        "revenue",
        "explain",
        "cus_x",
        "--input",
        "one.json",
        "--as-of",
        "1795392000",
    ]);
    assert!(customer.exits(0).stdout.contains(id));
    let nobody = place
        .run(&["revenue", "explain", "cus_none", "--input", "one.json"])
        .exits(1);
    assert!(nobody.stderr.contains("cus_none"), "{nobody}");
}

#[test]
fn bad_input_says_what_to_do() {
    let place = Place::new();
    place.write("one.json", "[]");
    let refused = |arguments: &[&str], code: i32, said: &str| {
        let run = place.run(&[&["revenue", "compute"], arguments].concat()).exits(code);
        assert!(run.stderr.contains(said), "{run}");
    };
    refused(&["--input", "none.json"], 2, "none.json");
    refused(&["--input", "one.json", "--policy", "mine"], 2, "stripe-default");
    refused(&["--input", "one.json", "--set", "day_factr=30"], 2, "day_factor");
    refused(&["--input", "one.json", "--set", "day_factor"], 2, "option=value");
    refused(&["--input", "one.json", "--rate", "euro"], 2, "eur=1.08");
    place.write("broken.json", "[{\"id\": \"sub_1\",");
    refused(&["--input", "broken.json"], 3, "not JSON");
    let empty = place
        .run(&["revenue", "compute", "--input", "one.json", "--json"])
        .exits(0)
        .json();
    assert_eq!((&empty["complete"], &empty["subscribers"]), (&json!(true), &json!(0)));
}
