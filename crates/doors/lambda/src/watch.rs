//! The minute's look at the fleet: who is enabled, who has fallen silent, and telling people of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cc_devops_alerts::Notifier;
use cc_devops_fleet::watching::Watching;
use cc_devops_kernel::ports::{Clock, PortError, PortResult};
use cc_devops_notify::Delivering;
use futures::future::BoxFuture;
use jiff::Timestamp;

/// How many watches one step takes.
const STEP: usize = 500;

/// What is due within so long is waited for, so that a group which waits for more (10 seconds by default) is told by the
/// invocation in which it began, and not a minute later.
const WAIT: Duration = Duration::from_secs(20);

/// The least wait between two looks at what is due, where one found nothing to do.
const PAUSE: Duration = Duration::from_millis(200);

/// Brings who is watched in line with who is enabled.
pub type Enrol = Box<dyn Fn(Timestamp) -> BoxFuture<'static, PortResult<()>> + Send + Sync>;

/// Makes the watch.
pub type MakeWatch = Box<dyn Fn() -> BoxFuture<'static, PortResult<Watch>> + Send + Sync>;

/// The watch over the fleet, as a function carries it out.
pub struct Watch {
    /// Brings who is watched in line with who is enabled.
    pub enrol: Enrol,
    /// Which agents are alive.
    pub watching: Arc<Watching>,
    /// Decides what is told.
    pub notifier: Arc<Notifier>,
    /// Sends it.
    pub delivering: Arc<Delivering>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Watch {
    /// Looks at everything whose time has come and tells what is to be told, until nothing is due soon, or `left` has
    /// passed. What went wrong comes back; the rest was done all the same, and the next look does what was not.
    pub async fn look(&self, left: Duration) -> Vec<PortError> {
        let begun = Instant::now();
        let mut failures = Vec::new();
        let mut note = |outcome: PortResult<()>| failures.extend(outcome.err());
        note((self.enrol)(self.clock.now()).await);
        note(self.sweep(begun, left).await);
        note(self.notify(begun, left).await);
        failures
    }

    /// Settles the watches whose deadline has come.
    async fn sweep(&self, begun: Instant, left: Duration) -> PortResult<()> {
        loop {
            let now = self.clock.now();
            let swept = self.watching.sweep(now, STEP).await?;
            let more = swept.next.is_some_and(|next| next <= now);
            if !more || begun.elapsed() >= left {
                return Ok(());
            }
        }
    }

    /// Decides what is told, and sends it.
    async fn notify(&self, begun: Instant, left: Duration) -> PortResult<()> {
        loop {
            let now = self.clock.now();
            let told = self.notifier.turn(now).await?;
            let sent = self.delivering.turn(now).await?;
            self.delivering.settled().await;
            let next = [told.next, sent].into_iter().flatten().min();
            let Some(wait) = next.map(|next| until(next, self.clock.now())) else {
                return Ok(());
            };
            if wait > WAIT || begun.elapsed() + wait >= left {
                return Ok(());
            }
            tokio::time::sleep(wait.max(PAUSE)).await;
        }
    }
}

fn until(next: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(next.duration_since(now)).unwrap_or_default()
}
