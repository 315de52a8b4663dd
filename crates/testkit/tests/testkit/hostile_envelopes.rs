//! Whatever comes over the wire ends on record, once, and shows no secret.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the steps of these tests fail by panicking, with a message"
)]

use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::conditions::outcomes::OutcomeSignal;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Backlog;
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::{NewRequest, RequestFilter};
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample::{self, AGENT, PLANTED_SECRET, STACK_SUCCEEDS};
use cc_devops_testkit::{Memory, strategy};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

/// More than any of these cases puts on record.
const LIMIT: usize = 1_000;

struct Harness {
    memory: Memory,
    plane: ControlPlane,
}

impl Harness {
    async fn new() -> Self {
        let memory = Memory::new();
        memory.script_stack(sample::stack(STACK_SUCCEEDS), StackScript::Succeeds);
        let ports = memory.ports();
        ports
            .agents
            .add(&sample::agent(AGENT), &sample::token(1), &sample::added())
            .await
            .expect("add the agent");
        let plane = sample::control_plane(ports);
        Self { memory, plane }
    }

    /// Gives one event in and checks what is on record of it at once.
    async fn give(&self, principal: &Principal, event: &Value, take: bool) {
        let rows_before = self.memory.audit_rows().len();
        let id = usable_id(event);
        let received = self
            .plane
            .receive(principal, event.clone(), take)
            .await
            .expect("receive");
        let new_rows = &self.memory.audit_rows()[rows_before..];
        match &received {
            Received::Unreadable(failure) => {
                assert_eq!(new_rows.len(), 1, "what cannot be read is audited at once");
                assert_eq!(new_rows[0].entry.reason, Some(failure.reason), "with its reason");
                assert_clean("the failure", failure);
            }
            Received::Concluded(completed) => {
                assert_eq!(new_rows.len(), 1, "what ends on arrival is audited at once");
                assert!(completed.reason.is_some() && completed.error.is_some(), "and says why");
                assert_clean("the outcome", completed);
            }
            Received::Claimed(claimed) => {
                assert!(take && new_rows.is_empty(), "a new request is not ended yet");
                self.plane.carry_out(claimed.clone()).await.expect("carry out");
            }
            Received::Recorded(_) => assert!(!take && new_rows.is_empty(), "a new request is not ended yet"),
            Received::Known(record) => {
                assert!(new_rows.is_empty(), "a repeat is not audited again");
                assert_clean("the record", record);
            }
        }
        if let Some(id) = id {
            let found = self.plane.ports().ledger.find(&id).await.expect("find");
            let audited = new_rows
                .iter()
                .any(|row| row.entry.request_id.as_deref() == Some(id.as_str()));
            assert!(found.is_some() || audited, "a usable request id is on record");
        }
    }

    /// Carries out and publishes what is left.
    async fn settle(&self) {
        self.memory.clock().advance(SignedDuration::from_mins(2));
        for claimed in self.plane.recover(LIMIT).await.expect("recover") {
            self.plane.carry_out(claimed).await.expect("carry out");
        }
        let looked = self.plane.look_after_waiting().await;
        assert!(
            looked.failures.is_empty(),
            "look after waiting requests: {:?}",
            looked.failures
        );
        let consumers = self.plane.ports().outbox.consumers();
        self.plane.relay(consumers, LIMIT).await.expect("relay");
    }

    /// Checks everything that is on record in the end.
    async fn check(&self) {
        let ports = self.plane.ports();
        assert_eq!(
            ports.ledger.backlog().await.expect("backlog"),
            Backlog::default(),
            "nothing is left to do"
        );
        let verification = ports.audit.verify().await.expect("verify");
        assert!(verification.breaks.is_empty(), "the chain holds: {verification:?}");
        let rows = self.memory.audit_rows();
        let requests = ports
            .ledger
            .list(&RequestFilter::default(), None, LIMIT)
            .await
            .expect("list")
            .items;
        for request in &requests {
            let completed = request.completed.as_ref().expect("every request has its outcome");
            let own = rows.iter().filter(|row| {
                let entry = &row.entry;
                entry.request_id.as_deref() == Some(request.head.id.as_str())
                    && entry.action == request.head.action
                    && (entry.reason, entry.at) == (completed.reason, completed.timestamp)
            });
            assert!(own.count() >= 1, "every request has its audit row");
        }
        assert_clean("the requests", &requests);
        assert_clean("the audit trail", &rows);
        assert_clean(
            "the audit export",
            &serde_json::to_string(&rows).expect("audit rows are JSON"),
        );
        let events = ports.events.after(Cursor(0), None, LIMIT).await.expect("events");
        assert!(events.len() >= requests.len(), "every outcome is published");
        assert_clean("the events", &events);
        assert_clean("the metrics", &ports.metrics.totals().await.expect("totals"));
    }
}

