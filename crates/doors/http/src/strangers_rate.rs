//! How often callers without a token may send what has to be looked at.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota};

use crate::client_network::ClientNetwork;
use crate::problem::Problem;

/// Notices a second of one network, and at once.
const EACH: (NonZeroU32, NonZeroU32) = (count(50), count(300));

/// Notices a second of everybody, and at once.
const ALL: (NonZeroU32, NonZeroU32) = (count(200), count(1_000));

/// From how many networks on those that were quiet are forgotten.
const MANY: usize = 10_000;

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}

/// How often strangers may send notices.
pub(crate) struct StrangersRate {
    each: DefaultKeyedRateLimiter<ClientNetwork>,
    all: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl StrangersRate {
    pub(crate) fn new() -> Self {
        let quota = |(per_second, burst)| Quota::per_second(per_second).allow_burst(burst);
        Self {
            each: DefaultKeyedRateLimiter::keyed(quota(EACH)),
            all: DefaultDirectRateLimiter::direct(quota(ALL)),
            clock: DefaultClock::default(),
        }
    }

    /// Whether one more notice may come from there.
    pub(crate) fn check(&self, from: ClientNetwork) -> Result<(), Problem> {
        if self.each.len() > MANY {
            self.each.retain_recent();
        }
        // One network's flood is stopped before it uses up what all may send.
        self.each
            .check_key(&from)
            .and_then(|()| self.all.check())
            .map_err(|not_until| {
                Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "more notices than are taken from callers without a token; send it again later",
                )
                .retry_after(not_until.wait_time_from(self.clock.now()))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_networks_flood_leaves_the_others_theirs() {
        let rate = StrangersRate::new();
        let one = ClientNetwork::of("192.0.2.1".parse().unwrap());
        let taken = (0..2_000).filter(|_| rate.check(one).is_ok()).count();
        assert!((300..1_000).contains(&taken), "{taken}");
        assert!(rate.check(ClientNetwork::UNKNOWN).is_ok());
    }
}
