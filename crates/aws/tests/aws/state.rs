//! Records on a DynamoDB that loses answers and whose indexes lag, and what CloudWatch heard of agents.

use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};
use aws_smithy_types::DateTime;
use cc_devops_aws::Backend;
use cc_devops_fleet::Beat;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{
    Clock as _, Content, PortErrorKind, Record, RecordKey, RecordKind, StateChange, StateStore, SystemClock,
};
use cc_devops_testkit::peers;
use cc_devops_testkit::sample::{after, agent_name};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness;
use crate::line::{Fault, Line};

fn change(name: &str, version: u64, due: i64, body: &str) -> StateChange {
    StateChange {
        key: RecordKey::new(RecordKind::Watch, name),
        version,
        content: Some(Content {
            due_at: Some(after(due)),
            list: Some("all".to_owned()),
            body: body.to_owned(),
        }),
    }
}

async fn find(store: &dyn StateStore, name: &str) -> Record {
    let key = RecordKey::new(RecordKind::Watch, name);
    store.read(&[key]).await.unwrap().remove(0).unwrap()
}

#[tokio::test]
async fn a_lost_answer_is_no_conflict_and_another_writer_is() {
    let peer = peers::ministack().await;
    let other = harness::backend(&peer).await;
    let line = Line::default();
    let (here, there) = (line.to(&other, 3).state(), other.state());
    line.fails(1, "PutItem", &Fault::LostAnswer);
    here.write(&[change("a", 0, 1, "one")], None).await.unwrap();
    line.fails(1, "PutItem", &Fault::LostAnswer);
    here.write(&[change("a", 1, 1, "two")], None).await.unwrap();
    assert_eq!(line.calls("PutItem").len(), 4, "each was tried twice");
    let found = find(&*there, "a").await;
    assert_eq!((found.version, found.content.body.as_str()), (2, "two"));

    // The same words of another writer are another writer's.
    there.write(&[change("a", 2, 1, "three")], None).await.unwrap();
    let answer = here.write(&[change("a", 2, 1, "three")], None).await;
    assert_eq!(answer.unwrap_err().kind, PortErrorKind::Superseded);
    // Where no answer comes at all nobody knows.
    line.fails(3, "PutItem", &Fault::LostAnswer);
    let answer = here.write(&[change("a", 3, 1, "four")], None).await;
    assert_eq!(answer.unwrap_err().kind, PortErrorKind::Timeout);
}

#[tokio::test]
async fn what_a_lagging_index_finds_is_looked_at_again() {
    let peer = peers::ministack().await;
    let other = harness::backend(&peer).await;
    let line = Line::default();
    let (here, there) = (line.to(&other, 1).state(), other.state());
    let changes = [
        change("gone", 0, 1, "{}"),
        change("later", 0, 9, "{}"),
        change("now", 0, 2, "{}"),
    ];
    there.write(&changes, None).await.unwrap();
    let left = StateChange {
        content: None,
        ..change("gone", 1, 1, "{}")
    };
    let elsewhere = change("later", 1, 9, "{}");
    let elsewhere = StateChange {
        content: elsewhere.content.map(|content| Content { list: None, ..content }),
        ..elsewhere
    };
    there.write(&[left, elsewhere], None).await.unwrap();
    // As it was before.
    let items: Vec<_> = ["gone", "later", "now"]
        .iter()
        .map(|name| json!({"PK": {"S": "STATE#watch"}, "SK": {"S": name}}))
        .collect();
    let stale = Fault::Answered(200, json!({"Count": items.len(), "Items": items}));
    let names = |found: Vec<Record>| found.into_iter().map(|record| record.key.name).collect::<Vec<_>>();
    line.fails(1, "Query", &stale);
    assert_eq!(names(here.due(RecordKind::Watch, after(5), 10).await.unwrap()), ["now"]);
    line.fails(1, "Query", &stale);
    assert_eq!(
        names(here.list(RecordKind::Watch, Some("all"), None, 10).await.unwrap()),
        ["now"]
    );
}

async fn put(backend: &Backend, agent: &str, at: Timestamp, value: f64) {
    let datum = MetricDatum::builder()
        .metric_name("Heartbeat")
        .unit(StandardUnit::Count)
        .value(value)
        .timestamp(DateTime::from_secs(at.as_second()));
    let call = backend.clients().cloudwatch().put_metric_data();
    let call = call.namespace(format!("Agent/{agent}")).metric_data(datum.build());
    call.send().await.unwrap();
}

#[tokio::test]
async fn heartbeats_are_heard_since_the_last_one_oldest_first() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    // CloudWatch counts in minutes.
    let now = SystemClock.now().as_second() / 60 * 60;
    let now = Timestamp::from_second(now).unwrap();
    let ago = |minutes: i64| now - SignedDuration::from_mins(minutes);
    for (agent, minutes, value) in [
        ("Writer", 31, 1.0),
        ("Writer", 11, 0.0),
        ("Writer", 21, 1.0),
        ("Daily", 25 * 60, 1.0),
    ] {
        put(&backend, agent, ago(minutes), value).await;
    }
    let beat = |minutes, healthy| Beat {
        at: ago(minutes),
        healthy,
        message: None,
    };
    let source = backend.heartbeat_source();
    let name = |name: &str| -> AgentName { agent_name(name) };
    let asked = [
        (name("Silent"), ago(60)),
        (name("Writer"), ago(31)),
        (name("Daily"), ago(26 * 60)),
        (name("DevOpsAutomation"), now),
    ];
    let mut heard = source.heard(&asked, now).await.unwrap();
    heard.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        (name("Daily"), vec![beat(25 * 60, true)]),
        (name("Writer"), vec![beat(21, true), beat(11, false)]),
    ];
    assert_eq!(heard, expected);
    assert_eq!(source.heard(&[], now).await.unwrap(), []);

    let known = backend
        .last_heard(vec![name("Writer"), name("Silent"), name("Daily")], now)
        .await;
    let expected = [
        (name("Writer"), Some(beat(11, false))),
        (name("Silent"), None),
        (name("Daily"), Some(beat(25 * 60, true))),
    ];
    assert_eq!(known.unwrap(), expected);
}
