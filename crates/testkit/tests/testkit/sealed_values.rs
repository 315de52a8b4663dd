//! Sealed values through the engine: opened when they are written, by the keys that are kept, and seen nowhere.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::outcome::{Completed, Reason};
use cc_devops_kernel::ports::SecretVersion;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::execution::Step;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::receiving::Received;
use cc_devops_requests::sealed_values::keeping::{MOST_KEPT, SealingKeeper};
use cc_devops_requests::sealed_values::{SealingKey, bound};
use cc_devops_testkit::sample::{self, AGENT, PLANTED_SECRET, agent_name, secret_name};
use cc_devops_testkit::{Memory, outbox};
use crypto_box::aead::OsRng;
use jiff::SignedDuration;
use serde_json::{Value, json};

const NAME: &str = "/contentcraft/contentorchestrator/key";

struct Harness {
    memory: Memory,
    plane: ControlPlane,
}

impl Harness {
    async fn new() -> Self {
        Self::on(Memory::ports).await
    }

    async fn on(ports: impl Fn(&Memory) -> Ports) -> Self {
        let memory = Memory::new();
        let ports = ports(&memory);
        sample::add_agent(&ports).await;
        let plane = sample::control_plane(ports);
        Self { memory, plane }
    }

    async fn key(&self) -> SealingKey {
        self.plane.sealing_key().await.unwrap()
    }

    /// Gives a request and carries it out.
    async fn ask(&self, id: &str, params: Value) -> Completed {
        let event = json!({
            "source": format!("agent.{AGENT}"), "detail-type": "devops.request",
            "detail": {"requestId": id, "action": "putSecret", "stage": "dev", "params": params},
        });
        match self
            .plane
            .receive(&sample::principal(AGENT), event, true)
            .await
            .unwrap()
        {
            Received::Claimed(claimed) => match self.plane.carry_out(claimed).await.unwrap() {
                Step::Concluded(completed) => completed,
                other => panic!("it must end: {other:?}"),
            },
            Received::Concluded(completed) => completed,
            Received::Known(record) => record.completed.unwrap(),
            Received::Unreadable(failure) => panic!("it can be read: {failure}"),
            Received::Recorded(_) => panic!("it is carried out at once"),
        }
    }

    async fn value(&self) -> Option<String> {
        let secrets = self.plane.ports().secrets.clone();
        let read = secrets.read(&secret_name(NAME), SecretVersion::Current).await.unwrap();
        read.map(|read| read.value.expose().to_owned())
    }

    fn pass(&self, days: i64) {
        self.memory.clock().advance(SignedDuration::from_hours(24 * days));
    }
}

fn sealed(key: &SealingKey, plain: &str) -> Value {
    let sealed = key.seal(&mut OsRng, plain).unwrap();
    json!({"name": NAME, "sealedValue": sealed, "keyId": key.key_id})
}

fn reason(completed: &Completed) -> Option<Reason> {
    completed.reason
}

#[tokio::test]
async fn a_sealed_value_is_written_and_stands_nowhere_in_the_clear() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let done = harness.ask("r1", sealed(&key, PLANTED_SECRET)).await;
    assert_eq!(done.error, None);
    assert_eq!(harness.value().await.unwrap(), PLANTED_SECRET);
    let for_whom = bound(
        &agent_name(AGENT),
        &secret_name(NAME),
        &SecretValue::new("bound".to_owned()),
    );
    assert_eq!(harness.ask("r2", sealed(&key, &for_whom)).await.error, None);
    assert_eq!(harness.value().await.unwrap(), "bound");

    harness
        .plane
        .relay(harness.plane.ports().outbox.consumers(), 100)
        .await
        .unwrap();
    let seen = format!(
        "{:?}{:?}",
        harness.memory.audit_rows(),
        harness.memory.published_events()
    );
    assert!(!seen.contains(PLANTED_SECRET) && !seen.contains(key.public_key.as_str()));
    assert!(harness.memory.alerts().is_empty());
}

#[tokio::test]
async fn a_sealed_value_is_opened_in_one_transaction_with_its_request_too() {
    let harness = Harness::on(Memory::ports_of_one_store).await;
    let key = harness.key().await;
    let params = sealed(&key, PLANTED_SECRET);
    let done = harness.ask("r1", params.clone()).await;
    assert_eq!(done.error, None);
    assert_eq!(harness.value().await.unwrap(), PLANTED_SECRET);
    assert_eq!(harness.ask("r1", params).await, done);
    let refused = harness
        .ask("r2", json!({"name": NAME, "sealedValue": "AAAA", "keyId": key.key_id}))
        .await;
    assert_eq!(reason(&refused), Some(Reason::InvalidParameter));
    assert_eq!(harness.memory.secret_writes(&secret_name(NAME)), 1);
}

