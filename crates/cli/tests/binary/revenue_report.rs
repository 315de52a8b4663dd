//! `revenue report`, `explain` and `history` against a fake Stripe, over two days.

use cc_devops_fake_stripe::{FakeStripe, KEY, Model};
use serde_json::{Value, json};

use crate::process::{Place, Run, beside, finish};

/// Noon of a day, and a day, in Unix seconds.
pub(crate) const NOON: i64 = 1_795_348_800;
pub(crate) const DAY: i64 = 86_400;

pub(crate) struct Harness {
    pub(crate) place: Place,
    pub(crate) stripe: FakeStripe,
    runtime: tokio::runtime::Runtime,
}

impl Harness {
    /// A data folder and an account. The fake serves from threads of its own while the binary runs.
    pub(crate) fn new(model: Model) -> Self {
        let (stripe, runtime) = beside(FakeStripe::start(model));
        stripe.set_rates(1_000, 1_000);
        let place = Place::new();
        place.configure(&format!(
            "[stripe]\napi_url = \"{}\"\n\n[revenue]\nrates = \"fixed\"\nfixed_rates = {{ eur = \"1.25\" }}\n",
            stripe.url()
        ));
        place.serve().stop();
        Self { place, stripe, runtime }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_as(KEY, arguments)
    }

    fn run_as(&self, key: &str, arguments: &[&str]) -> Run {
        let mut command = self.place.command(arguments);
        command.env("STRIPE_API_KEY", key);
        finish(command, "")
    }

