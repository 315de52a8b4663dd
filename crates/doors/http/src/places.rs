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

/// Forms of strangers at once, and those of one network: 16 KiB of each are in memory at most.
const FORMS: (usize, usize) = (256, 16);

/// What is in memory of bodies that are to prove their senders, in KiB, and what of one network's.
const UNPROVEN_KIB: (usize, usize) = (128 << 10, 32 << 10);

/// Bodies that are waited for at once though nobody reads them, and those of one network.
const UNREAD: (usize, usize) = (256, 64);

/// Everything that has places. What stands under one name never takes a place of another.
pub(crate) struct AllPlaces {
    /// Requests that are answered as soon as their work is done; each agent has a share.
    pub(crate) ordinary: Arc<Places<AgentName>>,
    /// Requests that a signature over the whole of them has proven; each agent has a share.
    pub(crate) signed: Arc<Places<AgentName>>,
    /// The same until it has; each network has a share.
    unproven: Arc<Places<ClientNetwork>>,
    /// What is there of their bodies, in KiB; each network has a share.
    unproven_kib: Arc<Places<ClientNetwork>>,
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
    /// Forms that anybody may send; each network has a share.
    pub(crate) forms: Arc<Places<ClientNetwork>>,
    /// Bodies that nobody reads, until they have gone by; each network has a share.
    pub(crate) unread: Arc<Places<ClientNetwork>>,
}

impl AllPlaces {
    /// As many as the limits say.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            ordinary: Places::new(limits.concurrency, limits.concurrency_per_agent),
            signed: Places::new(limits.concurrency, limits.concurrency_per_agent),
            // What is being answered is never cut, so of the connections one half can always make room.
            unproven: Places::new(
                limits.connections.div_ceil(2),
                limits.connections_per_address.div_ceil(2),
            ),
            unproven_kib: Places::new(UNPROVEN_KIB.0, UNPROVEN_KIB.1),
            heartbeats: Places::new(HEARTBEATS, HEARTBEATS / 2),
            pings: Places::new(PINGS, PINGS / 2),
            health: Places::new(HEALTH, HEALTH / 2),
            metrics: Places::new(METRICS, METRICS / 2),
            waits: Places::new(limits.waits, limits.waits_per_agent),
            streams: Places::new(limits.streams, limits.streams_per_agent),
            notices: Places::new(NOTICES.0, NOTICES.1),
            forms: Places::new(FORMS.0, FORMS.1),
            unread: Places::new(UNREAD.0, UNREAD.1),
        }
    }

    /// Lets in a request that a signature over the whole of it is to prove: on a place of its network's until it is
    /// [charged](RequestPlace::charge), and then on its agent's.
    pub(crate) fn enter_unproven(&self, from: Option<ClientNetwork>) -> Result<RequestPlace, Full> {
        Ok(RequestPlace::holding(Held::Unproven(Unproven {
            _place: self.unproven.take_of(from.as_ref())?,
            kib: self.unproven_kib.take_of(from.as_ref())?,
            then: Arc::clone(&self.signed),
        })))
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

impl<K: Eq + Hash + Clone> Taken<K> {
    fn charge(&mut self, whose: &K, count: usize, each: usize) -> Result<(), Full> {
        match self.by.get_mut(whose) {
            Some(share) if share.saturating_add(count) > each => Err(Full::Share),
            Some(share) => {
                *share += count;
                Ok(())
            }
            None if count > each => Err(Full::Share),
            None => {
                self.by.insert(whose.clone(), count);
                Ok(())
            }
        }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// All are taken.
    #[error("all places are taken")]
    All,
    /// Who asks has its share.
    #[error("who asks has its share of the places")]
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
        self.take_of(None)
    }

    /// Takes a place for this one.
    pub(crate) fn take(self: &Arc<Self>, whose: &K) -> Result<Place<K>, Full> {
        self.take_of(Some(whose))
    }

    /// Takes a place for this one; of all of them alone where it is nobody's share.
    pub(crate) fn take_of(self: &Arc<Self>, whose: Option<&K>) -> Result<Place<K>, Full> {
        self.claim(whose, 1)?;
        Ok(Place {
            places: Arc::clone(self),
            whose: whose.cloned(),
            count: 1,
        })
    }

    fn claim(&self, whose: Option<&K>, count: usize) -> Result<(), Full> {
        let mut taken = self.taken();
        let all = taken.count.saturating_add(count);
        if all > self.all {
            return Err(Full::All);
        }
        if let Some(whose) = whose {
            taken.charge(whose, count, self.each)?;
        }
        taken.count = all;
        Ok(())
    }
}

/// A place, or several for one purpose, until it is dropped.
pub(crate) struct Place<K: Eq + Hash + Clone> {
    places: Arc<Places<K>>,
    whose: Option<K>,
    count: usize,
}

impl<K: Eq + Hash + Clone> Place<K> {
    /// Counts the place towards somebody's share, now that it is known whose it is.
    pub(crate) fn charge(&mut self, whose: &K) -> Result<(), Full> {
        self.places.taken().charge(whose, self.count, self.places.each)?;
        self.whose = Some(whose.clone());
        Ok(())
    }

    /// Takes so many more, of the same share.
    fn grow(&mut self, count: usize) -> Result<(), Full> {
        self.places.claim(self.whose.as_ref(), count)?;
        self.count += count;
        Ok(())
    }
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.count = taken.count.saturating_sub(self.count);
        if let Some(whose) = self.whose.take()
            && let Some(share) = taken.by.get_mut(&whose)
        {
            *share = share.saturating_sub(self.count);
            if *share == 0 {
                taken.by.remove(&whose);
            }
        }
    }
}

