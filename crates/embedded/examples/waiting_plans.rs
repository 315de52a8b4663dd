//! What plans that wait for approval cost the sweep on the embedded store: each of so many stacks gets a deploy that would
//! replace its table, and then sweeps with nothing due are measured, beside those of an empty store. Prints JSON.
//!
//! `cargo run --release -p cc-devops-embedded --example waiting_plans FOLDER [PLANS]`

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cc_devops_deploys::{Basis, Draft, DraftContent};
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult, RecordKind, StateStore as _, SystemClock};
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::execution::Step;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::{Planning, StackProgress, Stacks, WantedChange};
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::StackLease;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::sample;
use jiff::Timestamp;
use serde_json::json;

/// How many sweeps with nothing due are measured.
const SWEEPS: usize = 500;

/// A plan file that asks on every stage.
const PLAN: &[u8] = br#"{"changes": [{"path": "orders", "action": "Modify", "resourceType": "AWS::DynamoDB::Table", "replacement": "yes"}]}"#;

/// Stacks whose every deploy would replace a table.
struct Tables;

fn draft() -> Planning {
    Planning::Ready(Box::new(Draft {
        handle: "plan".to_owned(),
        basis: Basis::default(),
        first_creation: false,
        content: DraftContent::File(PLAN.to_vec()),
        notes: Vec::new(),
    }))
}

#[async_trait]
impl Stacks for Tables {
    async fn plan(&self, _: &WantedChange<'_>) -> PortResult<Planning> {
        Ok(draft())
    }

    async fn planned(&self, _: &FullStackName, _: &RequestId) -> PortResult<Planning> {
        Ok(draft())
    }

    async fn apply(&self, _: &StackLease, _: &str, _: Timestamp) -> PortResult<StackProgress> {
        Err(PortError::new(PortErrorKind::Refused, "nothing was approved"))
    }

    async fn discard(&self, _: &FullStackName, _: &RequestId, _: &str) -> PortResult<()> {
        Ok(())
    }

    async fn progress(&self, _: &FullStackName, _: &RequestId) -> PortResult<StackProgress> {
        Ok(StackProgress::NotBegun)
    }
}

async fn harness(data_dir: PathBuf) -> Result<(Store, ControlPlane), Box<dyn Error>> {
    let store = Store::open(StoreOptions {
        data_dir,
        master_key: MasterKeySource::File,
        create: true,
    })?;
    let ports = store.ports(Arc::new(Tables), Arc::new(SystemClock));
    let mut admin = sample::agent("Ana");
    admin.agent.role = Role::Admin;
    ports.agents.add(&admin, &sample::token(1), &sample::added()).await?;
    let installation = sample::installation();
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
    let key = FingerprintKey::new([7; 32]);
    let plane = ControlPlane::new(installation, ports, policy, key, RequestSettings::default());
    Ok((store, plane))
}

/// Has a stack's deploy planned; whether it waits.
async fn ask(plane: &ControlPlane, number: usize) -> Result<bool, Box<dyn Error>> {
    let principal = Principal {
        agent: sample::agent_name("Ana"),
        role: Role::Admin,
    };
    let event = json!({
        "source": format!("agent.{}", principal.agent), "detail-type": "devops.request",
        "detail": {
            "requestId": format!("deploy-{number}"), "action": "deployLambda",
            "params": {"stackName": format!("stack-{number}")},
        },
    });
    let Received::Claimed(claimed) = plane.receive(&principal, event, true).await? else {
        return Ok(false);
    };
    Ok(matches!(plane.carry_out(claimed).await?, Step::Parked))
}

/// The median of sweeps with nothing due.
async fn sweep(plane: &ControlPlane) -> Result<Duration, Box<dyn Error>> {
    let mut taken = Vec::with_capacity(SWEEPS);
    for _ in 0..SWEEPS {
        let begun = Instant::now();
        for looked in [
            plane.look_after_plans(usize::MAX).await,
            plane.look_after_waiting().await,
        ] {
            if let Some(error) = looked.failures.into_iter().next() {
                return Err(error.into());
            }
        }
        taken.push(begun.elapsed());
    }
    taken.sort();
    Ok(taken.get(SWEEPS / 2).copied().unwrap_or_default())
}

#[expect(clippy::print_stdout, reason = "what was measured is the output")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("say the folder")?);
    let wanted: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;

    let (store, plane) = harness(folder.join("none")).await?;
    let empty = sweep(&plane).await?;
    store.close();

    let (store, plane) = harness(folder.join("many")).await?;
    let begun = Instant::now();
    let mut parked = 0;
    for number in 0..wanted {
        parked += usize::from(ask(&plane, number).await?);
    }
    let planning = begun.elapsed();
    let kept = store
        .state()
        .list(RecordKind::Plan, None, None, wanted + 1)
        .await?
        .len();
    let beside = sweep(&plane).await?;
    store.close();

    println!(
        "{}",
        json!({
            "waiting": parked.min(kept), "planning_s": planning.as_secs_f64(),
            "sweep_us": beside.as_secs_f64() * 1e6, "empty_sweep_us": empty.as_secs_f64() * 1e6,
        })
    );
    Ok(())
}
