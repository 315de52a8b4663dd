//! The overview: what needs a person now first, each part by its own right, one that fails alone.

use std::sync::Arc;

use cc_devops_alerts::{Condition, ConditionKind, Conditions, Severity};
use cc_devops_dashboard::Dashboard;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::{Memory, sample};
use jiff::civil::date;

use crate::harness::{As, Harness};

fn condition(key: &str, severity: Severity, title: &str) -> Condition {
    Condition {
        key: key.to_owned(),
        kind: ConditionKind::Hygiene,
        severity,
        agent: None,
        stage: None,
        tags: std::collections::BTreeMap::default(),
        since: sample::START,
        title: title.to_owned(),
        text: String::new(),
        body: None,
        counts: false,
        plan: None,
    }
}

async fn open(harness: &Harness, conditions: &[Condition]) {
    let ports = harness.control.ports();
    let policy = Arc::new(cc_devops_alerts::AlertPolicy::plain(vec!["log".to_owned()]));
    let changes: Vec<_> = conditions.iter().cloned().map(Condition::opened).collect();
    let sink = Conditions::new(Arc::clone(&ports.state), policy);
    sink.note(&changes, ports.clock.now()).await.unwrap();
}

#[tokio::test]
async fn where_nothing_needs_a_person_it_says_so_and_when_it_looked() {
    let harness = Harness::new().await;
    for who in [As::Admin, As::Observer] {
        let page = harness.sign_in(who).await.get("/ui").await.page();
        assert!(page.contains("All is well"), "{page}");
        assert!(page.contains("Nothing needs a person. Checked <time"), "{page}");
        for heading in [
            "Requests a minute",
            "Agents",
            "Last deploys",
            "MRR",
            "Repositories",
            "Audit trail",
            "Who is told of events",
        ] {
            assert!(page.contains(&format!(">{heading}</h2>")), "{heading}: {page}");
        }
        for empty in [
            "No deploys yet",
            "No MRR yet",
            "No requests in the last 24 hours",
            "No audit yet",
        ] {
            assert!(page.contains(empty), "{empty}: {page}");
        }
    }
    assert_eq!(
        harness.sign_in(As::Admin).await.get("/").await.status,
        404,
        "not a browser"
    );
}

#[tokio::test]
async fn what_needs_a_person_comes_first_and_leads_there() {
    let harness = Harness::new().await;
    let worst = condition("a/1", Severity::Critical, "the <b>disk</b> is full");
    open(&harness, &[condition("a/2", Severity::Warning, "It is slow."), worst]).await;
    let page = harness.sign_in(As::Observer).await.get("/ui").await.page();
    assert!(!page.contains("All is well"), "{page}");
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    assert!(at("Needs a person now") < at("1 critical alert is open"));
    assert!(at("1 critical alert is open") < at("1 warning alert is open"));
    assert!(at("1 warning alert is open") < at("Requests a minute"));
    assert!(page.contains("the &lt;b&gt;disk&lt;/b&gt; is full"), "{page}");
    assert!(page.contains("It is slow, for "), "{page}");
    assert!(page.contains("href=\"/ui/alerts\""), "{page}");
}

#[tokio::test]
async fn a_month_of_mrr_is_a_number_a_sentence_and_a_line() {
    let harness = Harness::new().await;
    let today = harness
        .control
        .ports()
        .clock
        .now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    assert_ne!(today, date(1970, 1, 1));
    for (before, cents) in [(2, 100_000), (1, 123_456)] {
        let day = sample::mrr_day(today.saturating_sub(jiff::ToSpan::days(before)), cents);
        let news = sample::announcement(&format!("mrr-{before}"));
        let ports = harness.control.ports();
        ports
            .revenue
            .keep(&day, &sample::agent_name("Looker"), &news)
            .await
            .unwrap();
    }
    let page = harness.sign_in(As::Observer).await.get("/ui").await.page();
    assert!(page.contains("1234.56 USD"), "{page}");
    assert!(
        page.contains("Between 1000.00 USD and 1234.56 USD over these days."),
        "{page}"
    );
    assert!(page.contains("class=\"line accent\""), "{page}");
}

#[tokio::test]
async fn a_part_that_cannot_be_read_says_so_and_takes_nothing_else_down() {
    let broken = Memory::new();
    broken.fail_with(Some(PortErrorKind::Unavailable));
    let ports = broken.ports();
    let change = move |ours: &mut cc_devops_requests::ports::Ports| {
        ours.outbox = ports.outbox;
        ours.revenue = ports.revenue;
    };
    let harness = Harness::around(Memory::new(), change, Dashboard::default()).await;
    let page = harness.sign_in(As::Admin).await.get("/ui").await.page();
    assert!(!page.contains("All is well"), "{page}");
    assert!(page.contains("Not everything could be looked at: deliveries"), "{page}");
    assert_eq!(page.matches("cannot be read</span>").count(), 2, "{page}");
    assert!(page.contains("No deploys yet"), "{page}");
}
