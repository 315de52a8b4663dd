//! What agents have people told of themselves: a message to the alert topic. It is an alert like any other, and as nobody
//! says when it is over, a day ends it.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::port_error::{PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange, StateStore};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::acting::{Alerts, busy};
use crate::condition::{Condition, ConditionChange, ConditionKind, Severity};
use crate::conditions::{Conditions, TRIES};
use crate::ports::ConditionSink;
use crate::wording;

/// How long what was published is open, from when it was published last.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many may be open at once.
const MOST_OPEN: usize = 200;

/// How many of them may be one agent's, so that none takes the room of all.
const MOST_OF_ONE: usize = 50;

/// The list of what is open.
const LIST: &str = "published";

/// What somebody has people told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// One line.
    pub subject: String,
    /// All of it.
    pub text: String,
    /// How much it matters.
    pub severity: Severity,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It is told, under this key: the same for the same words of the same agent.
    Published(String),
    /// So many are open that no more is taken, which is on record; a sentence for whoever asked.
    TooMany(String),
}

impl Alerts {
    /// Has people told of something. The same again while it is open is the same: it is not told anew and stays open for
    /// longer.
    ///
    /// # Errors
    /// What no policy permits, which is on record; what the store says.
    pub async fn publish(&self, notice: &Notice, by: &AgentName, actor: Actor<'_>) -> Result<PublishOutcome, ActError> {
        let now = self.now();
        let author = self
            .author(actor, &Access::PublishAlert, actions::ALERT_PUBLISHED, now)
            .await?;
        let key = key_of(notice, by);
        let condition = condition(&key, notice, by, now);
        let conditions = Conditions::new(self.state.clone(), self.policy.clone());
        for _ in 0..TRIES {
            let record = RecordKey::new(RecordKind::Source, key.as_str());
            let kept = self.state.read_one(&record).await?;
            if kept.is_none() {
                let open = self.state.list(RecordKind::Source, Some(LIST), None, MOST_OPEN).await?;
                if let Some(message) = too_many(&open, by) {
                    let detail = json!({"title": condition.title, "severity": notice.severity, "error": message});
                    let refused = AuditEntry {
                        status: Status::Error,
                        reason: Some(Reason::InvalidParameter),
                        ..author.entry(now, actions::ALERT_PUBLISHED, key, detail)
                    };
                    self.audit.append(&refused).await?;
                    return Ok(PublishOutcome::TooMany(message));
                }
            }
            let mut changes = conditions.changes(&[condition.clone().opened()], now).await?;
            changes.push(StateChange {
                key: record,
                version: kept.map_or(0, |kept| kept.version),
                content: Some(Content {
                    due_at: Some(now.saturating_add(OPEN_FOR).unwrap_or(Timestamp::MAX)),
                    list: Some(LIST.to_owned()),
                    body: json!({"publishedAt": now}).to_string(),
                }),
            });
            let detail = json!({"title": condition.title, "severity": notice.severity});
            let entry = author.entry(now, actions::ALERT_PUBLISHED, key.clone(), detail);
            if self.written(&changes, &entry).await? {
                return Ok(PublishOutcome::Published(key));
            }
        }
        Err(busy())
    }
}

/// Closes what was published a day ago and not again. To be called as often as anybody likes.
///
/// # Errors
/// What the store says. What was closed before that stays closed.
pub async fn end_published(state: &dyn StateStore, sink: &dyn ConditionSink, now: Timestamp) -> PortResult<()> {
    let due = state.due(RecordKind::Source, now, MOST_OPEN).await?;
    // Of the same kind are others' records, too.
    for record in due.iter().filter(|record| record.content.list.as_deref() == Some(LIST)) {
        let closed = ConditionChange::Closed {
            key: record.key.name.clone(),
            at: now,
            why: "it was published a day ago".to_owned(),
        };
        // In one write: no alert stays open that nothing would end. Of one that changes meanwhile, as by being published
        // again, the next look decides.
        let mut changes = sink.records(&[closed], now).await?;
        changes.push(record.clone().removal());
        match state.write(&changes, None).await {
            Err(error) if error.kind != PortErrorKind::Superseded => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Why no more is taken, where so many are open, and what to do.
fn too_many(open: &[Record], by: &AgentName) -> Option<String> {
    let own = keys_of(by);
    let of_it = open.iter().filter(|record| record.key.name.starts_with(own.as_str()));
    let whose = if of_it.count() >= MOST_OF_ONE {
        format!("{by} has {MOST_OF_ONE} alerts open that it published, and no agent has more")
    } else if open.len() >= MOST_OPEN {
        format!("{MOST_OPEN} alerts that agents published are open, and no more is taken")
    } else {
        return None;
    };
    Some(format!(
        "{whose}: wait until older ones have ended, each a day after it was published last. What is open already may be \
         published again in the same words"
    ))
}

/// What the keys of an agent's words begin with.
fn keys_of(by: &AgentName) -> String {
    format!("{}/{by}/", ConditionKind::Published.as_str())
}

/// The key of an agent's words.
fn key_of(notice: &Notice, by: &AgentName) -> String {
    let words = format!("{}\n{}\n{}", notice.severity.as_str(), notice.subject, notice.text);
    let mut digest = hex::encode(Sha256::digest(words));
    digest.truncate(16);
    format!("{}{digest}", keys_of(by))
}

fn condition(key: &str, notice: &Notice, by: &AgentName, now: Timestamp) -> Condition {
    let title = wording::title(&format!("{by}: {}", notice.subject));
    let known = format!("{by} published:\n\n{}", notice.text);
    let text = wording::text(ConditionKind::Published, &known, "a day after it was published last");
    let kind = (ConditionKind::Published, notice.severity);
    Condition {
        agent: Some(by.clone()),
        ..Condition::new(key, kind, now, title, text)
    }
}
