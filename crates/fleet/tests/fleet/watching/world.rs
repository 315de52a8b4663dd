//! A world for the watch: records in memory that can fail, a clock that is set, a register, and what was told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cc_devops_alerts::ConditionChange;
use cc_devops_fleet::ports::{AgentConditions, Agents, HeartbeatSource};
use cc_devops_fleet::watch::{ReceivedSignal, Signal, WatchSettings};
use cc_devops_fleet::watching::{Taken, Watching, WatchingPorts};
use cc_devops_fleet::{AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Section, Verification};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{
    AuditTrail, Clock, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use cc_devops_kernel::records::RecordsInMemory;
use jiff::Timestamp;

pub(crate) fn time(text: &str) -> Timestamp {
    let text = if text.len() == 8 {
        format!("2026-06-01T{text}Z")
    } else {
        text.to_owned()
    };
    text.parse().unwrap()
}

pub(crate) fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

/// Everything the watch works with.
pub(crate) struct World {
    records: RecordsInMemory,
    pub(crate) now: Mutex<Timestamp>,
    agents: Mutex<BTreeMap<AgentName, Option<Timestamp>>>,
    pub(crate) told: Mutex<Vec<ConditionChange>>,
    pub(crate) audited: Mutex<Vec<String>>,
    /// How many changes each write had.
    pub(crate) writes: Mutex<Vec<usize>>,
    /// After how many writes the store is gone.
    pub(crate) writes_left: AtomicUsize,
    /// What another process writes before the next write.
    pub(crate) between: Mutex<Option<Vec<StateChange>>>,
    pub(crate) beats: Mutex<BTreeMap<AgentName, Vec<Beat>>>,
    pub(crate) asked: Mutex<Vec<usize>>,
    pub(crate) is_deaf: Mutex<bool>,
    pub(crate) most: usize,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_most(50_000)
    }

    pub(crate) fn with_most(most: usize) -> Arc<Self> {
        Arc::new(Self {
            records: RecordsInMemory::default(),
            now: Mutex::new(time("10:00:00")),
            agents: Mutex::default(),
            told: Mutex::default(),
            audited: Mutex::default(),
            writes: Mutex::default(),
            writes_left: AtomicUsize::new(usize::MAX),
            between: Mutex::default(),
            beats: Mutex::default(),
            asked: Mutex::default(),
            is_deaf: Mutex::default(),
            most,
        })
    }

    pub(crate) fn at(&self, at: &str) -> Timestamp {
        let at = time(at);
        *self.now.lock().unwrap() = at;
        at
    }

    pub(crate) fn add(&self, name: &str) -> AgentName {
        self.agents.lock().unwrap().insert(agent(name), None);
        agent(name)
    }

    pub(crate) fn revoke(&self, name: &AgentName) {
        let now = self.now();
        self.agents.lock().unwrap().insert(name.clone(), Some(now));
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.agents.lock().unwrap().keys().map(ToString::to_string).collect()
    }

    pub(crate) fn told(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        told.iter()
            .map(|change| match change {
                ConditionChange::Opened(condition) => format!("{} open {}", condition.key, condition.since),
                ConditionChange::Resolved { key, at, .. } => format!("{key} over {at}"),
                ConditionChange::Closed { key, at, why } => format!("{key} closed {at} {why}"),
            })
            .collect()
    }

    /// A server's watch.
    pub(crate) fn watching(self: &Arc<Self>) -> Watching {
        self.watching_with(self.clone())
    }

    /// One that notes what it finds there.
    pub(crate) fn watching_with(self: &Arc<Self>, conditions: Arc<dyn AgentConditions>) -> Watching {
        let ports = WatchingPorts {
            state: self.clone(),
            agents: self.clone(),
            conditions,
            audit: self.clone(),
            clock: self.clone(),
        };
        Watching::new(ports, WatchSettings::default(), [7; 32])
    }
}

/// Lets an agent say something.
pub(crate) async fn say(world: &World, watching: &Watching, name: &AgentName, at: &str, signal: Signal) -> Taken {
    let at = world.at(at);
    watching.heard(name, ReceivedSignal::new(at, signal)).await.unwrap()
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

#[async_trait]
impl StateStore for World {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        self.records.read(keys).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        self.records.due(kind, until, limit).await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        self.records.next_due(kind).await
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        self.records.list(kind, list, after, limit).await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        self.records.counts(kind).await
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        // Others go on meanwhile, as they do where a write takes its time.
        tokio::task::yield_now().await;
        let between = self.between.lock().unwrap().take();
        if let Some(changes) = between {
            self.records.write(&changes, None).await?;
        }
        if self.writes_left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.writes_left.store(0, Ordering::SeqCst);
            return Err(PortError::new(PortErrorKind::Unavailable, "the store is gone"));
        }
        assert!(changes.len() <= self.most, "{} changes", changes.len());
        self.records.write(changes, audit).await?;
        self.writes.lock().unwrap().push(changes.len());
        if let Some(audit) = audit {
            self.audited.lock().unwrap().push(audit.action.clone());
        }
        Ok(())
    }

    fn most_changes(&self) -> usize {
        self.most
    }
}

