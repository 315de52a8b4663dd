//! Taking an alert on: finding it by its key or id, and writing that somebody takes care of it.

use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::port_error::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Record, RecordKey, RecordKind, StateStore};

use crate::alert::{Acknowledged, Alert, AlertState};
use crate::conditions::TRIES;
use crate::seen::{PAGE, lists};

/// What came of it that somebody wanted to take an alert on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is theirs.
    Now(Box<Alert>),
    /// It was somebody's already, and stays so.
    Before(Box<Alert>),
    /// Its condition is over.
    Over(Box<Alert>),
    /// There is no such alert.
    Unknown,
}

/// Writes that somebody takes care of an alert, with the audit row that `entry` makes of it.
///
/// # Errors
/// `Unavailable` where others change it all the time.
pub async fn take(
    state: &dyn StateStore,
    which: &str,
    by: &Acknowledged,
    entry: impl Fn(&Alert) -> Option<AuditEntry> + Send + Sync,
) -> PortResult<Taken> {
    for _ in 0..TRIES {
        let Some((record, alert)) = find(state, which).await? else {
            return Ok(Taken::Unknown);
        };
        match alert.state {
            AlertState::Acknowledged => return Ok(Taken::Before(Box::new(alert))),
            AlertState::Resolved | AlertState::Closed => return Ok(Taken::Over(Box::new(alert))),
            AlertState::Open => {}
        }
        let mut changes = Vec::new();
        let mut taken = None;
        for (record, mut alert) in with_further(state, record, alert.clone()).await? {
            if alert.state == AlertState::Open {
                alert.state = AlertState::Acknowledged;
                alert.acknowledged = Some(by.clone());
                alert.due_at = Some(by.at);
                changes.push(alert.change(record.version)?);
                taken.get_or_insert(alert);
            }
        }
        match state.write(&changes, entry(&alert).as_ref()).await {
            Err(error) if error.kind == PortErrorKind::Superseded => {}
            written => {
                written?;
                return Ok(Taken::Now(Box::new(taken.unwrap_or(alert))));
            }
        }
    }
    let message = format!("the alert {which:?} is being changed all the time: try again");
    Err(PortError::new(PortErrorKind::Unavailable, message))
}

/// An alert by its condition's key or its id. By id those are looked through first of which something is to come.
pub(crate) async fn find(state: &dyn StateStore, which: &str) -> PortResult<Option<(Record, Alert)>> {
    if which.is_empty() || which.len() > 500 {
        return Ok(None);
    }
    let key = RecordKey::new(RecordKind::Alert, which);
    if let Some(record) = state.read_one(&key).await? {
        let alert = Alert::of(&record)?;
        return Ok((!alert.is_further).then_some((record, alert)));
    }
    if which.len() != 12 || !which.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    for list in lists(state).await? {
        let mut after: Option<String> = None;
        loop {
            let page = state
                .list(RecordKind::Alert, Some(&list), after.as_deref(), PAGE)
                .await?;
            let full = page.len() >= PAGE;
            after = page.last().map(|record| record.key.name.clone());
            for record in page {
                let alert = Alert::of(&record)?;
                if alert.id == which && !alert.is_further {
                    return Ok(Some((record, alert)));
                }
            }
            if !full {
                break;
            }
        }
    }
    Ok(None)
}

/// The alert with the records of its further routes.
async fn with_further(state: &dyn StateStore, record: Record, alert: Alert) -> PortResult<Vec<(Record, Alert)>> {
    let name = |route: &String| RecordKey::new(RecordKind::Alert, Alert::name_of(&alert.condition.key, Some(route)));
    let keys: Vec<RecordKey> = alert.further.iter().map(name).collect();
    let mut all = vec![(record, alert)];
    for page in keys.chunks(100) {
        for record in state.read(page).await?.into_iter().flatten() {
            let alert = Alert::of(&record)?;
            all.push((record, alert));
        }
    }
    Ok(all)
}
