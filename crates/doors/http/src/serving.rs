//! Starting, serving, and stopping so that nothing that runs is cut off.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::schedule::Job;
use cc_devops_outbound::loopback::is_loopback_address;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::retention::Pruner;
use cc_devops_slack::SlackClicks;
use futures::FutureExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::app::{App, Shared, SharedParts};
use crate::capabilities::{Hygiene, Revenue, Watch};
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::hygiene;
use crate::mount::Mount;
use crate::problem::Chain;
use crate::scheduler::Timetable;
use crate::tls::{Identity, identity, install_crypto};
use crate::{connections, deliveries, health, relay, renewals, routes, scheduler, standing, sweep, watch_workers};

/// How long a worker that panicked stays down.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// How long each consumer of the outbox gets in the end, whatever was left of the grace.
const LAST_RELAY: Duration = Duration::from_secs(5);

/// What is served.
pub struct Capabilities {
    /// Requests, agents and all that belongs to them.
    pub control: Arc<ControlPlane>,
    /// MRR, where it is reported here.
    pub revenue: Option<Revenue>,
    /// The hygiene of repositories, where they are looked after here.
    pub hygiene: Option<Hygiene>,
    /// Who forgets what is not kept any longer, where that is done here.
    pub pruner: Option<Arc<Pruner>>,
    /// Who takes clicks in Slack; none where no channel has buttons.
    pub slack: Option<Arc<SlackClicks>>,
    /// The watch over the agents, and who tells people, where that is done here.
    pub watch: Option<Watch>,
    /// What else is served on the same listener.
    pub doors: Vec<Mount>,
}

impl From<Arc<ControlPlane>> for Capabilities {
    /// The control plane alone.
    fn from(control: Arc<ControlPlane>) -> Self {
        Self {
            control,
            revenue: None,
            hygiene: None,
            pruner: None,
            slack: None,
            watch: None,
            doors: Vec::new(),
        }
    }
}

/// The control plane with its front door and its workers, without a socket.
pub struct Service {
    app: App,
    router: Router,
}

impl Service {
    /// Puts the front door on a control plane. Nothing runs yet.
    pub fn new(config: ServerConfig, capabilities: impl Into<Capabilities>) -> Self {
        install_crypto();
        let Capabilities {
            control,
            revenue,
            hygiene,
            pruner,
            slack,
            watch,
            doors,
        } = capabilities.into();
        let parts = SharedParts {
            control,
            revenue,
            hygiene,
            pruner,
            slack,
            watch,
            doors: doors.iter().map(|door| door.profile).collect(),
        };
        let app = Arc::new(Shared::new(config, parts));
        let router = routes::router(&app, doors);
        Self { app, router }
    }

    /// What handlers and workers are given.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The HTTP API.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Starts the workers. `ended` says which requests' stacks have ended their change.
    ///
    /// # Errors
    /// A job's schedule cannot be read.
    pub fn start(&self, ended: UnboundedReceiver<RequestId>) -> Result<Workers, ServerError> {
        let timetables = Job::ALL.map(Timetable::of).into_iter().collect::<Result<Vec<_>, _>>()?;
        let app = &self.app;
        let mut loops = vec![
            tokio::spawn(supervise(app.clone(), "sweep", sweep::run)),
            tokio::spawn(supervise(app.clone(), "news", relay::news)),
            tokio::spawn(supervise(app.clone(), "deliveries", deliveries::run)),
            tokio::spawn(supervise(app.clone(), "workflows", hygiene::look_at_news)),
            tokio::spawn(supervise(app.clone(), "health", health::run)),
            tokio::spawn(supervise(app.clone(), "standing", standing::run)),
        ];
        if app.watch.is_some() {
            app.watch_progress.begin();
            loops.push(tokio::spawn(supervise(app.clone(), "watch", watch_workers::sweep)));
            loops.push(tokio::spawn(supervise(app.clone(), "telling", watch_workers::notify)));
            loops.push(tokio::spawn(supervise(
                app.clone(),
                "delivering",
                watch_workers::deliver,
            )));
            loops.push(tokio::spawn(supervise(
                app.clone(),
                "outside",
                watch_workers::ping_outside_watch,
            )));
        }
        for consumer in app.ports().outbox.consumers() {
            let run = move |app| relay::run(app, *consumer);
            loops.push(tokio::spawn(supervise(app.clone(), consumer.as_str(), run)));
        }
        for timetable in timetables {
            let run = move |app| scheduler::run(app, timetable.clone());
            loops.push(tokio::spawn(supervise(app.clone(), "scheduler", run)));
        }
        Ok(Workers {
            app: app.clone(),
            loops,
            renewals: tokio::spawn(renewals::run(app.clone())),
            conclude_ended: tokio::spawn(sweep::conclude_ended(app.clone(), ended)),
        })
    }
}

