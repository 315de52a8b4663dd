//! A signal that wakes every worker that listens, and that none of them misses while it works.

use tokio::sync::watch;

/// Says that there is something to do.
pub(crate) struct WakeSignal(watch::Sender<u64>);

/// Somebody who listens.
pub(crate) struct Listener(watch::Receiver<u64>);

impl Default for WakeSignal {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl WakeSignal {
    /// Wakes everybody who listens, or who looks up later.
    pub(crate) fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// Waits until it rang since the last time, however often.
    pub(crate) async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn everybody_hears_once_what_rang_while_they_were_busy() {
        let signal = WakeSignal::default();
        let (mut one, mut two) = (signal.listen(), signal.listen());
        signal.ring();
        signal.ring();
        for listener in [&mut one, &mut two] {
            assert!(listener.heard().now_or_never().is_some());
            assert!(listener.heard().now_or_never().is_none());
        }
    }
}
