//! Alerts as a list of them shows them, and how its pages follow each other.

use std::fmt;

use cc_devops_kernel::names::{AgentName, Stage};
use cc_devops_kernel::port_error::{PortErrorKind, PortResult};
use cc_devops_kernel::ports::{RecordKind, StateStore};
use jiff::Timestamp;
use serde::Serialize;

use crate::alert::{Acknowledged, Alert, AlertState, Waiting};
use crate::condition::{ConditionKind, Severity};
use crate::policy::{ALONE, OVER};

/// How many records are read at once.
pub(crate) const PAGE: usize = 500;

/// An alert in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// Its condition's key.
    pub key: String,
    /// What it is of.
    pub kind: ConditionKind,
    /// The agent it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The stage it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// How much it matters.
    pub severity: Severity,
    /// How it stands.
    pub state: AlertState,
    /// When its condition began.
    pub since: Timestamp,
    /// When it ended, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// One line: what is the matter, or what is true now.
    pub title: String,
    /// Since when it comes and goes too often to be told each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Timestamp>,
    /// Who takes care of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// What holds a message of it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waiting>,
    /// When it was first told; none where nobody was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) list: String,
}

/// A page of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The alerts.
    pub alerts: Vec<Seen>,
    /// What to ask for the next page by; none after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Seen {
    /// An alert that stands in a list.
    pub(crate) fn of(alert: &Alert, list: &str) -> Self {
        let condition = &alert.condition;
        let ended = alert.ended.as_ref();
        Self {
            id: alert.id.clone(),
            key: condition.key.clone(),
            kind: condition.kind,
            agent: condition.agent.clone(),
            stage: condition.stage.clone(),
            severity: condition.severity,
            state: alert.state,
            since: condition.since,
            ended: ended.map(|ended| ended.at),
            title: ended.map_or_else(|| condition.title.clone(), |ended| ended.line.clone()),
            flapping: alert.flapping,
            acknowledged: alert.acknowledged.clone(),
            waits: alert.waits.clone(),
            told: alert.told.values().map(|told| told.at).min(),
            list: list.to_owned(),
        }
    }
}

impl From<&Alert> for Seen {
    fn from(alert: &Alert) -> Self {
        Self::of(alert, &alert.list)
    }
}

/// Where a page ends: the list and the name of its last alert.
pub(crate) struct Cursor {
    pub(crate) list: String,
    pub(crate) name: String,
}

impl Cursor {
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (list, name) = text.split_once(':')?;
        Some(Self {
            list: list.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether this list comes no earlier than the cursor's: what is alone first, groups by name, what is over last.
    pub(crate) fn is_at_or_before(&self, list: &str) -> bool {
        order(list) >= order(&self.list)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.list, self.name)
    }
}

fn order(list: &str) -> (u8, &str) {
    match list {
        ALONE => (0, ""),
        OVER => (2, ""),
        group => (1, group),
    }
}

/// The lists in which alerts stand, in the order in which they are shown.
pub(crate) async fn lists(state: &dyn StateStore) -> PortResult<Vec<String>> {
    let mut lists = vec![ALONE.to_owned()];
    let mut after: Option<String> = None;
    loop {
        let page = state.list(RecordKind::Group, None, after.as_deref(), PAGE).await?;
        lists.extend(page.iter().map(|record| record.key.name.clone()));
        match page.last() {
            Some(last) if page.len() >= PAGE => after = Some(last.key.name.clone()),
            _ => break,
        }
    }
    lists.push(OVER.to_owned());
    Ok(lists)
}

/// Lets those alerts be decided now of which something is to come and of which `wanted` says so.
pub(crate) async fn wake(
    state: &dyn StateStore,
    now: Timestamp,
    wanted: impl Fn(&Alert) -> bool + Send + Sync,
) -> PortResult<()> {
    for list in lists(state).await?.into_iter().filter(|list| list != OVER) {
        let mut after: Option<String> = None;
        loop {
            let page = state
                .list(RecordKind::Alert, Some(&list), after.as_deref(), PAGE)
                .await?;
            for record in &page {
                let mut alert = Alert::of(record)?;
                if wanted(&alert) {
                    alert.due_at = Some(now);
                    match state.write(&[alert.change(record.version)?], None).await {
                        // Whoever changed it has it decided.
                        Err(error) if error.kind == PortErrorKind::Superseded => {}
                        written => written?,
                    }
                }
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = Some(last.key.name.clone()),
                _ => break,
            }
        }
    }
    Ok(())
}
