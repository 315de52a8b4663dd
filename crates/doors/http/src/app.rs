//! What the front door and the workers share.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Extensions;
use cc_devops_fleet::aws_keys::{self, AwsKeys};
use cc_devops_fleet::sessions::Sessions;
use cc_devops_fleet::watch::ReceivedSignal;
use cc_devops_fleet::watching::WatchedAgent;
use cc_devops_fleet::{AgentStatus, Beat};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbound::Guard;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::retention::Pruner;
use cc_devops_slack::SlackClicks;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::rate::RateLimiter;
use crate::addressed::Addressed;
use crate::capabilities::{Hygiene, Revenue, Watch};
use crate::cohorts_cache::CohortsCache;
use crate::completions::Completions;
use crate::config::ServerConfig;
use crate::connections::Connections;
use crate::door_profile::DoorProfile;
use crate::due_checks::DueWorkflowChecks;
use crate::health_cache::HealthCache;
use crate::live::{Area, Live};
use crate::logins::{LoginTry, Logins};
use crate::meters::Meters;
use crate::own_address::OwnAddress;
use crate::places::AllPlaces;
use crate::problem::Problem;
use crate::reported::Reported;
use crate::signed_beats::SignedBeats;
use crate::strangers_rate::StrangersRate;
use crate::wake_signal::WakeSignal;
use crate::watch_progress::WatchProgress;

/// What the key of the codes over sessions is derived for.
const SESSIONS: &str = "sessions";

/// What handlers and workers are given.
pub type App = Arc<Shared>;

/// What the front door and the workers share.
pub struct Shared {
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) revenue: Option<Revenue>,
    pub(crate) hygiene: Option<Hygiene>,
    pub(crate) pruner: Option<Arc<Pruner>>,
    pub(crate) watch: Option<Watch>,
    pub(crate) slack: Option<Arc<SlackClicks>>,
    /// How the workers of the watch get on.
    pub(crate) watch_progress: WatchProgress,
    /// Repositories whose workflows are to be looked at soon.
    pub(crate) due_checks: DueWorkflowChecks,
    pub(crate) config: ServerConfig,
    pub(crate) completions: Arc<Completions>,
    pub(crate) meters: Meters,
    /// What agents report of themselves beside their heartbeats.
    pub(crate) reported: Reported,
    /// Heartbeats from clocks that run ahead.
    pub(crate) signed_beats: SignedBeats,
    pub(crate) rate: Option<RateLimiter>,
    /// The way out to addresses that others gave.
    pub(crate) egress: Guard,
    /// By which names this server is addressed.
    pub(crate) addressed: Addressed,
    /// Where it is for browsers.
    pub(crate) own_address: OwnAddress,
    /// Who tried to sign in lately.
    pub(crate) logins: Logins,
    /// The key of the codes over people's sessions.
    sessions_key: [u8; 32],
    /// The key that agents' access keys are derived from.
    pub(crate) aws_keys_key: [u8; 32],
    /// How the doors beside the API answer.
    pub(crate) doors: Vec<DoorProfile>,
    /// The open connections.
    pub(crate) connections: Arc<Connections>,
    /// Who may do how much at once.
    pub(crate) places: AllPlaces,
    /// How often callers without a token may send what has to be looked at.
    pub(crate) strangers: StrangersRate,
    /// The cohorts of customers as they were last added up.
    pub(crate) cohorts: CohortsCache,
    /// The health as it was last found.
    pub(crate) health: HealthCache,
    /// One permit per devops request being carried out.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Everything that must end before the process does.
    pub(crate) running: TaskTracker,
    /// Cancelled when the server is asked to stop: streams and waits end, nothing new begins.
    pub(crate) stopping: CancellationToken,
    /// Cancelled a little later: what has not arrived by then is not waited for.
    pub(crate) hurrying: CancellationToken,
    /// There are requests nobody works on.
    pub(crate) sweep: Notify,
    /// There are events to tell.
    pub(crate) relay: WakeSignal,
    /// There are deliveries to make.
    pub(crate) deliveries: Notify,
    /// There may be something to tell.
    pub(crate) notifying: Notify,
    /// Something was told that is to be sent.
    pub(crate) notified: WakeSignal,
    /// The newest published event's place.
    pub(crate) newest: watch::Sender<Cursor>,
    /// A completion that somebody has is hidden until another time than it was.
    pub(crate) hidden_anew: watch::Sender<()>,
    /// What changed, for pages that are open.
    pub(crate) live: Live,
    /// The description of the API, made with the router.
    openapi: OnceLock<Bytes>,
}

