//! A crash at every port call of a request's life, on the embedded backend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_embedded::stacks::StackCommand;
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::names::{RequestId, StackName};
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::crash::{
    Backend, Scenario, enumerate, enumerate_acts, enumerate_consumers, enumerate_retention, subscriptions,
};
use cc_devops_testkit::{ManualClock, sample};
use jiff::SignedDuration;
use tokio::sync::mpsc::unbounded_channel;

/// What the stack's command writes one line to, each time it is run.
const BEGUN: &str = "begun";

struct Embedded {
    folder: tempfile::TempDir,
    clock: ManualClock,
    store: Option<Store>,
}

impl Embedded {
    fn fresh() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::default(),
            store: None,
        }
    }
}

#[async_trait]
impl Backend for Embedded {
    async fn open(&mut self) -> Ports {
        drop(self.store.take());
        let store = Store::open(StoreOptions {
            data_dir: self.folder.path().join("data"),
            master_key: MasterKeySource::File,
            create: true,
        })
        .unwrap();
        let command = StackCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), format!("echo begun >> {BEGUN}").into()],
            working_dir: self.folder.path().to_owned(),
            timeout: Duration::from_mins(1),
            env: Vec::new(),
            secret_env: Vec::new(),
            parameters: Vec::new(),
            secret_parameters: Vec::new(),
            plan_command: None,
            stages: Vec::new(),
            user: None,
        };
        let clock = Arc::new(self.clock.clone());
        let commands = BTreeMap::from([(StackName::new(sample::STACK_SUCCEEDS).unwrap(), command)]);
        let supervisor = env!("CARGO_BIN_EXE_supervisor").into();
        let stacks = store.local_stacks(commands, supervisor, clock.clone(), unbounded_channel().0);
        let ports = store.ports(Arc::new(stacks), clock);
        self.store = Some(store);
        ports
    }

    fn advance(&self, step: SignedDuration) {
        self.clock.advance(step);
    }

    fn changes_begun(&self, _request: &RequestId) -> Option<usize> {
        let lines = std::fs::read_to_string(self.folder.path().join(BEGUN)).unwrap_or_default();
        Some(lines.lines().count())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_secret_survives_a_crash_at_every_call() {
    // Done at once, and on the whole way.
    for scenario in [Scenario::put_secret(), Scenario::put_secret().left_for_a_sweep()] {
        let report = enumerate(async || Embedded::fresh(), &scenario).await;
        assert!(
            report.runs >= 2 * report.calls,
            "every call crashed before and after its effect: {report:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deploy_lambda_survives_a_crash_at_every_call() {
    let scenario = Scenario::deploy_lambda().may_fail_after_crash();
    let report = enumerate(async || Embedded::fresh(), &scenario).await;
    // How often a running command is looked at depends on the machine, so the calls vary.
    assert!(
        report.runs >= 20,
        "every call crashed before and after its effect: {report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_and_its_trail_survive_a_crash_at_every_call_together() {
    let report = enumerate_acts(async || Embedded::fresh()).await;
    assert!(report.runs >= 2 * 4, "each act makes a call: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_housekeeping_survives_a_crash_at_every_call() {
    let report = enumerate_retention(async || Embedded::fresh()).await;
    assert!(
        report.runs == 2 * report.calls && report.calls > 8,
        "every call crashed before and after its effect: {report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_consumer_survives_a_crash_at_every_call() {
    let report = enumerate_consumers(async || Embedded::fresh()).await;
    assert!(report.calls >= 9, "telling each of three takes three calls: {report:?}");
    assert!(
        report.runs >= 2 * report.calls,
        "before and after its effect: {report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_a_webhook_survives_a_crash_at_every_call() {
    let runs = subscriptions(async || Embedded::fresh()).await;
    assert!(runs >= 10, "every act crashed before and after its effect: {runs}");
}
