//! Telling: what is due is decided, and what is decided is written with the messages, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cc_devops_kernel::port_error::{PortErrorKind, PortResult};
use cc_devops_kernel::ports::{RecordKey, RecordKind, StateChange, StateStore};
use jiff::{SignedDuration, Timestamp};

use crate::alert::Alert;
use crate::conditions::GroupRecord;
use crate::decide::{Around, Decision, Group, Verdict, decide};
use crate::delivery::Delivery;
use crate::policy::{ALONE, AlertPolicy, Route};
use crate::silence::{MODE, Maintenance, Silence};

/// Turns alerts that are due into messages.
#[derive(Clone)]
pub struct Telling {
    state: Arc<dyn StateStore>,
    policy: Arc<AlertPolicy>,
    maintenance: Option<String>,
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

/// A group as it was read.
struct Read {
    list: String,
    members: Vec<Alert>,
    /// By a member's name: its place among them, and the version it was read in.
    places: BTreeMap<String, (usize, u64)>,
    /// The version it was read in, 0 where there is none.
    version: u64,
    record: GroupRecord,
    /// The members' deliveries that were not sent yet, each in the version it was read in.
    unsent: BTreeMap<String, (u64, Delivery)>,
}

impl Telling {
    /// Over a store, by a policy. `maintenance` says why nothing is done unasked, where the configuration says so.
    pub fn new(state: Arc<dyn StateStore>, policy: Arc<AlertPolicy>, maintenance: Option<String>) -> Self {
        Self {
            state,
            policy,
            maintenance,
        }
    }

    /// Decides everything that is due at `now`. What somebody else decides at the same time is left to them.
    pub async fn turn(&self, now: Timestamp) -> PortResult<Turn> {
        let mut told = 0;
        let mut circumstances = None;
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
                let alert = Alert::of(record)?;
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
        let next = self.state.next_due(RecordKind::Alert).await?;
        Ok(Turn { told, next })
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
        let mode = self
            .state
            .read(&[RecordKey::new(RecordKind::Maintenance, MODE)])
            .await?;
        let mode = mode
            .into_iter()
            .flatten()
            .next()
            .map(|record| Maintenance::of(&record))
            .transpose()?;
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
                &Around {
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
        let kept = self
            .state
            .read(&[RecordKey::new(RecordKind::Group, read.list.as_str())])
            .await?;
        if let Some(kept) = kept.into_iter().flatten().next() {
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
                read.add(Alert::of(record)?, record.version);
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
                let delivery = Delivery::of(&record)?;
                unsent.insert(record.key.name, (record.version, delivery));
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

impl Read {
    fn version_of(&self, alert: &Alert) -> u64 {
        self.places.get(&alert.name()).map_or(0, |(_, version)| *version)
    }

    /// Takes in a member as it was read; of one that is there already the newer version stays.
    fn add(&mut self, alert: Alert, version: u64) {
        match self.places.get_mut(&alert.name()) {
            Some((_, known)) if *known >= version => {}
            Some((place, known)) => {
                *known = version;
                if let Some(member) = self.members.get_mut(*place) {
                    *member = alert;
                }
            }
            None => {
                self.places.insert(alert.name(), (self.members.len(), version));
                self.members.push(alert);
            }
        }
    }

    /// Takes on what was written of a member.
    fn put(&mut self, alert: &Alert) {
        let version = self.version_of(alert) + 1;
        self.add(alert.clone(), version);
    }

    /// Whether no member is left, where these changed.
    fn is_done_with<'a>(&self, changed: impl Iterator<Item = &'a Alert>) -> bool {
        let mut over = vec![None; self.members.len()];
        for alert in changed {
            if let Some(known) = self
                .places
                .get(&alert.name())
                .and_then(|(place, _)| over.get_mut(*place))
            {
                *known = Some(alert.is_done());
            }
        }
        let mut all = self.members.iter().zip(over);
        all.all(|(alert, over)| over.unwrap_or_else(|| alert.is_done()))
    }

    fn end(&self) -> StateChange {
        StateChange {
            key: RecordKey::new(RecordKind::Group, self.list.as_str()),
            version: self.version,
            content: None,
        }
    }

    /// Takes on what was written, so that the rest can be decided without reading it again.
    fn took(&mut self, decision: &Decision, now: Timestamp) {
        for alert in &decision.told {
            self.put(alert);
        }
        if decision.group_told {
            self.record.told_at = Some(now);
        }
        if self.list != ALONE {
            self.version += 1;
        }
    }
}

/// Everything that a decision to tell changes: the alerts, the group, the deliveries.
fn changes_of(group: &Read, decision: &Decision, now: Timestamp) -> PortResult<Vec<StateChange>> {
    let mut changes = Vec::with_capacity(decision.told.len() + 8);
    for alert in &decision.told {
        changes.push(alert.change(group.version_of(alert))?);
    }
    if group.list != ALONE {
        if group.is_done_with(decision.told.iter().chain(&decision.others)) {
            if group.version > 0 {
                changes.push(group.end());
            }
        } else {
            let mut record = group.record.clone();
            if decision.group_told {
                record.told_at = Some(now);
            }
            changes.push(record.change(&group.list, group.version)?);
        }
    }
    for name in &decision.replaced {
        changes.push(StateChange {
            key: RecordKey::new(RecordKind::Delivery, name.as_str()),
            version: group.unsent.get(name).map_or(0, |(version, _)| *version),
            content: None,
        });
    }
    let Verdict::Tell(tellings) = &decision.verdict else {
        return Ok(changes);
    };
    for telling in tellings {
        for channel in &telling.channels {
            let mut message = telling.message.clone();
            message.channel = (!channel.is_empty()).then(|| channel.clone());
            let name = Delivery::name_of(now, telling.order, &message.id, channel);
            let mut delivery = Delivery::new(message, channel, Some(&group.list));
            let before = decision.replaced.iter().filter_map(|name| group.unsent.get(name));
            let before = before
                .filter(|(_, before)| before.channel == *channel && !before.given_up)
                .map(|(_, before)| before.first_at);
            delivery.first_at = before.chain([now]).min().unwrap_or(now);
            changes.push(delivery.change(&name, 0, Some(now))?);
        }
    }
    Ok(changes)
}