/// What it is made of beside the configuration.
pub(crate) struct SharedParts {
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) revenue: Option<Revenue>,
    pub(crate) hygiene: Option<Hygiene>,
    pub(crate) pruner: Option<Arc<Pruner>>,
    pub(crate) slack: Option<Arc<SlackClicks>>,
    pub(crate) watch: Option<Watch>,
    pub(crate) doors: Vec<DoorProfile>,
}

impl Shared {
    pub(crate) fn new(config: ServerConfig, parts: SharedParts) -> Self {
        let SharedParts {
            control,
            revenue,
            hygiene,
            pruner,
            slack,
            watch,
            doors,
        } = parts;
        let own_address = OwnAddress::of(&config);
        let sessions_key = control.derived_key(SESSIONS);
        let aws_keys_key = control.derived_key(aws_keys::PURPOSE);
        Self {
            control,
            revenue,
            hygiene,
            pruner,
            slack,
            watch_progress: WatchProgress::default(),
            watch,
            due_checks: DueWorkflowChecks::default(),
            completions: Arc::default(),
            meters: Meters::new(),
            reported: Reported::new(config.metric_series),
            signed_beats: SignedBeats::default(),
            rate: config.rate_limit.map(RateLimiter::new),
            egress: Guard::new(config.egress.clone()),
            addressed: Addressed::new(config.listen, &config.names, own_address.origins()),
            own_address,
            logins: Logins::new(),
            sessions_key,
            aws_keys_key,
            doors,
            connections: Connections::new(&config),
            places: AllPlaces::new(&config.limits),
            strangers: StrangersRate::new(),
            cohorts: CohortsCache::default(),
            health: HealthCache::default(),
            in_flight: Arc::new(Semaphore::new(config.in_flight.max(1))),
            running: TaskTracker::new(),
            stopping: CancellationToken::new(),
            hurrying: CancellationToken::new(),
            sweep: Notify::new(),
            relay: WakeSignal::default(),
            deliveries: Notify::new(),
            notifying: Notify::new(),
            notified: WakeSignal::default(),
            newest: watch::Sender::new(Cursor(0)),
            hidden_anew: watch::Sender::new(()),
            live: Live::new(),
            openapi: OnceLock::new(),
            config,
        }
    }

    pub(crate) fn ports(&self) -> &Ports {
        self.control.ports()
    }

