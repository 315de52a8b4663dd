#![doc = include_str!("../README.md")]

mod clock;
mod fleet;
mod repositories;
mod subscriptions;
mod work;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_app::settings::load;
use cc_devops_app::{Capabilities, embedded};
use cc_devops_fleet::schedule::Schedule;
use cc_devops_fleet::watch::WatchSettings;
use cc_devops_fleet::watching::Watching;
use cc_devops_fleet::{Enrolment, Token};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::{Agent, Principal, Role};
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Clock, PortResult, SystemClock};
use cc_devops_repos::auditing::{AuditSettings, Auditor};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::receiving::Received;
use cc_devops_revenue::ports::RateSource;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::reporting::{Reporter, ReportingSettings};
use futures::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};

use clock::FastClock;
use fleet::{AGENTS, Heartbeats, minutes};
use repositories::{OWNER, Repositories};
use subscriptions::Subscriptions;

/// How many days the month has.
const DAYS: i64 = 30;

const USAGE: &str = "usage: demo-month FOLDER CONFIG [DAYS]: the last DAYS of the month alone, 1 to 30";

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, config, days) = match arguments.as_slice() {
        [folder, config] => (folder, config, Some(DAYS)),
        [folder, config, days] => (
            folder,
            config,
            days.parse().ok().filter(|days| (1..=DAYS).contains(days)),
        ),
        _ => return ended(2, USAGE),
    };
    let Some(days) = days else { return ended(2, USAGE) };
    match Box::pin(live(Path::new(folder), Path::new(config), days)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended(1, &format!("the demo's month could not be made: {error}")),
    }
}

/// Ends with a code and a sentence.
fn ended(code: u8, sentence: &str) -> ExitCode {
    // Where nobody reads it, the code says enough.
    let _unread = writeln!(std::io::stderr(), "{sentence}");
    ExitCode::from(code)
}

/// Goes through the month that ends now.
async fn live(folder: &Path, config: &Path, days: i64) -> Result<(), Failed> {
    let end = SystemClock.now();
    let hour = |before: i64| end.checked_sub(SignedDuration::from_hours(before));
    let begin = hour(days * 24)?;
    let clock = Arc::new(FastClock::at(begin));
    let month = Month::begin(folder, config, &clock, end).await?;
    for number in (DAYS - days) * 24..DAYS * 24 {
        let from = hour(DAYS * 24 - number)?;
        month.hour(&clock, number, from).await?;
    }
    clock.set(end);
    month.settle(end).await?;
    // The store ends its threads and writes what is left.
    drop(month);
    Ok(())
}

/// All that goes on in the month.
struct Month {
    capabilities: Capabilities,
    plane: ControlPlane,
    watching: Watching,
    reporter: Reporter,
    auditor: Auditor,
    subscriptions: Arc<Subscriptions>,
    repositories: Arc<Repositories>,
}

impl Month {
    async fn begin(folder: &Path, config: &Path, clock: &Arc<FastClock>, end: Timestamp) -> Result<Self, Failed> {
        let settings = load(Some(config), |_| ())?.settings;
        let capabilities = embedded::in_time(settings, folder, clock.clone())?;
        let plane = capabilities.control_plane().await?;
        let watching = capabilities
            .watching()
            .await?
            .heartbeat_source(Arc::new(Heartbeats { end }));
        enrol(&capabilities, &watching).await?;

        let (subscriptions, repositories) = (Arc::new(Subscriptions::default()), Arc::new(Repositories::default()));
        let (settings, ports) = (&capabilities.settings, &capabilities.ports);
        let reporting = ReportingSettings {
            installation: settings.installation.clone(),
            policy: settings.revenue.policy,
            reader: settings.revenue.cost_control.clone(),
        };
        let reporter = Reporter::new(subscriptions.clone(), Arc::new(Dollars), ports.clone(), reporting);
        let audited = AuditSettings {
            owner: OWNER.to_owned(),
            policy: Arc::new(settings.repositories.policy.clone()),
            reader: settings.installation.agent.clone(),
            mode: Mode::Maintenance,
        };
        let auditor = Auditor::new(
            repositories.clone(),
            Arc::clone(&ports.repositories),
            ports.clone(),
            audited,
        );
        Ok(Self {
            capabilities,
            plane,
            watching,
            reporter,
            auditor,
            subscriptions,
            repositories,
        })
    }

    /// The hour of that number.
    async fn hour(&self, clock: &FastClock, number: i64, from: Timestamp) -> Result<(), Failed> {
        clock.set(from);
        let (day, of_day) = (number / 24, number % 24);
        let mut asked = work::of_hour(from);
        asked.sort_by_key(|(_, second, _)| *second);
        // What comes in the same quarter of an hour goes side by side.
        for quarter in 0..4 {
            let until = (quarter + 1) * 900;
            clock.set(from.checked_add(SignedDuration::from_secs(quarter * 900))?);
            let (now, later): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, second, _)| *second < until);
            asked = later;
            let done = now.into_iter().map(|(agent, _, event)| self.request(agent, event));
            try_join_all(done).await?;
        }
        self.plane.relay(self.capabilities.consumers(), 1_000).await?;
        if of_day == 6 {
            self.subscriptions.on_day(day);
            self.reporter.daily().await?;
        }
        if of_day == 7 {
            self.repositories.on_day(day);
            self.auditor.daily().await?;
        }
        self.settle(clock.now()).await
    }

    /// Finds who fell silent, and decides whom to tell.
    async fn settle(&self, now: Timestamp) -> Result<(), Failed> {
        self.watching.sweep(now, 1_000).await?;
        self.capabilities.notifier().turn(now).await?;
        let delivering = self.capabilities.delivering();
        delivering.turn(now).await?;
        delivering.settled().await;
        Ok(())
    }

    async fn request(&self, agent: &str, event: serde_json::Value) -> Result<(), Failed> {
        let principal = Principal {
            agent: AgentName::new(agent)?,
            role: Role::Agent,
        };
        if let Received::Claimed(claimed) = self.plane.receive(&principal, event, true).await? {
            Box::pin(self.plane.carry_out(claimed)).await?;
        }
        Ok(())
    }
}

/// All that is paid is paid in dollars.
struct Dollars;

#[async_trait]
impl RateSource for Dollars {
    async fn newest(&self) -> PortResult<Rates> {
        Ok(Rates::none())
    }
}

/// Adds the agents, each with its schedule.
async fn enrol(capabilities: &Capabilities, watching: &Watching) -> Result<(), Failed> {
    let enrolment = Enrolment::new(
        &capabilities.ports,
        &capabilities.settings.installation,
        Actor::Operator,
    );
    for one in &AGENTS {
        let name = AgentName::new(one.name)?;
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|error| error.to_string())?;
        let agent = Agent {
            name: name.clone(),
            role: Role::Agent,
            secret_prefixes: Vec::new(),
            stacks: Vec::new(),
        };
        enrolment.add(agent, &Token::from_random(bits)).await?;
    }
    let now = capabilities.ports.clock.now();
    watching.adopt(&capabilities.ports.agents.list().await?, now).await?;
    let set = AGENTS.iter().map(|one| async {
        let settings = WatchSettings {
            schedule: Schedule::Period(minutes(one.every)),
            grace: minutes(one.grace),
            ..WatchSettings::default()
        };
        let name = AgentName::new(one.name)?;
        Ok::<(), Failed>(watching.set(&name, Some(settings), Actor::Operator).await?)
    });
    join_all(set).await.into_iter().collect()
}
