//! `revenue backfill` against a fake Stripe, and what is seen of its days.

use cc_devops_fake_stripe::{Beginning, FakeStripe, KEY, Model, Proration};
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::process::{Place, Run, beside, finish};

const DAY: i64 = 86_400;

struct Harness {
    place: Place,
    _stripe: FakeStripe,
    _threads: tokio::runtime::Runtime,
}

impl Harness {
    fn new(model: Model) -> Self {
        let (stripe, threads) = beside(FakeStripe::start(model));
        stripe.set_rates(1_000, 1_000);
        let place = Place::new();
        place.configure(&format!("[stripe]\napi_url = \"{}\"\n", stripe.url()));
        place.serve().stop();
        Self {
            place,
            _stripe: stripe,
            _threads: threads,
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.place.command(arguments);
        command.env("STRIPE_API_KEY", KEY);
        finish(command, "")
    }
}

/// Today, UTC; the binary asks the machine.
fn today() -> Date {
    use cc_devops_kernel::ports::{Clock as _, SystemClock};
    SystemClock.now().to_zoned(TimeZone::UTC).date()
}

fn noon(date: Date) -> i64 {
    let midnight: Timestamp = date.to_zoned(TimeZone::UTC).expect("midnight is in range").timestamp();
    midnight.as_second() + DAY / 2
}

/// One customer for ten days, who took more five days ago; one who came three days ago.
fn account(today: Date) -> Model {
    let now = noon(today) - DAY;
    let mut model = Model::at(now - 9 * DAY);
    let (small, large) = (
        model.price(json!({"unit_amount": 1_000})),
        model.price(json!({"unit_amount": 4_000})),
    );
    let ada = model.customer(json!({"id": "cus_ada"}));
    let named = |id| Beginning {
        id: Some(id),
        ..Beginning::default()
    };
    model.subscribe(&ada, &[(&small, 1)], named("sub_ada"));
    model.pass_until(now - 4 * DAY);
    model.change_item("sub_ada", 0, &large, 1, Proration::Create);
    model.pass_until(now - 2 * DAY);
    let eve = model.customer(json!({"id": "cus_eve"}));
    model.subscribe(&eve, &[(&small, 2)], named("sub_eve"));
    model.pass_until(now);
    model
}

#[test]
fn past_days_are_kept_marked_and_seen() {
    let today = today();
    let harness = Harness::new(account(today));
    let from = today.checked_sub(8.days()).unwrap().to_string();
    let done = harness
        .run(&["revenue", "backfill", "--from", &from, "--json"])
        .exits(0)
        .json();
    assert_eq!((&done["kept"], &done["reported"]), (&json!(8), &json!(0)));
    assert_eq!((&done["subscriptions"], &done["invoices"]), (&json!(2), &json!(3)));
    assert!(done["requests"].as_u64().unwrap() <= 7, "{done}");
    let notes: Vec<&str> = (done["notes"].as_array().unwrap().iter())
        .map(|note| note["code"].as_str().unwrap())
        .collect();
    assert!(notes.contains(&"pauses") && notes.contains(&"rates"), "{notes:?}");

    let history = harness.run(&["revenue", "history", "--json"]).exits(0).json();
    let days = history["days"].as_array().unwrap();
    assert!(days.iter().all(|day| day["reconstructed"] == true) && days.len() == 8);
    assert_eq!(days[0]["movementsUSD"]["opening"].to_string(), "10.0");
    assert_eq!(days[7]["mrrUSD"].to_string(), "60.0");
    let shown = harness.run(&["revenue", "history", "--svg", "mrr.svg"]).exits(0).stdout;
    assert!(shown.contains(&format!("reconstructed: {from}")), "{shown}");
    let picture = std::fs::read_to_string(harness.place.path().join("mrr.svg")).unwrap();
    assert!(picture.contains(", reconstructed"), "{picture}");

    let moved = harness.run(&["revenue", "movements", "--from", &from]).exits(0).stdout;
    for word in [
        "cus_ada",
        "expansion",
        "40.00",
        "cus_eve",
        "new",
        "sub_eve",
        "were reconstructed",
    ] {
        assert!(moved.contains(word), "{word}: {moved}");
    }

    let again = harness.run(&["revenue", "backfill", "--from", &from]).exits(0).stdout;
    assert!(again.contains("8 had been reconstructed before"), "{again}");
    // Today's report is compared with yesterday.
    let report = harness.run(&["revenue", "report", "--json"]).exits(0).json();
    assert_eq!(report["compared_with"], today.yesterday().unwrap().to_string());
    assert_eq!(report["movements"]["currencies"]["usd"]["moved"], json!({}));
}

#[test]
fn what_is_no_past_is_refused() {
    let today = today();
    let harness = Harness::new(account(today));
    let text = today.to_string();
    let refused = harness.run(&["revenue", "backfill", "--from", &text]).exits(2);
    assert!(refused.stderr.contains("there is no day between"), "{}", refused.stderr);
    let refused = harness
        .run(&["revenue", "backfill", "--from", &text, "--to", &text])
        .exits(2);
    assert!(refused.stderr.contains("not over yet"), "{}", refused.stderr);
    let refused = harness.run(&[
        "revenue",
        "backfill",
        "--from",
        "2026-01-01",
        "--policy",
        "transactions",
    ]);
    assert!(refused.exits(2).stderr.contains("stripe-default"));
    let none = harness.run(&["revenue", "movements"]).exits(1);
    assert!(none.stderr.contains("no MRR is kept"), "{}", none.stderr);
}
