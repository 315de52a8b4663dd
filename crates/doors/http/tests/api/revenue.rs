//! MRR by the clock, and when the billing source says that something changed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{Method, StatusCode};
use cc_devops_http::Revenue;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::schedule::Job;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_revenue::reporting::{Reporter, ReportingSettings};
use cc_devops_testkit::{FakeBilling, Memory, sample};
use jiff::{SignedDuration, Timestamp};

use crate::harness::{Answer, As, Harness, request, until};

/// Believes the signature `good`; the body `change` changes MRR.
struct Notices;

#[async_trait]
impl BillingNotices for Notices {
    fn signature_header(&self) -> &'static str {
        "x-signature"
    }

    fn admits(&self, signature: Option<&str>, _at: Timestamp) -> PortResult<()> {
        match signature {
            Some("good" | "bad") => Ok(()),
            _ => Err(PortError::new(PortErrorKind::Refused, "this is no signature")),
        }
    }

    async fn changes_revenue(&self, signature: Option<&str>, body: &[u8], _at: Timestamp) -> PortResult<bool> {
        match signature {
            Some("good") => Ok(body == b"change"),
            _ => Err(PortError::new(PortErrorKind::Refused, "no signature fits")),
        }
    }
}

pub(crate) async fn harness(memory: &Memory, billing: &FakeBilling, notices: bool) -> Harness {
    let settings = ReportingSettings {
        installation: sample::installation(),
        policy: Policy::default(),
        reader: sample::agent_name(sample::OTHER_AGENT),
    };
    let source = Arc::new(billing.clone());
    let reporter = Reporter::new(source.clone(), source, memory.ports(), settings);
    let revenue = Revenue {
        reporter: Arc::new(reporter),
        notices: notices.then(|| Arc::new(Notices) as Arc<dyn BillingNotices>),
        refresh_after: SignedDuration::from_mins(15),
    };
    Harness::with_revenue(memory.clone(), revenue).await
}

async fn notify(harness: &Harness, signature: &str, body: &str) -> Answer {
    let request = request(Method::POST, "/v1/billing/events", As::Nobody).header("x-signature", signature);
    harness.call(request.body(body.to_owned().into()).unwrap()).await
}

/// When MRR is computed next, once that is `expected`.
async fn due_at(memory: &Memory, expected: &str) {
    let expected: Timestamp = expected.parse().unwrap();
    until(async || {
        let due = memory
            .ports()
            .schedule
            .due(Job::Revenue, Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        (due == expected).then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn mrr_is_computed_every_day_and_told() {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    billing.bill("cus_1", Currency::USD, "1000");
    let mut harness = harness(&memory, &billing, false).await;
    let workers = harness.work();
    due_at(&memory, "2025-06-16T06:00:00Z").await;
    let told = until(async || {
        let published = memory.published_events();
        published
            .into_iter()
            .find(|logged| logged.event.body.key() == "mrr/2025-06-15")
    })
    .await;
    assert_eq!(told.event.agent.as_str(), sample::OTHER_AGENT);
    let shown = harness.get("/v1/events", As::Other).await.json();
    let event = &shown["events"][0];
    assert_eq!(
        (&event["source"], &event["detail-type"]),
        (&"contentcraft.billing".into(), &"MRR Calculation Complete".into())
    );
    assert_eq!(event["detail"]["mrrUSD"].to_string(), "10.0");
    assert!(
        harness.get("/v1/events", As::Agent).await.json()["events"]
            .as_array()
            .unwrap()
            .is_empty(),
        "it is not everybody's"
    );

    memory.clock().set("2025-06-16T06:00:00Z".parse().unwrap());
    due_at(&memory, "2025-06-17T06:00:00Z").await;
    let latest = memory.ports().revenue.latest().await.unwrap().unwrap();
    assert_eq!(latest.date.to_string(), "2025-06-16");
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_made_up_for() {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    billing.fail_after(Some((0, PortErrorKind::Unavailable)));
    let mut harness = harness(&memory, &billing, false).await;
    let workers = harness.work();
    due_at(&memory, "2025-06-15T15:36:40Z").await;
    assert_eq!(memory.alerts().len(), 1);
    billing.fail_after(None);
    memory.clock().advance(SignedDuration::from_mins(30));
    due_at(&memory, "2025-06-16T06:00:00Z").await;
    assert!(memory.ports().revenue.latest().await.unwrap().is_some());
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_at_the_billing_source_brings_the_report_forward() {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    let mut harness = harness(&memory, &billing, true).await;
    let workers = harness.work();
    due_at(&memory, "2025-06-16T06:00:00Z").await;
    let send = async |signature: &str, body: &str| notify(&harness, signature, body).await;
    assert!(send("bad", "change").await.is_problem(400));
    assert_eq!(send("good", "something else").await.status, StatusCode::NO_CONTENT);
    due_at(&memory, "2025-06-16T06:00:00Z").await;
    billing.bill("cus_1", Currency::USD, "1000");
    assert_eq!(send("good", "change").await.status, StatusCode::NO_CONTENT);
    due_at(&memory, "2025-06-15T15:21:40Z").await;
    memory.clock().advance(SignedDuration::from_mins(5));
    assert_eq!(send("good", "change").await.status, StatusCode::NO_CONTENT);
    due_at(&memory, "2025-06-15T15:21:40Z").await;
    memory.clock().advance(SignedDuration::from_mins(10));
    due_at(&memory, "2025-06-16T06:00:00Z").await;
    let latest = memory.ports().revenue.latest().await.unwrap().unwrap();
    assert_eq!(latest.summary.subscribers, 1);
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn without_a_signing_secret_nothing_is_taken() {
    let harness = harness(&Memory::new(), &FakeBilling::default(), false).await;
    let answer = notify(&harness, "good", "change").await;
    assert!(
        answer.is_problem(404) && answer.text.contains("stripe.webhook_secret"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_notice_too_large_is_refused() {
    let harness = harness(&Memory::new(), &FakeBilling::default(), true).await;
    let large = "x".repeat((1 << 20) + 1);
    let answer = notify(&harness, "good", &large).await;
    assert!(answer.is_problem(413), "{answer:?}");
}
