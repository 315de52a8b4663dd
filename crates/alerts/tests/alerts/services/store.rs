//! A store that counts and interferes, and what the services are tried with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cc_devops_alerts::policy::Route;
use cc_devops_alerts::{
    AlertPolicy, Alerts, Condition, ConditionChange, ConditionKind, Conditions, Delivery, Notifier, Severity,
};
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Section, Verification};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{
    AuditTrail, Clock, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use cc_devops_kernel::records::RecordsInMemory;
use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};

/// A store in memory with a bound of its own, which keeps the audit rows and may be told to be beaten to a write.
#[derive(Default)]
pub(crate) struct Store {
    inner: RecordsInMemory,
    pub(crate) most: AtomicUsize,
    /// So many of the next writes come too late.
    pub(crate) beaten: AtomicUsize,
    pub(crate) rows: Mutex<Vec<AuditEntry>>,
    pub(crate) writes: Mutex<Vec<usize>>,
    /// How many lists were read.
    pub(crate) lists: AtomicUsize,
}

#[async_trait]
impl StateStore for Store {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        self.inner.read(keys).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        self.inner.due(kind, until, limit).await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        self.inner.next_due(kind).await
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.inner.list(kind, list, after, limit).await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        self.inner.counts(kind).await
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        assert!(changes.len() <= self.most_changes(), "{} changes", changes.len());
        if self
            .beaten
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(PortError::new(PortErrorKind::Superseded, "somebody else was faster"));
        }
        self.inner.write(changes, audit).await?;
        self.writes.lock().unwrap().push(changes.len());
        self.rows.lock().unwrap().extend(audit.cloned());
        Ok(())
    }

    fn most_changes(&self) -> usize {
        match self.most.load(Ordering::SeqCst) {
            0 => self.inner.most_changes(),
            most => most,
        }
    }
}

/// The audit trail: refusals only go here.
#[derive(Default)]
pub(crate) struct Trail(pub(crate) Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditTrail for Trail {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        self.0.lock().unwrap().push(entry.clone());
        Ok(())
    }
    async fn list(&self, _: &AuditFilter, _: Option<Cursor>, _: usize) -> PortResult<Page<AuditRow>> {
        unreachable!("nothing here reads the trail")
    }
    async fn verify(&self) -> PortResult<Verification> {
        unreachable!("nothing here verifies the trail")
    }
    async fn checkpoint(&self, _: Timestamp) -> PortResult<()> {
        unreachable!("nothing here binds the trail")
    }
    async fn oldest(&self, _: Timestamp, _: usize) -> PortResult<Option<Section>> {
        unreachable!("nothing here cuts the trail")
    }
    async fn cut(&self, _: &Section, _: &AuditEntry) -> PortResult<()> {
        unreachable!("nothing here cuts the trail")
    }
    async fn clear(&self, _: usize) -> PortResult<u64> {
        unreachable!("nothing here clears the trail")
    }
}

pub(crate) struct Hand(pub(crate) Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    let noon: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_secs(second)
}

/// One server over a store.
pub(crate) struct Tried {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) conditions: Conditions,
    pub(crate) notifier: Notifier,
    pub(crate) alerts: Alerts,
}

impl Tried {
    pub(crate) fn new(policy: AlertPolicy) -> Self {
        Self::over(Arc::new(Store::default()), policy)
    }

    pub(crate) fn over(store: Arc<Store>, policy: AlertPolicy) -> Self {
        let policy = Arc::new(policy);
        let (clock, trail) = (Arc::new(Hand(Mutex::new(at(0)))), Arc::new(Trail::default()));
        Self {
            conditions: Conditions::new(store.clone(), policy.clone()),
            notifier: Notifier::new(store.clone(), policy.clone(), None),
            alerts: Alerts::new(store.clone(), policy, trail.clone(), clock.clone()),
            store,
            clock,
            trail,
        }
    }

    pub(crate) fn note(&self, changes: &[ConditionChange], second: i64) {
        block_on(self.conditions.note(changes, at(second))).unwrap();
    }

    /// Decides at that second; how many messages.
    pub(crate) fn turn(&self, second: i64) -> usize {
        *self.clock.0.lock().unwrap() = at(second);
        block_on(self.notifier.turn(at(second))).unwrap().told
    }

    /// What waits to be sent, in its order.
    pub(crate) fn waiting(&self) -> Vec<Delivery> {
        self.records(RecordKind::Delivery)
            .iter()
            .map(|record| Delivery::of(record).unwrap())
            .collect()
    }

    pub(crate) fn records(&self, kind: RecordKind) -> Vec<Record> {
        block_on(self.store.list(kind, None, None, 100_000)).unwrap()
    }

    /// Sends everything: what was sent, in its order.
    pub(crate) fn send(&self) -> Vec<Delivery> {
        let waiting = self.waiting();
        for record in self.records(RecordKind::Delivery) {
            let change = StateChange {
                key: record.key,
                version: record.version,
                content: None,
            };
            block_on(self.store.write(&[change], None)).unwrap();
        }
        waiting
    }
}

pub(crate) fn condition(agent: &str, second: i64) -> Condition {
    let name = (ConditionKind::Agent, Severity::Warning);
    let mut condition = Condition::new(
        format!("agent/{agent}"),
        name,
        at(second),
        format!("{agent} is down"),
        String::new(),
    );
    condition.agent = Some(AgentName::new(agent).unwrap());
    condition
}

pub(crate) fn down(agent: &str, second: i64) -> ConditionChange {
    condition(agent, second).opened()
}

pub(crate) fn up(agent: &str, second: i64) -> ConditionChange {
    ConditionChange::Resolved {
        key: format!("agent/{agent}"),
        at: at(second),
        title: format!("{agent} is up again"),
    }
}

/// Everything to these channels, alone and at once.
pub(crate) fn plain(channels: &[&str]) -> AlertPolicy {
    AlertPolicy::plain(channels.iter().map(|name| (*name).to_owned()).collect())
}

/// Everything together, after ten seconds and then each five minutes.
pub(crate) fn together(channels: &[&str]) -> AlertPolicy {
    let mut policy = plain(channels);
    let route = policy.routes.remove(0);
    policy.routes.push(Route {
        id: "together".to_owned(),
        group_by: cc_devops_alerts::policy::Grouping::Labels(Vec::new()),
        group_wait: SignedDuration::from_secs(10),
        group_interval: SignedDuration::from_mins(5),
        ..route
    });
    policy
}

pub(crate) fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
