//! The embedded backend keeps every port's contract.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cc_devops_core::names::StackName;
use cc_devops_core::ports::{Ports, SystemClock};
use cc_devops_embedded::stacks::StackCommand;
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_testkit::{contract, sample};
use tokio::sync::mpsc::unbounded_channel;

/// Fresh stores, kept until the test ends: dropping one closes it under its ports.
#[derive(Default)]
struct Stores(Mutex<Vec<(Store, tempfile::TempDir)>>);

impl Stores {
    fn fresh(&self) -> Ports {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions {
            data_dir: folder.path().join("data"),
            master_key: MasterKeySource::File,
            create: true,
        })
        .unwrap();
        let clock = Arc::new(SystemClock);
        let command = |script: &str| StackCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            working_dir: folder.path().to_owned(),
            timeout: Duration::from_mins(1),
            env: Vec::new(),
            secret_env: Vec::new(),
            parameters: Vec::new(),
            secret_parameters: Vec::new(),
            stages: Vec::new(),
        };
        let commands = BTreeMap::from([
            (name(sample::STACK_SUCCEEDS), command("true")),
            (name(sample::STACK_FAILS), command("exit 1")),
            (name(sample::STACK_KEEPS_CHANGING), command("exec sleep 30")),
        ]);
        let stacks = store.local_stacks(commands, clock.clone(), unbounded_channel().0);
        let ports = store.ports(Arc::new(stacks), clock);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((store, folder));
        ports
    }
}

fn name(name: &str) -> StackName {
    StackName::new(name).unwrap()
}

macro_rules! contracts {
    ($($suite:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $suite() {
            let stores = Stores::default();
            contract::$suite(async || stores.fresh()).await;
        }
    )*};
}

contracts!(
    ledger,
    audit,
    cutting,
    retention,
    secrets,
    stacks,
    agents,
    heartbeats,
    events,
    webhooks,
    schedule,
    revenue,
    repositories,
    metrics,
    checks,
    clock
);
