//! Messages to render.

use std::collections::BTreeMap;

use cc_devops_alerts::{ConditionKind, Message, MessageKind, Named, PlanNotice, Severity};
use cc_devops_kernel::names::{AgentName, FullStackName, Stage};
use jiff::Timestamp;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn named(agent: &str) -> Named {
    Named {
        key: format!("agent/{agent}"),
        alert: format!("a-{agent}"),
        kind: ConditionKind::Agent,
        severity: Severity::Critical,
        agent: Some(AgentName::new(agent).unwrap()),
        open: true,
        since: at("2026-06-01T12:00:00Z"),
        title: format!("{agent} is down: no heartbeat for 10 m"),
        text: "Last heard at 11:50.\nSee the runbook.".into(),
        body: None,
        plan: None,
    }
}

pub(crate) fn down() -> Message {
    let named = named("Writer");
    Message {
        id: "m-1".into(),
        kind: MessageKind::Down,
        at: at("2026-06-01T12:00:10Z"),
        since: named.since,
        agent: named.agent.clone(),
        count: None,
        new: None,
        channel: None,
        reason: "no heartbeat came within period and grace".into(),
        severity: Severity::Critical,
        thread: "m-1".into(),
        threads: vec!["m-1".into()],
        over: Vec::new(),
        labels: BTreeMap::new(),
        title: named.title.clone(),
        alerts: vec![named],
        left_out: 0,
        maintenance: None,
    }
}

pub(crate) fn up() -> Message {
    let mut message = down();
    message.id = "m-2".into();
    message.kind = MessageKind::Up;
    message.at = at("2026-06-01T13:00:00Z");
    message.title = "Writer is up again".into();
    message.reason = "a heartbeat came".into();
    message.alerts[0].open = false;
    message.alerts[0].title = message.title.clone();
    message.alerts[0].since = at("2026-06-01T13:00:00Z");
    message
}

/// A group with what others wrote in it.
pub(crate) fn group() -> Message {
    let mut message = down();
    let mut other = named("Reader");
    other.severity = Severity::Warning;
    other.text = "<img src=x onerror=alert(1)> & *bold* [a](https://evil.example) <!channel>".into();
    other.body = Some("curl https://x.example/ping/5bd6e8c1-1b2c-4d3e-8f90-a1b2c3d4e5f6 failed\n<a href=\"https://evil.example\">click</a>".into());
    message.title = "2 agents are down".into();
    message.count = Some(5);
    message.new = Some(vec!["Reader".into(), "Writer".into()]);
    message.agent = None;
    message.alerts.push(other);
    message.left_out = 3;
    message.maintenance = Some("a new disk, by ana".into());
    message
}

/// As many and as long as there may be.
pub(crate) fn huge() -> Message {
    let mut message = down();
    let long = "<&>é\u{1f600}".repeat(205);
    message.title = format!("200 agents are down {long}");
    message.count = Some(200);
    message.alerts = (0..200)
        .map(|number| {
            let mut one = named(&format!("{}{number}", "A".repeat(60)));
            one.title = long.clone();
            one.text = long.clone();
            one.body = Some(long.clone());
            one
        })
        .collect();
    message
}

/// A plan that waits.
pub(crate) fn plan(tree: &str) -> Message {
    let mut message = down();
    let notice = PlanNotice {
        plan: "plan-0123456789abcdef01234567".into(),
        digest: "ab".repeat(32),
        stack: FullStackName::from_stored("shop-prod".into()),
        stage: Stage::new("prod").unwrap(),
        requested_by: AgentName::new("Shop").unwrap(),
        expires_at: at("2026-06-02T12:00:00Z"),
        tree: tree.into(),
    };
    let mut named = named("Shop");
    named.key = format!("approval/{}", notice.plan);
    named.kind = ConditionKind::Approval;
    named.severity = Severity::Warning;
    named.agent = None;
    named.title = "shop-prod waits for approval: data is lost".into();
    named.text = "It ends by itself once it is decided. Runbook: docs/RUNBOOK-ALERTS.md#approval".into();
    named.plan = Some(notice);
    message.severity = Severity::Warning;
    message.agent = None;
    message.reason = "it is open".into();
    message.title = named.title.clone();
    message.alerts = vec![named];
    message
}
