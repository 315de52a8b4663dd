//! Places: how many may do something at once, in all and for each. Whoever finds none is told so at
//! once; nobody waits for one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use cc_devops_kernel::names::AgentName;

use crate::client_network::ClientNetwork;
use crate::config::Limits;
use crate::problem::{DEFAULT_RETRY, Problem};

/// Answers of `/health` at once. None of them waits for anything but one look at the checks.
const HEALTH: usize = 64;

/// Answers of `/metrics` at once.
const METRICS: usize = 16;

/// Heartbeats taken at once.
const HEARTBEATS: usize = 256;

/// Pings taken at once; each has 10 KB of its body in memory at most.
const PINGS: usize = 1_024;

/// Notices of strangers whose bodies are in memory at once, and those of one network.
const NOTICES: (usize, usize) = (16, 4);

/// Everything that has places. What stands under one name never takes a place of another.
pub(crate) struct AllPlaces {
    /// Requests that are answered as soon as their work is done; each agent has a share.
    pub(crate) ordinary: Arc<Places<AgentName>>,
    /// Requests that a signature over the whole of them proves; each agent has a share.
    pub(crate) signed: Arc<Places<AgentName>>,
    /// Agents' heartbeats; each agent has half.
    pub(crate) heartbeats: Arc<Places<AgentName>>,
    /// Pings; each agent has half.
    pub(crate) pings: Arc<Places<AgentName>>,
    /// Looks at the health; each agent that may have it tried has half.
    pub(crate) health: Arc<Places<AgentName>>,
    /// Looks at the metrics; each agent has half.
    pub(crate) metrics: Arc<Places<AgentName>>,
    /// Waits for outcomes; each agent has a share.
    pub(crate) waits: Arc<Places<AgentName>>,
    /// Event streams; each agent has a share.
    pub(crate) streams: Arc<Places<AgentName>>,
    /// Notices that nothing but their signature proves.
    pub(crate) notices: Arc<Places<ClientNetwork>>,
}

impl AllPlaces {
    /// As many as the limits say.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            ordinary: Places::new(limits.concurrency, limits.concurrency_per_agent),
            signed: Places::new(limits.concurrency, limits.concurrency_per_agent),
            heartbeats: Places::new(HEARTBEATS, HEARTBEATS / 2),
            pings: Places::new(PINGS, PINGS / 2),
            health: Places::new(HEALTH, HEALTH / 2),
            metrics: Places::new(METRICS, METRICS / 2),
            waits: Places::new(limits.waits, limits.waits_per_agent),
            streams: Places::new(limits.streams, limits.streams_per_agent),
            notices: Places::new(NOTICES.0, NOTICES.1),
        }
    }

    /// The places that a route's requests take before anything is known of their caller; none
    /// where the route takes its own.
    pub(crate) fn of_route(&self, route: &str) -> Option<&Arc<Places<AgentName>>> {
        match route {
            "/health" => Some(&self.health),
            "/metrics" => Some(&self.metrics),
            "/v1/agents/{name}/heartbeat" => Some(&self.heartbeats),
            "/ping/{*address}" => Some(&self.pings),
            "/v1/billing/events" | "/v1/repos/events" | "/v1/slack/actions" => None,
            _ => Some(&self.ordinary),
        }
    }
}

/// A number of places, of which nobody takes more than a share.
pub(crate) struct Places<K> {
    all: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
}

struct Taken<K> {
    count: usize,
    by: HashMap<K, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    All,
    /// Who asks has its share.
    Share,
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        match full {
            Full::All => Self::overloaded(),
            Full::Share => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "this caller has as many of these under way as it may; wait until one ends",
            )
            .retry_after(DEFAULT_RETRY),
        }
    }
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// `all` places, `each` of them at most for one.
    pub(crate) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            each,
            taken: Mutex::new(Taken {
                count: 0,
                by: HashMap::new(),
            }),
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for somebody who is not known yet.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Place<K>, Full> {
        let mut taken = self.taken();
        if taken.count >= self.all {
            return Err(Full::All);
        }
        taken.count += 1;
        Ok(Place {
            places: Arc::clone(self),
            whose: None,
        })
    }

    /// Takes a place for this one.
    pub(crate) fn take(self: &Arc<Self>, whose: &K) -> Result<Place<K>, Full> {
        let mut place = self.enter()?;
        place.charge(whose)?;
        Ok(place)
    }
}

/// A place, until it is dropped.
pub(crate) struct Place<K: Eq + Hash + Clone> {
    places: Arc<Places<K>>,
    whose: Option<K>,
}

impl<K: Eq + Hash + Clone> Place<K> {
    /// Counts the place towards somebody's share, now that it is known whose it is.
    pub(crate) fn charge(&mut self, whose: &K) -> Result<(), Full> {
        let mut taken = self.places.taken();
        let share = taken.by.entry(whose.clone()).or_insert(0);
        if *share >= self.places.each {
            // Somebody with a share of nothing leaves no entry behind.
            if *share == 0 {
                taken.by.remove(whose);
            }
            return Err(Full::Share);
        }
        *share += 1;
        drop(taken);
        self.whose = Some(whose.clone());
        Ok(())
    }
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.count = taken.count.saturating_sub(1);
        if let Some(whose) = self.whose.take()
            && let Some(share) = taken.by.get_mut(&whose)
        {
            *share = share.saturating_sub(1);
            if *share == 0 {
                taken.by.remove(&whose);
            }
        }
    }
}

/// The place that a request was let in on, which its handler may give back before it answers. It is among a request's
/// extensions.
#[derive(Clone)]
pub struct RequestPlace(Arc<Mutex<Option<Place<AgentName>>>>);

impl RequestPlace {
    /// Holds this place.
    pub(crate) fn on(place: Place<AgentName>) -> Self {
        Self(Arc::new(Mutex::new(Some(place))))
    }

    fn place(&self) -> MutexGuard<'_, Option<Place<AgentName>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the place towards the agent's share.
    pub(crate) fn charge(&self, agent: &AgentName) -> Result<(), Full> {
        self.place().as_mut().map_or(Ok(()), |place| place.charge(agent))
    }

    /// Gives the place back: what follows needs it no more.
    pub(crate) fn leave(&self) {
        self.place().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_all_no_more_than_there_are() {
        let places = Places::new(3, 2);
        let first = places.take(&"a").unwrap();
        let second = places.take(&"a").unwrap();
        assert_eq!(places.take(&"a").err(), Some(Full::Share));
        let third = places.take(&"b").unwrap();
        assert_eq!(places.take(&"c").err(), Some(Full::All));
        drop(first);
        let again = places.take(&"a").unwrap();
        drop((second, third, again));
        let taken = places.taken();
        assert!(taken.count == 0 && taken.by.is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_place_is_charged_once_it_is_known_whose_it_is() {
        let places = Places::new(3, 1);
        let (mut one, mut two) = (places.enter().unwrap(), places.enter().unwrap());
        one.charge(&"a").unwrap();
        assert_eq!(two.charge(&"a"), Err(Full::Share));
        two.charge(&"b").unwrap();
        drop((one, two));
        assert!(places.taken().by.is_empty());
    }

    #[test]
    fn what_only_its_signature_proves_takes_no_place_of_others() {
        let all = AllPlaces::new(&Limits::default());
        for route in ["/v1/billing/events", "/v1/repos/events", "/v1/slack/actions"] {
            assert!(all.of_route(route).is_none(), "{route}");
        }
        assert!(all.of_route("/v1/events").is_some());
    }
}
