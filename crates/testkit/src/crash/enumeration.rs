//! A request's whole life with a crash at every port call of it, on any backend.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Completed, Status};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{PortResult, SecretVersion, SecretWrite};
use cc_devops_repos::ports::CodeHost;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::{Backlog, Ports};
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::RequestState;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_requests::stacks::release_stack;
use jiff::SignedDuration;
use serde_json::Value;

use super::repositories::{Host, repository_worker};
use super::scenario::{GIVEN, REPOSITORY, Scenario, kept};
use super::{CrashPoint, CrashPoints, Moment};
use crate::memory::{Memory, StackScript};
use crate::sample::{self, AGENT, PLANTED_SECRET, STACK_SUCCEEDS};

/// More than any sweep of these tests has to take.
const LIMIT: usize = 100;

/// Passes over what is left to do before the enumeration starts to wait between them.
const QUICK_PASSES: u32 = 50;

/// All passes before a request counts as stuck.
const MOST_PASSES: u32 = 2_000;

/// How long to wait between two passes for a real command to go on.
const BETWEEN_PASSES: Duration = Duration::from_millis(10);

/// A backend that can be opened again after a crash.
#[async_trait]
pub trait Backend: Send {
    /// Opens it, the first time and after each crash. Whatever an earlier opening left running
    /// is as it would be after a crash of the process. It must know
    /// [`STACK_SUCCEEDS`] on the stage `dev`.
    async fn open(&mut self) -> Ports;

    /// Moves the clock of its ports.
    fn advance(&self, step: SignedDuration);

    /// Whether its metrics know an outcome again that they have counted.
    fn counts_once(&self) -> bool {
        true
    }

    /// How often a stack's change was really begun for a request; none where it cannot tell.
    fn changes_begun(&self, request: &RequestId) -> Option<usize>;
}

/// The model in memory, which survives whatever uses it.
pub struct MemoryBackend {
    memory: Memory,
    one_store: bool,
}

impl MemoryBackend {
    /// A fresh model that knows [`STACK_SUCCEEDS`].
    pub fn fresh() -> Self {
        let memory = Memory::new();
        memory.script_stack(sample::stack(STACK_SUCCEEDS), StackScript::Succeeds);
        Self {
            memory,
            one_store: false,
        }
    }

    /// The same, of one store: what needs no other system is done as it comes.
    pub fn of_one_store() -> Self {
        Self {
            one_store: true,
            ..Self::fresh()
        }
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    async fn open(&mut self) -> Ports {
        if self.one_store {
            self.memory.ports_of_one_store()
        } else {
            self.memory.ports()
        }
    }

    fn advance(&self, step: SignedDuration) {
        self.memory.clock().advance(step);
    }

    fn changes_begun(&self, request: &RequestId) -> Option<usize> {
        assert_eq!(
            self.memory.overlapping_changes(),
            0,
            "no two changes of a stack overlap"
        );
        Some(self.memory.changes_begun(request))
    }
}

/// What an enumeration went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// How many lives with crashes were lived.
    pub runs: usize,
    /// How many port calls the request makes when nothing crashes.
    pub calls: usize,
}

/// Lives through the scenario with a crash at every port call, before and after its effect, each
/// time on a fresh backend, and checks after the restart that
///
/// - no acknowledged request is lost, and every request has one outcome,
/// - the effect took place once,
/// - the audit trail has one row for the request, and its chain holds,
/// - the outcome was published at least once, and every event tells the same,
/// - sending the event again gives the same outcome, and the next request is not held up.
///
/// The number of calls may depend on real time (a command is looked at until it ends) and vary
/// between lives; the enumeration ends with the first life that its crash comes too late for.
pub async fn enumerate<B: Backend>(fresh: impl AsyncFn() -> B, scenario: &Scenario) -> Report {
    let calls = live(fresh().await, scenario, &[]).await.calls;
    let mut report = Report { runs: 0, calls };
    let mut plans: Vec<Vec<CrashPoint>> = vec![Vec::new()];
    while let Some(plan) = plans.pop() {
        for moment in Moment::ALL {
            for call in 0.. {
                let mut next = plan.clone();
                next.push(CrashPoint { call, moment });
                if !live(fresh().await, scenario, &next).await.crashed {
                    break;
                }
                report.runs += 1;
                if next.len() < scenario.crashes {
                    plans.push(next);
                }
            }
        }
    }
    report
}

/// What one run came to.
struct Lived {
    /// Whether the last crash of the plan came.
    crashed: bool,
    /// The calls of the first life.
    calls: usize,
}

