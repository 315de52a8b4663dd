//! Requests leave at an even pace: a burst at the start of each second keeps to an average and still
//! breaks a limit that is counted over sliding seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use cc_devops_outbound::Hold;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;

use super::endpoint::Endpoint;

/// How much longer than a second the requests of one second take, so that one that was held up on its
/// way does not arrive in the second of the next.
const SLACK: Duration = Duration::from_millis(25);

/// How many requests may be made in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of all endpoints together; at least 1.
    pub in_all: u32,
    /// Of any one endpoint; at least 1.
    pub of_an_endpoint: u32,
}

impl Limits {
    /// What Stripe allows a live key (docs.stripe.com/rate-limits).
    pub const LIVE: Self = Self {
        in_all: 100,
        of_an_endpoint: 25,
    };

    /// What Stripe allows a key of a sandbox.
    pub const SANDBOX: Self = Self {
        in_all: 25,
        of_an_endpoint: 25,
    };
}

/// One limit, kept.
struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>,
    /// What Stripe asked for.
    hold: Hold,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self {
            limiter: RateLimiter::direct_with_clock(quota(per_second), MonotonicClock),
            hold: Hold::default(),
        }
    }

    async fn wait(&self) {
        loop {
            self.hold.over().await;
            match self.limiter.check() {
                Ok(()) => return,
                Err(early) => tokio::time::sleep(early.wait_time_from(MonotonicClock.now())).await,
            }
        }
    }
}

/// One request at a time, evenly: `per_second` of them take a second and the slack.
fn quota(per_second: u32) -> Quota {
    let gap = (Duration::from_secs(1) + SLACK) / per_second.max(1);
    Quota::with_period(gap).unwrap_or_else(|| Quota::per_second(std::num::NonZeroU32::MAX))
}

/// Where the requests for one endpoint queue.
struct Door {
    /// The one at the door waits for both paces; the others stand behind it, in their order.
    turn: Mutex<()>,
    pace: Pace,
}

/// The limits of one account, shared by everything that reads it.
pub(super) struct Limiter {
    all: Pace,
    doors: BTreeMap<Endpoint, Door>,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        let door = |endpoint| {
            let door = Door {
                turn: Mutex::new(()),
                pace: Pace::new(limits.of_an_endpoint),
            };
            (endpoint, door)
        };
        Self {
            all: Pace::new(limits.in_all),
            doors: Endpoint::ALL.into_iter().map(door).collect(),
        }
    }

    /// Returns when one request for `endpoint` may leave. Can be dropped; then none has left.
    pub(super) async fn pass(&self, endpoint: Endpoint) {
        if let Some(door) = self.doors.get(&endpoint) {
            let _turn = door.turn.lock().await;
            self.all.wait().await;
            door.pace.wait().await;
        }
    }

    /// Stripe said it is too much: nothing leaves for a while, for this endpoint or at all.
    pub(super) fn hold(&self, endpoint: Endpoint, everything: bool, pause: Duration) {
        if everything {
            self.all.hold.pause(pause);
        } else if let Some(door) = self.doors.get(&endpoint) {
            door.pace.hold.pause(pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the asking is spread, a second that starts anywhere sees no more than the limit.
        #[test]
        fn no_second_sees_more_than_the_limit(
            per_second in 1_u32..=100,
            waits in proptest::collection::vec(0_u64..80, 1..400),
        ) {
            let clock = FakeRelativeClock::default();
            let limiter = RateLimiter::direct_with_clock(quota(per_second), clock.clone());
            let mut now = 0_u64;
            let mut left: Vec<u64> = Vec::new();
            for wait in waits {
                clock.advance(Duration::from_millis(wait));
                now += wait;
                if limiter.check().is_ok() {
                    left.push(now);
                }
            }
            for (index, &first) in left.iter().enumerate() {
                let within = left[index..].iter().take_while(|&&at| at - first <= 1000).count();
                prop_assert!(within <= per_second as usize, "{within} within a second");
            }
        }
    }

    /// The pace costs no more than the slack: a hundred seconds' worth leaves in that time.
    #[test]
    fn the_pace_is_close_to_the_limit() {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(quota(25), clock.clone());
        let mut left = 0;
        for _ in 0..102_500 {
            clock.advance(Duration::from_millis(1));
            left += u32::from(limiter.check().is_ok());
        }
        assert_eq!(left, 2500);
    }
}
