//! What the backend tells others arrives: events over the bus, alerts over the topic, metrics.

use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_types::DateTime;
use cc_devops_alerts::{self as alerts, ConditionChange, ConditionKind, Severity};
use cc_devops_aws::Backend;
use cc_devops_kernel::health::Condition as Standing;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{Clock as _, PortErrorKind, SystemClock};
use cc_devops_outbox::ports::RequestSample;
use cc_devops_testkit::sample::AGENT;
use cc_devops_testkit::{Memory, outbox, peers};
use jiff::Timestamp;
use serde_json::Value;

use crate::harness;

/// A queue, as its URL and ARN.
async fn queue(backend: &Backend, name: &str) -> (String, String) {
    let sqs = backend.clients().sqs();
    let url = sqs
        .create_queue()
        .queue_name(name)
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let attributes = sqs
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::QueueArn);
    let attributes = attributes.send().await.unwrap().attributes.unwrap();
    (url, attributes[&QueueAttributeName::QueueArn].clone())
}

/// The bodies of so many messages.
async fn receive(backend: &Backend, url: &str, count: usize) -> Vec<Value> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let call = backend.clients().sqs().receive_message().queue_url(url);
        let call = call.max_number_of_messages(10).wait_time_seconds(5);
        let messages = call.send().await.unwrap().messages.unwrap_or_default();
        assert!(!messages.is_empty(), "{} of {count} messages came", bodies.len());
        bodies.extend(
            messages
                .iter()
                .map(|message| serde_json::from_str::<Value>(message.body().unwrap()).unwrap()),
        );
    }
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completed_events_arrive_where_a_rule_sends_them() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let (url, arn) = queue(&backend, "told").await;
    let events = backend.clients().eventbridge();
    let rule = events.put_rule().name("told");
    let pattern = r#"{"source": ["devops.automation"], "detail-type": ["devops.completed"]}"#;
    rule.event_pattern(pattern).send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    events.put_targets().rule("told").targets(target).send().await.unwrap();

    let events: Vec<_> = (1..=25).map(|number| outbox::published(number, AGENT, 1)).collect();
    let numbered: Vec<_> = (1..).zip(&events).collect();
    let results = backend.bus().publish(&numbered, SystemClock.now()).await.unwrap();
    assert!(results.len() == 25 && results.iter().all(Result::is_ok), "{results:?}");
    let mut told = receive(&backend, &url, 25).await;
    told.sort_by_key(|event| event["detail"]["requestId"].as_str().map(str::to_owned));
    let mut expected: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_str(&event.body.detail().unwrap()).unwrap())
        .collect();
    expected.sort_by_key(|completed| completed["requestId"].as_str().map(str::to_owned));
    let details: Vec<Value> = told.iter().map(|event| event["detail"].clone()).collect();
    assert_eq!(details, expected, "each once, as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_arrives_where_the_topic_sends_it() {
    let peer = peers::ministack().await;
    let plain = harness::backend(&peer).await;
    let (url, arn) = queue(&plain, "people").await;
    let sns = plain.clients().sns();
    let topic = sns
        .create_topic()
        .name("ops-cost-alerts")
        .send()
        .await
        .unwrap()
        .topic_arn
        .unwrap();
    sns.subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(arn)
        .send()
        .await
        .unwrap();
    let backend = plain;
    let (title, text) = (
        "Deploy failed: deployLambda r1",
        "the stack was rolled back: \u{1f511} see the events",
    );
    backend.topics().publish(&topic, title, text).await.unwrap();
    let message = receive(&backend, &url, 1).await.remove(0);
    assert_eq!(message["Subject"], title);
    assert_eq!(message["Message"], text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_functions_leave_is_taken_over_once_where_it_is_theirs_to_say() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let now = SystemClock.now();
    let opened = |kind, key: String| {
        let condition = alerts::Condition::new(
            key,
            (kind, Severity::Warning),
            now,
            "title".to_owned(),
            "text".to_owned(),
        );
        condition.opened()
    };
    let failed = opened(ConditionKind::Revenue, "revenue/run".to_owned());
    let over = ConditionChange::Resolved {
        key: "revenue/run".to_owned(),
        at: now,
        title: "it is complete".to_owned(),
    };
    let not_theirs = opened(ConditionKind::Agent, "agent/Writer".to_owned());
    let revenue = backend.revenue_conditions();
    revenue.note(&[failed.clone(), not_theirs], now).await.unwrap();
    revenue.note(std::slice::from_ref(&over), now).await.unwrap();
    // More than one item takes.
    let breaches: Vec<_> = (0..90)
        .map(|number| opened(ConditionKind::Hygiene, format!("hygiene/acme/{number}/force_push")))
        .collect();
    backend.repository_conditions().note(&breaches, now).await.unwrap();

    let told = Memory::new();
    let left = backend.left_conditions();
    told.fail_with(Some(PortErrorKind::Unavailable));
    left.hand_over(&told, now).await.unwrap_err();
    told.fail_with(None);
    assert_eq!(left.hand_over(&told, now).await.unwrap(), 92);
    let expected: Vec<_> = [failed, over].into_iter().chain(breaches).collect();
    assert_eq!(
        told.noted(),
        expected,
        "in the order they were left, and nothing of what is not theirs"
    );
    assert_eq!(left.hand_over(&told, now).await.unwrap(), 0, "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted_in_cloudwatch() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let now = SystemClock.now();
    let sample = |status, latency_ms, at| RequestSample {
        event: 1,
        action: "putSecret".to_owned(),
        status,
        latency_ms,
        at,
    };
    let old = Timestamp::from_second(now.as_second() - 15 * 24 * 3600).unwrap();
    let mut samples: Vec<_> = (1..=200).map(|ms| sample(Status::Success, ms, now)).collect();
    samples.push(sample(Status::Error, 1_000, now));
    samples.push(sample(Status::Success, 5_000, old));
    backend.metrics().record(&samples).await.unwrap();

    let stage = Dimension::builder().name("Stage").value("dev").build();
    let sums = async |name: &str, of_stage: bool| -> (f64, f64) {
        let call = backend.clients().cloudwatch().get_metric_statistics();
        let call = call
            .namespace("Agent/DevOpsAutomation")
            .metric_name(name)
            .set_dimensions(of_stage.then(|| vec![stage.clone()]))
            .start_time(DateTime::from_secs(now.as_second() - 600))
            .end_time(DateTime::from_secs(now.as_second() + 600))
            .period(3600)
            .statistics(Statistic::Sum)
            .statistics(Statistic::Maximum);
        let points = call.send().await.unwrap().datapoints.unwrap_or_default();
        let sum = points
            .iter()
            .filter_map(aws_sdk_cloudwatch::types::Datapoint::sum)
            .sum();
        let most = points
            .iter()
            .filter_map(aws_sdk_cloudwatch::types::Datapoint::maximum)
            .fold(0.0, f64::max);
        (sum, most)
    };
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-6;
    let (count, _) = sums("RequestCount", true).await;
    let (errors, _) = sums("ErrorCount", true).await;
    let (latency, slowest) = sums("RequestLatency", true).await;
    assert!(
        close(count, 201.0) && close(errors, 1.0),
        "{count} requests, {errors} errors"
    );
    assert!(
        close(latency, 21_100.0) && close(slowest, 1_000.0),
        "{latency} ms in all, {slowest} ms at most"
    );
    // The contract's metric has no dimension. CloudWatch keeps the two apart, the emulator adds them.
    let (both, _) = sums("RequestCount", false).await;
    assert!(close(both, 402.0), "{both} requests");
    let totals = backend.metrics().totals().await.unwrap();
    let counted: u64 = totals.iter().map(|totals| totals.count).sum();
    assert_eq!(counted, 202, "what is too old for CloudWatch counts all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_check_shows_the_last_full_one() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let mut resources = backend.resources().clone();
    resources.event_bus = "none-such".to_owned();
    let astray = harness::on(peer.url(), &resources);
    let state = |checks: &[cc_devops_kernel::health::Check]| {
        let events = checks.iter().find(|check| check.name == "events").unwrap();
        (events.status, events.message.is_some())
    };
    assert_eq!(state(&backend.full_check().await), (Standing::Healthy, false));
    assert_eq!(
        state(&astray.checks().check().await),
        (Standing::Healthy, false),
        "the report is young enough"
    );
    assert_eq!(
        state(&astray.full_check().await),
        (Standing::Degraded, true),
        "asked anew"
    );
    assert_eq!(
        state(&backend.checks().check().await),
        (Standing::Degraded, true),
        "and kept"
    );
}