#[async_trait]
impl AgentConditions for World {
    async fn changes(&self, changes: &[ConditionChange], _now: Timestamp) -> PortResult<Vec<StateChange>> {
        self.told.lock().unwrap().extend_from_slice(changes);
        Ok(Vec::new())
    }
}

#[async_trait]
impl HeartbeatSource for World {
    async fn heard(&self, asked: &[(AgentName, Timestamp)], now: Timestamp) -> PortResult<Vec<(AgentName, Vec<Beat>)>> {
        self.asked.lock().unwrap().push(asked.len());
        if *self.is_deaf.lock().unwrap() {
            return Err(PortError::new(PortErrorKind::Unavailable, "throttled"));
        }
        let beats = self.beats.lock().unwrap();
        let heard = |(name, since): &(AgentName, Timestamp)| {
            let beats = beats
                .get(name)?
                .iter()
                .filter(|beat| beat.at > *since && beat.at <= now);
            Some((name.clone(), beats.cloned().collect()))
        };
        Ok(asked.iter().filter_map(heard).collect())
    }
}

#[async_trait]
impl Agents for World {
    async fn add(&self, _: &NewAgent, _: &NewToken, _: &AuditEntry) -> PortResult<()> {
        unreachable!("the watch adds nobody with a token")
    }

    async fn rotate(&self, _: &AgentName, _: &NewToken, _: Timestamp, _: &AuditEntry) -> PortResult<()> {
        unreachable!("the watch knows no tokens")
    }

    async fn revoke(&self, _: &AgentName, _: Timestamp, _: &AuditEntry) -> PortResult<()> {
        unreachable!("the watch revokes nobody")
    }

    async fn by_token(&self, _: &TokenHash, _: Timestamp) -> PortResult<Option<Agent>> {
        unreachable!("the watch knows no tokens")
    }

    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
        let revoked = self.agents.lock().unwrap().get(name).copied();
        Ok(matches!(revoked, Some(None)).then(|| plain(name)))
    }

    async fn register(&self, name: &AgentName, _: Timestamp) -> PortResult<()> {
        self.agents.lock().unwrap().entry(name.clone()).or_default();
        Ok(())
    }

    async fn list(&self) -> PortResult<Vec<AgentStatus>> {
        let agents = self.agents.lock().unwrap();
        let status = |(name, revoked): (&AgentName, &Option<Timestamp>)| AgentStatus {
            agent: plain(name),
            created_at: Timestamp::UNIX_EPOCH,
            revoked_at: *revoked,
            last_beat: None,
        };
        Ok(agents.iter().map(status).collect())
    }

    async fn page(&self, _: Option<&AgentName>, _: usize) -> PortResult<Vec<AgentStatus>> {
        unreachable!("the watch reads no pages")
    }

    async fn status(&self, _: &AgentName) -> PortResult<Option<AgentStatus>> {
        unreachable!("the watch asks for nobody's register")
    }
}

fn plain(name: &AgentName) -> Agent {
    Agent {
        name: name.clone(),
        role: Role::Agent,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    }
}

#[async_trait]
impl AuditTrail for World {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        self.audited.lock().unwrap().push(entry.action.clone());
        Ok(())
    }

    async fn list(&self, _: &AuditFilter, _: Option<Cursor>, _: usize) -> PortResult<Page<AuditRow>> {
        unreachable!("the watch reads no trail")
    }

    async fn verify(&self) -> PortResult<Verification> {
        unreachable!("the watch reads no trail")
    }

    async fn checkpoint(&self, _: Timestamp) -> PortResult<()> {
        unreachable!("the watch binds no chains")
    }

    async fn oldest(&self, _: Timestamp, _: usize) -> PortResult<Option<Section>> {
        unreachable!("the watch cuts nothing")
    }

    async fn cut(&self, _: &Section, _: &AuditEntry) -> PortResult<()> {
        unreachable!("the watch cuts nothing")
    }

    async fn clear(&self, _: usize) -> PortResult<u64> {
        unreachable!("the watch cuts nothing")
    }
}
