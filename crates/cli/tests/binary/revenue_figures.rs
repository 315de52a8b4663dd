//! `revenue figures`, `breakdown` and `history` as tables, CSV and pictures, over days against a fake Stripe.

use cc_devops_fake_stripe::KEY;
use serde_json::{Value, json};

use crate::process::finish;
use crate::revenue_report::{DAY, Harness, NOON, first_day};

/// 32 days: on the tenth one customer leaves and one comes, on the last one pays more.
fn month() -> Harness {
    let harness = Harness::new(first_day());
    for day in 0..=31 {
        if day == 10 {
            harness.stripe.model(|model| {
                let price = model.price(json!({"unit_amount": 700}));
                let eve = model.customer(json!({"id": "cus_eve", "address": {"country": "DE"}}));
                model.subscription(&eve, &[(&price, 3)], json!({"id": "sub_eve"}));
                model.change_subscription("sub_bob", |subscription| {
                    subscription["status"] = json!("canceled");
                    subscription["ended_at"] = json!(NOON + 10 * DAY);
                });
            });
        }
        // Some days are enough: each is compared with the one kept before.
        if [0, 1, 10, 20, 30, 31].contains(&day) {
            harness.report(NOON + day * DAY, &[]).exits(0);
        }
    }
    harness
}

#[test]
fn figures_are_exact_explained_and_null_where_there_is_no_ground() {
    let harness = month();
    let arguments = [
        "revenue",
        "figures",
        "--by",
        "day",
        "--from",
        "2026-11-22",
        "--to",
        "2026-12-23",
    ];
    let answer = harness.run(&[&arguments[..], &["--json"]].concat()).exits(0).json();
    let periods = answer["periods"].as_array().unwrap();
    assert_eq!(periods.len(), 32);
    let of = |place: usize, name: &str| &periods[place]["figures"][name];
    // Both of the first day's customers, one of whom left, and one who came: 1 of 2 and 1.
    assert_eq!(of(30, "customer_churn")["value"], "1/3");
    assert_eq!(of(30, "customer_churn")["shown"], "33.33 %");
    assert_eq!(of(30, "mrr")["value"], "3600");
    assert_eq!(of(30, "arr")["shown"], "432.00 USD");
    // The day after, everything happened within the 30 days still.
    assert_eq!(of(31, "customer_churn")["value"], "1/3");
    let missing = of(10, "customer_churn");
    assert_eq!(missing["value"], json!(null));
    assert!(missing["reason"].as_str().unwrap().contains("2026-11-22"), "{missing}");
    let none = of(5, "mrr");
    assert!(
        none["value"].is_null() && none["reason"].as_str().unwrap().contains("2026-11-27"),
        "{none}"
    );

    let explained = harness
        .run(&[
            "revenue",
            "figures",
            "--by",
            "day",
            "--from",
            "2026-12-22",
            "--to",
            "2026-12-22",
            "--explain",
            "customer_churn",
        ])
        .exits(0)
        .stdout;
    for part in [
        "1 ÷ (2 + 1) = 33.33 %",
        "customers 30 days ago",
        "opened at the end of 2026-11-22",
    ] {
        assert!(explained.contains(part), "{part}:\n{explained}");
    }
    let text = harness
        .run(&["revenue", "figures", "--to", "2026-12-23"])
        .exits(0)
        .stdout;
    for part in ["FIGURE", "2026-11", "2026-12", "36.00 USD", "no gross_revenue_churn"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let csv = harness.run(&[&arguments[..], &["--csv"]].concat()).exits(0).stdout;
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let last: Vec<&str> = lines.last().unwrap().split(',').collect();
    assert_eq!(head.len(), last.len(), "{csv}");
    let cell = |name: &str| last[head.iter().position(|found| *found == name).unwrap()];
    assert_eq!(
        (cell("period"), cell("mrr"), cell("customer_churn"), cell("quick_ratio")),
        ("2026-12-23", "36.00", "0.333333", "2.02")
    );
    let both = harness.run(&[&arguments[..], &["--csv", "--json"]].concat()).exits(2);
    assert!(both.stderr.contains("not both"), "{}", both.stderr);
}

#[test]
fn figures_are_in_the_currency_that_is_configured() {
    let harness = Harness::new(first_day());
    harness.report(NOON, &[]).exits(0);
    let of = |more: &[&str]| {
        let arguments = [&["revenue", "figures", "--to", "2026-11-30", "--json"], more].concat();
        harness.run(&arguments).exits(0).json()
    };
    assert_eq!(of(&[])["periods"][0]["figures"]["mrr"]["shown"], "25.42 USD");
    let euro = of(&["--currency", "eur"]);
    // 15.00 USD at 1.25, and 8.33 EUR.
    assert_eq!(euro["periods"][0]["figures"]["mrr"]["shown"], "20.33 EUR");
    let configured = std::fs::read_to_string(harness.place.path().join("cc-devops.toml")).unwrap();
    harness
        .place
        .configure(&configured.replace("[revenue]\n", "[revenue]\ncurrency = \"EUR\"\n"));
    assert_eq!(of(&[])["periods"][0]["figures"], euro["periods"][0]["figures"]);
    let yen = of(&["--currency", "jpy"]);
    let missing = &yen["periods"][0]["figures"]["mrr"];
    assert!(missing["reason"].as_str().unwrap().contains("no rate"), "{missing}");
}

#[test]
fn groups_are_of_the_account_or_of_a_file_and_add_up() {
    let mut model = first_day();
    let pro = model.price(json!({"unit_amount": 1_000, "product": "prod_pro"}));
    let seats = model.price(json!({"unit_amount": 300, "product": "prod_seats"}));
    let eve = model.customer(json!({"id": "cus_eve", "address": {"country": "DE"}}));
    let id = model.subscription(&eve, &[(&pro, 1), (&seats, 2)], json!({"id": "sub_eve"}));
    let mut subscription = model.find_subscription(&id).unwrap();
    let harness = Harness::new(model);
    let groups = |arguments: &[&str]| {
        let run = harness
            .run(&[&["revenue", "breakdown", "--json"], arguments].concat())
            .exits(0)
            .json();
        let named = run["groups"].as_array().unwrap().iter().map(|group| {
            format!(
                "{} {}",
                group["group"].as_str().unwrap(),
                group["mrr"].as_str().unwrap()
            )
        });
        named.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        groups(&["--by", "product"]),
        "prod_fake 7625/3, prod_pro 1000, prod_seats 600"
    );
    assert_eq!(groups(&["--by", "currency", "--where", "product=prod_pro"]), "usd 1000");
    assert_eq!(groups(&["--by", "interval"]), "month 3100, year 3125/3");
    assert_eq!(groups(&["--by", "country"]), "unknown 7625/3, DE 1600");

    subscription["customer"] = json!({"id": "cus_eve", "object": "customer", "address": {"country": "FR"}});
    harness.place.write("one.json", &subscription.to_string());
    let file = ["--input", "one.json"];
    assert_eq!(groups(&[&["--by", "country"], &file[..]].concat()), "FR 1600");
    assert_eq!(
        groups(&[&["--by", "plan"], &file[..]].concat()),
        "prod_pro/month 1000, prod_seats/month 600"
    );
    let text = harness
        .run(&["revenue", "breakdown", "--by", "plan", "--input", "one.json"])
        .exits(0)
        .stdout;
    for part in ["PLAN", "prod_pro/month", "10.00 USD", "62.5 %", "total", "16.00 USD"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let csv = harness
        .run(&["revenue", "breakdown", "--by", "product", "--csv"])
        .exits(0)
        .stdout;
    assert!(
        csv.starts_with(
            "product,subscriptions,currency,mrr,share,eur_minor_exact,usd_minor_exact\nprod_fake,2,usd,25.42,"
        ),
        "{csv}"
    );
    let refused = harness.run(&["revenue", "breakdown", "--by", "colour"]).exits(2);
    assert!(refused.stderr.contains("country or plan"), "{}", refused.stderr);
}

/// The store is open as long as the account is read with a key that it keeps.
#[test]
fn groups_are_of_the_account_with_the_key_that_the_control_plane_keeps() {
    let harness = Harness::new(first_day());
    let server = harness.place.serve();
    let put = ["put-secret", "/contentcraft/stripe/reporting_api_key"];
    finish(harness.place.command(&put), KEY).exits(0);
    server.stop();
    let with_given = harness
        .run(&["revenue", "breakdown", "--by", "plan", "--json"])
        .exits(0)
        .json();
    let with_kept = harness
        .place
        .command(&["revenue", "breakdown", "--by", "plan", "--json"]);
    assert_eq!(finish(with_kept, "").exits(0).json(), with_given);
}

#[test]
fn a_report_knows_of_trials_schedules_and_what_is_at_risk() {
    let mut model = first_day();
    let price = model.price(json!({"unit_amount": 1_000}));
    let dear = model.price(json!({"unit_amount": 5_000}));
    let of = |model: &mut cc_devops_fake_stripe::Model, id: &str, patch: Value| {
        let customer = model.customer(json!({}));
        let mut all = json!({"id": id});
        all.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
        model.subscription(&customer, &[(&price, 1)], all)
    };
    of(
        &mut model,
        "sub_trial",
        json!({"status": "trialing", "trial_end": NOON + 5 * DAY}),
    );
    of(&mut model, "sub_late", json!({"status": "past_due"}));
    of(
        &mut model,
        "sub_paused",
        json!({"pause_collection": {"behavior": "void"}}),
    );
    of(&mut model, "sub_converted", json!({"trial_end": NOON - 5 * DAY}));
    let schedule = json!({
        "id": "sub_sched_1", "object": "subscription_schedule", "status": "active", "end_behavior": "release",
        "current_phase": {"start_date": NOON - DAY, "end_date": NOON + 9 * DAY},
        "phases": [
            {"start_date": NOON - DAY, "end_date": NOON + 9 * DAY, "items": [{"price": price, "quantity": 1}]},
            {"start_date": NOON + 9 * DAY, "end_date": NOON + 99 * DAY, "items": [{"price": dear, "quantity": 2}]},
        ],
    });
    of(&mut model, "sub_planned", json!({"schedule": schedule}));
    let gone = json!({"id": "sub_gone", "trial_end": NOON - DAY, "ended_at": NOON - 2 * DAY});
    model.set_now(NOON - 2 * DAY);
    model.event("customer.subscription.deleted", &gone);
    let harness = Harness::new(model);
    let report = harness.report(NOON, &["--json"]).exits(0).json();
    let usd = &report["outlook"]["currencies"]["usd"];
    assert_eq!(
        (
            &usd["trial"],
            &usd["past_due"],
            &usd["collection_paused"],
            &usd["next_phases"]
        ),
        (&json!("1000"), &json!("1000"), &json!("1000"), &json!("9000"))
    );
    let figures = harness
        .run(&["revenue", "figures", "--to", "2026-11-30", "--json"])
        .exits(0)
        .json();
    let of = |name: &str| &figures["periods"][0]["figures"][name];
    assert_eq!(of("trial_mrr")["shown"], "10.00 USD");
    assert_eq!(of("mrr_at_risk")["shown"], "20.00 USD");
    // 25.42 and four times 10.00, and what the next phase adds.
    assert_eq!(of("committed_mrr")["shown"], "155.42 USD");
    assert_eq!(of("trial_conversion")["value"], json!(null), "{figures}");
}

#[test]
fn history_is_a_table_for_spreadsheets_and_a_picture_for_slides() {
    let harness = month();
    let arguments = ["revenue", "history", "--from", "2026-11-22", "--until", "2026-12-23"];
    let csv = harness.run(&[&arguments[..], &["--csv"]].concat()).exits(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 7, "{csv}");
    let head = "date,complete,subscribers,mrr_usd,opening_usd,new_usd,reactivation_usd,";
    assert!(lines[0].starts_with(head), "{csv}");
    assert!(lines[1].starts_with("2026-11-22,true,2,25.42,"), "{csv}");
    assert!(lines[6].contains(",36.00,"), "{csv}");
    let euro = harness
        .run(&[&arguments[..], &["--csv", "--currency", "eur"]].concat())
        .exits(0)
        .stdout;
    assert!(euro.contains("\n2026-11-22,true,2,20.33,"), "{euro}");
    let text = harness
        .run(&[&arguments[..], &["--currency", "eur"]].concat())
        .exits(0)
        .stdout;
    assert!(text.contains("EUR 20.33") && text.contains("MOVEMENT  EUR"), "{text}");
    let shown = harness
        .run(&[&arguments[..], &["--svg", "mrr.svg", "--png", "mrr.png"]].concat())
        .exits(0)
        .stdout;
    assert!(shown.contains("mrr.svg and mrr.png"), "{shown}");
    let svg = std::fs::read_to_string(harness.place.path().join("mrr.svg")).unwrap();
    for part in [
        "MRR from 2026-11-22 until 2026-12-23",
        "opening and closing",
        "width=\"1280\"",
        "height=\"720\"",
    ] {
        assert!(svg.contains(part), "{part}:\n{svg}");
    }
    let png = std::fs::read(harness.place.path().join("mrr.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (2_560, 1_440));
}

#[test]
fn cohorts_are_followed_from_month_to_month() {
    let harness = Harness::new(first_day());
    harness.report(NOON - 35 * DAY, &[]).exits(0);
    harness.stripe.model(|model| {
        let price = model.price(json!({"unit_amount": 700}));
        let eve = model.customer(json!({"id": "cus_eve"}));
        model.subscription(
            &eve,
            &[(&price, 3)],
            json!({"id": "sub_eve", "created": NOON - 12 * DAY}),
        );
    });
    harness.report(NOON - 10 * DAY, &[]).exits(0);
    harness.stripe.model(|model| {
        model.change_subscription("sub_ada", |subscription| {
            subscription["status"] = json!("canceled");
            subscription["ended_at"] = json!(NOON);
        });
        model.change_subscription("sub_eve", |subscription| {
            subscription["items"]["data"][0]["quantity"] = json!(4);
        });
    });
    harness.report(NOON + 10 * DAY, &[]).exits(0);
    let arguments = ["revenue", "cohorts", "--until", "2026-12-31"];
    let answer = harness.run(&[&arguments[..], &["--json"]].concat()).exits(0).json();
    let cohorts = answer["cohorts"].as_array().unwrap();
    let customers = |place: usize| {
        let cells = cohorts[place]["cells"].as_array().unwrap().iter();
        let cells = cells.map(|cell| (cell["month"].as_str().unwrap(), cell["customers"].as_u64().unwrap()));
        cells.collect::<Vec<_>>()
    };
    assert_eq!(
        (&cohorts[0]["cohort"], &cohorts[0]["customers"]),
        (&json!(null), &json!(2))
    );
    assert_eq!(customers(0), [("2026-10", 2), ("2026-11", 2), ("2026-12", 1)]);
    assert_eq!(
        (&cohorts[1]["cohort"], &cohorts[1]["mrr"]),
        (&json!("2026-11"), &json!("2100"))
    );
    assert_eq!(customers(1), [("2026-11", 1), ("2026-12", 1)]);
    assert_eq!(cohorts[1]["cells"][1]["revenue_retention"], "4/3");
    let shown = harness
        .run(&[&arguments[..], &["--money", "--svg", "kept.svg", "--png", "kept.png"]].concat())
        .exits(0)
        .stdout;
    for part in [
        "before  25.42 USD",
        "2026-11  21.00 USD",
        "133 %",
        "kept.svg and kept.png",
        "the last month goes on",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    let svg = std::fs::read_to_string(harness.place.path().join("kept.svg")).unwrap();
    assert!(svg.contains("2026-11, end of 2026-12: 28.00 of 21.00 USD"), "{svg}");
    let csv = harness.run(&[&arguments[..], &["--csv"]].concat()).exits(0).stdout;
    assert_eq!(csv.lines().count(), 6, "{csv}");
    assert!(
        csv.ends_with("2026-11,1,21.00,2026-12,1,1,1.000000,28.00,1.333333,usd\n"),
        "{csv}"
    );
}
