//! What came in, and whether it was too much: strict sliding windows of one second.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// One request, as the fake saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path, such as `/v1/subscriptions`.
    pub path: String,
    /// The parameters, decoded, in their order.
    pub parameters: Vec<(String, String)>,
    /// The answer's status.
    pub status: u16,
}

/// Everything counted since the fake started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// All requests, refused ones too.
    pub requests: u64,
    /// The most requests of one endpoint in any second, refused ones too.
    pub most_of_an_endpoint: usize,
    /// The most requests of all endpoints in any second, refused ones too.
    pub most_in_all: usize,
    /// Requests refused because they were too many.
    pub rate_limited: u64,
    /// Objects in the pages that were answered.
    pub objects: u64,
}

/// The requests of the last second.
#[derive(Debug, Default)]
struct Window(VecDeque<Instant>);

impl Window {
    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|&at| now.duration_since(at) >= SECOND) {
            self.0.pop_front();
        }
    }

    fn add(&mut self, now: Instant) -> usize {
        self.forget(now);
        self.0.push_back(now);
        self.0.len()
    }
}

/// How many requests a second are let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) of_an_endpoint: usize,
    pub(super) in_all: usize,
}

/// The account of all traffic.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) counters: Counters,
    pub(super) log: Vec<Seen>,
    /// All that came, for the counters; and all that was let in, for the limits.
    came: (Window, HashMap<String, Window>),
    let_in: (Window, HashMap<String, Window>),
}

impl Traffic {
    /// Counts a request of `endpoint` and says why it is too much, if it is.
    pub(super) fn arrives(&mut self, endpoint: &str, rates: Rates, now: Instant) -> Result<(), &'static str> {
        let (all, each) = &mut self.came;
        let counters = &mut self.counters;
        counters.requests += 1;
        counters.most_in_all = counters.most_in_all.max(all.add(now));
        let one = each.entry(endpoint.to_owned()).or_default().add(now);
        counters.most_of_an_endpoint = counters.most_of_an_endpoint.max(one);

        let (all, each) = &mut self.let_in;
        let one = each.entry(endpoint.to_owned()).or_default();
        all.forget(now);
        one.forget(now);
        let reason = if one.0.len() >= rates.of_an_endpoint {
            "endpoint-rate"
        } else if all.0.len() >= rates.in_all {
            "global-rate"
        } else {
            all.0.push_back(now);
            one.0.push_back(now);
            return Ok(());
        };
        self.counters.rate_limited += 1;
        Err(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        of_an_endpoint: 25,
        in_all: 30,
    };

    #[test]
    fn the_26th_within_any_second_is_too_much() {
        let mut traffic = Traffic::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for number in 0..25 {
            assert_eq!(traffic.arrives("prices", RATES, at(500 + number)), Ok(()));
        }
        assert_eq!(traffic.arrives("prices", RATES, at(1499)), Err("endpoint-rate"));
        // The first has left the window; what was refused is not in it.
        assert_eq!(traffic.arrives("prices", RATES, at(1500)), Ok(()));
        assert_eq!(traffic.arrives("prices", RATES, at(1500)), Err("endpoint-rate"));
        assert_eq!(traffic.counters.most_of_an_endpoint, 27);
        assert_eq!(traffic.counters.rate_limited, 2);
    }

    #[test]
    fn all_endpoints_have_a_limit_together() {
        let mut traffic = Traffic::default();
        let now = Instant::now();
        for number in 0..30 {
            let endpoint = if number % 2 == 0 { "prices" } else { "coupons" };
            assert_eq!(traffic.arrives(endpoint, RATES, now), Ok(()));
        }
        assert_eq!(traffic.arrives("events", RATES, now), Err("global-rate"));
        assert_eq!(traffic.arrives("events", RATES, now + SECOND), Ok(()));
    }
}
