//! `revenue` on input as it comes in practice: every case of `stripe/tests/field` through the real binary, a test by
//! the name of each.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use cc_devops_revenue::money::{Exact, Sum};
use regex::RegexBuilder;
use serde_json::Value;

use crate::process::{Place, Run, finish};

const CASES: &str = include_str!("../../../stripe/tests/field/cases.json");
const AS_OF: &str = "1795392000";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../stripe/tests/field")
}

fn cases() -> Vec<Value> {
    serde_json::from_str(CASES).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn run(case: &Value) -> Run {
    let known = [
        "name",
        "kind",
        "why",
        "source",
        "input",
        "stdin",
        "prices",
        "coupons",
        "customers",
        "as_of",
        "args",
    ];
    let known = [&known[..], &["command", "id", "text", "expect"]].concat();
    for key in case.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "the runner does not know `{key}`");
    }
    let place = Place::new();
    let input = folder().join(text(case, "input"));
    let piped = case["stdin"] == true;
    let mut arguments = vec!["revenue".to_owned()];
    arguments.push(case["command"].as_str().unwrap_or("compute").to_owned());
    arguments.extend(case["id"].as_str().map(str::to_owned));
    let file = if piped {
        "-".to_owned()
    } else {
        input.display().to_string()
    };
    arguments.extend(["--input".to_owned(), file]);
    for beside in ["prices", "coupons", "customers"] {
        if let Some(name) = case[beside].as_str() {
            arguments.extend([format!("--{beside}"), folder().join(name).display().to_string()]);
        }
    }
    let as_of = case["as_of"].as_str().unwrap_or(AS_OF).to_owned();
    arguments.extend(["--as-of".to_owned(), as_of]);
    if case["text"] != true {
        arguments.push("--json".to_owned());
    }
    arguments.extend(texts(&case["args"]).map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = place.command(&arguments);
    if piped {
        command.stdin(File::open(input).unwrap());
    }
    finish(command, "")
}

/// What a case comes to.
struct Seen<'r> {
    run: &'r Run,
    answer: Value,
}

