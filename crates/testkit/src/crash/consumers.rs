//! A crash at every port call that telling a consumer of the outbox takes, on any backend.

use std::collections::BTreeMap;
use std::sync::Arc;

use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Consumer;
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::settings::RequestSettings;
use jiff::SignedDuration;

use super::enumeration::{Backend, Report};
use super::{CrashPoint, CrashPoints, Moment};
use crate::memory::Memory;
use crate::sample::{self, AGENT, after, agent_name};

const LIMIT: usize = 100;

/// What there is to tell: an outcome, one that people are told of, and news.
const EVENTS: [&str; 3] = ["good", "bad", "mrr/2026-03-01"];

/// What the consumers were told, by what it was about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    /// The bus, the log, the webhooks' queue: each event.
    of_events: BTreeMap<Consumer, BTreeMap<String, usize>>,
    /// The metrics: how many outcomes.
    outcomes: u64,
    /// People: how many alerts.
    alerts: usize,
}

/// Crashes at every port call that telling each consumer takes, before and after its effect, each time on
/// a fresh backend. Nothing is lost; the consumer that was being told when the process died may hear of
/// an event twice, where it cannot tell a repeat; nobody else does.
pub async fn enumerate_consumers<B: Backend>(fresh: impl AsyncFn() -> B) -> Report {
    let mut report = Report::default();
    let consumers = fresh().await.open().await.outbox.consumers();
    for crashing in consumers {
        let mut calls = 0;
        for moment in Moment::ALL {
            for call in 0.. {
                let point = CrashPoint { call, moment };
                if !live(fresh().await, *crashing, point).await {
                    calls = call;
                    break;
                }
                report.runs += 1;
            }
        }
        report.calls += calls;
    }
    report
}

/// One crash of one consumer's worker; whether it came.
async fn live<B: Backend>(mut backend: B, crashing: Consumer, point: CrashPoint) -> bool {
    // The witness stands outside: what it heard before the crash it does not forget.
    let witness = Memory::new();
    let watched = |ports: Ports| Ports {
        conditions: Arc::new(witness.clone()),
        bus: ports.bus.as_ref().map(|_| Arc::new(witness.clone()) as _),
        ..ports
    };
    let ports = watched(backend.open().await);
    begin(&ports).await;
    let plane = sample::control_plane(ports.clone());
    for consumer in ports.outbox.consumers().iter().filter(|one| **one != crashing) {
        plane.relay(&[*consumer], LIMIT).await.expect("nothing crashes here");
    }
    let before = heard(&ports, &witness).await;
    let points = CrashPoints::at(point);
    let told = sample::control_plane(points.wrap(&ports))
        .relay(&[crashing], LIMIT)
        .await;
    assert!(points.crashed() || told.is_ok(), "{crashing} {point:?}: {told:?}");
    drop((plane, ports));

    let ports = watched(backend.open().await);
    backend.advance(RequestSettings::default().lease + SignedDuration::from_secs(1));
    // A worker that goes on after a failure waits for its time.
    backend.advance(SignedDuration::from_hours(1));
    let plane = sample::control_plane(ports.clone());
    plane.publish_all().await.expect("nothing crashes any more");
    let heard = heard(&ports, &witness).await;
    if backend.counts_once() {
        assert_eq!(heard.outcomes, 2, "{crashing} {point:?}: each outcome is counted once");
    }
    check(crashing, point, &before, &heard);
    let standing = ports.outbox.standing(ports.clock.now()).await.expect("standing");
    assert!(
        standing.iter().all(|one| (one.waiting, one.set_aside) == (0, 0)),
        "{crashing} {point:?}: everybody was told in the end: {standing:?}"
    );
    points.crashed()
}

async fn begin(ports: &Ports) {
    let subscription = Subscription {
        id: SubscriptionId("one".to_owned()),
        url: "https://example.com/hook".to_owned(),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new("whsec_one".to_owned());
    ports
        .webhooks
        .subscribe(&subscription, &secret, &sample::audit_entry("webhook.added", 1))
        .await
        .expect("subscribe");
    let agent = agent_name(AGENT);
    let good = sample::success(&sample::head("good"), 1);
    let bad = sample::failure(&sample::head("bad"), 2, Reason::DeployFailed);
    ports.ledger.refuse(&agent, &good).await.expect("refuse");
    ports.ledger.refuse(&agent, &bad).await.expect("refuse");
    let news = sample::announcement("mrr/2026-03-01");
    ports.ledger.announce(&agent, &news).await.expect("announce");
}

async fn heard(ports: &Ports, witness: &Memory) -> Heard {
    let mut heard = Heard::default();
    let mut count = |consumer, key: &str| {
        let of_it = heard.of_events.entry(consumer).or_default();
        *of_it.entry(key.to_owned()).or_default() += 1;
    };
    for event in witness.bus_events() {
        count(Consumer::Bus, event.body.key());
    }
    for logged in ports.events.after(Cursor(0), None, LIMIT).await.expect("log") {
        count(Consumer::Log, logged.event.body.key());
    }
    // Looked at without being taken: the lease has ended before it begins.
    let now = after(1_000_000_000);
    for delivery in ports
        .webhooks
        .claim_deliveries(now, now, LIMIT, &Places::of_each(LIMIT))
        .await
        .expect("claim")
    {
        count(Consumer::Webhooks, delivery.event.body.key());
    }
    let totals = ports.metrics.totals().await.expect("totals");
    heard.outcomes = totals.iter().map(|total| total.count).sum();
    heard.alerts = witness.alerts().len();
    heard
}

fn check(crashing: Consumer, point: CrashPoint, before: &Heard, after: &Heard) {
    let case = format!("{crashing} {point:?}: {after:?}");
    for (consumer, told) in &after.of_events {
        for key in EVENTS {
            let times = told.get(key).copied().unwrap_or_default();
            // Log and queue know a repeat by its number.
            let most = if (crashing, *consumer) == (Consumer::Bus, Consumer::Bus) {
                2
            } else {
                1
            };
            assert!(times >= 1, "{consumer} was not told of {key}: {case}");
            assert!(times <= most, "{consumer} was told of {key} {times} times: {case}");
        }
    }
    let within = |told: u64, whole: u64, own: bool| told >= whole && told <= if own { 2 * whole } else { whole };
    assert!(within(after.outcomes, 2, crashing == Consumer::Metrics), "{case}");
    assert!(within(after.alerts as u64, 1, crashing == Consumer::People), "{case}");
    if crashing != Consumer::Metrics {
        assert_eq!(before.outcomes, after.outcomes, "nothing is counted again: {case}");
    }
    if crashing != Consumer::People {
        assert_eq!(before.alerts, after.alerts, "nobody is told again: {case}");
    }
}
