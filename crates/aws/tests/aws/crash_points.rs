//! A crash at every port call of a request's life, with the ledger, the audit trail, the agents, MRR
//! and the events in AWS. Every restart is a new process: nothing of the old one's memory is left.

use async_trait::async_trait;
use cc_devops_kernel::names::RequestId;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::crash::{
    Backend, Scenario, enumerate, enumerate_acts, enumerate_consumers, enumerate_retention, subscriptions,
};
use cc_devops_testkit::memory::{Memory, StackScript};
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, STACK_SUCCEEDS};
use jiff::SignedDuration;

use crate::harness;

struct Aws<'a> {
    peer: &'a Peer,
    first: cc_devops_aws::Backend,
    world: Memory,
}

impl<'a> Aws<'a> {
    async fn fresh(peer: &'a Peer) -> Self {
        let world = Memory::new();
        world.script_stack(sample::stack(STACK_SUCCEEDS), StackScript::Succeeds);
        Self {
            peer,
            first: harness::backend(peer).await,
            world,
        }
    }
}

#[async_trait]
impl Backend for Aws<'_> {
    /// Neither the row of sums nor CloudWatch does.
    fn counts_once(&self) -> bool {
        false
    }

    async fn open(&mut self) -> Ports {
        let process = harness::on(self.peer.url(), self.first.resources());
        Ports {
            ledger: process.ledger(),
            audit: process.audit(),
            agents: process.agents(),
            revenue: process.revenue(),
            retention: process.retention(),
            outbox: process.outbox(),
            bus: Some(process.bus()),
            log: None,
            events: process.events(),
            webhooks: process.webhooks(),
            ..self.world.ports()
        }
    }

    fn advance(&self, step: SignedDuration) {
        self.world.clock().advance(step);
    }

    fn changes_begun(&self, request: &RequestId) -> Option<usize> {
        assert_eq!(self.world.overlapping_changes(), 0, "no two changes of a stack overlap");
        Some(self.world.changes_begun(request))
    }
}

async fn every_crash(scenario: &Scenario) {
    let peer = peers::ministack().await;
    let report = Box::pin(enumerate(async || Aws::fresh(&peer).await, scenario)).await;
    assert!(
        report.runs >= 2 * report.calls,
        "every call crashed before and after its effect: {report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_secret_survives_a_crash_at_every_call() {
    Box::pin(every_crash(&Scenario::put_secret())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_secret_left_for_a_sweep_survives_a_crash_at_every_call() {
    Box::pin(every_crash(&Scenario::put_secret().left_for_a_sweep())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deploy_lambda_survives_a_crash_at_every_call() {
    Box::pin(every_crash(&Scenario::deploy_lambda())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_and_its_trail_survive_a_crash_at_every_call_together() {
    let peer = peers::ministack().await;
    let report = enumerate_acts(async || Aws::fresh(&peer).await).await;
    assert!(report.runs >= 2 * 4, "each act makes a call: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_housekeeping_survives_a_crash_at_every_call() {
    let peer = peers::ministack().await;
    let report = enumerate_retention(async || Aws::fresh(&peer).await).await;
    assert!(
        report.runs == 2 * report.calls && report.calls > 4,
        "every call crashed before and after its effect: {report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telling_each_consumer_survives_a_crash_at_every_call() {
    let peer = peers::ministack().await;
    let report = enumerate_consumers(async || Aws::fresh(&peer).await).await;
    assert!(
        report.runs >= 2 * report.calls,
        "every call crashed before and after its effect: {report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_a_webhook_survives_a_crash_at_every_call() {
    let peer = peers::ministack().await;
    let runs = subscriptions(async || Aws::fresh(&peer).await).await;
    assert!(runs >= 10, "every act crashed before and after its effect: {runs}");
}
