//! What the spine says of conditions, look by look: what opens, what stays open without a word, what is over.

use cc_devops_alerts::limits::{ConditionLimits, SecretAge};
use cc_devops_alerts::{Condition, Severity};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::outcome::{Completed, Reason, Status};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_outbox::ports::{Consumer, Outcome};
use cc_devops_requests::bus::Taken;
use cc_devops_requests::conditions::Thoroughness;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::record::{Conclusion, RequestHead};
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, outbox, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};

struct Harness {
    memory: Memory,
    plane: ControlPlane,
}

impl Harness {
    fn with(conditions: ConditionLimits) -> Self {
        let memory = Memory::new();
        let settings = RequestSettings {
            conditions,
            ..RequestSettings::default()
        };
        let plane = sample::control_plane_with(memory.ports(), settings);
        Self { memory, plane }
    }

    fn new() -> Self {
        Self::with(ConditionLimits::default())
    }

    fn later(&self, by: SignedDuration) {
        self.memory.clock().advance(by);
    }

    async fn look(&self) {
        self.plane.look_for_conditions(Thoroughness::Whole).await.unwrap();
    }

    /// An outcome that people may have to be told of, told to the consumer that does.
    async fn ended(&self, id: &str, action: &str, reason: Reason) {
        let head = RequestHead {
            action: action.to_owned(),
            ..sample::head(id)
        };
        self.concluded(sample::failure(&head, 0, reason)).await;
    }

    /// A conclusion of now, told like that.
    async fn concluded(&self, mut conclusion: Conclusion) {
        conclusion.completed.timestamp = self.memory.ports().clock.now();
        let agent = sample::agent_name(sample::AGENT);
        self.plane.ports().ledger.refuse(&agent, &conclusion).await.unwrap();
        self.plane.publish_all().await.unwrap();
    }

    /// The keys of what is open.
    fn open(&self) -> Vec<String> {
        self.memory.open_conditions().into_iter().map(|one| one.key).collect()
    }

    fn the_only_open(&self) -> Condition {
        let mut open = self.memory.open_conditions();
        assert_eq!(open.len(), 1, "{open:?}");
        open.remove(0)
    }

