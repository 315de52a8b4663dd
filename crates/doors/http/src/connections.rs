//! Connections: how many there may be, in all and of one address, how long one may idle, and which
//! makes room when there are too many. Whoever idles makes room for whoever comes, strangers first;
//! what is being answered is never cut.

pub(crate) mod accepting;
pub(crate) mod arriving;
mod conversation;
mod counting;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::OptionalFromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use cc_devops_outbound::loopback::is_loopback_address;
use ipnet::IpNet;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::client_network::ClientNetwork;
use crate::config::{Limits, ServerConfig};

/// Bytes within one look that count as an answer being taken. What keeps an idle connection open, such
/// as HTTP/2's pings, is far below.
const PROGRESS: u64 = 1_024;

/// Places that this machine's own addresses alone can take, so that its operator gets in when everything
/// else is busy.
const RESERVE: usize = 64;

/// Which part of all makes room at once, so that it is not looked for at each newcomer.
const BATCH: usize = 64;

/// The open connections.
pub(crate) struct Connections {
    all: usize,
    each: usize,
    proxies: Vec<IpNet>,
    began: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Arc<Connection>>,
    by: HashMap<ClientNetwork, usize>,
}

impl Open {
    fn forget(&mut self, id: u64) -> Option<Arc<Connection>> {
        let connection = self.all.remove(&id)?;
        if let Some(whose) = &connection.whose
            && let Some(share) = self.by.get_mut(whose)
        {
            *share = share.saturating_sub(1);
            if *share == 0 {
                self.by.remove(whose);
            }
        }
        Some(connection)
    }

    /// Tells up to `count` connections to leave that nobody waits for an answer on, of `whose` or of
    /// anybody; whether there were any. The younger half stays: who has just come has not asked yet.
    fn make_room(&mut self, whose: Option<ClientNetwork>, count: usize) -> bool {
        let idle = self.all.iter().filter(|(_, connection)| {
            connection.busy.load(Ordering::Relaxed) == 0 && (whose.is_none() || connection.whose == whose)
        });
        let mut idle: Vec<_> = idle.map(|(id, connection)| (connection.worth(), *id)).collect();
        idle.sort_unstable();
        for (_, id) in idle.iter().take(count.max(1).min(idle.len().div_ceil(2))) {
            if let Some(connection) = self.forget(*id) {
                connection.leave.notify_one();
            }
        }
        !idle.is_empty()
    }
}

