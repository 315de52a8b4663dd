//! What agents have people told of: how much of it is open at once, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cc_devops_alerts::{AlertPolicy, Alerts, Notice, Publishing, Severity};
use cc_devops_kernel::acts::Asker;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::{Memory, sample};

fn policy() -> Arc<AlertPolicy> {
    Arc::new(AlertPolicy::plain(vec!["log".to_owned()]))
}

fn alerts_of(ports: &Ports) -> Alerts {
    let (state, audit, clock) = (&ports.state, &ports.audit, &ports.clock);
    Alerts::new(Arc::clone(state), policy(), Arc::clone(audit), Arc::clone(clock))
}

async fn publish(alerts: &Alerts, by: &str, text: &str) -> Publishing {
    let notice = Notice {
        subject: "Spend".to_owned(),
        text: text.to_owned(),
        severity: Severity::Warning,
    };
    let by = sample::agent_name(by);
    alerts.publish(&notice, &by, Asker::Operator).await.unwrap()
}

/// An agent publishes as much as it may.
async fn publish_all(alerts: &Alerts, by: &str) {
    for number in 0..50 {
        let published = publish(alerts, by, &number.to_string()).await;
        assert!(matches!(published, Publishing::Told(_)), "{number}: {published:?}");
    }
}

#[tokio::test]
async fn an_agent_does_not_take_the_room_of_all() {
    let memory = Memory::new();
    let alerts = alerts_of(&memory.ports());
    publish_all(&alerts, "Writer").await;
    let refused = publish(&alerts, "Writer", "one more").await;
    assert!(
        matches!(&refused, Publishing::TooMany(sentence) if sentence.contains("Writer has 50 alerts open")),
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
        assert!(matches!(told, Publishing::Told(_)), "{by}: {told:?}");
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
        matches!(&refused, Publishing::TooMany(sentence) if sentence.starts_with("200 alerts that agents published")),
        "{refused:?}"
    );
}
