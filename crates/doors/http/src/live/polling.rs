//! The one task that looks, for as long as somebody listens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cc_devops_kernel::paging::Cursor;
use tokio::sync::watch;

use super::Areas;
use crate::app::App;
use crate::serving::supervise;
use crate::wake_signal::Listener;

/// How often is looked at what another process may have done.
const EVERY: Duration = Duration::from_secs(1);

/// The shortest pause between two looks, however much happens.
const LEAST: Duration = Duration::from_millis(200);

/// Looks until nobody listens or the server stops.
pub(super) async fn run(app: App) {
    supervise(app, "live", until_nobody_listens).await;
}

async fn until_nobody_listens(app: App) {
    let (mut news, mut bell) = (app.newest.subscribe(), app.relay.listen());
    while !app.live.rests() {
        tokio::select! {
            () = app.stopping.cancelled() => return app.live.stops(),
            () = look(&app) => {}
        }
        if !app.pause(LEAST).await || !woken(&app, &mut news, &mut bell).await {
            return app.live.stops();
        }
    }
}

/// One look; whoever listens is told.
pub(super) async fn look(app: &App) {
    let mut looker = app.live.looker.lock().await;
    let (mut areas, beaten) = app.live.take_noted();
    areas.add(Box::pin(looker.look(app, beaten)).await);
    app.live.begun.store(true, Ordering::Release);
    // Before others look, so that numbers grow with what is known.
    app.live.notify(areas);
}

/// Waits until there may be something to look at; false when the server stops.
async fn woken(app: &App, news: &mut watch::Receiver<Cursor>, bell: &mut Listener) -> bool {
    tokio::select! {
        () = app.stopping.cancelled() => false,
        () = tokio::time::sleep(EVERY.saturating_sub(LEAST)) => true,
        // The sender lives as long as the server.
        _ = news.changed() => true,
        () = bell.heard() => true,
        () = app.live.wake.notified() => true,
    }
}

impl super::Live {
    /// The newest change's number, once there was a look.
    pub(super) async fn newest(&self, app: &App) -> u64 {
        if !self.begun.load(Ordering::Acquire) {
            look(app).await;
        }
        *self.newest.borrow()
    }

    /// Ends the looking where nobody listens; whether that is so.
    fn rests(&self) -> bool {
        let mut known = self.known();
        known.is_looking = known.listeners > 0;
        !known.is_looking
    }

    fn stops(&self) {
        self.known().is_looking = false;
    }

    /// What this process noted, and whether heartbeats came.
    fn take_noted(&self) -> (Areas, bool) {
        let mut known = self.known();
        (std::mem::take(&mut known.noted), std::mem::take(&mut known.beaten))
    }
}
