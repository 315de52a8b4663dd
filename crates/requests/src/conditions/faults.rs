//! Requests that failed on our side of the fence, counted over a while for each action.

use cc_devops_alerts::{ConditionChange, ConditionLimits};
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::newest_requests::newest_requests;
use super::standing;
use crate::ports::{PortError, PortErrorKind, PortResult, Ports};

/// How many faults of an action are remembered, the newest.
const MOST: usize = 1_000;

/// How often a write is tried that others came before.
const TRIES: u32 = 8;

/// How many actions are looked at in one go.
const AT_ONCE: usize = 100;

/// The faults of an action, as they are kept: when and in which request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Faults {
    of: Vec<(Timestamp, String)>,
}

impl Faults {
    fn read(record: Option<&Record>) -> Self {
        // What cannot be read is counted anew.
        let kept = record.and_then(|record| serde_json::from_str(&record.content.body).ok());
        kept.unwrap_or_default()
    }

    /// Takes one in, once, and lets go of those from before the window.
    fn add(&mut self, at: Timestamp, request: &str, since: Timestamp) {
        if !self.of.iter().any(|(_, known)| known == request) {
            self.of.push((at, request.to_owned()));
        }
        self.of.retain(|(at, _)| *at > since);
        self.of.sort_unstable();
        let over = self.of.len().saturating_sub(MOST);
        self.of.drain(..over);
    }

    fn change(&self, record: Option<&Record>, key: RecordKey, limits: &ConditionLimits) -> PortResult<StateChange> {
        let newest = self.of.last().map(|(at, _)| *at);
        let body = serde_json::to_string(self);
        let content = newest.map(|newest| {
            Ok(Content {
                due_at: newest.saturating_add(limits.requests_window).ok(),
                list: None,
                body: body.map_err(|error| {
                    PortError::new(PortErrorKind::Corrupt, "faults cannot be written").because(error)
                })?,
            })
        });
        Ok(StateChange {
            key,
            version: record.map_or(0, |record| record.version),
            content: content.transpose()?,
        })
    }
}

/// Takes a fault into the count of its action; whether there are enough of them to tell people.
pub(super) async fn count(
    ports: &Ports,
    limits: &ConditionLimits,
    (key, completed): (&str, &Completed),
    now: Timestamp,
) -> PortResult<bool> {
    let since = now.saturating_sub(limits.requests_window).unwrap_or(Timestamp::MIN);
    let key = RecordKey::new(RecordKind::Source, key);
    for _ in 0..TRIES {
        let record = ports.state.read_one(&key).await?;
        let mut faults = Faults::read(record.as_ref());
        faults.add(completed.timestamp, &completed.request_id, since);
        let change = faults.change(record.as_ref(), key.clone(), limits)?;
        if record.is_none() && change.content.is_none() {
            // It is of before the window: nobody has to hear of it any more.
            return Ok(false);
        }
        match ports.state.write(&[change], None).await {
            Err(error) if error.kind == PortErrorKind::Superseded => {}
            Err(error) => return Err(error),
            Ok(()) => {
                let many = u32::try_from(faults.of.len()).unwrap_or(u32::MAX) >= limits.requests_failed;
                return Ok(limits.requests_failed > 0
                    && many
                    && share(ports, limits, completed, (since, faults.of.len())).await?);
            }
        }
    }
    Err(PortError::new(
        PortErrorKind::Unavailable,
        "others count faults of this action at the same time",
    ))
}

/// Whether so many faults since then are as large a share of what came in the window and ended as is asked. What took
/// longer than the window is among the faults alone.
async fn share(
    ports: &Ports,
    limits: &ConditionLimits,
    completed: &Completed,
    (since, faults): (Timestamp, usize),
) -> PortResult<bool> {
    if limits.requests_failed_percent == 0 {
        return Ok(true);
    }
    let all = newest_requests(ports, Some(&completed.action), since).await?;
    let ended = all.iter().filter(|request| request.completed.is_some()).count();
    Ok(faults * 100 >= ended * usize::from(limits.requests_failed_percent))
}

/// Says what is over, because no request of the action has failed so for the window.
pub(super) async fn calm(ports: &Ports, limits: &ConditionLimits, now: Timestamp) -> PortResult<()> {
    let due = ports.state.due(RecordKind::Source, now, AT_ONCE).await?;
    for record in due.iter().filter(|record| record.key.name.starts_with("requests/")) {
        let newest = Faults::read(Some(record)).of.last().map(|(at, _)| *at);
        let end = newest.and_then(|newest| newest.saturating_add(limits.requests_window).ok());
        if end.is_some_and(|end| end > now) {
            continue;
        }
        let over = ConditionChange::Resolved {
            key: record.key.name.clone(),
            at: now,
            title: standing::over(&record.key.name),
        };
        // Said before it is forgotten. Whoever counts a fault meanwhile has another version of the record.
        ports.conditions.note(&[over], now).await?;
        match ports.state.write(&[record.clone().removal()], None).await {
            Err(error) if error.kind != PortErrorKind::Superseded => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
