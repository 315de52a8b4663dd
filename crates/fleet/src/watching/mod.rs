//! The watch over the agents: what is heard and what time does, kept in a [`StateStore`].
//!
//! Each agent has one record with its state, its deadlines and the instant at which somebody has to look. A flip is that
//! record, a row of history and what is to be told, in one write; a heartbeat that flips nothing is one record in one
//! write. Every write holds only where the record is still in the version that was read, so two servers on one store make
//! each flip once.
//!
//! | file | |
//! |---|---|
//! | `hear`, `queue` | what an agent says, and many at once |
//! | `sweep` | what time does, and asking for heartbeats where none are told |
//! | `blind` | the marks of being awake, and time in which nobody could hear |
//! | `acts` | settings, pauses, who is watched |
//! | `addresses`, `slugs` | where agents are pinged |
//! | `replaced` | addresses that stay replaced where a backup is put in place |
//! | `lists` | agents by state, failing first, with their last 30 days |
//! | `views` | an agent, all of them, history, uptime |
//! | `minutes` | in which minutes an agent was heard lately |
//! | `record` | the stored forms |

mod acts;
mod addresses;
mod blind;
mod hear;
mod lists;
mod minutes;
mod queue;
mod record;
mod replaced;
mod slugs;
mod sweep;
mod turn;
mod views;

use std::sync::{Arc, Mutex, PoisonError};

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{AuditTrail, Clock, PortError, PortErrorKind, PortResult, StateStore};
use jiff::Timestamp;

use crate::ports::{AgentConditions, Agents, HeartbeatSource, Heartbeats};
use crate::watch::WatchSettings;
use blind::Seen;
use queue::Queues;
use record::{Kept, Watched};

pub use addresses::PingAddress;
pub use blind::LONGEST_BREATH;
pub use lists::{FLIPS_IN_A_LIST, FLIPS_OF_ONE, Life, Listed, ListedAgent, Wanted};
pub use minutes::BeatMinute;
pub use queue::Taken;
pub use record::{MAX_BODY_BYTES, MAX_PINGS, Ping};
pub use replaced::{ReplacedAddresses, replaced_since};
pub use slugs::BySlug;
pub use sweep::Swept;
pub use views::{History, WatchedAgent};

/// How often a write is tried again that met another one.
const TRIES: usize = 40;

/// How many agents pings make at most, unless the installation says otherwise.
pub const MAX_AUTO_AGENTS: u64 = 200;

/// What the watch works with.
#[derive(Clone)]
pub struct WatchingPorts {
    /// Where it is kept.
    pub state: Arc<dyn StateStore>,
    /// Which agents there are.
    pub agents: Arc<dyn Agents>,
    /// Where it is noted who needs a person.
    pub conditions: Arc<dyn AgentConditions>,
    /// The audit trail.
    pub audit: Arc<dyn AuditTrail>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The watch over the agents.
pub struct Watching {
    ports: WatchingPorts,
    defaults: WatchSettings,
    key: [u8; 32],
    heartbeat_source: Option<Arc<dyn HeartbeatSource>>,
    beats: Option<Arc<dyn Heartbeats>>,
    max_auto: u64,
    seen: Mutex<Option<Seen>>,
    queues: Arc<Queues>,
}

impl Watching {
    /// A watch in which `defaults` hold for agents without settings of their own. `key` is a secret of the installation,
    /// of which ping addresses are made: with another one all addresses are others.
    pub fn new(ports: WatchingPorts, defaults: WatchSettings, key: [u8; 32]) -> Self {
        Self {
            ports,
            defaults,
            key,
            heartbeat_source: None,
            beats: None,
            max_auto: MAX_AUTO_AGENTS,
            seen: Mutex::new(None),
            queues: Arc::default(),
        }
    }

    /// The same, where heartbeats are asked for as well: no time counts as blind then, and deadlines never stand still.
    #[must_use]
    pub fn heartbeat_source(mut self, heartbeat_source: Arc<dyn HeartbeatSource>) -> Self {
        self.heartbeat_source = Some(heartbeat_source);
        self
    }

    /// The same, which hands on every heartbeat that it is told to where heartbeats are kept besides.
    #[must_use]
    pub fn beats(mut self, beats: Arc<dyn Heartbeats>) -> Self {
        self.beats = Some(beats);
        self
    }

    /// The same with another bound on how many agents pings make.
    #[must_use]
    pub fn max_auto(mut self, agents: u64) -> Self {
        self.max_auto = agents;
        self
    }

    /// The settings that hold for agents without their own.
    pub fn defaults(&self) -> &WatchSettings {
        &self.defaults
    }

    fn now(&self) -> Timestamp {
        to_millis(self.ports.clock.now())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch of an agent, as it is stored.
    async fn find(&self, name: &AgentName) -> PortResult<Option<Watched>> {
        let record = self.ports.state.read_one(&Watched::key(name)).await?;
        record.as_ref().map(Watched::of).transpose()
    }

    /// The watch of an agent that is there.
    async fn found(&self, name: &AgentName) -> PortResult<Watched> {
        self.find(name).await?.ok_or_else(|| unknown(name))
    }

    /// A watch of an agent that was not watched before.
    fn fresh(&self, name: &AgentName, now: Timestamp) -> Watched {
        Watched {
            name: name.clone(),
            version: 0,
            due_at: None,
            kept: Kept {
                slug: slugs::slug_of(name),
                created: now,
                epoch: self.epoch(),
                ..Kept::default()
            },
        }
    }
}

/// The time without what is finer than a millisecond, which is read by people and tells them nothing.
fn to_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

fn unknown(name: &AgentName) -> PortError {
    PortError::new(PortErrorKind::NotFound, format!("there is no agent {name}"))
}

/// Whether a write met another one, and what was read is to be read again.
fn met_another<T>(outcome: &PortResult<T>) -> bool {
    matches!(outcome, Err(error) if error.kind == PortErrorKind::Superseded)
}

/// What is said where a write met another one each time.
fn never_alone(name: impl std::fmt::Display) -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        format!("too much happens to {name} at once; try again"),
    )
}