impl Connections {
    /// As many as the configuration says.
    pub(crate) fn new(config: &ServerConfig) -> Arc<Self> {
        let Limits {
            connections,
            connections_per_address,
            ..
        } = config.limits;
        Arc::new(Self {
            all: connections,
            each: connections_per_address,
            proxies: config.proxies.clone(),
            began: Instant::now(),
            open: Mutex::default(),
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open().all.len()
    }

    /// Takes a newcomer in, for as long as the answer is kept. None where there is no room and nobody
    /// idles.
    fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Admitted> {
        let address = peer.ip().to_canonical();
        let of_proxy = self.proxies.iter().any(|network| network.contains(&address));
        // Many come from a proxy's address.
        let whose = (!of_proxy).then(|| ClientNetwork::of(address));
        let all = if is_loopback_address(address) && !of_proxy {
            self.all
        } else {
            self.all.saturating_sub(RESERVE.min(self.all / 8))
        };
        let mut open = self.open();
        let share = whose.map_or(0, |whose| open.by.get(&whose).copied().unwrap_or(0));
        if share >= self.each && !open.make_room(whose, self.each / BATCH) {
            return None;
        }
        if open.all.len() >= all && !open.make_room(None, self.all / BATCH) {
            return None;
        }
        let id = open.next;
        open.next += 1;
        let connection = Arc::new(Connection {
            peer,
            whose,
            began: self.began,
            busy: AtomicUsize::new(0),
            proven: AtomicBool::new(false),
            last: AtomicU64::new(millis(self.began)),
            written: AtomicU64::new(0),
            leave: Notify::new(),
        });
        if let Some(whose) = whose {
            *open.by.entry(whose).or_insert(0) += 1;
        }
        open.all.insert(id, Arc::clone(&connection));
        Some(Admitted {
            id,
            connection,
            connections: Arc::clone(self),
        })
    }

    /// Makes room where the process has no files left.
    fn make_room(&self) {
        self.open().make_room(None, self.all / BATCH);
    }

    /// Tells all of them to leave.
    fn close(&self) {
        for connection in self.open().all.values() {
            connection.leave.notify_one();
        }
    }
}

/// Milliseconds since then.
fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A connection among those that are counted, until it is dropped.
struct Admitted {
    id: u64,
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.open().forget(self.id);
    }
}

/// One connection.
pub(crate) struct Connection {
    peer: SocketAddr,
    /// Whose share it is of; nobody's where it is a proxy's.
    whose: Option<ClientNetwork>,
    began: Instant,
    /// How many wait for an answer on it, streams included.
    busy: AtomicUsize,
    /// Whether a good token was shown on it.
    proven: AtomicBool,
    /// When it was last of use, in milliseconds since `began`.
    last: AtomicU64,
    /// The bytes that were written to it.
    written: AtomicU64,
    /// It is to make room, or the server ends.
    leave: Notify,
}

impl Connection {
    /// What decides who leaves first.
    fn worth(&self) -> (bool, u64) {
        (self.proven.load(Ordering::Relaxed), self.last.load(Ordering::Relaxed))
    }

    /// Whether nobody waits for an answer on it, and none is being taken since the last look.
    fn rests(&self, written_before: &mut u64) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        let progress = written.saturating_sub(*written_before);
        *written_before = written;
        self.busy.load(Ordering::Relaxed) == 0 && progress < PROGRESS
    }

    /// When it is next looked at whether it idles; none if it has idled for that long.
    fn look_again(&self, idle: Duration, written_before: &mut u64) -> Option<Instant> {
        let now = Instant::now();
        if !self.rests(written_before) {
            return Some(now + idle);
        }
        let until = self.began + Duration::from_millis(self.last.load(Ordering::Relaxed)) + idle;
        (until > now).then_some(until)
    }
}

/// The connection that a request came on.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Connection>);

