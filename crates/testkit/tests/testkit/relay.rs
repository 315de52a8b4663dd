//! One consumer of the outbox that fails, refuses, hangs or meets what it cannot read is nothing to the
//! others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use cc_devops_alerts::{ConditionChange, ConditionSink};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::{Consumer, EventBus, Standing};
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::relay::{MOST_FAILURES, RelayReport};
use cc_devops_requests::standing::{OUTBOX, give_back};
use cc_devops_testkit::{Memory, sample};
use jiff::{SignedDuration, Timestamp};

const LIMIT: usize = 100;

/// A messenger whose topic is gone, until somebody makes it again.
#[derive(Default)]
struct Topic {
    there: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl ConditionSink for Topic {
    async fn note(&self, _: &[ConditionChange], _: Timestamp) -> PortResult<()> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.there.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(PortError::new(PortErrorKind::NotFound, "there is no such topic"))
        }
    }
}

/// Never answers.
struct Hangs;

#[async_trait]
impl ConditionSink for Hangs {
    async fn note(&self, _: &[ConditionChange], _: Timestamp) -> PortResult<()> {
        std::future::pending().await
    }
}

/// A bus that takes every other event.
struct Picky(Memory);

#[async_trait]
impl EventBus for Picky {
    async fn publish(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<Vec<Result<(), String>>> {
        let mut results = Vec::new();
        for (id, event) in events {
            results.push(if event.body.key().ends_with("odd") {
                Err("the entry is refused".to_owned())
            } else {
                self.0.publish(&[(*id, *event)], at).await?.remove(0)
            });
        }
        Ok(results)
    }
}

struct Harness {
    memory: Memory,
    plane: ControlPlane,
}

impl Harness {
    /// A control plane on a model, with somebody who has events delivered.
    async fn new(change: impl FnOnce(&mut Ports)) -> Self {
        let memory = Memory::new();
        let mut ports = memory.ports();
        change(&mut ports);
        let plane = sample::control_plane(ports);
        let subscription = Subscription {
            id: SubscriptionId("one".to_owned()),
            url: "https://example.com/hook".to_owned(),
            agent: None,
            created_at: sample::START,
        };
        let secret = SecretValue::new("whsec_one".to_owned());
        let added = sample::audit_entry("webhook.added", 1);
        plane
            .ports()
            .webhooks
            .subscribe(&subscription, &secret, &added)
            .await
            .unwrap();
        Self { memory, plane }
    }

    /// Events in the outbox: failed deploys, which people are told of.
    async fn failed_deploys(&self, keys: &[&str]) {
        for key in keys {
            let conclusion = sample::failure(&sample::head(key), 1, Reason::DeployFailed);
            let agent = sample::agent_name(sample::AGENT);
            self.plane.ports().ledger.refuse(&agent, &conclusion).await.unwrap();
        }
    }

    /// One pass for everybody.
    async fn pass(&self) -> RelayReport {
        self.plane.relay(&Consumer::ALL, LIMIT).await.unwrap()
    }

    fn later(&self, span: SignedDuration) {
        self.memory.clock().advance(span);
    }

    fn on_the_bus(&self) -> Vec<String> {
        let keys = self.memory.bus_events().into_iter();
        keys.map(|event| event.body.key().to_owned()).collect()
    }

    fn in_the_log(&self) -> Vec<String> {
        let keys = self.memory.published_events().into_iter();
        keys.map(|logged| logged.event.body.key().to_owned()).collect()
    }

    /// What waits for the subscription; taken without being kept from the next look.
    async fn to_deliver(&self) -> Vec<String> {
        let now = self.memory.ports().clock.now();
        let claimed = self
            .plane
            .ports()
            .webhooks
            .claim_deliveries(now, now, LIMIT, &Places::of_each(LIMIT))
            .await;
        let keys = claimed.unwrap().into_iter();
        keys.map(|delivery| delivery.event.body.key().to_owned()).collect()
    }

    async fn counted(&self) -> u64 {
        let totals = self.plane.ports().metrics.totals().await.unwrap();
        totals.iter().map(|total| total.count).sum()
    }

    async fn standing(&self, consumer: Consumer) -> Standing {
        let ports = self.plane.ports();
        let standing = ports.outbox.standing(ports.clock.now()).await.unwrap();
        standing.into_iter().find(|one| one.consumer == consumer).unwrap()
    }

