//! The workers of the watch: deadlines that passed are found, what is decided is told, and an outside watch hears that both
//! go on. Each works on its own: a channel that is slow holds up neither the others nor a ping.

use std::time::Duration;

use cc_devops_kernel::ports::PortResult;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::capabilities::Watch;
use crate::live::Area;
use crate::problem::Chain;
use crate::throttled_log::ThrottledLog;
use crate::watch_health;

/// How often the watch says that it is awake. After a minute without that it counts as blind, and deadlines stand still.
const AWAKE: SignedDuration = SignedDuration::from_secs(20);

/// The longest sleep: what another process did shows after this at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often the outside watch is pinged.
const OUTSIDE: Duration = Duration::from_mins(1);

/// How many agents are looked at in one go.
const BATCH: usize = 500;

/// Finds deadlines that passed, until the server stops.
pub(crate) async fn sweep(app: App) {
    static LINE: ThrottledLog = ThrottledLog::new();
    let Some(watch) = &app.watch else { return };
    let mut begun = Begun::default();
    loop {
        let pause = match look(&app, watch, &mut begun).await {
            Ok(next) => {
                app.watch_progress.sweep.made();
                until(&app, next)
            }
            Err(error) => {
                if let Some(left_out) = LINE.say() {
                    tracing::warn!(error = %Chain(&error), left_out, "the agents could not be looked at; it is tried again");
                }
                LONGEST_SLEEP
            }
        };
        if !app.pause(pause).await {
            return;
        }
    }
}

/// What was done before the first look, and is done again now and then.
#[derive(Default)]
struct Begun {
    /// When the watch last said that it is awake.
    awake_at: Option<Timestamp>,
    /// Whether every agent there is has a watch.
    adopted: bool,
}

/// One look: when the next is due, where that is known.
async fn look(app: &App, watch: &Watch, begun: &mut Begun) -> PortResult<Option<Timestamp>> {
    let now = app.ports().clock.now();
    // Before anything is found overdue: a gap in which nobody could hear, or a clock that was set, moves deadlines.
    if begun.awake_at.is_none_or(|at| now.duration_since(at).abs() >= AWAKE) {
        watch.watching.awake(now).await?;
        begun.awake_at = Some(now);
    }
    if !begun.adopted {
        let agents = app.ports().agents.list().await?;
        watch.watching.adopt(&agents, now).await?;
        begun.adopted = true;
    }
    let swept = watch.watching.sweep(now, BATCH).await?;
    if swept.flips > 0 {
        app.flipped(swept.flips);
    }
    Ok(swept.next)
}

/// Decides what is told, until the server stops.
pub(crate) async fn notify(app: App) {
    static LINE: ThrottledLog = ThrottledLog::new();
    let Some(watch) = &app.watch else { return };
    loop {
        let now = app.ports().clock.now();
        let pause = match watch.notifier.turn(now).await {
            Ok(turn) => {
                app.watch_progress.notifying.made();
                if turn.told > 0 {
                    app.notified.ring();
                    app.live.note(Area::Alerts);
                }
                until(&app, turn.next)
            }
            Err(error) => {
                if let Some(left_out) = LINE.say() {
                    tracing::warn!(error = %Chain(&error), left_out, "alerts could not be decided on; it is tried again");
                }
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = app.notifying.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Sends what was told, until the server stops. Each channel is a task of its own.
pub(crate) async fn deliver(app: App) {
    static LINE: ThrottledLog = ThrottledLog::new();
    let Some(watch) = &app.watch else { return };
    let mut bell = app.notified.listen();
    loop {
        let pause = match watch.delivering.turn(app.ports().clock.now()).await {
            Ok(next) => {
                app.watch_progress.delivering.made();
                until(&app, next)
            }
            Err(error) => {
                if let Some(left_out) = LINE.say() {
                    tracing::warn!(error = %Chain(&error), left_out, "messages could not be read; it is tried again");
                }
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = app.stopping.cancelled() => break,
            () = bell.heard() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    // Within the grace of the stop; what is left then is sent at the next start.
    watch.delivering.settled().await;
}

/// Tells the outside watch each minute that the watch and telling go on, for as long as they do, until the server stops.
pub(crate) async fn ping_outside_watch(app: App) {
    let Some(watch) = &app.watch else { return };
    let Some(outside) = &watch.outside else { return };
    let mut ticks = interval(OUTSIDE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, before anything is known.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match watch_health::goes_on(&app, watch).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!("nobody can be told of anything: the outside watch is left to notice it; see /health");
                continue;
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "it is not known whether anybody can be told: the outside watch is left to notice it");
                continue;
            }
        }
        let pinged = tokio::select! {
            () = app.stopping.cancelled() => return,
            pinged = watch.delivering.call_outside_watch(outside) => pinged,
        };
        if let Err(error) = pinged {
            tracing::warn!(%error, "the outside watch could not be pinged; it is tried again in a minute");
        }
    }
}

fn until(app: &App, next: Option<Timestamp>) -> Duration {
    let ahead = next.map(|next| next.duration_since(app.ports().clock.now()));
    let ahead = ahead.map(|ahead| Duration::try_from(ahead).unwrap_or_default());
    ahead.map_or(LONGEST_SLEEP, |ahead| ahead.min(LONGEST_SLEEP))
}
