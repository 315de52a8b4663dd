//! What is put on record, its place in the chain, and which of it is asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hash::ChainHash;
use crate::names::AgentName;
use crate::outcome::{Reason, Status};

/// Something to be put on record. Never holds a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When it happened.
    pub at: Timestamp,
    /// Who was proven to ask; none for the control plane's own acts and unproven callers.
    pub principal: Option<AgentName>,
    /// Whom it was for.
    pub agent: Option<AgentName>,
    /// What was asked: a request's action, or one of [`actions`].
    pub action: String,
    /// The request, where there is one.
    pub request_id: Option<String>,
    /// The stage, where there is one.
    pub stage: Option<String>,
    /// The secret, stack or agent it was about.
    pub resource: Option<String>,
    /// Whether it was done.
    pub status: Status,
    /// Why it was not.
    pub reason: Option<Reason>,
    /// More that is safe to keep: the deciding policies, a version id, an error's sentence.
    pub detail: Value,
}

/// Actions on record that are not requests.
pub mod actions {
    /// An agent was added.
    pub const AGENT_ADDED: &str = "agent.added";
    /// An agent's token was replaced.
    pub const TOKEN_ROTATED: &str = "agent.token_rotated";
    /// An agent's tokens were revoked.
    pub const AGENT_REVOKED: &str = "agent.revoked";
    /// An agent was given an access key, with which its AWS SDK signs.
    pub const AWS_KEY_ADDED: &str = "agent.key_added";
    /// An agent's access keys were ended.
    pub const AWS_KEY_ENDED: &str = "agent.key_ended";
    /// An agent's secret access key was shown again.
    pub const AWS_KEY_READ: &str = "agent.key_read";
    /// A person signed in to the dashboard.
    pub const SESSION_BEGUN: &str = "session.begun";
    /// A person signed out of the dashboard.
    pub const SESSION_ENDED: &str = "session.ended";
    /// An operator made a link that signs in once.
    pub const SESSION_LINK_MADE: &str = "session.link_made";
    /// An act was asked for by the dashboard that no policy permits.
    pub const ACT_DENIED: &str = "act.denied";
    /// A secret's value was handed out.
    pub const SECRET_READ: &str = "secret.read";
    /// What is said of a secret was asked for, beside its value.
    pub const SECRET_DESCRIBED: &str = "secret.described";
    /// A secret was made without a value, or what is said of it was changed.
    pub const SECRET_CHANGED: &str = "secret.changed";
    /// A change of a secret that is kept elsewhere was begun.
    pub const SECRET_CHANGE_BEGUN: &str = "secret.change_begun";
    /// The secrets' master key was replaced.
    pub const KEY_ROTATED: &str = "secrets.key_rotated";
    /// A new pair of keys was made for values to be sealed to.
    pub const SEALING_KEY_ROTATED: &str = "sealing_key.rotated";
    /// A webhook subscription was added.
    pub const WEBHOOK_ADDED: &str = "webhook.added";
    /// A webhook subscription was removed.
    pub const WEBHOOK_REMOVED: &str = "webhook.removed";
    /// A webhook's endpoint was switched off, because it only failed for too long.
    pub const WEBHOOK_DISABLED: &str = "webhook.disabled";
    /// A webhook's endpoint was switched on again.
    pub const WEBHOOK_ENABLED: &str = "webhook.enabled";
    /// A stack whose last change's fate nobody knew was freed, after somebody had looked.
    pub const STACK_RELEASED: &str = "stack.released";
    /// A trail that had been rolled back was taken as it stood.
    pub const ROLL_BACK_ACCEPTED: &str = "audit.roll_back_accepted";
    /// A backup was put in the database's place.
    pub const RESTORED: &str = "store.restored";
    /// The oldest rows were cut off.
    pub const CUT: &str = "audit.cut";
    /// The ends of several chains were bound together.
    pub const CHECKPOINT: &str = "audit.checkpoint";
    /// A change to a repository was begun.
    pub const REPOSITORY_CHANGE_BEGUN: &str = "repository.change_begun";
    /// A change to a repository ended.
    pub const REPOSITORY_CHANGED: &str = "repository.changed";
    /// Writing, changing or closing an issue about a workflow was begun.
    pub const ISSUE_BEGUN: &str = "issue.begun";
    /// An issue about a workflow was written.
    pub const ISSUE_CREATED: &str = "issue.created";
    /// An issue about a workflow was brought up to date.
    pub const ISSUE_UPDATED: &str = "issue.updated";
    /// An issue about a workflow was closed.
    pub const ISSUE_CLOSED: &str = "issue.closed";
    /// Dead letters were given back for delivery.
    pub const DEAD_LETTERS_REPLAYED: &str = "webhook.dead_letters_replayed";
    /// Somebody took care of an alert.
    pub const ALERT_ACKNOWLEDGED: &str = "alert.acknowledged";
    /// Alerts were silenced for a time.
    pub const ALERTS_SILENCED: &str = "alert.silenced";
    /// A silence was ended before its time.
    pub const ALERTS_UNSILENCED: &str = "alert.unsilenced";
    /// Somebody had people told of something.
    pub const ALERT_PUBLISHED: &str = "alert.published";
    /// Maintenance mode was switched on.
    pub const MAINTENANCE_ON: &str = "maintenance.on";
    /// Maintenance mode was switched off.
    pub const MAINTENANCE_OFF: &str = "maintenance.off";
    /// Events that were set aside were given back to a consumer of the outbox.
    pub const EVENTS_GIVEN_BACK: &str = "outbox.given_back";
    /// How an agent is watched was set.
    pub const WATCH_SET: &str = "agent.watch_set";
    /// An agent was paused: nobody waits for it.
    pub const AGENT_PAUSED: &str = "agent.paused";
    /// An agent was resumed.
    pub const AGENT_RESUMED: &str = "agent.resumed";
    /// An agent was made by a ping to a slug that was nobody's.
    pub const AGENT_MADE_BY_PING: &str = "agent.made_by_ping";
    /// Which Slack user an operator is was set.
    pub const SLACK_USER_SET: &str = "agent.slack_user_set";
    /// An agent's ping address was shown.
    pub const PING_ADDRESS_READ: &str = "agent.ping_address_read";
    /// An agent was given another ping address.
    pub const PING_ADDRESS_ROTATED: &str = "agent.ping_address_rotated";
    /// The key under which slugs are pinged was replaced.
    pub const PING_KEY_ROTATED: &str = "ping_key.rotated";
    /// A deploy's plan was made.
    pub const PLAN_MADE: &str = "plan.made";
    /// Somebody approved a plan.
    pub const PLAN_APPROVED: &str = "plan.approved";
    /// Somebody denied a plan, or nobody could ever permit it.
    pub const PLAN_DENIED: &str = "plan.denied";
    /// A plan was not approved in time.
    pub const PLAN_EXPIRED: &str = "plan.expired";
    /// A newer plan of the stack took a plan's place.
    pub const PLAN_SUPERSEDED: &str = "plan.superseded";
    /// The stack, or what would have run, was changed after a plan was made.
    pub const PLAN_MOVED: &str = "plan.moved";
    /// A plan was permitted, and begun to be carried out.
    pub const PLAN_APPLIED: &str = "plan.applied";
    /// Somebody let a plan run in a freeze.
    pub const PLAN_FREEZE_OVERRIDDEN: &str = "plan.freeze_overridden";
}

