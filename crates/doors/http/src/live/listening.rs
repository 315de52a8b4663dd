//! Who listens: the looking goes on while somebody does.

use std::sync::Arc;

use super::polling;
use crate::app::App;

/// Somebody listens, until this is dropped.
pub(super) struct Listening(App);

impl Listening {
    /// The first one begins the looking.
    pub(super) fn begin(app: &App) -> Self {
        let begins = {
            let mut known = app.live.known();
            known.listeners += 1;
            !std::mem::replace(&mut known.is_looking, true)
        };
        if begins {
            app.running.spawn(polling::run(Arc::clone(app)));
        }
        // What happened while nobody looked is told now.
        app.live.wake.notify_one();
        Self(Arc::clone(app))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let live = &self.0.live;
        live.known().listeners -= 1;
        live.wake.notify_one();
    }
}
