//! How often each agent may call.

use axum::http::StatusCode;
use cc_devops_kernel::names::AgentName;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::config::RateLimit;
use crate::problem::Problem;

/// How often each agent may call.
pub(crate) struct RateLimiter {
    limiter: DefaultKeyedRateLimiter<AgentName>,
    clock: DefaultClock,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.requests_per_second).allow_burst(limit.burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Whether the agent may call once more.
    pub(crate) fn check(&self, agent: &AgentName) -> Result<(), Problem> {
        self.limiter.check_key(agent).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "this agent sends more requests than it may; wait before the next",
            )
            .retry_after(wait)
        })
    }
}