/// One life after the other: each crash of the plan ends one, and the last has none.
async fn live<B: Backend>(mut backend: B, scenario: &Scenario, plan: &[CrashPoint]) -> Lived {
    let mut life = Life {
        scenario,
        plan,
        acknowledged: false,
        host: Host::default(),
    };
    let ports = backend.open().await;
    let mut agent = sample::agent(AGENT);
    agent.agent.role = scenario.role;
    ports
        .agents
        .add(&agent, &sample::token(1), &sample::added())
        .await
        .expect("a fresh backend takes the agent");
    if scenario.gives_secrets() {
        keep_what_is_given(&ports).await;
    }
    let mut lived = Lived {
        crashed: false,
        calls: 0,
    };
    let mut ports = Some(ports);
    for (number, point) in plan.iter().copied().map(Some).chain([None]).enumerate() {
        let points = point.map_or_else(CrashPoints::never, CrashPoints::at);
        let opened = match ports.take() {
            Some(ports) => ports,
            None => backend.open().await,
        };
        if number > 0 {
            backend.advance(RequestSettings::default().lease + SignedDuration::from_secs(1));
        }
        let plane = life.control_plane(&opened, &points);
        let result = life.work(&plane, &backend, number == 0).await;
        if let Err(error) = result {
            assert!(points.crashed(), "{plan:?}: a call failed without a crash: {error}");
        }
        if number == 0 {
            lived.calls = points.calls();
        }
        lived.crashed = points.crashed();
        if point.is_none() || !points.crashed() {
            let plane = life.control_plane(&opened, &CrashPoints::never());
            life.check(&plane, &backend).await;
            // The plan's later crashes are for lives that this one did not need.
            lived.crashed = point.is_none() && !plan.is_empty();
            break;
        }
    }
    lived
}

/// Keeps the secrets that a repository will be given.
async fn keep_what_is_given(ports: &Ports) {
    for (number, name) in GIVEN.iter().enumerate() {
        let put = sample::put_secret(kept(name).as_str(), PLANTED_SECRET);
        let write = SecretWrite {
            put: &put,
            token: &format!("{number:064x}"),
            may_be_repeat: false,
            agent: &sample::agent_name(AGENT),
            stage: &sample::stage(),
            at: sample::START,
        };
        ports.secrets.put(write).await.expect("a fresh backend takes a secret");
    }
}

struct Life<'a> {
    scenario: &'a Scenario,
    plan: &'a [CrashPoint],
    acknowledged: bool,
    /// Outlives every crash.
    host: Host,
}