impl Seen<'_> {
    fn entries(&self) -> impl Iterator<Item = &Value> {
        self.answer["subscriptions"].as_array().into_iter().flatten()
    }

    fn entry(&self, id: &str) -> &Value {
        let entry = self.entries().find(|entry| entry["id"] == id);
        entry.unwrap_or_else(|| panic!("{id} is not listed: {}", self.run))
    }

    fn failed(&self) -> impl Iterator<Item = &Value> {
        self.entries().filter(|entry| !entry["error"].is_null())
    }

    fn says(&self, pattern: &str) -> bool {
        let pattern = RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
        pattern.is_match(&self.run.stdout) || pattern.is_match(&self.run.stderr)
    }

    fn has_code(&self, code: &str) -> bool {
        self.answer["errors"].get(code).is_some() || self.failed().any(|entry| entry["error"]["code"] == code)
    }

    /// Whether a list of the subscription's lines has each of these among it.
    fn has_lines(&self, id: &str, wanted: &Value) -> bool {
        let lines = self.entry(id)["lines"].as_array().unwrap();
        let fits = |line: &Value, wanted: &Value| {
            let fields = wanted.as_object().unwrap();
            fields.iter().all(|(key, value)| line[key] == *value)
        };
        let wanted = wanted.as_array().unwrap();
        wanted.iter().all(|wanted| lines.iter().any(|line| fits(line, wanted)))
    }

    /// Every line that is named, each with the id of its entry.
    fn named_lines(&self) -> BTreeSet<(u64, String)> {
        let pattern = RegexBuilder::new(r"\bline (\d+)")
            .case_insensitive(true)
            .build()
            .unwrap();
        let mut found = BTreeSet::new();
        for entry in self.failed() {
            for named in pattern.captures_iter(text(&entry["error"], "message")) {
                found.insert((named[1].parse().unwrap(), text(entry, "id").to_owned()));
            }
        }
        found
    }

    fn check(&self, key: &str, expected: &Value) -> bool {
        let answer = &self.answer;
        let fields = || expected.as_object().unwrap().iter();
        match key {
            "exit" => match expected.as_array() {
                Some(codes) => codes.contains(&self.run.code.into()),
                None => *expected == self.run.code,
            },
            "totals" => {
                let totals = answer["totals"].as_array().unwrap();
                let of = |total: &Value| {
                    expected
                        .get(text(total, "currency"))
                        .cloned()
                        .unwrap_or_else(|| 0.into())
                };
                let there = |currency: &str| totals.iter().any(|total| total["currency"] == currency);
                totals.iter().all(|total| total["mrr_minor"] == of(total))
                    && fields().all(|(currency, minor)| *minor == 0 || there(currency))
            }
            "mrr_usd" => answer["mrrUSD"] == *expected,
            "complete" | "subscribers" => answer[key] == *expected,
            "excluded" => fields().all(|(reason, count)| answer["excluded"][reason] == *count),
            "counts" => fields().all(|(name, count)| answer[name] == *count),
            "error_code" => self.has_code(expected.as_str().unwrap()),
            "error_codes" => texts(expected).all(|code| self.has_code(code)),
            "error_id" | "error_any_id" => self.failed().any(|entry| entry["id"] == *expected),
            "per" => fields().all(|(id, minor)| self.entry(id)["mrr_minor"] == *minor),
            "exact" => fields().all(|(id, exact)| self.entry(id)["mrr_exact"] == *exact),
            "once" => texts(expected).all(|id| self.entries().filter(|entry| entry["id"] == id).count() == 1),
            "no_figure" => texts(expected).all(|id| self.entry(id)["mrr_minor"].is_null()),
            "lines" => fields().all(|(id, lines)| self.has_lines(id, lines)),
            "at_line" => {
                let named = self.named_lines();
                let expected = expected.as_array().unwrap();
                let number = |place: &Value| place["line"].as_u64().unwrap();
                let all = expected.iter().all(|place| {
                    let mut at = named.iter().filter(|(line, _)| *line == number(place));
                    at.any(|(_, id)| place["id"].as_str().is_none_or(|expected| expected == id))
                });
                all && named
                    .iter()
                    .all(|(line, _)| expected.iter().any(|place| number(place) == *line))
            }
            "messages" | "text_says" => texts(expected).all(|pattern| self.says(pattern)),
            "messages_not" | "text_says_not" => !texts(expected).any(|pattern| self.says(pattern)),
            _ => panic!("the runner does not know what `{key}` expects"),
        }
    }
}

/// Runs a case, and checks all that it expects.
fn holds(name: &str) {
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case["name"] == name)
        .expect("the case is in cases.json");
    let run = run(case);
    let seen = Seen {
        run: &run,
        answer: serde_json::from_str(&run.stdout).unwrap_or_default(),
    };
    for (key, expected) in case["expect"].as_object().unwrap() {
        assert!(
            seen.check(key, expected),
            "{}\n{key} should be {expected}\n{run}",
            case["why"]
        );
    }
    for entry in seen.entries().filter(|entry| !entry["mrr_exact"].is_null()) {
        let mut sum = Sum::default();
        for line in entry["lines"].as_array().unwrap() {
            sum.add(text(line, "amount").parse::<Exact>().unwrap());
        }
        assert_eq!(sum.total().to_string(), text(entry, "mrr_exact"), "{entry}");
    }
}

/// A test of each name.
macro_rules! cases {
    ($($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                holds(stringify!($name));
            }
        )*

        #[test]
        fn every_case_has_its_test() {
            let tests = BTreeSet::from([$(stringify!($name).to_owned()),*]);
            let cases: BTreeSet<String> = cases().iter().map(|case| text(case, "name").to_owned()).collect();
            assert_eq!(tests, cases);
        }
    };
}

