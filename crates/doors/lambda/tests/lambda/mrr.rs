//! The function that reports MRR, over fakes.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_lambda::revenue::{MrrFunction, RunFailed};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::ports::{Billing, TakeFigure, Wanted};
use cc_devops_revenue::reporting::{Reporter, ReportingSettings};
use cc_devops_revenue::transactions::{Category, Transactions};
use cc_devops_testkit::{FakeBilling, Memory, outbox, sample};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

struct Harness {
    memory: Memory,
    billing: FakeBilling,
    function: MrrFunction,
}

impl Harness {
    /// With a customer that pays ten dollars, and one that pays four euros.
    fn new() -> Self {
        let (memory, billing) = (Memory::new(), FakeBilling::default());
        billing.euro(Some("1.25"));
        billing.bill("cus_1", Currency::USD, "1000");
        billing.bill("cus_2", Currency::EUR, "400");
        billing.charge(Category::Charge, 9_050, Currency::USD);
        billing.charge(Category::Charge, 1_000, Currency::USD);
        billing.charge(Category::Refund, -25, Currency::USD);
        let function = function(&memory, Arc::new(billing.clone()), &billing);
        Self {
            memory,
            billing,
            function,
        }
    }

    async fn invoke(&self, payload: Value) -> (u64, Value) {
        read(&self.function.handle(&payload).await.unwrap())
    }
}

fn function(memory: &Memory, source: Arc<dyn Billing>, rates: &FakeBilling) -> MrrFunction {
    let ports = memory.ports();
    let clock = ports.clock.clone();
    let settings = ReportingSettings {
        installation: sample::installation(),
        policy: Policy::default(),
        reader: sample::agent_name("CostSentinel"),
    };
    let reporter = Reporter::new(source, Arc::new(rates.clone()), ports, settings);
    MrrFunction::new(
        reporter,
        clock,
        sample::secret_name("/contentcraft/stripe/reporting_api_key"),
    )
}

/// The status and the body of an answer.
fn read(answer: &Value) -> (u64, Value) {
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

/// An error as the wire contract has it; its sentence.
fn error((status, body): (u64, Value)) -> String {
    assert_eq!((status, &body["status"]), (500, &json!("error")), "{body}");
    let timestamp: Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(timestamp > Timestamp::UNIX_EPOCH);
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    body["error"].as_str().unwrap().to_owned()
}

/// What the schedule of template.yaml invokes it with.
fn tick() -> Value {
    json!({"tick": "mrr"})
}

#[tokio::test]
async fn whatever_it_is_invoked_with_it_computes_keeps_and_answers() {
    let harness = Harness::new();
    let payloads = [
        json!(null),
        json!({}),
        json!("text"),
        serde_json::from_str(include_str!("../../../../../tests/events/mrr_calculation.json")).unwrap(),
        json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}),
        tick(),
    ];
    for payload in payloads {
        let answer = harness.function.handle(&payload).await.unwrap();
        assert!(
            answer["body"].as_str().unwrap().contains(r#""mrrUSD":15.00,"#),
            "a decimal number, not a float: {answer}"
        );
        let (status, body) = read(&answer);
        assert_eq!(status, 200, "{payload}");
        assert_eq!(
            body,
            json!({
                "status": "success", "mrrUSD": 15.0, "charge_count": 2, "refund_count": 1, "period_days": 30,
                "timestamp": harness.memory.ports().clock.now(),
                "complete": true, "policy": "stripe-default", "date": "2025-06-15", "charges_usd": 100.5,
                "refunds_usd": 0.25, "total_transactions": 3, "subscribers": 2, "arpaUSD": 7.5,
            }),
            "{payload}"
        );
    }
    let day = harness.memory.ports().revenue.latest().await.unwrap().unwrap();
    assert_eq!(day.mrr_usd().unwrap().to_string(), "15.00");
    let waiting = outbox::waiting(&harness.memory.ports(), 1_000).await;
    let news = outbox::event(&waiting[0]);
    assert_eq!(
        (news.agent.as_str(), news.body.source(), news.body.detail_type()),
        ("CostSentinel", "contentcraft.billing", "MRR Calculation Complete")
    );
}

#[tokio::test]
async fn where_there_was_never_a_key_it_says_what_to_do_and_wakes_nobody() {
    let harness = Harness::new();
    harness.billing.fail_after(Some((0, PortErrorKind::NotFound)));
    for payload in [json!({}), tick()] {
        let said = error(harness.invoke(payload).await);
        assert!(said.contains("/contentcraft/stripe/reporting_api_key"), "{said}");
        assert!(said.contains("restricted key with read access"), "{said}");
    }
    assert!(harness.memory.alerts().is_empty());
    assert_eq!(harness.memory.ports().revenue.latest().await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_failed_is_told_and_the_next_one_goes_on() {
    let harness = Harness::new();
    harness.invoke(json!({})).await;
    let kept = harness.memory.ports().revenue.latest().await.unwrap();
    harness.memory.clock().advance(SignedDuration::from_hours(24));
    harness.billing.fail_after(Some((1, PortErrorKind::Unavailable)));
    let said = error(harness.invoke(json!({"task_type": "mrr_calculation"})).await);
    assert_eq!(said, "MRR was not computed: the fake was told to fail");
    assert_eq!(harness.memory.alerts().len(), 1);

    let failed = harness.function.handle(&tick()).await;
    assert!(
        matches!(failed, Err(RunFailed::Report(_))),
        "the schedule's failure is Lambda's to count and to make up for: {failed:?}"
    );
    assert_eq!(harness.memory.alerts().len(), 1, "once a day is enough");
    assert_eq!(
        harness.memory.ports().revenue.latest().await.unwrap(),
        kept,
        "what was kept stands"
    );

    harness.billing.fail_after(Some((0, PortErrorKind::NotFound)));
    error(harness.invoke(json!({})).await);
    assert!(
        harness.function.handle(&tick()).await.is_err(),
        "a key that is gone is a failure"
    );

    harness.billing.fail_after(None);
    let (status, body) = harness.invoke(tick()).await;
    assert_eq!((status, &body["date"]), (200, &json!("2025-06-16")));
}

#[tokio::test]
async fn what_cannot_be_known_is_null_and_said() {
    let harness = Harness::new();
    harness.billing.euro(None);
    let (status, body) = harness.invoke(json!({})).await;
    assert_eq!((status, &body["status"]), (200, &json!("success")));
    assert_eq!(
        (&body["mrrUSD"], &body["complete"]),
        (&Value::Null, &json!(false)),
        "{body}"
    );
    assert_eq!(body["charges_usd"], 100.5);
}

/// Falls over.
struct Fragile;

#[async_trait]
impl Billing for Fragile {
    async fn figures(&self, _: Wanted<'_>, _: &mut TakeFigure<'_>) -> PortResult<()> {
        panic!("over a subscription")
    }
    async fn figures_of(&self, _: &str, _: Wanted<'_>) -> PortResult<Vec<Figure<'static>>> {
        Ok(Vec::new())
    }
    async fn transactions(&self, _: i64, _: i64) -> PortResult<Transactions> {
        Ok(Transactions::default())
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_too() {
    let (memory, rates) = (Memory::new(), FakeBilling::default());
    let function = function(&memory, Arc::new(Fragile), &rates);
    let said = error(read(&function.handle(&json!({})).await.unwrap()));
    assert!(!said.contains("subscription"), "{said}");
    assert!(matches!(function.handle(&tick()).await, Err(RunFailed::Broken(_))));
}
