//! Deploys that are planned, decided and applied, over the fakes: with a clock, with crashes, with two replicas.

mod crashes;
mod deciding;
mod ends;
mod freezes;
mod listing;
mod machine;
mod order;
mod undoing;

use cc_devops_alerts::ConditionKind;
use cc_devops_deploys::{DeploySettings, Door, PlanDigest, PlanId, PlanRecord};
use cc_devops_kernel::agent::{Agent, Principal, Role};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::Completed;
use cc_devops_requests::deploys::DecideError;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::execution::Step;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::{RequestRecord, RequestState};
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::Memory;
use cc_devops_testkit::memory::{StackScript, harmless_change, table_replaced};
use cc_devops_testkit::sample::{self, AGENT, STACK_SUCCEEDS};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Two operators.
const ANA: &str = "Ana";
const BEA: &str = "Bea";

/// More plans than any of these tests makes.
const MOST: usize = 100_000;

/// A control plane with an agent, who has the stack [`STACK_SUCCEEDS`], and two operators.
struct Harness {
    memory: Memory,
    plane: ControlPlane,
}

fn plane(ports: Ports, deploys: DeploySettings) -> ControlPlane {
    let settings = RequestSettings {
        deploys,
        ..RequestSettings::default()
    };
    sample::control_plane_with(ports, settings)
}

fn operator(name: &str) -> Agent {
    Agent {
        role: Role::Admin,
        ..sample::agent(name).agent
    }
}

async fn add_people(memory: &Memory) {
    let ports = memory.ports();
    sample::add_agent(&ports).await;
    for (name, number) in [(ANA, 2), (BEA, 3)] {
        let mut agent = sample::agent(name);
        agent.agent = operator(name);
        let added = ports.agents.add(&agent, &sample::token(number), &sample::added()).await;
        added.unwrap();
    }
}

/// How many plans people are asked about.
fn asked(memory: &Memory) -> usize {
    let open = memory.open_conditions().into_iter();
    open.filter(|condition| condition.kind == ConditionKind::Approval)
        .count()
}

fn stack() -> FullStackName {
    sample::stack(STACK_SUCCEEDS)
}

fn plan_id(request: &str) -> PlanId {
    PlanId::of(&sample::request_id(request))
}

impl Harness {
    async fn with(deploys: DeploySettings) -> Self {
        let memory = Memory::new();
        add_people(&memory).await;
        memory.script_stack(stack(), StackScript::Succeeds);
        memory.script_change(stack(), table_replaced("Orders"));
        let plane = plane(memory.ports(), deploys);
        Self { memory, plane }
    }

    /// One where deploys of the stack have to be approved.
    async fn new() -> Self {
        Self::with(DeploySettings::default()).await
    }

    /// One where nobody is asked.
    async fn harmless() -> Self {
        let harness = Self::new().await;
        harness.memory.script_change(stack(), harmless_change());
        harness
    }

    fn later(&self, by: SignedDuration) {
        self.memory.clock().advance(by);
    }

    /// Sends a deploy and carries it out as far as it goes.
    async fn deploy(&self, id: &str) -> Step {
        self.send(sample::deploy_event(id, STACK_SUCCEEDS)).await
    }

    async fn deploy_with(&self, id: &str, params: Value) -> Step {
        self.send(sample::event(id, "deployLambda", &params)).await
    }

    async fn send(&self, event: Value) -> Step {
        let received = self
            .plane
            .receive(&sample::principal(AGENT), event, true)
            .await
            .unwrap();
        match received {
            Received::Claimed(claimed) => self.plane.carry_out(claimed).await.unwrap(),
            Received::Concluded(completed) => Step::Concluded(completed),
            _ => panic!("it is new"),
        }
    }

    /// One pass of whoever sweeps.
    async fn sweep(&self) {
        let swept = self.plane.sweep(std::future::pending()).await;
        assert!(swept.failures.is_empty(), "{:?}", swept.failures);
    }

    async fn request(&self, id: &str) -> RequestRecord {
        let found = self.memory.ports().ledger.find(&sample::request_id(id)).await.unwrap();
        found.expect("it is on record")
    }

    async fn outcome(&self, id: &str) -> Completed {
        let record = self.request(id).await;
        record.completed.unwrap_or_else(|| panic!("{id} has ended"))
    }

    async fn plan(&self, request: &str) -> PlanRecord {
        let found = self.plane.plan_of_request(&sample::request_id(request)).await.unwrap();
        found.expect("it has a plan")
    }

    async fn digest(&self, request: &str) -> PlanDigest {
        self.plan(request).await.digest
    }

    async fn approve(&self, who: &str, request: &str) -> Result<PlanRecord, DecideError> {
        let digest = self.digest(request).await;
        self.plane
            .approve_plan(
                &operator(who),
                Door::Api,
                &plan_id(request),
                &digest,
                Some("looks right".to_owned()),
            )
            .await
    }

    async fn deny(&self, who: &str, request: &str) -> Result<PlanRecord, DecideError> {
        self.plane
            .deny_plan(&operator(who), Door::Api, &plan_id(request), "not today".to_owned())
            .await
    }

    /// The audit rows of an action, as who did it.
    fn rows(&self, action: &str) -> Vec<Option<String>> {
        let rows = self.memory.audit_rows().into_iter();
        rows.filter(|row| row.entry.action == action)
            .map(|row| row.entry.principal.map(|name| name.to_string()))
            .collect()
    }

    fn asked(&self) -> usize {
        asked(&self.memory)
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.memory.left_behind(), [], "no change outlives its plan");
    }
}