cases! {
    flat_fee_at_zero_graduated,
    flat_fee_at_zero_volume,
    flat_fee_at_zero_yearly,
    flat_fee_at_zero_explained,
    flat_fee_of_second_tier_only,
    flat_fee_metered,
    flat_fee_at_one,
    flat_fee_beside_seats,
    per_unit_at_zero,
    customer_forever_percent,
    customer_overridden_by_own,
    customers_file,
    customer_once_default,
    customer_once_subtracted,
    customer_repeating_subtracted,
    customer_id_only,
    customer_unknown_counts,
    customer_not_in_the_file,
    customer_after_item_discount,
    customer_unknown_in_text,
    customer_explained,
    customer_amount_off_each_invoice,
    customers_file_lines,
    customer_expanded_without,
    customer_repeating_default,
    list_has_more,
    search_has_more,
    pages_one_after_the_other,
    list_complete,
    list_empty,
    data_has_more,
    pages_last_has_more,
    search_result,
    data_without_object,
    data_without_object_one_line,
    array_of_lists,
    prices_as_search_result,
    list_and_subscription,
    data_empty,
    duplicates_identical,
    duplicates_conflicting,
    duplicates_newest,
    duplicates_newest_active,
    duplicates_key_order,
    duplicates_of_a_customer,
    duplicates_in_text,
    duplicates_newest_identical,
    empty_file,
    blank_file,
    empty_pipe,
    empty_array,
    empty_object,
    null_document,
    line_broken,
    line_garbage,
    line_other_object,
    line_wrong_type,
    line_first,
    lines_two_broken,
    object_event,
    object_invoice,
    object_stripe_error,
    object_customers,
    object_schedule,
    object_items,
    object_event_of_a_customer,
    format_csv,
    format_gzip,
    format_utf16,
    format_binary,
    format_cut_array,
    format_comment,
    format_utf16_lines,
    format_trailing_comma,
    rate_missing,
    rate_missing_of_two,
    rate_given,
    rate_missing_huf_isk,
    rate_given_three_decimals,
    usage_type_unknown,
    usage_type_missing,
    usage_type_unknown_second_item,
    usage_type_metered,
    percent_above_100,
    percent_below_0,
    amount_off_below_0,
    percent_100,
    percent_above_100_on_item,
    items_empty,
    items_empty_canceled,
    items_null,
    tax_unspecified_eur,
    tax_inclusive_eur,
    tax_unspecified_usd,
    tax_in_text,
    application_fee_default,
    application_fee_subtracted,
    application_fee_after_discount,
    application_fee_only_where_one_is,
    explain_unresolved,
    explain_fine,
    explain_excluded,
    explain_tiers_missing,
    explain_unknown_id,
    as_of_date,
    as_of_rfc3339,
    as_of_unix,
    as_of_no_date,
    as_of_day_before,
    as_of_word,
    plan_tiers_graduated,
    plan_tiers_volume,
    plan_tiers_nowhere,
    old_shape_yearly,
    old_shape_discounted,
    old_shape_canceled,
    old_shape_plan_in_item,
    old_shape_two_weeks,
    old_shape_trial,
    old_shape_without_plan,
    coupon_no_longer_redeemable,
    once_amount_off,
    yearly_forever_and_limited,
    two_and_three_year_terms,
    week_and_day_factors,
    five_and_eighteen_months,
    several_products,
    trials_do_not_count,
    eur_tiers_of_a_usd_price,
    price_by_id_in_another_currency,
    tiers_not_expanded,
    tiers_from_prices_file,
    cancel_requested,
    cancel_at_period_end_option,
    fixed_term,
    amount_off_in_another_currency,
    repeating_without_end,
    tax_inclusive_and_exclusive,
    items_has_more,
    discounts_of_three_levels,
    coupon_of_another_product,
    coupon_by_id,
    coupon_by_id_with_file,
    account_in_place_of_customer,
    customer_deleted,
    awaiting_first_payment,
    plan_in_the_right_currency,
    price_made_inline,
    discount_by_id,
    bom_and_crlf,
    bom_and_indented_list,
    quantity_as_text,
    time_as_text,
    flag_as_text,
    quantity_2_53,
    quantity_negative,
    nested_deeply,
    status_unknown,
    interval_unknown,
    billing_scheme_unknown,
    duration_unknown,
    rounding_unknown,
    currency_unknown,
    interval_count_0,
    amount_nan,
    amount_40_digits,
    no_id,
    no_customer,
    no_status,
    key_twice,
    control_characters,
}
