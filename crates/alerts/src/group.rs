//! A group of alerts: what is kept of it, how it is read, and what a decision changes of it.

use std::collections::BTreeMap;

use cc_devops_kernel::port_error::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, written};
use crate::decide::{Decision, Verdict};
use crate::delivery::Delivery;
use crate::policy::ALONE;

/// What is kept of a group of alerts for as long as it has any. Its members are those in the list of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRecord {
    /// The route's id.
    pub(crate) route: String,
    /// The labels that its members are grouped by, with their values.
    pub(crate) labels: Vec<(String, String)>,
    /// When anything of it was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told_at: Option<Timestamp>,
}

impl GroupRecord {
    pub(crate) fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the group {:?} cannot be read", record.key.name);
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })
    }

    pub(crate) fn change(&self, list: &str, version: u64) -> PortResult<StateChange> {
        Ok(StateChange {
            key: RecordKey::new(RecordKind::Group, list),
            version,
            content: Some(Content {
                due_at: None,
                list: None,
                body: written(self)?,
            }),
        })
    }
}

/// A group as it was read.
pub(crate) struct Read {
    pub(crate) list: String,
    pub(crate) members: Vec<Alert>,
    /// By a member's name: its place among them, and the version it was read in.
    pub(crate) places: BTreeMap<String, (usize, u64)>,
    /// The version it was read in, 0 where there is none.
    pub(crate) version: u64,
    pub(crate) record: GroupRecord,
    /// The members' deliveries that were not sent yet, each in the version it was read in.
    pub(crate) unsent: BTreeMap<String, (u64, Delivery)>,
}

impl Read {
    pub(crate) fn version_of(&self, alert: &Alert) -> u64 {
        self.places.get(&alert.name()).map_or(0, |(_, version)| *version)
    }

    /// Takes in a member as it was read; of one that is there already the newer version stays.
    pub(crate) fn add(&mut self, alert: Alert, version: u64) {
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
    pub(crate) fn put(&mut self, alert: &Alert) {
        let version = self.version_of(alert) + 1;
        self.add(alert.clone(), version);
    }

    /// Whether no member is left, where these changed.
    pub(crate) fn is_done_with<'a>(&self, changed: impl Iterator<Item = &'a Alert>) -> bool {
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

    pub(crate) fn end(&self) -> StateChange {
        StateChange {
            key: RecordKey::new(RecordKind::Group, self.list.as_str()),
            version: self.version,
            content: None,
        }
    }

    /// Takes on what was written, so that the rest can be decided without reading it again.
    pub(crate) fn took(&mut self, decision: &Decision, now: Timestamp) {
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
pub(crate) fn changes_of(group: &Read, decision: &Decision, now: Timestamp) -> PortResult<Vec<StateChange>> {
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
    let Verdict::Tell(notifications) = &decision.verdict else {
        return Ok(changes);
    };
    for notification in notifications {
        for channel in &notification.channels {
            let mut message = notification.message.clone();
            message.channel = (!channel.is_empty()).then(|| channel.clone());
            let name = Delivery::name_of(now, notification.order, &message.id, channel);
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