/// An operator asks.
fn principal(name: &str) -> Principal {
    Principal {
        role: Role::Admin,
        ..sample::principal(name)
    }
}

#[tokio::test]
async fn a_deploy_that_nobody_is_asked_about_is_planned_and_applied_at_once() {
    let harness = Harness::harmless().await;
    assert!(matches!(harness.deploy("r1").await, Step::Concluded(_)));
    assert_eq!(harness.memory.changes_begun(&sample::request_id("r1")), 1);
    harness.sweep().await;
    let outcome = harness.outcome("r1").await;
    let approval = outcome.approval.expect("it was planned");
    assert_eq!(outcome.result.unwrap()["action"], "deployed");
    assert_eq!(
        json!(approval),
        json!({
            "plan": plan_id("r1"),
            "digest": harness.digest("r1").await,
            "state": "not_needed",
            "approvers": [],
        })
    );
    harness.nothing_is_left();
}

#[tokio::test]
async fn a_deploy_that_loses_data_waits_is_approved_and_applied() {
    let harness = Harness::new().await;
    assert_eq!(harness.deploy("r1").await, Step::Parked);
    harness.later(SignedDuration::from_hours(5));
    harness.sweep().await;
    assert_eq!(harness.request("r1").await.state, RequestState::Waiting);
    assert_eq!(
        harness.memory.changes_begun(&sample::request_id("r1")),
        0,
        "nothing runs unasked"
    );
    let open = harness.memory.open_conditions();
    let notice = open[0].plan.as_ref().expect("people are told of the plan");
    assert_eq!((open.len(), notice.plan.as_str()), (1, plan_id("r1").as_str()));
    assert!(notice.tree.contains("Orders"), "{}", notice.tree);

    harness.approve(ANA, "r1").await.unwrap();
    harness.sweep().await;
    assert_eq!(harness.memory.changes_begun(&sample::request_id("r1")), 1);
    harness.sweep().await;
    let approval = harness.outcome("r1").await.approval.unwrap();
    assert_eq!(
        (json!(approval.state), approval.approvers),
        (json!("approved"), vec![ANA.to_owned()])
    );
    assert_eq!(harness.asked(), 0, "nobody is asked any more");
    assert_eq!(harness.rows("plan.made").len(), 1);
    assert_eq!(harness.rows("plan.approved"), [Some(ANA.to_owned())]);
    assert_eq!(harness.rows("plan.applied").len(), 1);
    harness.nothing_is_left();
}

#[tokio::test]
async fn the_time_limit_of_a_change_runs_from_when_it_is_begun() {
    let harness = Harness::new().await;
    harness.memory.script_stack(stack(), StackScript::KeepsChanging);
    harness.deploy("r1").await;
    harness.later(SignedDuration::from_hours(20));
    harness.approve(ANA, "r1").await.unwrap();
    harness.sweep().await;
    harness.later(SignedDuration::from_mins(59));
    harness.sweep().await;
    assert_eq!(
        harness.request("r1").await.state,
        RequestState::Waiting,
        "it has an hour"
    );
    harness.later(SignedDuration::from_mins(2));
    harness.sweep().await;
    let outcome = harness.outcome("r1").await;
    assert_eq!(json!(outcome.reason), json!("timeout"));
    assert_eq!(json!(outcome.approval.unwrap().state), json!("approved"));
}

#[tokio::test]
async fn a_plan_alone_is_shown_and_removed() {
    let harness = Harness::new().await;
    harness.deploy("waits").await;
    let params = json!({"stackName": STACK_SUCCEEDS, "planOnly": true});
    let Step::Concluded(outcome) = harness.deploy_with("r1", params).await else {
        panic!("there is nothing to wait for");
    };
    let result = outcome.result.unwrap();
    assert_eq!(
        (&result["action"], &result["plan"], &result["digest"]),
        (
            &json!("planned"),
            &json!(plan_id("r1")),
            &json!(harness.digest("r1").await)
        )
    );
    assert_eq!(result["changes"][0]["replacement"], "True");
    assert_eq!(outcome.approval, None);
    harness.sweep().await;
    assert_eq!(json!(harness.plan("r1").await.state), json!("shown"));
    assert_eq!(
        json!(harness.plan("waits").await.state),
        json!("waiting"),
        "it takes no place"
    );
    assert_eq!(harness.memory.left_behind(), [sample::request_id("waits")]);
}

#[tokio::test]
async fn waiting_plans_cost_the_sweep_nothing() {
    let harness = Harness::new().await;
    for number in 0..200 {
        let name = format!("stack-{number}");
        harness.memory.script_stack(sample::stack(&name), StackScript::Succeeds);
        harness
            .memory
            .script_change(sample::stack(&name), table_replaced("Orders"));
        let event = sample::deploy_event(&format!("r{number}"), &name);
        let received = harness.plane.receive(&principal(ANA), event, true).await.unwrap();
        let Received::Claimed(claimed) = received else {
            panic!("it is new")
        };
        assert_eq!(harness.plane.carry_out(claimed).await.unwrap(), Step::Parked);
    }
    harness.sweep().await;
    let points = cc_devops_testkit::crash::CrashPoints::never();
    let watched = plane(points.wrap(&harness.memory.ports()), DeploySettings::default());
    assert!(watched.look_after_plans(MOST).await.failures.is_empty());
    assert_eq!(points.calls(), 1, "one question finds that nothing is due");
    assert!(watched.look_after_waiting().await.failures.is_empty());
    assert_eq!(points.calls(), 2, "and one that nobody is to be looked at");
}
