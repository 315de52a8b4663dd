//! What the front door and the workers share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbound::Guard;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::retention::Keeper;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::rate::RateLimiter;
use crate::addressed::Addressed;
use crate::capabilities::{Capabilities, Hygiene, Revenue};
use crate::completions::Completions;
use crate::config::ServerConfig;
use crate::connections::Connections;
use crate::due_checks::DueWorkflowChecks;
use crate::health_cache::HealthCache;
use crate::meters::Meters;
use crate::places::AllPlaces;
use crate::strangers_rate::StrangersRate;
use crate::wake_signal::WakeSignal;

/// What handlers and workers are given.
pub(crate) type App = Arc<Shared>;

/// What the front door and the workers share.
pub(crate) struct Shared {
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) revenue: Option<Revenue>,
    pub(crate) hygiene: Option<Hygiene>,
    pub(crate) keeper: Option<Arc<Keeper>>,
    /// Repositories whose workflows are to be looked at soon.
    pub(crate) due_checks: DueWorkflowChecks,
    pub(crate) config: ServerConfig,
    pub(crate) completions: Arc<Completions>,
    pub(crate) meters: Meters,
    pub(crate) rate: Option<RateLimiter>,
    /// The way out to addresses that others gave.
    pub(crate) egress: Guard,
    /// By which names this server is addressed.
    pub(crate) addressed: Addressed,
    /// The open connections.
    pub(crate) connections: Arc<Connections>,
    /// Who may do how much at once.
    pub(crate) places: AllPlaces,
    /// How often callers without a token may send what has to be looked at.
    pub(crate) strangers: StrangersRate,
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
    /// The newest published event's place.
    pub(crate) newest: watch::Sender<Cursor>,
    /// The description of the API, made with the router.
    openapi: OnceLock<Bytes>,
}

impl Shared {
    pub(crate) fn new(config: ServerConfig, capabilities: Capabilities) -> Self {
        let Capabilities {
            control,
            revenue,
            hygiene,
            keeper,
        } = capabilities;
        Self {
            control,
            revenue,
            hygiene,
            keeper,
            due_checks: DueWorkflowChecks::default(),
            completions: Arc::default(),
            meters: Meters::new(),
            rate: config.rate_limit.map(RateLimiter::new),
            egress: Guard::new(config.egress.clone()),
            addressed: Addressed::new(config.listen, &config.names),
            connections: Connections::new(&config),
            places: AllPlaces::new(&config.limits),
            strangers: StrangersRate::new(),
            health: HealthCache::default(),
            in_flight: Arc::new(Semaphore::new(config.in_flight.max(1))),
            running: TaskTracker::new(),
            stopping: CancellationToken::new(),
            hurrying: CancellationToken::new(),
            sweep: Notify::new(),
            relay: WakeSignal::default(),
            deliveries: Notify::new(),
            newest: watch::Sender::new(Cursor(0)),
            openapi: OnceLock::new(),
            config,
        }
    }

    pub(crate) fn ports(&self) -> &Ports {
        self.control.ports()
    }

    /// The description of the API, as JSON.
    pub(crate) fn openapi(&self) -> Bytes {
        self.openapi.get().cloned().unwrap_or_default()
    }

    /// Keeps the description of the API; it is made once.
    pub(crate) fn set_openapi(&self, document: String) {
        self.openapi.get_or_init(|| document.into());
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
