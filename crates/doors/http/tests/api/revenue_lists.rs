//! MRR by day, and who moved it, as operators read them.

use std::ops::ControlFlow;
use std::sync::Arc;

use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::{Day, Reconstructed};
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::reporting::{Ask, Reporter, ReportingSettings};
use cc_devops_testkit::{FakeBilling, Memory, sample};
use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::{Value, json};

use crate::description::{document, is_as_described};
use crate::harness::{As, Harness};

async fn report(memory: &Memory, billing: &FakeBilling) -> Day {
    let settings = ReportingSettings {
        installation: sample::installation(),
        policy: Policy::default(),
        reader: sample::agent_name(sample::OTHER_AGENT),
    };
    let source = Arc::new(billing.clone());
    let reporter = Reporter::new(source.clone(), source, memory.ports(), settings);
    let ask = Ask {
        as_of: None,
        keep: true,
        explain: Explain::No,
    };
    let day = reporter.report(ask, &mut |_| ControlFlow::Continue(())).await;
    day.unwrap()
}

/// Two days, of 2025-06-15 and 16; and one of a version that kept no movements, one that was reconstructed.
async fn furnished() -> Harness {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    let keep = async |day: Day| -> PortResult<()> {
        let news = sample::announcement("mrr/old");
        let reader = sample::agent_name(sample::OTHER_AGENT);
        memory.ports().revenue.keep(&day, &reader, &news).await
    };
    keep(sample::mrr_day(date(2025, 6, 1), 100)).await.unwrap();
    let past = Day {
        reconstructed: Some(Reconstructed {
            at: sample::START,
            continues: true,
        }),
        customer_movements: Some(0),
        ..sample::mrr_day(date(2025, 6, 14), 100)
    };
    assert!(memory.ports().revenue.keep_reconstructed(&past).await.unwrap());
    for customer in ["cus_1", "cus_2", "cus_3"] {
        billing.bill(customer, Currency::USD, "1000");
    }
    report(&memory, &billing).await;
    memory.clock().advance(SignedDuration::from_hours(24));
    billing.clear();
    billing.bill("cus_1", Currency::USD, "10/3");
    report(&memory, &billing).await;
    Harness::on(memory, cc_devops_http::ServerConfig::default()).await
}

#[tokio::test]
async fn who_moved_is_listed_in_pages_and_found_by_kind_and_customer() {
    let harness = furnished().await;
    let get = async |query: &str| -> Value {
        let answer = harness.get(&format!("/v1/revenue/movements{query}"), As::Admin).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        answer.json()
    };
    let all = get("").await;
    let moved = all["movements"].as_array().unwrap();
    assert_eq!(moved.len(), 6, "three came, one has less, two are gone: {all}");
    assert_eq!(
        (&all["next"], &all["daysWithoutMovements"]),
        (&json!(null), &json!(["2025-06-01"])),
        "of an old day it is said that nobody knows"
    );
    let less = get("?kind=contraction").await;
    assert_eq!(
        less["movements"],
        json!([{
            "date": "2025-06-16", "customer": "cus_1", "currency": "usd", "kind": "contraction",
            "before": "1000", "after": "10/3", "subscriptions": ["sub_0"],
        }])
    );
    let of_one = get("?customer=cus_2&from=2025-06-16").await;
    assert_eq!(of_one["movements"][0]["kind"], "churn");
    assert_eq!(of_one["movements"].as_array().unwrap().len(), 1);
    let mut found = Vec::new();
    let mut next = json!(null);
    loop {
        let cursor = next.as_i64().map_or(String::new(), |next| format!("&cursor={next}"));
        let page = get(&format!("?limit=4{cursor}")).await;
        found.extend(page["movements"].as_array().unwrap().clone());
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    assert_eq!(&found, moved);
    for wrong in [
        "?kind=growth",
        "?limit=201",
        "?cursor=-1",
        "?from=yesterday",
        "?customer=",
        "?until=2025-06-16",
    ] {
        let answer = harness.get(&format!("/v1/revenue/movements{wrong}"), As::Admin).await;
        assert!(answer.is_problem(422), "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn days_are_listed_in_pages_with_what_they_are() {
    let harness = furnished().await;
    let get = async |query: &str| harness.get(&format!("/v1/revenue/days{query}"), As::Admin).await.json();
    let all = get("").await;
    let days = all["days"].as_array().unwrap();
    let said: Vec<(&str, bool, Option<u64>)> = (days.iter())
        .map(|day| {
            let count = day["customerMovements"].as_u64();
            (day["date"].as_str().unwrap(), day["reconstructed"] == true, count)
        })
        .collect();
    assert_eq!(
        said,
        [
            ("2025-06-01", false, None),
            ("2025-06-14", true, Some(0)),
            ("2025-06-15", false, Some(3)),
            ("2025-06-16", false, Some(3)),
        ]
    );
    assert_eq!(days[2]["mrrUSD"].to_string(), "30.0");
    assert_eq!(days[3]["movementsUSD"]["moved"]["churn"].to_string(), "-20.0");
    let first = get("?limit=3").await;
    let cursor = first["next"].as_i64().unwrap();
    let rest = get(&format!("?limit=3&cursor={cursor}")).await;
    assert_eq!((&rest["days"][0], &rest["next"]), (&days[3], &json!(null)));
}

#[tokio::test]
async fn the_lists_have_the_shape_that_is_described() {
    let harness = furnished().await;
    let document = document().await;
    for path in ["/v1/revenue/days", "/v1/revenue/movements"] {
        let answer = harness.get(path, As::Admin).await;
        is_as_described(&document, &format!("get {path}"), &answer);
    }
}