/// The request id, where the contract would take it.
fn usable_id(event: &Value) -> Option<RequestId> {
    let id = event.pointer("/detail/requestId")?.as_str()?;
    RequestId::new(id).ok()
}

#[track_caller]
fn assert_clean(what: &str, shown: &impl std::fmt::Debug) {
    assert!(
        !format!("{shown:?}").contains(PLANTED_SECRET),
        "{what} shows the planted secret"
    );
}

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![4 => Just(Role::Agent), 1 => Just(Role::Admin)].prop_map(|role| Principal {
        agent: sample::agent_name(AGENT),
        role,
    })
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_events_end_on_record_and_show_no_secret(
        principal in principal(),
        events in proptest::collection::vec((strategy::hostile_event(), any::<bool>()), 1..8),
    ) {
        block_on(async {
            let harness = Harness::new().await;
            for (event, take) in &events {
                harness.give(&principal, event, *take).await;
            }
            harness.settle().await;
            harness.check().await;
        });
    }

    #[test]
    fn a_repeat_of_anything_changes_nothing(event in strategy::hostile_event()) {
        block_on(async {
            let harness = Harness::new().await;
            let principal = sample::principal(AGENT);
            harness.give(&principal, &event, true).await;
            harness.settle().await;
            let first = harness.plane.ports().ledger.list(&RequestFilter::default(), None, LIMIT).await.expect("list");
            harness.give(&principal, &event, true).await;
            harness.settle().await;
            let second = harness.plane.ports().ledger.list(&RequestFilter::default(), None, LIMIT).await.expect("list");
            assert_eq!(first, second, "a repeat leaves every request as it was");
            let writes = harness.memory.secret_writes(&sample::secret_name("/contentcraft/contentorchestrator/key"));
            assert!(writes <= 1, "and writes nothing twice");
            harness.check().await;
        });
    }
}

#[test]
fn a_valid_event_is_carried_out() {
    block_on(async {
        let harness = Harness::new().await;
        let name = "/contentcraft/contentorchestrator/key";
        let event = sample::put_secret_event("r1", name, PLANTED_SECRET);
        harness.give(&sample::principal(AGENT), &event, true).await;
        harness.settle().await;
        harness.check().await;
        assert_eq!(
            harness.memory.secret_writes(&sample::secret_name(name)),
            1,
            "the secret is written"
        );
        let stranger = sample::principal(sample::OTHER_AGENT);
        harness
            .give(&stranger, &sample::put_secret_event("r2", name, PLANTED_SECRET), true)
            .await;
        harness.settle().await;
        harness.check().await;
        let last = harness.memory.audit_rows().pop().expect("it is audited");
        assert_eq!(
            last.entry.reason,
            Some(Reason::SecurityViolation),
            "a stranger's token is a violation"
        );
    });
}

#[test]
fn what_an_older_version_let_in_is_refused_and_alarms_nobody() {
    block_on(async {
        let harness = Harness::new().await;
        let deep = format!("{}1{}", "[".repeat(2_023), "]".repeat(2_023));
        let detail = json!({"requestId": "r1", "action": "putSecret",
            "params": {"more": {"$serde_json::private::RawValue": deep}}});
        let request = NewRequest {
            detail: SecretValue::new(detail.to_string()),
            ..sample::request("r1")
        };
        let ledger = &harness.plane.ports().ledger;
        ledger.receive(&request, None).await.expect("receive");
        harness.settle().await;
        let record = ledger.find(&request.head.id).await.expect("find").expect("it is kept");
        let completed = record.completed.expect("it has its outcome");
        assert_eq!(completed.reason, Some(Reason::SchemaValidationFailed), "{completed:?}");
        assert_eq!(OutcomeSignal::of(&completed), None);
    });
}