    /// Everybody but `consumer` was told of each of these once.
    async fn told_once(&self, keys: &[&str], except: Consumer) {
        if except != Consumer::Bus {
            assert_eq!(self.on_the_bus(), keys);
        }
        assert_eq!(self.in_the_log(), keys);
        assert_eq!(self.to_deliver().await, keys);
        assert_eq!(self.counted().await, keys.len() as u64);
    }
}

#[tokio::test]
async fn a_failing_alert_republishes_nothing() {
    let topic = Arc::new(Topic::default());
    let harness = Harness::new(|ports| ports.conditions = topic.clone()).await;
    harness.failed_deploys(&["d1", "d2"]).await;
    let report = harness.pass().await;
    assert_eq!((report.published, report.failed), (0, 2));
    for _ in 0..5 {
        harness.later(SignedDuration::from_hours(1));
        assert_eq!(harness.pass().await.failed, 2, "it is tried again, for people alone");
    }
    harness.told_once(&["d1", "d2"], Consumer::People).await;
    assert_eq!(topic.asked.load(Ordering::SeqCst), 12);
    let people = harness.standing(Consumer::People).await;
    assert_eq!((people.waiting, people.failing, people.set_aside), (2, 2, 0));
    assert_eq!(harness.standing(Consumer::Log).await.waiting, 0);

    topic.there.store(true, Ordering::SeqCst);
    harness.later(SignedDuration::from_hours(1));
    assert_eq!(harness.pass().await.published, 2);
    assert_eq!(harness.pass().await, RelayReport::default(), "nothing is left");
    harness.told_once(&["d1", "d2"], Consumer::People).await;
}

#[tokio::test]
async fn what_fails_for_about_a_day_is_set_aside_and_can_be_given_back() {
    let topic = Arc::new(Topic::default());
    let harness = Harness::new(|ports| ports.conditions = topic.clone()).await;
    harness.failed_deploys(&["d1"]).await;
    let mut passes = 0;
    while harness.standing(Consumer::People).await.set_aside == 0 {
        harness.pass().await;
        harness.later(SignedDuration::from_mins(15));
        passes += 1;
    }
    assert_eq!(passes, MOST_FAILURES);
    assert_eq!(harness.pass().await, RelayReport::default(), "it is not tried any more");
    let check = harness
        .plane
        .checks()
        .await
        .into_iter()
        .find(|check| check.name == OUTBOX)
        .unwrap();
    assert_eq!(check.status, Condition::Degraded);
    assert!(check.message.unwrap().contains("cc-devops outbox retry people"));

    topic.there.store(true, Ordering::SeqCst);
    let given = give_back(harness.plane.ports(), Consumer::People, Actor::Operator)
        .await
        .unwrap();
    assert_eq!((given, harness.pass().await.published), (1, 1));
    let rows = harness.memory.audit_rows();
    assert_eq!(rows.last().unwrap().entry.action, "outbox.given_back");
    let check = harness
        .plane
        .checks()
        .await
        .into_iter()
        .find(|check| check.name == OUTBOX)
        .unwrap();
    assert_eq!(check.status, Condition::Healthy);
    harness.told_once(&["d1"], Consumer::People).await;
}

#[tokio::test]
async fn an_entry_that_the_bus_refuses_is_tried_again_alone() {
    let memory = Memory::new();
    let bus = Arc::new(Picky(memory.clone()));
    let harness = Harness::new(|ports| ports.bus = Some(bus)).await;
    let keys = ["1-even", "2-odd", "3-even", "4-odd"];
    harness.failed_deploys(&keys).await;
    let report = harness.pass().await;
    assert_eq!((report.published, report.failed), (2, 2));
    harness.later(SignedDuration::from_hours(1));
    assert_eq!(harness.pass().await.failed, 2);
    let taken: Vec<String> = memory
        .bus_events()
        .iter()
        .map(|event| event.body.key().to_owned())
        .collect();
    assert_eq!(taken, ["1-even", "3-even"], "what it took is not published again");
    harness.told_once(&keys, Consumer::Bus).await;
}

#[tokio::test]
async fn a_consumer_that_hangs_holds_up_nobody() {
    let mut harness = Harness::new(|ports| ports.conditions = Arc::new(Hangs)).await;
    // Whoever does not answer at once has had its time.
    harness.plane = harness
        .plane
        .with_consumer_timeout(Arc::new(|| Box::pin(std::future::ready(()))));
    harness.failed_deploys(&["d1", "d2"]).await;
    assert_eq!(harness.pass().await.failed, 2, "it counts as failing");
    harness.told_once(&["d1", "d2"], Consumer::People).await;
    harness.later(SignedDuration::from_hours(1));
    harness.failed_deploys(&["d3"]).await;
    assert_eq!(harness.pass().await.failed, 3);
    harness.told_once(&["d1", "d2", "d3"], Consumer::People).await;
    let aside = harness.standing(Consumer::People).await;
    assert_eq!((aside.waiting, aside.failing), (3, 3));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_set_aside_and_said() {
    let harness = Harness::new(|_| {}).await;
    harness.failed_deploys(&["d1", "d2", "d3"]).await;
    harness.memory.damage_event("d2");
    let report = harness.pass().await;
    assert_eq!((report.published, report.failed, report.set_aside), (2, 0, 1));
    harness.told_once(&["d1", "d3"], Consumer::People).await;
    assert_eq!(harness.memory.alerts().len(), 2);
    for consumer in Consumer::ALL {
        let standing = harness.standing(consumer).await;
        assert_eq!((standing.waiting, standing.set_aside), (0, 1), "{consumer} counts it");
    }
}