/// The place that a request was let in on, which its handler may give back before it answers. It is among a request's
/// extensions.
#[derive(Clone)]
pub struct RequestPlace(Arc<Mutex<Option<Held>>>);

/// What a request has a place among.
enum Held {
    /// Those of agents, whether or not it is known yet whose it is.
    Agents(Place<AgentName>),
    /// Those that a signature is to prove.
    Unproven(Unproven),
    /// Those that anybody may send.
    Open { _place: Place<ClientNetwork> },
}

/// What a request takes until its signature is held.
struct Unproven {
    _place: Place<ClientNetwork>,
    /// One for its head, and what has arrived of its body.
    kib: Place<ClientNetwork>,
    /// Where it has a place from then on.
    then: Arc<Places<AgentName>>,
}

impl RequestPlace {
    /// Holds this place.
    pub(crate) fn on(place: Place<AgentName>) -> Self {
        Self::holding(Held::Agents(place))
    }

    fn holding(held: Held) -> Self {
        Self(Arc::new(Mutex::new(Some(held))))
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the place towards the agent's share. What is proven by that takes one of the agent's for its network's.
    pub(crate) fn charge(&self, agent: &AgentName) -> Result<(), Full> {
        let mut held = self.held();
        match held.as_mut() {
            Some(Held::Agents(place)) => place.charge(agent),
            Some(Held::Unproven(unproven)) => {
                let place = unproven.then.take(agent)?;
                *held = Some(Held::Agents(place));
                Ok(())
            }
            Some(Held::Open { .. }) | None => Ok(()),
        }
    }

    /// Counts what has arrived of a body, until that proves its sender. Each part takes a KiB at least.
    pub(crate) fn make_room(&self, bytes: usize) -> Result<(), Full> {
        match self.held().as_mut() {
            Some(Held::Unproven(unproven)) => unproven.kib.grow(bytes.div_ceil(1_024)),
            _ => Ok(()),
        }
    }

    /// Gives the place back for one among what anybody may send.
    pub(crate) fn exchange(&self, place: Place<ClientNetwork>) {
        *self.held() = Some(Held::Open { _place: place });
    }

    /// Gives the place back: what follows needs it no more.
    pub(crate) fn leave(&self) {
        self.held().take();
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

    fn network(number: u8) -> ClientNetwork {
        ClientNetwork::of([192, 0, 2, number].into())
    }

    #[test]
    fn what_nothing_proves_yet_is_bounded_for_each_network_and_in_all() {
        let all = AllPlaces::new(&Limits {
            connections: 6,
            connections_per_address: 3,
            ..Limits::default()
        });
        let first = [(); 2].map(|()| all.enter_unproven(Some(network(1))).unwrap());
        assert_eq!(all.enter_unproven(Some(network(1))).err(), Some(Full::Share));
        let proxied = all.enter_unproven(None).unwrap();
        assert_eq!(all.enter_unproven(Some(network(2))).err(), Some(Full::All));
        drop((first, proxied));
        assert_eq!(left(&all.unproven), 0);
        assert_eq!(left(&all.unproven_kib), 0);

        let all = AllPlaces::new(&Limits::default());
        let mebibyte = |from| {
            let request = all.enter_unproven(from).unwrap();
            request.make_room(1 << 20).map(|()| request)
        };
        let full = |from| (0..1_000).map_while(|_| mebibyte(from).ok()).collect::<Vec<_>>();
        let of_each = [1, 2, 3, 4, 5].map(|number| full(Some(network(number))));
        assert_eq!(of_each.each_ref().map(Vec::len), [31, 31, 31, 31, 3]);
        assert_eq!(mebibyte(None).err(), Some(Full::All));
        drop(of_each);
        assert_eq!(left(&all.unproven_kib), 0);
    }

    #[test]
    fn what_is_proven_goes_on_in_its_agents_share_and_leaves_its_network_alone() {
        let all = AllPlaces::new(&Limits {
            concurrency: 2,
            concurrency_per_agent: 1,
            ..Limits::default()
        });
        let agent = |name: &str| AgentName::new(name).unwrap();
        let request = all.enter_unproven(Some(network(1))).unwrap();
        request.make_room(1 << 20).unwrap();
        request.charge(&agent("Writer")).unwrap();
        assert_eq!((left(&all.unproven), left(&all.unproven_kib)), (0, 0));
        assert_eq!(left(&all.signed), 1);
        let again = all.enter_unproven(Some(network(1))).unwrap();
        assert_eq!(again.charge(&agent("Writer")), Err(Full::Share));
        assert_eq!(left(&all.signed), 1, "who has its share takes nothing of all");
        again.charge(&agent("Editor")).unwrap();
        request.leave();
        drop(again);
        assert_eq!(left(&all.signed), 0);
    }

    fn left<K: Eq + Hash + Clone>(places: &Places<K>) -> usize {
        let taken = places.taken();
        assert!(taken.count > 0 || taken.by.is_empty(), "nobody is remembered");
        taken.count
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
