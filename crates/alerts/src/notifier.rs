//! The notifier: what is due is decided, and what is decided is written with the messages, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cc_devops_kernel::port_error::{PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Content, RecordKey, RecordKind, StateChange, StateStore};
use jiff::{SignedDuration, Timestamp};

use crate::alert::Alert;
use crate::decide::{Decision, DecisionContext, Group, Verdict, decide};
use crate::delivery::Delivery;
use crate::group::{GroupRecord, Read, changes_of};
use crate::policy::{ALONE, AlertPolicy, Route};
use crate::seen::wake;
use crate::silence::{MODE, Maintenance, Silence};

/// Turns alerts that are due into messages.
#[derive(Clone)]
pub struct Notifier {
    state: Arc<dyn StateStore>,
    policy: Arc<AlertPolicy>,
    maintenance: Option<String>,
    /// Whether it was looked, since the process began, whether the policy changed.
    compared: Arc<AtomicBool>,
}

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// How many messages were decided, each for one or more channels.
    pub told: usize,
    /// When the next turn has something to do; none where nothing is to come.
    pub next: Option<Timestamp>,
}

/// How many alerts that are due are read at once.
const PAGE: usize = 200;
/// How many members of a group are read at once.
const MEMBERS: usize = 1_000;
/// How many deliveries of a group's members are looked for at most.
const MOST_UNSENT: usize = 2_000;
/// How many pages of due alerts one turn takes at most; what is left is due in the next.
const MOST_PAGES: usize = 500;
/// How long a silence is kept after its end, for whoever looks back.
const KEEP_SILENCES: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What holds at an instant, read once for a turn.
struct Circumstances {
    silences: Vec<Silence>,
    maintenance: Option<String>,
}

impl Notifier {
    /// Over a store, by a policy. `maintenance` says why nothing is done unasked, where the configuration says so.
    pub fn new(state: Arc<dyn StateStore>, policy: Arc<AlertPolicy>, maintenance: Option<String>) -> Self {
        Self {
            state,
            policy,
            maintenance,
            compared: Arc::default(),
        }
    }

    /// Decides everything that is due at `now`. What somebody else decides at the same time is left to them.
    pub async fn turn(&self, now: Timestamp) -> PortResult<Turn> {
        if !self.compared.load(Ordering::Relaxed) {
            self.compare_policy(now).await?;
            self.compared.store(true, Ordering::Relaxed);
        }
        let mut told = 0;
        let mut circumstances = None;
        // What cannot be read keeps nobody from being told of the rest.
        let mut broken = None;
        for _ in 0..MOST_PAGES {
            let due = self.state.due(RecordKind::Alert, now, PAGE).await?;
            if due.is_empty() {
                break;
            }
            if circumstances.is_none() {
                circumstances = Some(self.circumstances(now).await?);
            }
            let Some(around) = &circumstances else { break };
            let mut seen = BTreeSet::new();
            let mut went_on = false;
            for record in &due {
                let alert = match Alert::of(record) {
                    Ok(alert) => alert,
                    Err(error) => {
                        broken.get_or_insert(error);
                        continue;
                    }
                };
                if alert.is_done() {
                    went_on |= self.forget(record.key.clone(), record.version).await?;
                    continue;
                }
                let name = if alert.list == ALONE {
                    alert.name()
                } else {
                    alert.list.clone()
                };
                if seen.insert(name)
                    && let Some(messages) = self.settle(alert, record.version, around, now).await?
                {
                    told += messages;
                    went_on = true;
                }
            }
            if !went_on {
                break;
            }
        }
        self.forget_silences(now).await?;
        if let Some(error) = broken {
            return Err(error);
        }
        let next = self.state.next_due(RecordKind::Alert).await?;
        Ok(Turn { told, next })
    }

