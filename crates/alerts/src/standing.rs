//! How alerts stand, as a page shows them: what is open with what matters most first, what is over in pages, and what
//! became of an alert's messages.

use cc_devops_kernel::port_error::PortResult;
use cc_devops_kernel::ports::{MOST_KEYS, RecordKey, RecordKind};

use crate::acting::Alerts;
use crate::alert::{Alert, AlertState, LastMessage};
use crate::condition::{ConditionKind, Severity};
use crate::delivery::Delivery;
use crate::policy::{ALONE, AlertPolicy, OVER};
use crate::seen::PAGE;

/// How many groups are read at most.
const MOST_GROUPS: usize = 60;

/// Alerts whose condition is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenAlerts {
    /// What matters most comes first; of one severity what nobody takes care of, and then what is open for longest.
    pub alerts: Vec<Alert>,
    /// Whether there are more than were read.
    pub more: bool,
}

impl OpenAlerts {
    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let of = |alert: &&Alert| alert.condition.severity == severity;
        self.alerts.iter().filter(of).count()
    }
}

/// What was told last by a channel of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastNotification {
    /// The channel.
    pub channel: String,
    /// What was told.
    pub told: LastMessage,
    /// The message, as long as it was not sent.
    pub unsent: Option<Delivery>,
}

impl Alerts {
    /// By what it is decided who is told.
    pub fn policy(&self) -> &AlertPolicy {
        &self.policy
    }

    /// What is open: `most` alerts at most, of the first 60 groups. However many there are, that many are read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open(&self, most: usize) -> PortResult<OpenAlerts> {
        let groups = self.state.list(RecordKind::Group, None, None, MOST_GROUPS).await?;
        let mut open = OpenAlerts {
            more: groups.len() >= MOST_GROUPS,
            ..OpenAlerts::default()
        };
        let mut lists = vec![ALONE.to_owned()];
        lists.extend(groups.into_iter().map(|group| group.key.name));
        for list in lists {
            let room = most.saturating_sub(open.alerts.len());
            if room == 0 {
                open.more = true;
                break;
            }
            let found = self.state.list(RecordKind::Alert, Some(&list), None, room).await?;
            open.more |= found.len() >= room;
            for record in &found {
                let alert = Alert::of(record)?;
                if alert.state.is_open() && !alert.is_further {
                    open.alerts.push(alert);
                }
            }
        }
        open.alerts.sort_by(|one, other| {
            let place = |alert: &Alert| {
                let taken = alert.state == AlertState::Acknowledged;
                (alert.condition.severity, taken, alert.condition.since)
            };
            let places = place(one).cmp(&place(other));
            places.then_with(|| one.condition.key.cmp(&other.condition.key))
        });
        Ok(open)
    }

    /// What is over, by the names of its conditions, from behind `after` (the name of one), `limit` at most; and the name
    /// behind which the next page begins.
    ///
    /// # Errors
    /// What the store says.
    pub async fn over(
        &self,
        kind: Option<ConditionKind>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<(Vec<Alert>, Option<String>)> {
        let limit = limit.clamp(1, PAGE);
        let first = kind.map(|kind| format!("{}/", kind.as_str()));
        let after = match (&first, after) {
            (Some(first), Some(after)) if after.starts_with(first) => Some(after),
            (Some(first), _) => Some(first.as_str()),
            (None, after) => after,
        };
        let found = self.state.list(RecordKind::Alert, Some(OVER), after, limit).await?;
        let full = found.len() >= limit;
        let within = |name: &str| first.as_deref().is_none_or(|first| name.starts_with(first));
        let last = found.last().map(|record| record.key.name.clone());
        let next = last.filter(|last| full && within(last));
        let of_kind = found.iter().filter(|record| within(&record.key.name));
        let alerts: Vec<Alert> = of_kind.map(Alert::of).collect::<PortResult<_>>()?;
        let alerts = alerts.into_iter().filter(|alert| !alert.is_further).collect();
        Ok((alerts, next))
    }

    /// What each channel was told last of an alert, by the channels' names.
    ///
    /// # Errors
    /// What the store says.
    pub async fn told_by(&self, alert: &Alert) -> PortResult<Vec<LastNotification>> {
        let told: Vec<(&String, &LastMessage)> = alert.told.iter().take(MOST_KEYS).collect();
        let key = |(_, told): &(&String, &LastMessage)| RecordKey::new(RecordKind::Delivery, told.delivery.as_str());
        let keys: Vec<RecordKey> = told.iter().map(key).collect();
        let unsent = self.state.read(&keys).await?;
        let all = told.into_iter().zip(unsent).map(|((channel, told), record)| {
            Ok(LastNotification {
                channel: channel.clone(),
                told: told.clone(),
                unsent: record.as_ref().map(Delivery::of).transpose()?,
            })
        });
        all.collect()
    }
}
