//! The embedded backend keeps every port's contract.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_embedded::stacks::StackCommand;
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::names::{RequestId, StackName};
use cc_devops_kernel::ports::SystemClock;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::sample::{AGENT, after, agent_name};
use cc_devops_testkit::{contract, outbox, sample};
use rusqlite::Connection;
use tokio::sync::mpsc::unbounded_channel;

/// Fresh stores, kept until the test ends: dropping one closes it under its ports.
#[derive(Default)]
struct Stores(Mutex<Vec<(Store, tempfile::TempDir)>>);

impl Stores {
    fn fresh(&self) -> Ports {
        self.fresh_in().0
    }

    /// The ports, and where their database is.
    fn fresh_in(&self) -> (Ports, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions {
            data_dir: folder.path().join("data"),
            master_key: MasterKeySource::File,
            create: true,
        })
        .unwrap();
        let database = store.file().to_owned();
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
            plan_command: None,
            stages: Vec::new(),
            user: None,
        };
        let commands = BTreeMap::from([
            (name(sample::STACK_SUCCEEDS), command("true")),
            (name(sample::STACK_FAILS), command("exit 1")),
            (name(sample::STACK_KEEPS_CHANGING), command("exec sleep 30")),
        ]);
        let supervisor = env!("CARGO_BIN_EXE_supervisor").into();
        let stacks = store.local_stacks(commands, supervisor, clock.clone(), unbounded_channel().0);
        let ports = store.ports(Arc::new(stacks), clock);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((store, folder));
        (ports, database)
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

#[test]
fn ledger_steps() {
    let stores = Stores::default();
    contract::ledger_steps(async || stores.fresh());
}

/// Damages rows as somebody would who has the file.
struct Damage(PathBuf);

impl Damage {
    fn run(&self, sql: &str, key: &str) {
        let conn = Connection::open(&self.0).unwrap();
        conn.busy_timeout(Duration::from_secs(5)).unwrap();
        conn.execute(sql, [key]).unwrap();
    }
}

#[async_trait]
impl contract::Damage for Damage {
    async fn event(&self, key: &str) {
        self.run("UPDATE requests SET completed = '{\"v\":1' WHERE id = ?1", key);
        self.run(
            "UPDATE events SET body = '{\"v\":9,\"kind\":\"poem\",\"body\":{}}' \
             WHERE json_extract(body, '$.body.requestId') = ?1",
            key,
        );
    }

    async fn request(&self, id: &RequestId) {
        self.run("UPDATE requests SET role = 'emperor' WHERE id = ?1", id.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable() {
    let stores = Stores::default();
    contract::unreadable(async || {
        let (ports, database) = stores.fresh_in();
        (ports, Damage(database))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_queue_passes_over_stays_on_record() {
    let stores = Stores::default();
    let (ports, database) = stores.fresh_in();
    outbox::publish(&ports, &[(1, AGENT), (2, AGENT)], 1).await;
    let damage = Damage(database.clone());
    contract::Damage::event(&damage, "event-1").await;
    let (queues, agent) = (ports.completion_queues.unwrap(), agent_name(AGENT));
    let received = queues.receive(&agent, after(2), after(32), 10).await.unwrap();
    assert_eq!(received.len(), 1);
    contract::Damage::event(&damage, "event-2").await;
    let received = queues.receive(&agent, after(32), after(62), 10).await.unwrap();
    assert!(received.is_empty());
    let conn = Connection::open(database).unwrap();
    let kept: i64 = conn
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 2);
}

contracts!(
    at_once,
    ledger,
    outbox,
    audit,
    cutting,
    retention,
    secrets,
    sealing_keys,
    stacks,
    agents,
    heartbeats,
    events,
    completion_queues,
    webhooks,
    schedule,
    revenue,
    repositories,
    state,
    metrics,
    checks,
    clock
);