    /// Lets everything that is open be decided again where the policy is another than before.
    async fn compare_policy(&self, now: Timestamp) -> PortResult<()> {
        let key = RecordKey::new(RecordKind::Source, "alerts/policy");
        let before = self.state.read_one(&key).await?;
        let fingerprint = format!("\"{}\"", self.policy.fingerprint());
        if before.as_ref().is_some_and(|record| record.content.body == fingerprint) {
            return Ok(());
        }
        if before.is_some() {
            wake(self.state.as_ref(), now, |_| true).await?;
        }
        let change = StateChange {
            key,
            version: before.map_or(0, |record| record.version),
            content: Some(Content {
                due_at: None,
                list: None,
                body: fingerprint,
            }),
        };
        match self.state.write(&[change], None).await {
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(()),
            written => written,
        }
    }

    async fn circumstances(&self, now: Timestamp) -> PortResult<Circumstances> {
        let mut silences = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .state
                .list(RecordKind::Silence, None, after.as_deref(), MEMBERS)
                .await?;
            for record in &page {
                let silence = Silence::of(record)?;
                if silence.from <= now && now < silence.to {
                    silences.push(silence);
                }
            }
            match page.last() {
                Some(last) if page.len() >= MEMBERS => after = Some(last.key.name.clone()),
                _ => break,
            }
        }
        let key = RecordKey::new(RecordKind::Maintenance, MODE);
        let mode = self.state.read_one(&key).await?;
        let mode = mode.map(|record| Maintenance::of(&record)).transpose()?;
        let on = mode.filter(|mode| mode.is_on(now)).map(|mode| mode.reason);
        Ok(Circumstances {
            silences,
            maintenance: on.or_else(|| self.maintenance.clone()),
        })
    }

    /// Decides the group of an alert until nothing of it is due; how many messages that were. None where somebody else
    /// was faster.
    async fn settle(
        &self,
        alert: Alert,
        version: u64,
        around: &Circumstances,
        now: Timestamp,
    ) -> PortResult<Option<usize>> {
        let route = match self.policy.route(&alert.route) {
            Some(route) => route.clone(),
            None if alert.is_further => Route::gone(&alert.route),
            None => match self.policy.routes_of(&alert.condition).first() {
                Some(route) => return self.take_another_route(alert, version, route).await,
                None => Route::gone(&alert.route),
            },
        };
        let mut group = self.group(alert, version, &route).await?;
        let mut told = 0;
        let mut most = self.state.most_changes().saturating_sub(20).max(1);
        loop {
            self.find_unsent(&mut group, now).await?;
            let unsent: BTreeSet<String> = group.unsent.keys().cloned().collect();
            let told_at = match group.members.as_slice() {
                [alone] if group.list == ALONE => alone.told_at,
                _ => group.record.told_at,
            };
            let decision = decide(
                &Group {
                    list: &group.list,
                    route: &route,
                    labels: &group.record.labels,
                    told_at,
                    members: &group.members,
                    unsent: &unsent,
                },
                &DecisionContext {
                    policy: &self.policy,
                    silences: &around.silences,
                    maintenance: around.maintenance.as_deref(),
                },
                most,
                now,
            );
            let Verdict::Tell(messages) = &decision.verdict else {
                let settled = self.put_off(&mut group, &decision).await?;
                return Ok((settled || told > 0).then_some(told));
            };
            let count = messages.len();
            let changes = changes_of(&group, &decision, now)?;
            if changes.len() > self.state.most_changes() && most > 1 {
                most = (most / 2).min(decision.told.len() / 2).max(1);
                continue;
            }
            match self.state.write(&changes, None).await {
                Err(error) if error.kind == PortErrorKind::Superseded => {
                    return Ok((told > 0).then_some(told));
                }
                written => written?,
            }
            told += count;
            let more = decision.told.len() >= most;
            group.took(&decision, now);
            if !self.put_off(&mut group, &decision).await? || !more {
                return Ok(Some(told));
            }
        }
    }

    /// The configuration has its route no more: it goes to the group that it belongs to now.
    async fn take_another_route(&self, mut alert: Alert, version: u64, route: &Route) -> PortResult<Option<usize>> {
        alert.route.clone_from(&route.id);
        alert.list = route.list_of(&alert.condition);
        match self.state.write(&[alert.change(version)?], None).await {
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(None),
            written => written.map(|()| Some(0)),
        }
    }

    async fn group(&self, alert: Alert, version: u64, route: &Route) -> PortResult<Read> {
        let record = GroupRecord {
            route: route.id.clone(),
            labels: route.group_labels(&alert.condition),
            told_at: None,
        };
        let mut read = Read {
            list: alert.list.clone(),
            places: BTreeMap::new(),
            members: Vec::new(),
            version: 0,
            record,
            unsent: BTreeMap::new(),
        };
        if read.list == ALONE {
            read.add(alert, version);
            return Ok(read);
        }
        let key = RecordKey::new(RecordKind::Group, read.list.as_str());
        if let Some(kept) = self.state.read_one(&key).await? {
            read.version = kept.version;
            read.record = GroupRecord::of(&kept)?;
        }
        let mut after: Option<String> = None;
        loop {
            let page = self
                .state
                .list(RecordKind::Alert, Some(&read.list), after.as_deref(), MEMBERS)
                .await?;
            for record in &page {
                if let Ok(alert) = Alert::of(record) {
                    read.add(alert, record.version);
                }
            }
            match page.last() {
                Some(last) if page.len() >= MEMBERS => after = Some(last.key.name.clone()),
                _ => break,
            }
        }
        // An index may lag behind: what was found due is in any case a member.
        read.add(alert, version);
        Ok(read)
    }

    /// Looks which of the last messages that something may have made untrue were not sent yet.
    async fn find_unsent(&self, group: &mut Read, now: Timestamp) -> PortResult<()> {
        let pending = group.members.iter().filter(|alert| {
            let is_due = alert.due_at.is_some_and(|due| due <= now);
            is_due || (!alert.state.is_open() && alert.is_believed())
        });
        let names: BTreeSet<&String> = pending
            .flat_map(|alert| alert.told.values().map(|told| &told.delivery))
            .collect();
        let names: Vec<&String> = names.into_iter().rev().take(MOST_UNSENT).collect();
        let mut unsent = BTreeMap::new();
        for page in names.chunks(100) {
            let keys: Vec<RecordKey> = page
                .iter()
                .map(|name| RecordKey::new(RecordKind::Delivery, name.as_str()))
                .collect();
            for record in self.state.read(&keys).await?.into_iter().flatten() {
                if let Ok(delivery) = Delivery::of(&record) {
                    unsent.insert(record.key.name, (record.version, delivery));
                }
            }
        }
        group.unsent = unsent;
        Ok(())
    }

    /// Writes what waits, or is over without a word. Whether anything was written.
    async fn put_off(&self, group: &mut Read, decision: &Decision) -> PortResult<bool> {
        let mut changes = Vec::with_capacity(decision.others.len());
        for alert in &decision.others {
            changes.push(alert.change(group.version_of(alert))?);
        }
        if !matches!(decision.verdict, Verdict::Tell(_))
            && group.version > 0
            && group.is_done_with(decision.others.iter())
        {
            changes.push(group.end());
        }
        let mut wrote = changes.is_empty();
        for page in changes.chunks(self.state.most_changes().max(1)) {
            match self.state.write(page, None).await {
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                written => {
                    written?;
                    wrote = true;
                }
            }
        }
        for alert in &decision.others {
            group.put(alert);
        }
        Ok(wrote)
    }

    /// Whether it is gone: somebody else may have written it meanwhile.
    async fn forget(&self, key: RecordKey, version: u64) -> PortResult<bool> {
        let change = StateChange {
            key,
            version,
            content: None,
        };
        match self.state.write(&[change], None).await {
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(false),
            written => written.map(|()| true),
        }
    }

    async fn forget_silences(&self, now: Timestamp) -> PortResult<()> {
        let before = now.saturating_sub(KEEP_SILENCES).unwrap_or(Timestamp::MIN);
        let old = self.state.due(RecordKind::Silence, before, 50).await?;
        for record in old {
            self.forget(record.key, record.version).await?;
        }
        Ok(())
    }
}
