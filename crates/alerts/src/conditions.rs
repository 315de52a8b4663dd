//! What becomes of conditions, as changes of the alerts' records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::port_error::{PortErrorKind, PortResult};
use cc_devops_kernel::ports::{RecordKey, RecordKind, StateChange, StateStore};
use jiff::Timestamp;

use crate::alert::{Alert, AlertState};
use crate::condition::{Condition, ConditionChange};
use crate::group::GroupRecord;
use crate::policy::{ALONE, AlertPolicy, Route};
use crate::ports::ConditionSink;

/// Notes conditions that open, renew themselves and end.
#[derive(Clone)]
pub struct Conditions {
    state: Arc<dyn StateStore>,
    policy: Arc<AlertPolicy>,
}

/// How often a write is tried again that met another's.
pub(crate) const TRIES: usize = 20;

/// A record of an alert, while changes are made to it.
#[derive(Default)]
struct Kept {
    version: u64,
    alert: Option<Alert>,
    changed: bool,
    /// Whether there may be something to tell.
    look: bool,
}

impl Conditions {
    /// Over a store, told by a policy.
    pub fn new(state: Arc<dyn StateStore>, policy: Arc<AlertPolicy>) -> Self {
        Self { state, policy }
    }

    /// The changes of records that make conditions' changes, in order; to be written in one transaction with what gave
    /// rise to them. One for each condition that changes, one more for each further route it takes, and one for each
    /// group that begins. `Superseded` from that write: somebody else changed one of them; ask again.
    pub async fn changes(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<Vec<StateChange>> {
        let keys: BTreeSet<&str> = changes.iter().map(ConditionChange::key).collect();
        let mut kept = self
            .read(keys.iter().map(|key| Alert::name_of(key, None)).collect())
            .await?;
        let further: BTreeSet<String> = changes
            .iter()
            .flat_map(|change| {
                let key = change.key();
                let known = kept
                    .get(key)
                    .and_then(|kept| kept.alert.as_ref())
                    .map(|alert| alert.further.clone());
                let routes = match change {
                    ConditionChange::Opened(condition) => self.policy.routes_of(condition),
                    _ => Vec::new(),
                };
                let routes = routes.into_iter().skip(1).map(|route| route.id.clone());
                let all: Vec<String> = known.unwrap_or_default().into_iter().chain(routes).collect();
                all.into_iter().map(move |route| Alert::name_of(key, Some(&route)))
            })
            .collect();
        kept.extend(self.read(further.into_iter().collect()).await?);
        for change in changes {
            self.apply(change, &mut kept, now);
        }
        self.written(kept, now).await
    }

    /// Writes conditions' changes on their own. Those of one condition are written in their order.
    pub async fn note(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<()> {
        let most = self.state.most_changes();
        let mut rest = changes;
        let mut size = (most / 2).clamp(1, 20_000);
        let mut tries = 0;
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(size.min(rest.len()));
            let records = self.changes(part, now).await?;
            if records.len() > most && part.len() > 1 {
                size = part.len() / 2;
                continue;
            }
            if !records.is_empty() {
                match self.state.write(&records, None).await {
                    Err(error) if error.kind == PortErrorKind::Superseded && tries < TRIES => {
                        tries += 1;
                        continue;
                    }
                    written => written?,
                }
            }
            rest = behind;
            tries = 0;
        }
        Ok(())
    }

    async fn read(&self, names: Vec<String>) -> PortResult<BTreeMap<String, Kept>> {
        let mut kept = BTreeMap::new();
        for page in names.chunks(100) {
            let keys: Vec<RecordKey> = page
                .iter()
                .map(|name| RecordKey::new(RecordKind::Alert, name.as_str()))
                .collect();
            for (name, record) in page.iter().zip(self.state.read(&keys).await?) {
                let found = match record {
                    Some(record) => Kept {
                        version: record.version,
                        // One that cannot be read is begun anew: a flip must not wait for a person.
                        alert: Alert::of(&record).ok(),
                        ..Kept::default()
                    },
                    None => Kept::default(),
                };
                kept.insert(name.clone(), found);
            }
        }
        Ok(kept)
    }

    fn apply(&self, change: &ConditionChange, kept: &mut BTreeMap<String, Kept>, now: Timestamp) {
        let (key, at, line, state) = match change {
            ConditionChange::Opened(condition) => return self.open(condition, kept, now),
            ConditionChange::Resolved { key, at, title } => (key, at, title, AlertState::Resolved),
            ConditionChange::Closed { key, at, why } => (key, at, why, AlertState::Closed),
        };
        let further = kept
            .get(key)
            .and_then(|kept| kept.alert.as_ref())
            .map(|alert| alert.further.clone());
        let further = further.unwrap_or_default();
        let names = further.iter().map(|route| Alert::name_of(key, Some(route)));
        for name in std::iter::once(key.clone()).chain(names) {
            let Some(kept) = kept.get_mut(&name) else { continue };
            let ended = kept.alert.as_ref().and_then(|alert| alert.ended(*at, line, state, now));
            if let Some(alert) = ended {
                kept.changed = true;
                kept.look = !alert.is_done();
                kept.alert = Some(alert);
            }
        }
    }

    fn open(&self, condition: &Condition, kept: &mut BTreeMap<String, Kept>, now: Timestamp) {
        let nowhere = Route::gone("nowhere");
        let mut routes = self.policy.routes_of(condition);
        if routes.is_empty() {
            // It is listed, and nobody is told.
            routes.push(&nowhere);
        }
        let ids: Vec<String> = routes.iter().skip(1).map(|route| route.id.clone()).collect();
        for (place, route) in routes.into_iter().enumerate() {
            let further = place > 0;
            let name = Alert::name_of(&condition.key, further.then_some(route.id.as_str()));
            let kept = kept.entry(name).or_default();
            let Some((mut alert, look)) = Alert::opened(kept.alert.as_ref(), condition, route, further, now) else {
                continue;
            };
            if !further {
                let new = ids
                    .iter()
                    .filter(|id| !alert.further.contains(id))
                    .cloned()
                    .collect::<Vec<_>>();
                alert.further.extend(new);
            }
            kept.changed = true;
            kept.look |= look;
            kept.alert = Some(alert);
        }
    }

    async fn written(&self, kept: BTreeMap<String, Kept>, now: Timestamp) -> PortResult<Vec<StateChange>> {
        let changed = || {
            kept.values()
                .filter(|kept| kept.changed)
                .filter_map(|kept| Some((kept, kept.alert.as_ref()?)))
        };
        let lists = changed()
            .filter(|(kept, alert)| kept.look && alert.list != ALONE)
            .map(|(_, alert)| alert.list.as_str());
        let lists: Vec<&str> = lists.collect::<BTreeSet<_>>().into_iter().collect();
        let mut groups: BTreeMap<&str, Option<GroupRecord>> = BTreeMap::new();
        for page in lists.chunks(100) {
            let keys: Vec<RecordKey> = page
                .iter()
                .map(|list| RecordKey::new(RecordKind::Group, *list))
                .collect();
            for (list, record) in page.iter().zip(self.state.read(&keys).await?) {
                groups.insert(list, record.as_ref().map(GroupRecord::of).transpose()?);
            }
        }
        let mut records = Vec::new();
        let mut begun = BTreeSet::new();
        for (kept, alert) in changed() {
            let route = self.policy.route(&alert.route);
            let group = groups.get(alert.list.as_str());
            if let (true, Some(route), Some(None)) = (kept.look, route, group)
                && begun.insert(alert.list.as_str())
            {
                let group = GroupRecord {
                    route: route.id.clone(),
                    labels: route.group_labels(&alert.condition),
                    told_at: None,
                };
                records.push(group.change(&alert.list, 0)?);
            }
            let mut alert = alert.clone();
            if kept.look {
                let told_at = match group {
                    Some(group) => group.as_ref().and_then(|group| group.told_at),
                    None => alert.told_at,
                };
                let due = route.map_or(now, |route| due_of(route, told_at, now));
                alert.due_at = Some(
                    alert
                        .due_at
                        .filter(|before| *before > now)
                        .map_or(due, |before| before.min(due)),
                );
            }
            records.push(alert.change(kept.version)?);
        }
        Ok(records)
    }
}

/// When a group is told of what is noted now.
fn due_of(route: &Route, told_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let after = |from: Timestamp, lasts| from.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    let waited = after(now, route.group_wait);
    told_at.map_or(waited, |told| waited.max(after(told, route.group_interval)))
}

#[async_trait]
impl ConditionSink for Conditions {
    async fn note(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<()> {
        self.note(changes, now).await
    }

    async fn records(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<Vec<StateChange>> {
        self.changes(changes, now).await
    }
}
