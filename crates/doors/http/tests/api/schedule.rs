//! The jobs that run by the clock: neither skipped nor repeated by a restart.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_fleet::Beat;
use cc_devops_fleet::ports::Heartbeats;
use cc_devops_http::{ServerConfig, Workers};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::schedule::Job;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::{Memory, sample};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::harness::{Harness, until};

/// Tells when a heartbeat came, and passes it on.
struct RecordedHeartbeats {
    inner: Arc<dyn Heartbeats>,
    beats: UnboundedSender<Timestamp>,
}

#[async_trait]
impl Heartbeats for RecordedHeartbeats {
    async fn beat(&self, name: &AgentName, beat: &Beat) -> PortResult<()> {
        self.inner.beat(name, beat).await?;
        self.beats.send(beat.at).unwrap();
        Ok(())
    }
}

async fn start(memory: &Memory) -> (Workers, UnboundedReceiver<Timestamp>) {
    let (beats, told) = unbounded_channel();
    let change = |ports: &mut Ports| {
        let inner = ports.heartbeats.clone();
        ports.heartbeats = Arc::new(RecordedHeartbeats { inner, beats });
    };
    let mut harness = Harness::around(memory.clone(), ServerConfig::default(), change).await;
    (harness.work(), told)
}

/// When the heartbeat is due next.
async fn due(memory: &Memory) -> Timestamp {
    let schedule = memory.ports().schedule;
    schedule.due(Job::Heartbeat, Timestamp::UNIX_EPOCH).await.unwrap()
}

/// Lets the scheduler look at the clock several times.
async fn some_time() {
    tokio::time::sleep(Duration::from_mins(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_neither_skips_nor_repeats_a_run() {
    let memory = Memory::new();
    let (workers, mut told) = start(&memory).await;
    assert_eq!(
        told.recv().await,
        Some(sample::START),
        "a fresh store's first run is now"
    );
    some_time().await;
    assert!(told.try_recv().is_err(), "the clock stands still");
    let first: Timestamp = "2025-06-15T15:10:00Z".parse().unwrap();
    assert_eq!(due(&memory).await, first);
    workers.stop(Duration::from_secs(1)).await;

    let (workers, mut told) = start(&memory).await;
    some_time().await;
    assert!(told.try_recv().is_err(), "a restart does not repeat it");
    memory.clock().set(first);
    assert_eq!(told.recv().await, Some(first));
    workers.stop(Duration::from_secs(1)).await;

    let late: Timestamp = "2025-06-15T16:33:20Z".parse().unwrap();
    memory.clock().set(late);
    let (workers, mut told) = start(&memory).await;
    assert_eq!(told.recv().await, Some(late), "what was missed is made up for at once");
    some_time().await;
    assert!(told.try_recv().is_err(), "and once, however often it was missed");
    let next: Timestamp = "2025-06-15T16:35:00Z".parse().unwrap();
    assert_eq!(due(&memory).await, next);
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_one_runs_the_job() {
    let memory = Memory::new();
    let (one, mut told_one) = start(&memory).await;
    let (two, mut told_two) = start(&memory).await;
    some_time().await;
    let runs = [told_one.try_recv().is_ok(), told_two.try_recv().is_ok()];
    assert_eq!(runs.iter().filter(|ran| **ran).count(), 1, "{runs:?}");
    one.stop(Duration::from_secs(1)).await;
    two.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_control_plane_is_an_agent_itself() {
    let memory = Memory::new();
    let (workers, mut told) = start(&memory).await;
    told.recv().await;
    let own = until(async || {
        let agents = memory.ports().agents.list().await.unwrap();
        agents
            .into_iter()
            .find(|status| status.agent.name.as_str() == "DevOpsAutomation")
    })
    .await;
    assert!(own.last_beat.is_some_and(|beat| beat.healthy));
    workers.stop(Duration::from_secs(1)).await;
}
