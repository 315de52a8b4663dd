//! GitHub's secondary limits, shared by everything that uses one credential.
//! Source: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use std::num::NonZeroU32;
use std::time::Duration;

use cc_devops_outbound::Hold;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

type Bucket = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// How much may be asked of GitHub, with what it allows as the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at the same time; GitHub lets 100 in, of everything that uses the credential.
    pub at_once: usize,
    /// Points of REST requests a minute: 1 for reading, 5 for writing. A third of them may be used at once.
    pub rest_points: u32,
    /// Points of GraphQL requests a minute.
    pub graphql_points: u32,
    /// The time between two writes; GitHub asks for a second.
    pub between_writes: Duration,
    /// New issues, comments and pull requests a minute.
    pub contents_a_minute: u32,
    /// New issues, comments and pull requests an hour.
    pub contents_an_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 40,
            rest_points: 900,
            graphql_points: 2_000,
            between_writes: Duration::from_secs(1),
            contents_a_minute: 80,
            contents_an_hour: 500,
        }
    }
}

/// What a request is to the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// A GraphQL query.
    Query,
    /// A REST request that reads.
    Read,
    /// One that writes.
    Write,
    /// One that writes what people are notified of.
    Content,
}

/// A request's way through.
pub(super) struct Permit<'l> {
    _place: Option<SemaphorePermit<'l>>,
    turn: Option<MutexGuard<'l, Instant>>,
}

pub(super) struct Limiter {
    places: Semaphore,
    rest: Bucket,
    graphql: Bucket,
    minute: Bucket,
    hour: Bucket,
    between_writes: Duration,
    /// When the last write ended.
    written: Mutex<Instant>,
    /// What GitHub asked for.
    hold: Hold,
}

/// A third at once and the rest over the period: no period that long ever sees more than `of`.
fn bucket(of: u32, period: Duration) -> Bucket {
    let at_once = (of / 3).max(1);
    let gap = period / of.saturating_sub(at_once).max(1);
    let quota = Quota::with_period(gap)
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
        .allow_burst(NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN));
    RateLimiter::direct_with_clock(quota, MonotonicClock)
}

async fn take(bucket: &Bucket, points: NonZeroU32) {
    // More than fit at once are an error; the buckets here hold more than a request takes.
    while let Ok(Err(early)) = bucket.check_n(points) {
        tokio::time::sleep(early.wait_time_from(MonotonicClock.now())).await;
    }
}

const ONE: NonZeroU32 = NonZeroU32::MIN;
const FIVE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        let minute = Duration::from_mins(1);
        let now = Instant::now();
        Self {
            places: Semaphore::new(limits.at_once.max(1)),
            rest: bucket(limits.rest_points, minute),
            graphql: bucket(limits.graphql_points, minute),
            minute: bucket(limits.contents_a_minute, minute),
            hour: bucket(limits.contents_an_hour, Duration::from_hours(1)),
            between_writes: limits.between_writes,
            written: Mutex::new(now.checked_sub(limits.between_writes).unwrap_or(now)),
            hold: Hold::default(),
        }
    }

    /// Returns when a request may leave. The passage is held until its answer is there.
    pub(super) async fn pass(&self, load: Load) -> Permit<'_> {
        let turn = match load {
            Load::Query | Load::Read => None,
            Load::Write | Load::Content => {
                let turn = self.written.lock().await;
                tokio::time::sleep_until(*turn + self.between_writes).await;
                Some(turn)
            }
        };
        match load {
            Load::Query => take(&self.graphql, ONE).await,
            Load::Read => take(&self.rest, ONE).await,
            Load::Write => take(&self.rest, FIVE).await,
            Load::Content => {
                take(&self.rest, FIVE).await;
                take(&self.minute, ONE).await;
                take(&self.hour, ONE).await;
            }
        }
        // The semaphore is never closed.
        let place = self.places.acquire().await.ok();
        self.hold.over().await;
        Permit { _place: place, turn }
    }

    /// GitHub said it is too much: nothing leaves for a while.
    pub(super) fn hold(&self, pause: Duration) {
        self.hold.pause(pause);
    }
}

impl Permit<'_> {
    /// The answer is there.
    pub(super) fn done(mut self) {
        if let Some(turn) = &mut self.turn {
            **turn = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_are_apart_and_reads_are_not() {
        let limiter = Limiter::new(Limits {
            between_writes: Duration::from_millis(40),
            ..Limits::default()
        });
        let begin = Instant::now();
        for _ in 0..3 {
            let mut read = std::pin::pin!(limiter.pass(Load::Read));
            assert!(futures::poll!(read.as_mut()).is_ready());
        }
        for _ in 0..3 {
            limiter.pass(Load::Write).await.done();
        }
        assert!(begin.elapsed() >= Duration::from_millis(80), "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn nothing_leaves_while_github_asks_for_a_pause() {
        let limiter = Limiter::new(Limits::default());
        let begin = Instant::now();
        limiter.hold(Duration::from_millis(60));
        limiter.hold(Duration::from_millis(5));
        limiter.pass(Load::Query).await.done();
        assert!(begin.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn no_more_are_on_their_way_than_may_be() {
        let limits = Limits {
            at_once: 2,
            ..Limits::default()
        };
        let limiter = Limiter::new(limits);
        let first = limiter.pass(Load::Read).await;
        let _second = limiter.pass(Load::Query).await;
        let mut third = std::pin::pin!(limiter.pass(Load::Read));
        assert!(futures::poll!(third.as_mut()).is_pending());
        first.done();
        assert!(futures::poll!(third).is_ready());
    }
}