/// An entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// The chain it stands in, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Its place in the chain, from 1, without gaps.
    pub seq: i64,
    /// What is on record.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The hash of the row before; for the first, where the chain starts from.
    pub prev_hash: ChainHash,
    /// This row's hash.
    pub hash: ChainHash,
}

/// Which rows to list; every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those for or by this agent.
    pub agent: Option<AgentName>,
    /// Those with this action.
    pub action: Option<String>,
    /// Those that ended so.
    pub status: Option<Status>,
    /// Those that were refused for this reason.
    pub reason: Option<Reason>,
    /// Those about what begins so: a secret, a stack, an agent.
    pub resource: Option<String>,
    /// Those of this request.
    pub request: Option<String>,
    /// Those at or after.
    pub since: Option<Timestamp>,
    /// Those before.
    pub until: Option<Timestamp>,
    /// How many rows are looked at for a page, about, so that it costs no more than that: a page may be short then,
    /// and still go on. Where the times of rows are bounded, only rows that stand near them are looked at. Without: until
    /// the page is full.
    pub reach: Option<usize>,
}

impl AuditFilter {
    /// Whether it selects what is on record.
    pub fn selects(&self, entry: &AuditEntry) -> bool {
        let concerns = |name| entry.agent.as_ref() == Some(name) || entry.principal.as_ref() == Some(name);
        let begins = |wanted: &String| {
            let resource = entry.resource.as_ref();
            resource.is_some_and(|resource| resource.starts_with(wanted))
        };
        self.agent.as_ref().is_none_or(concerns)
            && self.action.as_ref().is_none_or(|action| *action == entry.action)
            && self.status.is_none_or(|status| status == entry.status)
            && self.reason.is_none_or(|reason| entry.reason == Some(reason))
            && self.resource.as_ref().is_none_or(begins)
            && (self.request.is_none() || self.request == entry.request_id)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }
}