    pub(crate) fn report(&self, as_of: i64, more: &[&str]) -> Run {
        let as_of = as_of.to_string();
        let mut arguments = vec!["revenue", "report", "--as-of", &as_of];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// The events that are published once a server runs.
    fn published(&self) -> Vec<Value> {
        let server = self.place.serve();
        let token = std::fs::read_to_string(self.place.data().join("admin.token")).unwrap();
        let begun = std::time::Instant::now();
        let found = self.runtime.block_on(async {
            loop {
                let (status, text) = server.get("/v1/events", Some(token.trim()));
                assert_eq!(status, 200, "{text}");
                let (_, body) = text.split_once("\r\n\r\n").unwrap();
                let events = serde_json::from_str::<Value>(body).unwrap()["events"].clone();
                let told = |event: &&Value| event["detail-type"] == "MRR Calculation Complete";
                let told: Vec<Value> = events.as_array().unwrap().iter().filter(told).cloned().collect();
                if !told.is_empty() {
                    break told;
                }
                assert!(begun.elapsed().as_secs() < 30, "no figure is told: {text}");
                tokio::task::yield_now().await;
            }
        });
        server.stop();
        found
    }
}

/// Two customers: one with a coupon, one who pays in euros by the year.
pub(crate) fn first_day() -> Model {
    let mut model = Model::at(NOON - 40 * DAY);
    let monthly = model.price(json!({"unit_amount": 2_000}));
    let yearly = model.price(json!({
        "unit_amount": 10_000, "currency": "eur",
        "recurring": {"interval": "year", "interval_count": 1, "usage_type": "licensed"},
    }));
    let coupon = model.coupon(json!({"percent_off": 25.0}));
    let (ada, bob) = (
        model.customer(json!({"id": "cus_ada"})),
        model.customer(json!({"id": "cus_bob"})),
    );
    let discount = model.discount(&coupon);
    model.subscription(
        &ada,
        &[(&monthly, 1)],
        json!({"id": "sub_ada", "discounts": [discount]}),
    );
    model.subscription(&bob, &[(&yearly, 1)], json!({"id": "sub_bob", "currency": "eur"}));
    model.balance_transaction("charge", 4_000, "usd", NOON - 3 * DAY);
    model.balance_transaction("refund", -500, "usd", NOON - 2 * DAY);
    model.balance_transaction("charge", 9_999, "usd", NOON - 35 * DAY);
    model
}

#[test]
#[expect(clippy::too_many_lines, reason = "two days of one account, told as they come")]
fn a_report_is_kept_told_and_explained_and_a_second_day_balances() {
    let harness = Harness::new(first_day());
    let first = harness.report(NOON, &["--json"]).exits(0).json();
    // 15.00 USD and 100.00 / 12 EUR at 1.25.
    assert_eq!(first["mrrUSD"].to_string(), "25.42");
    assert_eq!(
        (&first["complete"], &first["kept"], &first["subscribers"]),
        (&json!(true), &json!(true), &json!(2))
    );
    assert_eq!(first["policy"], "stripe-default");
    let entries = first["subscriptions"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(
        entries
            .iter()
            .all(|entry| !entry["lines"].as_array().unwrap().is_empty())
    );
    assert_eq!(
        first["transactions"]["charges"], 4_000,
        "what is older than 30 days is not in it"
    );
    let beginning = &first["movements"]["currencies"]["usd"];
    assert_eq!(
        (&beginning["opening"], &beginning["closing"], &beginning["moved"]),
        (&json!("1500"), &json!("1500"), &json!({})),
        "a first day opens with its own figure, and nobody is new by it"
    );

    harness.stripe.model(|model| {
        let price = model.price(json!({"unit_amount": 700}));
        let eve = model.customer(json!({"id": "cus_eve"}));
        model.subscription(&eve, &[(&price, 3)], json!({"id": "sub_eve"}));
        model.change_subscription("sub_bob", |subscription| {
            subscription["status"] = json!("canceled");
            subscription["canceled_at"] = json!(NOON + DAY / 2);
            subscription["ended_at"] = json!(NOON + DAY / 2);
        });
        model.change_subscription("sub_ada", |subscription| {
            subscription["items"]["data"][0]["quantity"] = json!(2);
        });
    });
    let second = harness.report(NOON + DAY, &["--json"]).exits(0).json();
    assert_eq!(second["compared_with"], "2026-11-22");
    let usd = &second["movements"]["currencies"]["usd"];
    assert_eq!((&usd["opening"], &usd["closing"]), (&json!("1500"), &json!("5100")));
    assert_eq!(usd["moved"]["expansion"]["amount"], "1500");
    assert_eq!(usd["moved"]["new"]["amount"], "2100");
    let eur = &second["movements"]["currencies"]["eur"];
    assert_eq!(
        (&eur["moved"]["churn"]["amount"], &eur["closing"]),
        (&json!("-2500/3"), &json!("0"))
    );
    let converted = &second["movementsUSD"];
    let cents = |value: &Value| (value.as_f64().unwrap() * 100.0).round();
    let moved: f64 = converted["moved"].as_object().unwrap().values().map(cents).sum();
    assert!(
        (cents(&converted["opening"]) + moved + cents(&converted["currency_effects"]) - cents(&converted["closing"]))
            .abs()
            < 0.5,
        "{converted}"
    );

    let explained = harness
        .run(&["revenue", "explain", "cus_ada", "--as-of", &(NOON + DAY).to_string()])
        .exits(0);
    assert!(
        explained.stdout.contains("sub_ada of cus_ada: 30.00 USD a month"),
        "{}",
        explained.stdout
    );
    assert!(explained.stdout.contains("25%"), "{}", explained.stdout);

    let told = harness.published();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["source"], "contentcraft.billing");
    let detail = &told[0]["detail"];
    assert_eq!(
        (&detail["source"], &detail["action"]),
        (&json!("stripe-mrr-reporter"), &json!("mrr_calculated"))
    );
    assert_eq!(detail["mrrUSD"].to_string(), "25.42");
    assert_eq!(
        (&detail["charge_count"], &detail["refund_count"], &detail["period_days"]),
        (&json!(1), &json!(1), &json!(30))
    );

    let history = harness
        .run(&["revenue", "history", "--until", "2026-11-23", "--json"])
        .exits(0)
        .json();
    let days = history["days"].as_array().unwrap();
    assert_eq!(days.len(), 2);
    assert_eq!(
        (&days[0]["date"], days[0]["mrrUSD"].to_string()),
        (&json!("2026-11-22"), "25.42".to_owned())
    );
    assert_eq!(history["waterfall"]["closing"].to_string(), "51.0");
    let moved = harness.run(&["revenue", "movements", "--to", "2026-11-23", "--json"]);
    let moved = moved.exits(0).json();
    let lines: Vec<String> = (moved["movements"].as_array().unwrap().iter())
        .map(|moved| {
            let text = |key: &str| moved[key].as_str().unwrap().to_owned();
            let ids = &moved["subscriptions"];
            format!(
                "{} {} {} {} {ids}",
                text("customer"),
                text("kind"),
                text("before"),
                text("after")
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            r#"cus_ada expansion 1500 3000 ["sub_ada"]"#,
            r#"cus_bob churn 2500/3 0 ["sub_bob"]"#,
            r#"cus_eve new 0 2100 ["sub_eve"]"#,
        ]
    );
    assert_eq!(moved["days_without_movements"], json!([]));
    let churned = harness.run(&["revenue", "movements", "--to", "2026-11-23", "--kind", "churn", "--csv"]);
    assert_eq!(
        churned.exits(0).stdout,
        "date,customer,kind,currency,before,after,change,subscriptions\n\
         2026-11-23,cus_bob,churn,EUR,8.33,0.00,-8.33,sub_bob\n"
    );
    let of_ada = harness.run(&["revenue", "movements", "--to", "2026-11-23", "--customer", "cus_ada"]);
    let of_ada = of_ada.exits(0).stdout;
    assert!(of_ada.contains("30.00") && !of_ada.contains("cus_eve"), "{of_ada}");
    let picture = harness.place.path().join("mrr.svg");
    let shown = harness
        .run(&["revenue", "history", "--until", "2026-11-23", "--svg", "mrr.svg"])
        .exits(0);
    assert!(
        shown.stdout.contains("2026-11-23") && shown.stdout.contains("churn"),
        "{}",
        shown.stdout
    );
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{svg}");
}

#[test]
fn a_dry_run_keeps_nothing() {
    let harness = Harness::new(first_day());
    let text = harness.report(NOON, &["--dry-run"]).exits(0).stdout;
    assert!(
        text.contains("25.42 USD") && text.contains("nothing was kept"),
        "{text}"
    );
    let none = harness.run(&["revenue", "history"]).exits(1);
    assert!(none.stderr.contains("revenue report"), "{}", none.stderr);
}

#[test]
fn a_failed_run_leaves_the_newest_day_as_it_was() {
    let harness = Harness::new(first_day());
    harness.report(NOON, &[]).exits(0);
    let refused = harness.run_as(
        "sk_test_wrong",
        &["revenue", "report", "--as-of", &(NOON + DAY).to_string()],
    );
    let refused = refused.exits(3);
    assert!(refused.stderr.contains("key"), "{}", refused.stderr);
    harness
        .stripe
        .add_key("rk_test_poor", &["rak_plan_read", "rak_coupon_read"]);
    let refused = harness
        .run_as(
            "rk_test_poor",
            &["revenue", "report", "--as-of", &(NOON + DAY).to_string()],
        )
        .exits(3);
    assert!(
        refused.stderr.to_lowercase().contains("subscription"),
        "the permission is named: {}",
        refused.stderr
    );
    let days = harness
        .run(&["revenue", "history", "--until", "2026-11-23", "--json"])
        .exits(0)
        .json();
    assert_eq!(days["days"].as_array().unwrap().len(), 1);
    let past = harness.report(NOON - DAY, &[]).exits(2);
    assert!(past.stderr.contains("--dry-run"), "{}", past.stderr);
}

#[test]
fn without_a_key_it_says_where_to_put_one() {
    let harness = Harness::new(first_day());
    let refused = harness.run_as("", &["revenue", "report"]).exits(1);
    for word in ["/contentcraft/stripe/reporting_api_key", "put-secret", "STRIPE_API_KEY"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
}

#[test]
fn what_cannot_be_computed_is_listed_and_the_total_says_incomplete() {
    let mut model = first_day();
    let price = model.price(json!({"unit_amount": 100, "currency": "chf"}));
    let carl = model.customer(json!({"id": "cus_carl"}));
    model.subscription(&carl, &[(&price, 1)], json!({"id": "sub_carl", "currency": "chf"}));
    let harness = Harness::new(model);
    let report = harness.report(NOON, &["--json"]).exits(1).json();
    assert_eq!((&report["complete"], &report["mrrUSD"]), (&json!(false), &json!(null)));
    assert_eq!(report["without_rate"], json!(["chf"]));
    let text = harness.report(NOON, &[]).exits(1).stdout;
    assert!(text.contains("CHF") && text.contains("--rate"), "{text}");
    let told = harness.published();
    assert_eq!(
        (&told[0]["detail"]["complete"], &told[0]["detail"]["mrrUSD"]),
        (&json!(false), &json!(null))
    );
}

#[test]
fn a_dry_run_and_an_explanation_need_a_key_and_no_control_plane() {
    let harness = Harness::new(first_day());
    let apart = Place::new();
    let configuration = std::fs::read_to_string(harness.place.path().join("cc-devops.toml")).unwrap();
    apart.configure(&configuration);
    let run = |arguments: &[&str]| {
        let mut command = apart.command(arguments);
        command.env("STRIPE_API_KEY", KEY);
        finish(command, "")
    };
    let as_of = NOON.to_string();
    let day = run(&["revenue", "report", "--dry-run", "--json", "--as-of", &as_of])
        .exits(0)
        .json();
    let here = harness.report(NOON, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!((&day["totals"], &day["kept"]), (&here["totals"], &json!(false)));
    let id = day["subscriptions"][0]["id"].as_str().unwrap();
    let explained = run(&["revenue", "explain", id, "--json", "--as-of", &as_of])
        .exits(0)
        .json();
    assert_eq!(
        explained["subscriptions"][0]["mrr_exact"],
        day["subscriptions"][0]["mrr_exact"]
    );
    let left: Vec<_> = std::fs::read_dir(apart.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["cc-devops.toml"], "something was left behind");
    run(&["revenue", "report"]).exits(6);
}

#[test]
fn customers_discounts_are_read_from_the_account() {
    let mut model = Model::at(NOON - 40 * DAY);
    let monthly = model.price(json!({"unit_amount": 2_000}));
    let coupon = model.coupon(json!({"percent_off": 25}));
    let discount = model.discount(&coupon);
    let with = model.customer(json!({ "discount": discount }));
    let without = model.customer(json!({}));
    let own = model.coupon(json!({"percent_off": 50}));
    let own = model.discount(&own);
    let first = model.subscription(&with, &[(&monthly, 1)], json!({}));
    model.subscription(&with, &[(&monthly, 1)], json!({ "discounts": [own] }));
    model.subscription(&without, &[(&monthly, 1)], json!({}));
    let harness = Harness::new(model);
    let day = harness.report(NOON, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(day["totals"][0]["mrr_minor"], 1_500 + 1_000 + 2_000, "{day}");
    assert_eq!(day["customer_discounts_unknown"], 0);
    let as_of = NOON.to_string();
    let shown = harness
        .run(&["revenue", "explain", &first, "--as-of", &as_of, "--json"])
        .exits(0)
        .json();
    let lines = shown["subscriptions"][0]["lines"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .any(|line| line["kind"] == "customer_discount" && line["amount"] == "-500"),
        "{shown}"
    );
}

#[test]
fn a_dry_run_of_a_past_day_is_compared_with_the_day_kept_before_it() {
    let harness = Harness::new(first_day());
    harness.report(NOON, &[]).exits(0);
    harness.report(NOON + 3 * DAY, &[]).exits(0);
    let past = harness.report(NOON + 2 * DAY, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(past["compared_with"], "2026-11-22");
    for sheet in past["movements"]["currencies"].as_object().unwrap().values() {
        assert_eq!(sheet["opening"], sheet["closing"], "nothing moved: {past}");
    }
    let first = harness.report(NOON - DAY, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(first["compared_with"], json!(null));
}

#[test]
fn a_person_is_told_of_rates_and_of_what_is_missing() {
    let harness = Harness::new(first_day());
    let whole = harness.report(NOON, &[]).exits(0).stdout;
    for part in ["rates", "currency effects", "closing"] {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    harness.stripe.model(|model| {
        let coupon = model.coupon(json!({"percent_off": 10}));
        let discount = model.discount(&coupon);
        model.delete_coupon(&coupon);
        let customer = model.customer(json!({}));
        let price = model.price(json!({}));
        model.subscription(&customer, &[(&price, 1)], json!({ "discounts": [discount] }));
    });
    let part = harness.report(NOON + DAY, &[]).exits(1).stdout;
    assert!(part.contains("1 subscription could not be computed"), "{part}");
    let history = harness
        .run(&["revenue", "history", "--until", "2026-11-23"])
        .exits(0)
        .stdout;
    for said in ["1 subscription could not be computed", "rates on 2026-11-23"] {
        assert!(history.contains(said), "{said}: {history}");
    }
}