    /// Whose browsers have signed in to the dashboard.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions {
            state: &*self.ports().state,
            key: self.sessions_key,
        }
    }

    /// Takes a try to sign in of whoever sent a request with these extensions.
    ///
    /// # Errors
    /// Too many tokens that were not good came from there, or at all.
    pub fn login_try(&self, extensions: &Extensions) -> Result<LoginTry<'_>, Problem> {
        self.logins.take_of(extensions)
    }

    /// Whether a door is served beside the API.
    pub(crate) fn has_door(&self, named: Door) -> bool {
        self.doors.iter().any(|door| door.door == named)
    }

    /// The access keys with which agents' AWS SDKs sign.
    pub fn aws_keys(&self) -> AwsKeys<'_> {
        self.ports().aws_keys(self.aws_keys_key)
    }

    /// Where this server is for browsers.
    pub fn own_address(&self) -> &OwnAddress {
        &self.own_address
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.ports().clock.now()
    }

    /// The description of the API, as JSON.
    pub(crate) fn openapi(&self) -> Bytes {
        self.openapi.get().cloned().unwrap_or_default()
    }

    /// Keeps the description of the API; it is made once.
    pub(crate) fn set_openapi(&self, document: String) {
        self.openapi.get_or_init(|| document.into());
    }

    /// Agents' states changed: there may be something to tell.
    pub(crate) fn flipped(&self, flips: u64) {
        self.meters.flipped(flips);
        self.notifying.notify_one();
        self.live.note(Area::Agents);
    }

    /// An agent was heard of, which changed its state so often.
    pub(crate) fn heard_of(&self, flips: usize) {
        match flips {
            0 => self.live.beaten(),
            flips => self.flipped(flips as u64),
        }
    }

    /// Every agent, by name, with how its watch has it.
    pub(crate) async fn agents(&self) -> PortResult<Vec<(AgentStatus, Option<WatchedAgent>)>> {
        let agents = self.ports().agents.list().await?;
        let watched = match &self.watch {
            Some(watch) => watch.watching.list(self.ports().clock.now()).await?,
            None => Vec::new(),
        };
        let mut watched: HashMap<AgentName, WatchedAgent> =
            watched.into_iter().map(|agent| (agent.name.clone(), agent)).collect();
        let with_watch = agents.into_iter().map(|status| {
            let watched = watched.remove(&status.agent.name);
            (status, watched)
        });
        Ok(with_watch.collect())
    }

    /// Takes an agent's heartbeat. It is durable when this returns.
    pub(crate) async fn beat(&self, name: &AgentName, beat: Beat) -> PortResult<()> {
        let Some(watch) = &self.watch else {
            return self.ports().heartbeats.beat(name, &beat).await;
        };
        self.hear(watch, name, ReceivedSignal::from(beat)).await
    }

    /// Takes an agent's heartbeat whose time is its signature's, or which says of when it is: it never counts from
    /// later than now, and not where it may be one that was heard before. It is durable when this returns.
    pub(crate) async fn beat_as_signed(&self, name: &AgentName, said: Timestamp, healthy: bool) -> PortResult<()> {
        let Some(at) = self.signed_beats.counts_from(name, said, self.now()) else {
            return Ok(());
        };
        let Some(watch) = &self.watch else {
            return self.beat_unless_older(name, at, healthy).await;
        };
        let beat = Beat {
            at,
            healthy,
            message: None,
        };
        let heard = ReceivedSignal {
            is_repeatable: true,
            ..ReceivedSignal::from(beat)
        };
        self.hear(watch, name, heard).await
    }

    async fn hear(&self, watch: &Watch, name: &AgentName, heard: ReceivedSignal) -> PortResult<()> {
        let taken = watch.watching.heard(name, heard).await?;
        self.heard_of(taken.flips.len());
        Ok(())
    }

    /// The same where nobody watches: the register has the last heartbeat alone.
    async fn beat_unless_older(&self, name: &AgentName, at: Timestamp, healthy: bool) -> PortResult<()> {
        let ports = self.ports();
        let status = ports.agents.status(name).await?;
        let last = status.and_then(|status| status.last_beat).map(|beat| beat.at);
        // Who signs tells the second alone.
        if last.is_some_and(|last| at.as_second() < last.as_second()) {
            return Ok(());
        }
        let beat = Beat {
            at: last.map_or(at, |last| last.max(at)),
            healthy,
            message: None,
        };
        ports.heartbeats.beat(name, &beat).await
    }

    /// Tells readers of the event log about events that came into it since the last time.
    pub(crate) async fn announce(&self) -> PortResult<()> {
        let newest = self.ports().events.newest().await?;
        self.newest.send_if_modified(|known| {
            let news = newest > *known;
            *known = newest.max(*known);
            news
        });
        Ok(())
    }

    /// Stops: streams and waits end, nothing new begins, long work is broken off at a safe place.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
        self.control.stop();
    }

    /// Sleeps, but not into a shutdown. False when the server is stopping.
    pub(crate) async fn pause(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.stopping.cancelled() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }
}