    /// A request of an agent over the bus, carried out.
    async fn ask(&self, event: Value) -> Completed {
        match self.plane.take_request(event).await.unwrap() {
            Taken::Concluded(completed) => completed,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn one_fault_is_told_once_and_is_over_when_it_has_been_calm() {
    let harness = Harness::new();
    harness.ended("r1", "putSecret", Reason::InternalError).await;
    assert_eq!(harness.open(), ["requests/putSecret"]);
    harness.later(SignedDuration::from_mins(10));
    harness.ended("r2", "putSecret", Reason::Timeout).await;
    harness.look().await;
    assert_eq!(harness.memory.alerts().len(), 1, "it is open already");
    harness.later(SignedDuration::from_secs(899));
    harness.look().await;
    assert_eq!(
        harness.open(),
        ["requests/putSecret"],
        "fifteen minutes from the second on"
    );
    harness.later(SignedDuration::from_secs(1));
    harness.look().await;
    assert!(harness.open().is_empty());
    let said = harness.memory.noted().len();
    harness.look().await;
    assert_eq!(
        harness.memory.noted().len(),
        said,
        "a look that finds nothing new says nothing"
    );
    harness.ended("r3", "putSecret", Reason::InternalError).await;
    assert_eq!(harness.memory.alerts().len(), 2, "the next one is told again");
}

#[tokio::test]
async fn faults_are_counted_by_action_within_the_window_and_a_repeat_is_none() {
    let harness = Harness::with(ConditionLimits {
        requests_failed: 3,
        ..ConditionLimits::default()
    });
    for (id, action) in [
        ("r1", "putSecret"),
        ("r2", "putSecret"),
        ("r2", "putSecret"),
        ("x1", "workflow_monitor"),
    ] {
        harness.ended(id, action, Reason::InternalError).await;
    }
    assert!(harness.open().is_empty(), "two and one");
    harness.later(SignedDuration::from_mins(16));
    harness.ended("r3", "putSecret", Reason::InternalError).await;
    assert!(harness.open().is_empty(), "the first two are long ago");
    harness.ended("r4", "putSecret", Reason::Timeout).await;
    harness.ended("r5", "putSecret", Reason::Timeout).await;
    assert_eq!(harness.open(), ["requests/putSecret"]);

    let never = Harness::with(ConditionLimits {
        requests_failed: 0,
        ..ConditionLimits::default()
    });
    never.ended("r1", "putSecret", Reason::InternalError).await;
    assert!(never.open().is_empty());
}

#[tokio::test]
async fn a_fault_that_took_longer_than_the_window_is_part_of_the_share() {
    let harness = Harness::with(ConditionLimits {
        requests_failed_percent: 50,
        ..ConditionLimits::default()
    });
    let now = harness.memory.ports().clock.now();
    let head = |id, received_at| RequestHead {
        action: "putSecret".to_owned(),
        received_at,
        ..sample::head(id)
    };
    harness.concluded(sample::success(&head("r1", now), 0)).await;
    let long_ago = now - SignedDuration::from_mins(20);
    harness
        .concluded(sample::failure(&head("r2", long_ago), 0, Reason::Timeout))
        .await;
    assert_eq!(harness.open(), ["requests/putSecret"]);
}

#[tokio::test]
async fn a_failed_deploy_is_over_with_the_next_success_of_the_same_stack() {
    let harness = Harness::new();
    let ports = harness.memory.ports();
    sample::add_agent(&ports).await;
    let stack = sample::stack(sample::STACK_SUCCEEDS);
    let key = format!("deploy/{stack}");
    let deploy = async |id: &str, script| {
        harness.memory.script_stack(stack.clone(), script);
        harness
            .plane
            .take_request(sample::deploy_event(id, sample::STACK_SUCCEEDS))
            .await
            .unwrap();
        harness.plane.sweep(std::future::pending()).await;
        harness.plane.relay(&[Consumer::People], 100).await.unwrap();
    };
    deploy("d1", StackScript::Fails).await;
    let failed = harness.the_only_open();
    assert_eq!(
        (failed.key.as_str(), failed.severity),
        (key.as_str(), Severity::Warning)
    );
    assert!(failed.text.contains("cc-devops requests show d1"), "{}", failed.text);
    deploy("d2", StackScript::Fails).await;
    assert_eq!(harness.memory.alerts().len(), 1, "told once");
    assert!(
        harness.the_only_open().text.contains("requests show d2"),
        "and says what is true now"
    );
    deploy("d3", StackScript::Succeeds).await;
    assert!(harness.open().is_empty());
}

#[tokio::test]
async fn what_was_given_up_and_who_is_behind_is_open_until_it_is_put_right() {
    let harness = Harness::new();
    let ports = harness.memory.ports();
    let agent = sample::agent_name(sample::AGENT);
    ports
        .ledger
        .announce(&agent, &sample::announcement("mrr/2026-03-01"))
        .await
        .unwrap();
    harness.later(SignedDuration::from_mins(15));
    harness.look().await;
    assert!(harness.open().is_empty(), "exactly as old as may be");
    harness.later(SignedDuration::from_mins(1));
    harness.look().await;
    let behind = ["bus", "log", "metrics", "people", "webhooks"].map(|consumer| format!("cursor/{consumer}"));
    assert_eq!(harness.open(), behind);

    let due = outbox::waiting(&ports, 1_000_000).await;
    let why = Outcome::SetAside {
        error: "it is gone".to_owned(),
    };
    outbox::settle(&ports, due.first().unwrap().id, Consumer::Bus, why, 1_000_000).await;
    harness.plane.publish_all().await.unwrap();
    harness.look().await;
    assert_eq!(harness.open(), ["dead-letters/bus"], "the others have caught up");
    cc_devops_requests::standing::give_back(&ports, Consumer::Bus, Actor::Operator)
        .await
        .unwrap();
    harness.plane.publish_all().await.unwrap();
    harness.look().await;
    assert!(harness.open().is_empty());
}

#[tokio::test]
async fn a_secret_that_is_to_be_replaced_is_open_until_its_next_version() {
    let harness = Harness::with(ConditionLimits {
        secrets: vec![SecretAge {
            prefix: "/contentcraft/contentorchestrator/".to_owned(),
            rotate_after: SignedDuration::from_hours(24 * 90),
        }],
        ..ConditionLimits::default()
    });
    sample::add_agent(&harness.memory.ports()).await;
    let name = "/contentcraft/contentorchestrator/key";
    let put = async |id: &str| {
        let completed = harness.ask(sample::put_secret_event(id, name, id)).await;
        assert_eq!(completed.status, Status::Success, "{completed:?}");
        harness.plane.publish_all().await.unwrap();
    };
    put("r1").await;
    harness.look().await;
    harness.later(SignedDuration::from_hours(24 * 91));
    harness.look().await;
    assert_eq!(harness.open(), ["secret/contentcraft/contentorchestrator/key"]);
    put("r2").await;
    harness.look().await;
    assert_eq!(harness.open().len(), 1, "secrets are listed once an hour");
    harness.later(SignedDuration::from_hours(1));
    harness.look().await;
    assert!(harness.open().is_empty());
}

#[tokio::test]
async fn spend_is_held_against_mrr_and_the_newest_report_of_an_agent_counts() {
    let harness = Harness::new();
    let ports = harness.memory.ports();
    ports
        .agents
        .add(&sample::agent(sample::OTHER_AGENT), &sample::token(2), &sample::added())
        .await
        .unwrap();
    let report = async |id: &str, amount: &str| {
        harness.later(SignedDuration::from_secs(60));
        let event = json!({
            "source": "agent.CostSentinel", "detail-type": "cost.reported",
            "detail": {"requestId": id, "amount": amount, "currency": "USD", "period": "2025-05"},
        });
        let completed = harness.ask(event).await;
        harness.plane.publish_all().await.unwrap();
        completed.result.unwrap()
    };
    assert_eq!(report("c1", "310").await["percent"], Value::Null, "there is no MRR");
    let news = sample::announcement("mrr/2025-06-15");
    let day = sample::mrr_day("2025-06-15".parse().unwrap(), 30_416);
    ports
        .revenue
        .keep(&day, &sample::agent_name(sample::OTHER_AGENT), &news)
        .await
        .unwrap();
    let result = report("c2", "310").await;
    assert_eq!(
        result,
        json!({"from": "2025-05-01", "to": "2025-05-31", "spendUSD": "304.17", "mrrUSD": "304.16", "percent": 100}),
        "310 in 31 days are 304.17 a month"
    );
    harness.plane.publish_all().await.unwrap();
    harness.look().await;
    assert!(harness.open().is_empty(), "not more than all");
    assert_eq!(
        report("c3", "620.00").await["percent"],
        200,
        "in the place of the one before"
    );
    harness.look().await;
    let told = harness.the_only_open();
    assert_eq!(
        (told.key.as_str(), told.title.as_str()),
        ("spend/ratio", "Spend is above 100 % of MRR")
    );
    assert!(
        told.text
            .contains("- CostSentinel: 620.00 USD from 2025-05-01 to 2025-05-31"),
        "{}",
        told.text
    );
    report("c4", "630").await;
    harness.look().await;
    assert_eq!(harness.memory.alerts().len(), 1, "told once");
    report("c5", "100").await;
    harness.look().await;
    assert!(harness.open().is_empty());
}

#[tokio::test]
async fn a_report_that_says_no_amount_is_refused() {
    let harness = Harness::new();
    let ports = harness.memory.ports();
    sample::add_agent(&ports).await;
    for (place, params) in [
        json!({"amount": "-1", "currency": "USD", "period": "2025-05"}),
        json!({"amount": "1e9", "currency": "USD", "period": "2025-05"}),
        json!({"amount": "1/3", "currency": "USD", "period": "2025-05"}),
        json!({"amount": "1", "currency": "dollars", "period": "2025-05"}),
        json!({"amount": "1", "currency": "USD", "period": "May"}),
        json!({"amount": "1", "currency": "USD"}),
        json!({"amount": true, "currency": "USD", "period": "2025-05"}),
    ]
    .iter()
    .enumerate()
    {
        let completed = harness
            .ask(sample::event(&format!("r{place}"), "reportCost", params))
            .await;
        assert_eq!(completed.status, Status::Error, "{params}: {completed:?}");
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_read_changes_nothing_of_its_own() {
    let harness = Harness::new();
    let ports = harness.memory.ports();
    let agent = sample::agent_name(sample::AGENT);
    ports
        .ledger
        .announce(&agent, &sample::announcement("mrr/2026-03-01"))
        .await
        .unwrap();
    harness.later(SignedDuration::from_mins(16));
    harness.look().await;
    let open = harness.open();
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    harness
        .plane
        .look_for_conditions(Thoroughness::Quick)
        .await
        .unwrap_err();
    harness.memory.fail_with(None);
    assert_eq!(harness.open(), open);
    harness.look().await;
    assert_eq!(harness.memory.alerts().len(), open.len(), "nothing is told again");
}

#[tokio::test]
async fn a_trail_that_was_changed_is_critical_until_it_verifies_again() {
    let harness = Harness::new();
    sample::add_agent(&harness.memory.ports()).await;
    harness
        .ask(sample::put_secret_event(
            "r1",
            "/contentcraft/contentorchestrator/key",
            "v",
        ))
        .await;
    harness.plane.publish_all().await.unwrap();
    harness.look().await;
    let changed = harness.memory.forge_audit_row(1);
    harness.look().await;
    assert!(harness.open().is_empty(), "it is verified once a day");
    harness.later(SignedDuration::from_hours(1));
    harness.look().await;
    let broken = harness.the_only_open();
    assert_eq!(
        (broken.key.as_str(), broken.severity),
        ("audit/chain", Severity::Critical)
    );
    harness.memory.restore_audit_row(changed);
    harness.later(SignedDuration::from_mins(59));
    harness.look().await;
    assert_eq!(harness.open(), ["audit/chain"]);
    harness.later(SignedDuration::from_mins(1));
    harness.look().await;
    assert!(harness.open().is_empty());
}

#[tokio::test]
async fn who_is_no_agent_reports_no_costs() {
    let harness = Harness::new();
    let params = json!({"amount": "1", "currency": "USD", "period": "2025-05"});
    let completed = harness.ask(sample::event("r1", "reportCost", &params)).await;
    assert_eq!(completed.reason, Some(Reason::SecurityViolation), "{completed:?}");
}