impl Life<'_> {
    /// A process, with ports and a code host that die at the points.
    fn control_plane(&self, ports: &Ports, points: &CrashPoints) -> ControlPlane {
        let host: Arc<dyn CodeHost> = Arc::new(self.host.clone());
        let ports = points.wrap(ports);
        let worker = repository_worker(&ports, points.wrap_host(&host));
        sample::control_plane(ports).with_repository_worker(Arc::new(worker))
    }

    /// What a running control plane does: it receives the request in its first life, and in every
    /// life carries out what is left to do.
    async fn work<B: Backend>(&mut self, plane: &ControlPlane, backend: &B, first: bool) -> PortResult<()> {
        if first {
            self.send(plane, self.scenario.event.clone(), true).await?;
        }
        self.settle(plane, backend).await
    }

    async fn send(&mut self, plane: &ControlPlane, event: Value, is_new: bool) -> PortResult<Received> {
        let principal = Principal {
            role: self.scenario.role,
            ..sample::principal(AGENT)
        };
        let received = plane.receive(&principal, event, self.scenario.take).await?;
        self.acknowledged |= is_new;
        if let Received::Claimed(claimed) = received.clone() {
            plane.carry_out(claimed).await?;
        }
        Ok(received)
    }

    /// Sweeps, looks and relays until nothing is left to do.
    async fn settle<B: Backend>(&self, plane: &ControlPlane, backend: &B) -> PortResult<()> {
        for pass in 0..MOST_PASSES {
            for claimed in plane.recover(LIMIT).await? {
                plane.carry_out(claimed).await?;
            }
            if let Some(error) = plane.look_after_plans(LIMIT).await.failures.into_iter().next() {
                return Err(error);
            }
            if let Some(error) = plane.look_after_waiting().await.failures.into_iter().next() {
                return Err(error);
            }
            plane.relay(plane.ports().outbox.consumers(), LIMIT).await?;
            if plane.ports().ledger.backlog().await? == Backlog::default() {
                return Ok(());
            }
            backend.advance(SignedDuration::from_secs(1));
            if pass > QUICK_PASSES {
                tokio::time::sleep(BETWEEN_PASSES).await;
            }
        }
        panic!("{:?}: a request is stuck", self.plan);
    }

    async fn check<B: Backend>(&mut self, plane: &ControlPlane, backend: &B) {
        let plan = self.plan;
        let (ports, id) = (plane.ports(), self.scenario.id());
        let before = ports.ledger.find(&id).await.unwrap().map(|record| record.completed);
        if self.acknowledged {
            let ended = before.as_ref().is_some_and(Option::is_some);
            assert!(ended, "{plan:?}: an acknowledged request was lost");
        }
        // Looked at before the request is sent again, because that publishes the outcome again.
        if let Some(Some(outcome)) = &before {
            self.check_events(ports, &id, outcome).await;
        }

        // Whoever was not answered sends the request again; whoever was, may.
        let received = self.send(plane, self.scenario.event.clone(), false).await.unwrap();
        match (&before, &received) {
            (None, Received::Claimed(_) | Received::Recorded(_) | Received::Concluded(_)) => {}
            (Some(first), Received::Known(again)) => {
                assert_eq!(
                    &again.completed, first,
                    "{plan:?}: a repeat must give the first outcome"
                );
            }
            _ => panic!("{plan:?}: the request was sent again and got another answer than its record says"),
        }
        self.settle(plane, backend).await.unwrap();

        let record = ports.ledger.find(&id).await.unwrap().expect("the request is on record");
        let outcome = record
            .completed
            .unwrap_or_else(|| panic!("{plan:?}: the request has no outcome"));
        assert_eq!(
            record.state,
            RequestState::Published,
            "{plan:?}: its outcome is published"
        );
        if plan.is_empty() || !self.scenario.may_fail_after_crash {
            assert_eq!(outcome.status, Status::Success, "{plan:?}: it succeeds: {outcome:?}");
        }
        self.check_audit(ports, &id).await;
        self.check_events(ports, &id, &outcome).await;
        self.check_effect(ports, backend, &id, &outcome).await;
        self.check_next(plane, backend).await;
    }

    async fn check_audit(&self, ports: &Ports, id: &RequestId) {
        let plan = self.plan;
        let rows = ports
            .audit
            .list(&AuditFilter::default(), None, LIMIT)
            .await
            .unwrap()
            .items;
        let own = rows
            .iter()
            .filter(|row| row.entry.request_id.as_deref() == Some(id.as_str()));
        assert_eq!(own.count(), 1, "{plan:?}: the request has one audit row");
        let verification = ports.audit.verify().await.unwrap();
        assert!(
            verification.breaks.is_empty(),
            "{plan:?}: the chain holds: {verification:?}"
        );
    }

    async fn check_events(&self, ports: &Ports, id: &RequestId, outcome: &Completed) {
        let plan = self.plan;
        let events = ports.events.after(Cursor(0), None, LIMIT).await.unwrap();
        let told = events.iter().filter_map(|logged| logged.event.body.completed());
        let own: Vec<_> = told.filter(|completed| completed.request_id == id.as_str()).collect();
        assert!(!own.is_empty(), "{plan:?}: the outcome is published at least once");
        assert!(
            own.iter().all(|completed| *completed == outcome),
            "{plan:?}: every event tells the one outcome"
        );
    }

    async fn check_effect<B: Backend>(&self, ports: &Ports, backend: &B, id: &RequestId, outcome: &Completed) {
        let plan = self.plan;
        if let Some(name) = self.scenario.secret() {
            let written = ports.secrets.list(None, None, LIMIT).await.unwrap();
            assert_eq!(written.len(), 1, "{plan:?}: one secret is written");
            assert_eq!(written[0].versions, 1, "{plan:?}: it is written once");
            let read = ports
                .secrets
                .read(&name, SecretVersion::Current)
                .await
                .unwrap()
                .expect("it can be read");
            assert!(
                read.value.expose() == PLANTED_SECRET,
                "{plan:?}: its value is the one that was sent"
            );
            return;
        }
        if self.scenario.gives_secrets() {
            for name in GIVEN {
                let given = self.host.secret(REPOSITORY, name);
                assert!(
                    given.as_deref() == Some(PLANTED_SECRET),
                    "{plan:?}: {name} is given its value"
                );
            }
        }
        if self.scenario.stack().is_none() {
            return;
        }
        match (backend.changes_begun(id), outcome.status) {
            (Some(begun), Status::Success) => assert_eq!(begun, 1, "{plan:?}: one change was begun"),
            (Some(begun), Status::Error) => assert!(begun <= 1, "{plan:?}: {begun} changes were begun"),
            (None, _) => {}
        }
    }

    /// A stack whose fate nobody knows is kept until somebody has looked.
    async fn look_at_the_stack(&self, plane: &ControlPlane) {
        let (plan, ports) = (self.plan, plane.ports());
        let Some(stack) = self.scenario.stack() else { return };
        let Some(holder) = ports.ledger.holder_of(&stack).await.unwrap() else {
            return;
        };
        assert!(
            self.scenario.may_fail_after_crash && holder == self.scenario.id(),
            "{plan:?}: {holder} keeps its stack, although its fate is known"
        );
        release_stack(ports, &sample::agent_name("Operator"), &stack)
            .await
            .unwrap();
    }

    /// The next request for the same thing finds it free.
    async fn check_next<B: Backend>(&mut self, plane: &ControlPlane, backend: &B) {
        let plan = self.plan;
        self.look_at_the_stack(plane).await;
        self.send(plane, self.scenario.next(), false).await.unwrap();
        self.settle(plane, backend).await.unwrap();
        let id = sample::request_id(&format!("{}-next", self.scenario.id()));
        let record = plane
            .ports()
            .ledger
            .find(&id)
            .await
            .unwrap()
            .expect("the next request is on record");
        let outcome = record
            .completed
            .unwrap_or_else(|| panic!("{plan:?}: the next request has no outcome"));
        assert_eq!(
            outcome.status,
            Status::Success,
            "{plan:?}: the next request is not held up: {outcome:?}"
        );
    }
}
