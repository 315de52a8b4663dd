//! How fast the watch and the alerts are on the embedded store: enrolling agents, a sweep with nothing due, agents that
//! all go down at one instant until it is decided whom to tell of them. Prints JSON. The folder is left as it is, with
//! the enrolled agents, so that a server can be started on it.
//!
//! `cargo run --release -p cc-devops-embedded --example fleet_speed FOLDER [AGENTS] [AT_ONE_INSTANT]`

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use cc_devops_alerts::policy::{AlertPolicy, AlertsFile};
use cc_devops_alerts::{Conditions, Notifier};
use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_fleet::Beat;
use cc_devops_fleet::watch::{ReceivedSignal, Signal, WatchSettings};
use cc_devops_fleet::watching::{Wanted, Watching, WatchingPorts};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Clock, RecordKind, StateStore as _, SystemClock};
use jiff::Timestamp;
use serde_json::json;

/// How many sweeps with nothing due are measured.
const SWEEPS: usize = 2_000;

/// How often the page of agents is looked at, how many it has, and how often these change their state: down at the end.
const LOOKS: usize = 100;
const PAGE: usize = 50;
const FLAPS: usize = 250;

/// A clock that is set.
struct SetClock(AtomicI64);

impl SetClock {
    fn go_on(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// A store with the watch over it.
struct Harness {
    store: Store,
    clock: Arc<SetClock>,
    policy: Arc<AlertPolicy>,
    watching: Watching,
}

impl Harness {
    fn open(data_dir: PathBuf) -> Result<Self, Box<dyn Error>> {
        let store = Store::open(StoreOptions {
            data_dir,
            master_key: MasterKeySource::File,
            create: true,
        })?;
        let clock = Arc::new(SetClock(AtomicI64::new(SystemClock.now().as_second())));
        // The groups of a configuration that says nothing else.
        let policy = AlertPolicy::of(&AlertsFile::<serde_json::Value>::default(), &["log".to_owned()]);
        let policy = Arc::new(policy.map_err(|problems| format!("{problems:?}"))?);
        let ports = WatchingPorts {
            state: store.state(),
            agents: store.agents(),
            conditions: Arc::new(Conditions::new(store.state(), Arc::clone(&policy))),
            audit: store.audit(),
            clock: Arc::<SetClock>::clone(&clock),
        };
        let watching = Watching::new(ports, WatchSettings::default(), [7; 32]);
        Ok(Self {
            store,
            clock,
            policy,
            watching,
        })
    }

    /// Enrols agents that were all heard now.
    async fn enroll(&self, count: usize) -> Result<Duration, Box<dyn Error>> {
        let now = self.clock.now();
        let beat = Beat {
            at: now,
            healthy: true,
            message: None,
        };
        let agents = (0..count)
            .map(|number| Ok((AgentName::new(format!("Agent{number:06}"))?, Some(beat.clone()))))
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let begun = Instant::now();
        self.watching.enroll(&agents, now).await?;
        Ok(begun.elapsed())
    }

    /// How long it takes to count agents by their state and to list the first page, in milliseconds: the median.
    async fn looking(&self) -> Result<(f64, f64), Box<dyn Error>> {
        let now = self.clock.now();
        let (mut counts, mut pages) = (Vec::with_capacity(LOOKS), Vec::with_capacity(LOOKS));
        for _ in 0..LOOKS {
            let begun = Instant::now();
            self.watching.counts(now).await?;
            counts.push(begun.elapsed());
            let begun = Instant::now();
            self.watching.listed(&Wanted::default(), None, PAGE, now).await?;
            pages.push(begun.elapsed());
        }
        let median = |mut all: Vec<Duration>| {
            all.sort();
            all.get(LOOKS / 2).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        Ok((median(counts), median(pages)))
    }

    /// Lets the agents of the first page change their state more often than a list reads.
    async fn flap(&self) -> Result<(), Box<dyn Error>> {
        for turn in 0..FLAPS {
            self.clock.go_on(1);
            let signal = if turn % 2 == 0 {
                Signal::Success
            } else {
                Signal::Failure
            };
            for number in 0..PAGE {
                let name = AgentName::new(format!("Agent{number:06}"))?;
                self.watching
                    .heard(&name, ReceivedSignal::new(self.clock.now(), signal))
                    .await?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "what was measured is the output")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("say the folder")?);
    let agents: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let at_once: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;

    let harness = Harness::open(folder.join("many"))?;
    let enrolling = harness.enroll(agents).await?;
    let mut sweeps = Vec::with_capacity(SWEEPS);
    for _ in 0..SWEEPS {
        let begun = Instant::now();
        harness.watching.sweep(harness.clock.now(), usize::MAX).await?;
        sweeps.push(begun.elapsed());
    }
    sweeps.sort();
    harness.store.close();

    let harness = Harness::open(folder.join("at-one-instant"))?;
    harness.enroll(at_once).await?;
    // Due after the period, down after the grace; the default group waits ten seconds more.
    harness.clock.go_on(600);
    let begun = Instant::now();
    let flips = harness.watching.sweep(harness.clock.now(), usize::MAX).await?.flips;
    let flipping = begun.elapsed();
    let notifier = Notifier::new(harness.store.state(), Arc::clone(&harness.policy), None);
    notifier.turn(harness.clock.now()).await?;
    harness.clock.go_on(11);
    notifier.turn(harness.clock.now()).await?;
    let decided = begun.elapsed();
    let messages = harness
        .store
        .state()
        .list(RecordKind::Delivery, None, None, 1_000)
        .await?
        .len();
    // What the dashboard's page of agents asks for, also where those on it flap.
    let (counts_ms, page_ms) = harness.looking().await?;
    harness.flap().await?;
    let (_, flapping_page_ms) = harness.looking().await?;
    harness.store.close();

    let micros = |at: usize| sweeps.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e6);
    println!(
        "{}",
        json!({
            "agents": agents, "enrolling_s": enrolling.as_secs_f64(),
            "sweep_p50_us": micros(SWEEPS / 2), "sweep_p99_us": micros(SWEEPS * 99 / 100),
            "at_one_instant": at_once, "flips": flips, "flipping_s": flipping.as_secs_f64(),
            "decided_s": decided.as_secs_f64(), "messages": messages,
            "counts_p50_ms": counts_ms, "page_p50_ms": page_ms, "flapping_page_p50_ms": flapping_page_ms,
        })
    );
    Ok(())
}