impl Peer {
    /// Where its other end is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.peer
    }

    /// The network that it counts for; none where it is a proxy's, whose address many share.
    pub(crate) fn network(&self) -> Option<ClientNetwork> {
        self.0.whose
    }

    /// The network whose share a request with these extensions is of; none where many share the address.
    pub(crate) fn charged_network(extensions: &Extensions) -> Option<ClientNetwork> {
        match extensions.get::<Self>() {
            Some(peer) => peer.network(),
            None => Some(ClientNetwork::UNKNOWN),
        }
    }

    /// Somebody waits for an answer on it, until that is dropped: it does not idle.
    pub(crate) fn begin(&self) -> UnderWay {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.0))
    }

    /// A good token was shown on it.
    pub(crate) fn proven(&self) {
        self.0.proven.store(true, Ordering::Relaxed);
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// Somebody waits for an answer.
pub(crate) struct UnderWay(Arc<Connection>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.last.store(millis(self.0.began), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(all: usize, each: usize, proxies: &[&str]) -> Arc<Connections> {
        let mut config = ServerConfig::default();
        config.limits.connections = all;
        config.limits.connections_per_address = each;
        config.proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        Connections::new(&config)
    }

    fn from(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 9)
    }

    /// Whether it was told to leave.
    async fn leaves(admitted: &Admitted) -> bool {
        futures::poll!(std::pin::pin!(admitted.connection.leave.notified())).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_idled_longest_makes_room_strangers_first() {
        let connections = connections(3, 3, &[]);
        let agent = connections.admit(from("127.0.0.1")).unwrap();
        Peer(Arc::clone(&agent.connection)).proven();
        tokio::time::advance(Duration::from_secs(1)).await;
        let stranger = connections.admit(from("192.0.2.1")).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let newer = connections.admit(from("192.0.2.2")).unwrap();
        let newest = connections.admit(from("192.0.2.3")).unwrap();
        assert_eq!(connections.count(), 3);
        assert!(leaves(&stranger).await, "the older of two strangers");
        assert!(!leaves(&agent).await && !leaves(&newer).await && !leaves(&newest).await);
        drop((stranger, newer, newest, agent));
        assert_eq!(connections.count(), 0);
        assert!(connections.open().by.is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn what_is_answered_is_never_cut_and_nobody_else_gets_in() {
        let connections = connections(2, 2, &[]);
        let held: Vec<_> = (0..2).map(|_| connections.admit(from("192.0.2.1")).unwrap()).collect();
        let mut answers: Vec<_> = held
            .iter()
            .map(|held| Peer(Arc::clone(&held.connection)).begin())
            .collect();
        assert!(connections.admit(from("192.0.2.2")).is_none());
        answers.pop();
        assert!(connections.admit(from("192.0.2.2")).is_some());
        assert!(leaves(held.last().unwrap()).await);
    }

    #[tokio::test]
    async fn an_address_has_a_share_and_makes_room_for_itself() {
        let connections = connections(100, 2, &["10.0.0.0/8"]);
        let other = connections.admit(from("192.0.2.7")).unwrap();
        let first = connections.admit(from("192.0.2.1")).unwrap();
        let second = connections.admit(from("192.0.2.1")).unwrap();
        let third = connections.admit(from("::ffff:192.0.2.1")).unwrap();
        assert_eq!(connections.count(), 3);
        assert!(leaves(&first).await && !leaves(&second).await && !leaves(&third).await);
        assert!(!leaves(&other).await);
        let many: Vec<_> = (0..20).map(|_| connections.admit(from("10.1.2.3")).unwrap()).collect();
        assert_eq!(connections.count(), 23, "a proxy speaks for many");
        assert!(!leaves(&many[0]).await);
    }

    #[tokio::test]
    async fn this_machine_has_places_that_others_cannot_take() {
        let connections = connections(64, 64, &["127.0.0.2/32"]);
        let mut busy = Vec::new();
        let mut take = |address: &str| {
            let admitted = connections.admit(from(address))?;
            busy.push((Peer(Arc::clone(&admitted.connection)).begin(), admitted));
            Some(())
        };
        let mut strangers = 0;
        while take("192.0.2.1").is_some() {
            strangers += 1;
        }
        assert_eq!(strangers, 56);
        assert!(take("127.0.0.2").is_none(), "a proxy here speaks for strangers");
        assert!(take("127.0.0.1").is_some());
        assert!(take("::1").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_a_connection_open_is_no_use_of_it() {
        let connections = connections(9, 9, &[]);
        let admitted = connections.admit(from("192.0.2.1")).unwrap();
        let (connection, idle, mut before) = (&admitted.connection, Duration::from_secs(30), 0);
        let mut look = || connection.look_again(idle, &mut before).map(|at| at - Instant::now());
        assert_eq!(look(), Some(idle));
        tokio::time::advance(idle).await;
        connection.written.fetch_add(17 * 30, Ordering::Relaxed);
        assert_eq!(look(), None, "a ping a second");
        connection.written.fetch_add(PROGRESS, Ordering::Relaxed);
        assert_eq!(look(), Some(idle), "an answer that is being taken");
        let answer = Peer(Arc::clone(connection)).begin();
        tokio::time::advance(idle * 10).await;
        assert_eq!(look(), Some(idle), "a long poll");
        drop(answer);
        assert_eq!(look(), Some(idle), "it idles from its end on");
        tokio::time::advance(idle).await;
        assert_eq!(look(), None);
    }
}
