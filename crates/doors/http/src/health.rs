//! How the control plane is: looked at on a rhythm and when somebody asks, and never more often
//! than is useful, whoever asks how often.

use std::time::Duration;

use cc_devops_kernel::health::{Check, Condition, Health};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::App;
use crate::health_cache::Found;
use crate::live::Area;
use crate::watch_health;

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(3);

/// How long a try may take: a write that hangs is given up before that.
const TRY: Duration = Duration::from_secs(8);

/// The health from what is known. Nothing is written.
pub(crate) async fn look(app: &App) -> Health {
    let mut looked = app.health.looked.lock().await;
    if let Some(health) = looked.as_ref().and_then(Found::fresh) {
        return health;
    }
    let found = async { watch_health::with_watch(app, app.control.health(watch_health::mode(app).await).await).await };
    let Ok(health) = timeout(LOOK, found).await else {
        // Kept, so that those who wait behind this look do not each wait for one of their own.
        return looked.insert(Found::now(unanswered(app, LOOK))).health.clone();
    };
    *looked = Found::good(&health);
    health
}

/// The health after trying to write.
pub(crate) async fn probe(app: &App) -> Health {
    let mut tried = app.health.tried.lock().await;
    if let Some(health) = tried.as_ref().and_then(Found::fresh) {
        return health;
    }
    let found =
        async { watch_health::with_watch(app, app.control.probed_health(watch_health::mode(app).await).await).await };
    let health = timeout(TRY, found).await;
    let health = health.unwrap_or_else(|_| unanswered(app, TRY));
    *tried = Some(Found::now(health.clone()));
    // Whoever only looks does not go on with what was found before.
    *app.health.looked.lock().await = Found::good(&health);
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
    let mut before: Option<Vec<Condition>> = None;
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let health = tokio::select! {
            () = app.stopping.cancelled() => return,
            health = probe(&app) => health,
        };
        let found: Vec<Condition> = health.checks.iter().map(|check| check.status).collect();
        if before.as_ref().is_some_and(|before| *before != found) {
            app.live.note(Area::Health);
        }
        before = Some(found);
        for check in health.checks {
            if let Some(message) = check.message {
                tracing::warn!(check = check.name, message, "not healthy");
            }
        }
    }
}