/// Runs a worker until it ends by itself: one that panics is started again.
pub(crate) async fn supervise<F: Future<Output = ()>>(app: App, worker: &'static str, run: impl Fn(App) -> F) {
    while AssertUnwindSafe(run(app.clone())).catch_unwind().await.is_err() {
        tracing::error!(worker, "a worker panicked; it is started again");
        if !app.pause(AFTER_PANIC).await {
            return;
        }
    }
}

/// The running workers. Dropping them stops nothing; [`Workers::stop`] does.
pub struct Workers {
    app: App,
    loops: Vec<JoinHandle<()>>,
    renewals: JoinHandle<()>,
    conclude_ended: JoinHandle<()>,
}

impl Workers {
    /// Stops: nothing new begins, what is short is finished, what is long is broken off at a safe
    /// place and handed back, what was concluded is published. Returns after `grace` at the latest;
    /// what is not finished then is taken up at the next start.
    pub async fn stop(self, grace: Duration) {
        let Self {
            app,
            loops,
            renewals,
            conclude_ended,
        } = self;
        let deadline = Instant::now() + grace;
        app.stop();
        app.running.close();
        let finish = async {
            for worker in loops {
                if let Err(error) = worker.await {
                    tracing::error!(error = %Chain(&error), "a worker had failed");
                }
            }
            app.running.wait().await;
            if app.config.deploys_here {
                stacks_ended(&app).await;
            }
        };
        if timeout_at(deadline, finish).await.is_err() {
            tracing::warn!("stopping with work unfinished; it is taken up at the next start");
        }
        conclude_ended.abort();
        renewals.abort();
        relay::finish(&app, LAST_RELAY).await;
    }
}

/// Waits until no request waits for a stack: a deploy that runs on this machine would be cut off.
async fn stacks_ended(app: &App) {
    let mut bell = app.relay.listen();
    loop {
        match app.ports().ledger.backlog().await {
            Ok(backlog) if backlog.waiting > 0 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the waiting requests could not be counted");
                return;
            }
        }
        // Concluding a waiting request rings.
        tokio::select! {
            () = bell.heard() => {}
            () = tokio::time::sleep(app.config.pace.outcome) => sweep::look_after_waiting(app).await,
        }
    }
}

/// How many connections the kernel keeps until they are taken in; it may keep fewer.
const BACKLOG: u32 = 4_096;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As the standard library does: a restart need not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The server, bound to its address.
pub struct Server {
    service: Service,
    ended: UnboundedReceiver<RequestId>,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Identity>,
}

impl Server {
    /// Binds the address. Nothing runs yet, and nothing is answered.
    ///
    /// # Errors
    /// The address would carry secrets in the clear or cannot be had; certificate or key cannot be
    /// used.
    pub async fn bind(
        config: ServerConfig,
        capabilities: impl Into<Capabilities>,
        ended: UnboundedReceiver<RequestId>,
    ) -> Result<Self, ServerError> {
        install_crypto();
        let wanted = config.listen;
        if config.tls.is_none() && !config.allow_plaintext && !is_loopback_address(wanted.ip()) {
            return Err(ServerError::Plaintext(wanted));
        }
        let tls = match &config.tls {
            None => None,
            Some(tls) => Some(identity(tls).await.map_err(|source| ServerError::Tls {
                certificate: tls.certificate.clone(),
                key: tls.key.clone(),
                source,
            })?),
        };
        let failed = |source| ServerError::Bind {
            address: wanted,
            source,
        };
        let listener = listen(wanted).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let config = ServerConfig {
            listen: address,
            ..config
        };
        Ok(Self {
            service: Service::new(config, capabilities),
            ended,
            listener,
            address,
            tls,
        })
    }

    /// The address it is bound to, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The certificate it shows, DER, where it speaks TLS: that which was read when it was bound.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.tls.as_ref().map(|tls| &*tls.certificate)
    }

    /// Serves until `shutdown` comes true, then stops accepting, lets go of whoever idles, and finishes
    /// what runs, within the configured grace.
    ///
    /// # Errors
    /// A job's schedule cannot be read.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServerError> {
        let Self {
            service,
            ended,
            listener,
            tls,
            ..
        } = self;
        let app = service.app.clone();
        let grace = app.config.shutdown_grace;
        let workers = service.start(ended)?;
        let stopped = async {
            shutdown.await;
            tracing::info!("stopping; what is short is finished first, what is long goes on at the next start");
            app.stop();
            Instant::now()
        };
        let tls = tls.map(|identity| identity.acceptor);
        let accepting = connections::accepting::accept(listener, tls, service.router(), &app);
        let (since, ()) = tokio::join!(stopped, accepting);
        workers.stop(grace.saturating_sub(since.elapsed())).await;
        Ok(())
    }
}
