//! How the control plane is: looked at on a rhythm and when somebody asks, and never more often
//! than is useful, whoever asks how often.

use std::time::Duration;

use cc_devops_kernel::health::{Check, Condition, Health};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::app::App;

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(3);

/// How long a try may take: a write that hangs is given up before that.
const TRY: Duration = Duration::from_secs(8);

/// What was found last, by looking and by trying. Who asks while somebody looks waits for that.
#[derive(Default)]
pub(crate) struct Board {
    looked: Mutex<Option<Found>>,
    tried: Mutex<Option<Found>>,
}

struct Found {
    at: Instant,
    health: Health,
}

impl Found {
    fn now(health: Health) -> Self {
        Self {
            at: Instant::now(),
            health,
        }
    }

    /// What is worth keeping of a look: that all is well. What is not well is looked at again, so
    /// that it is said no longer than it holds.
    fn good(health: &Health) -> Option<Self> {
        (health.status == Condition::Healthy).then(|| Self::now(health.clone()))
    }

    fn fresh(&self) -> Option<Health> {
        (self.at.elapsed() < FRESH).then(|| self.health.clone())
    }
}

/// The health from what is known. Nothing is written.
pub(crate) async fn look(app: &App) -> Health {
    let mut looked = app.board.looked.lock().await;
    if let Some(health) = looked.as_ref().and_then(Found::fresh) {
        return health;
    }
    let mode = app.config.mode;
    let Ok(health) = timeout(LOOK, app.control.health(mode)).await else {
        // Kept, so that those who wait behind this look do not each wait for one of their own.
        return looked.insert(Found::now(unanswered(app, LOOK))).health.clone();
    };
    *looked = Found::good(&health);
    health
}

/// The health after trying to write.
pub(crate) async fn probe(app: &App) -> Health {
    let mut tried = app.board.tried.lock().await;
    if let Some(health) = tried.as_ref().and_then(Found::fresh) {
        return health;
    }
    let mode = app.config.mode;
    let health = timeout(TRY, app.control.probed_health(mode)).await;
    let health = health.unwrap_or_else(|_| unanswered(app, TRY));
    *tried = Some(Found::now(health.clone()));
    // Whoever only looks does not go on with what was found before.
    *app.board.looked.lock().await = Found::good(&health);
    health
}

fn unanswered(app: &App, within: Duration) -> Health {
    let message = format!("the checks did not end within {} seconds", within.as_secs());
    app.control
        .health_of(app.config.mode, vec![Check::degraded("checks", message)])
}

/// Tries on a rhythm, so that a disk that fails while nothing is asked for shows.
pub(crate) async fn run(app: App) {
    let mut ticks = interval(app.config.pace.health);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let health = tokio::select! {
            () = app.stopping.cancelled() => return,
            health = probe(&app) => health,
        };
        for check in health.checks {
            if let Some(message) = check.message {
                tracing::warn!(check = check.name, message, "not healthy");
            }
        }
    }
}