#[tokio::test]
async fn what_was_sealed_for_another_secret_is_a_violation_and_writes_nothing() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    for (agent, name) in [
        (AGENT, "/contentcraft/contentorchestrator/other"),
        (sample::OTHER_AGENT, NAME),
    ] {
        let stolen = bound(
            &agent_name(agent),
            &secret_name(name),
            &SecretValue::new(PLANTED_SECRET.to_owned()),
        );
        let done = harness.ask(&format!("as-{agent}"), sealed(&key, &stolen)).await;
        assert_eq!(reason(&done), Some(Reason::SecurityViolation));
        assert!(!format!("{done:?}").contains(PLANTED_SECRET));
    }
    assert_eq!(harness.value().await, None);
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_its_reason_and_alarms_nobody() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let good = sealed(&key, "x");
    let with = |name: &str, value: Value| {
        let mut params = good.clone();
        params[name] = value;
        params
    };
    let (missing, invalid) = (Reason::MissingParameter, Reason::InvalidParameter);
    let cases = [
        (json!({"name": NAME}), missing),
        (with("keyId", Value::Null), missing),
        (with("sealedValue", Value::Null), missing),
        (with("value", json!("x")), invalid),
        (json!({"name": NAME, "value": "x", "keyId": key.key_id}), invalid),
        (with("keyId", json!("0123456789abcdef")), invalid),
        (with("keyId", json!("latest")), invalid),
        (with("sealedValue", json!("not base64")), invalid),
        (with("sealedValue", json!("AAAA")), invalid),
        (with("sealedValue", json!("A".repeat(400_000))), invalid),
        (with("sealedValue", json!(7)), Reason::SchemaValidationFailed),
        (sealed(&key, ""), invalid),
    ];
    for (number, (params, expected)) in cases.into_iter().enumerate() {
        let done = harness.ask(&format!("r{number}"), params).await;
        assert_eq!(reason(&done), Some(expected), "case {number}: {done:?}");
    }
    assert_eq!(harness.value().await, None);
    harness
        .plane
        .relay(harness.plane.ports().outbox.consumers(), 100)
        .await
        .unwrap();
    assert!(harness.memory.alerts().is_empty(), "who asked is told, and nobody else");
}

#[tokio::test]
async fn a_repeat_is_the_same_box_and_one_that_is_sealed_anew_is_another_request() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let params = sealed(&key, "one");
    let first = harness.ask("r1", params.clone()).await;
    assert_eq!(harness.ask("r1", params).await, first);
    let anew = harness.ask("r1", sealed(&key, "one")).await;
    assert_eq!(reason(&anew), Some(Reason::RequestIdConflict));
    let plain = harness.ask("r1", json!({"name": NAME, "value": "one"})).await;
    assert_eq!(reason(&plain), Some(Reason::RequestIdConflict));
    assert_eq!(harness.memory.secret_writes(&secret_name(NAME)), 1);
}

#[tokio::test]
async fn a_key_is_replaced_at_its_age_and_the_one_before_opens_for_thirty_days_more() {
    let harness = Harness::new().await;
    let first = harness.key().await;
    harness.pass(89);
    assert_eq!(harness.key().await, first);
    harness.pass(1);
    harness.plane.keep_sealing_keys().await.unwrap();
    let second = harness.key().await;
    assert_ne!(second.key_id, first.key_id);
    assert_eq!(harness.memory.published_sealing_key(), Some(second.clone()));
    harness.pass(29);
    assert_eq!(harness.ask("r1", sealed(&first, "late")).await.error, None);
    assert_eq!(harness.value().await.unwrap(), "late");
    harness.pass(1);
    let done = harness.ask("r2", sealed(&first, "too late")).await;
    assert_eq!(reason(&done), Some(Reason::InvalidParameter));
    assert_eq!(harness.ask("r3", sealed(&second, "in time")).await.error, None);

    let keys = harness.plane.ports().sealing_keys.clone();
    assert_eq!(keys.pairs().await.unwrap().len(), 2, "it opens nothing, and is there");
    harness.plane.keep_sealing_keys().await.unwrap();
    let left = keys.pairs().await.unwrap();
    assert_eq!(left.len(), 1, "it is forgotten");
    assert_eq!(*left[0].id(), second.key_id);
}

#[tokio::test]
async fn a_request_that_waits_over_a_rotation_is_carried_out() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let event = json!({
        "source": format!("agent.{AGENT}"), "detail-type": "devops.request",
        "detail": {"requestId": "r1", "action": "putSecret", "params": sealed(&key, "kept")},
    });
    let received = harness
        .plane
        .receive(&sample::principal(AGENT), event, false)
        .await
        .unwrap();
    assert!(matches!(received, Received::Recorded(_)));
    let keeper = SealingKeeper::new(harness.plane.ports());
    let newest = keeper.rotate(&Author::operator()).await.unwrap();
    assert_eq!(harness.memory.published_sealing_key(), Some(newest.clone()));
    assert_eq!(harness.key().await, newest);
    for claimed in harness.plane.recover(10).await.unwrap() {
        harness.plane.carry_out(claimed).await.unwrap();
    }
    assert_eq!(harness.value().await.unwrap(), "kept");
    assert!(outbox::waiting(harness.plane.ports(), 0).await.len() == 1);
}

#[tokio::test]
async fn however_often_keys_are_replaced_not_too_many_are_kept() {
    let harness = Harness::new().await;
    let first = harness.key().await;
    let keeper = SealingKeeper::new(harness.plane.ports());
    for _ in 0..MOST_KEPT {
        keeper.rotate(&Author::operator()).await.unwrap();
    }
    let done = harness.ask("r1", sealed(&first, "x")).await;
    assert_eq!(reason(&done), Some(Reason::InvalidParameter));
    keeper.keep().await.unwrap();
    let kept = keeper.kept().await.unwrap();
    assert_eq!(kept.len(), MOST_KEPT);
    assert_eq!((kept[0].opens_until, kept[1].opens_until.is_some()), (None, true));
}
