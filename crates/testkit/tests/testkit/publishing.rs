//! What agents have people told of: how much of it is open at once, and how it ends.

use std::sync::Arc;

use cc_devops_alerts::publishing::end_published;
use cc_devops_alerts::{AlertPolicy, Alerts, Conditions, Notice, PublishOutcome, Severity};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::RecordKind;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::crash::{CrashPoint, CrashPoints, Moment};
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;

fn policy() -> Arc<AlertPolicy> {
    Arc::new(AlertPolicy::plain(vec!["log".to_owned()]))
}

fn alerts_of(ports: &Ports) -> Alerts {
    let (state, audit, clock) = (&ports.state, &ports.audit, &ports.clock);
    Alerts::new(Arc::clone(state), policy(), Arc::clone(audit), Arc::clone(clock))
}

async fn publish(alerts: &Alerts, by: &str, text: &str) -> PublishOutcome {
    let notice = Notice {
        subject: "Spend".to_owned(),
        text: text.to_owned(),
        severity: Severity::Warning,
    };
    let by = sample::agent_name(by);
    alerts.publish(&notice, &by, Actor::Operator).await.unwrap()
}

/// An agent publishes as much as it may.
async fn publish_all(alerts: &Alerts, by: &str) {
    for number in 0..50 {
        let published = publish(alerts, by, &number.to_string()).await;
        assert!(
            matches!(published, PublishOutcome::Published(_)),
            "{number}: {published:?}"
        );
    }
}

#[tokio::test]
async fn an_agent_does_not_take_the_room_of_all() {
    let memory = Memory::new();
    let alerts = alerts_of(&memory.ports());
    publish_all(&alerts, "Writer").await;
    let refused = publish(&alerts, "Writer", "one more").await;
    assert!(
        matches!(&refused, PublishOutcome::TooMany(sentence) if sentence.contains("Writer has 50 alerts open")),
        "{refused:?}"
    );
    let mut rows = memory.audit_rows();
    rows.retain(|row| row.entry.status == Status::Error);
    assert_eq!(rows.len(), 1);
    let entry = &rows[0].entry;
    assert_eq!(
        (entry.action.as_str(), entry.reason),
        ("alert.published", Some(Reason::InvalidParameter))
    );
    assert!(
        entry.detail["error"].as_str().unwrap().contains("50 alerts"),
        "{entry:?}"
    );
    // What is open may be said again, and others have room, whatever their name begins with.
    for (by, text) in [("Writer", "7"), ("WriterTwo", "one more"), ("Billing", "one more")] {
        let told = publish(&alerts, by, text).await;
        assert!(matches!(told, PublishOutcome::Published(_)), "{by}: {told:?}");
    }
}

#[tokio::test]
async fn no_more_are_open_than_people_can_read() {
    let memory = Memory::new();
    let alerts = alerts_of(&memory.ports());
    for by in ["One", "Two", "Three", "Four"] {
        publish_all(&alerts, by).await;
    }
    let refused = publish(&alerts, "Five", "one more").await;
    assert!(
        matches!(&refused, PublishOutcome::TooMany(sentence) if sentence.starts_with("200 alerts that agents published")),
        "{refused:?}"
    );
}

/// How many alerts are open, and of how many it is kept that they end.
async fn open_and_kept(ports: &Ports) -> (usize, usize) {
    let open = alerts_of(ports).open(10).await.unwrap();
    let kept = ports.state.list(RecordKind::Source, Some("published"), None, 10).await;
    (open.alerts.len(), kept.unwrap().len())
}

#[tokio::test]
async fn a_crash_leaves_no_alert_that_nothing_would_end() {
    let mut call = 0;
    loop {
        let mut crashes = 0;
        for moment in Moment::ALL {
            let memory = Memory::new();
            let ports = memory.ports();
            publish(&alerts_of(&ports), "Writer", "by 100 %").await;
            assert_eq!(open_and_kept(&ports).await, (1, 1));
            memory.clock().advance(SignedDuration::from_hours(25));
            let now = ports.clock.now();

            let points = CrashPoints::at(CrashPoint { call, moment });
            let mortal = points.wrap(&ports);
            let sink = Conditions::new(Arc::clone(&mortal.state), policy());
            let ended = end_published(&*mortal.state, &sink, now).await;
            assert_eq!(ended.is_err(), points.crashed(), "{call} {moment:?}: {ended:?}");
            crashes += usize::from(points.crashed());
            let (open, kept) = open_and_kept(&ports).await;
            assert_eq!(open, kept, "{call} {moment:?}");

            let sink = Conditions::new(Arc::clone(&ports.state), policy());
            end_published(&*ports.state, &sink, now).await.unwrap();
            assert_eq!(open_and_kept(&ports).await, (0, 0), "{call} {moment:?}");
        }
        if crashes == 0 {
            break;
        }
        call += 1;
    }
    assert!(call >= 3, "it reads what is due and the alert, and writes: {call}");
}
