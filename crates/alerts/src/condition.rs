//! What needs a person, with the labels by which it is routed.

use std::collections::BTreeMap;

use cc_devops_kernel::names::{AgentName, Stage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan_notice::PlanNotice;

/// How much a condition matters. The worst comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody is to be woken.
    Critical,
    /// Somebody is to look at it today.
    #[default]
    Warning,
    /// It is worth knowing.
    Info,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Info];

    /// The severity of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What a condition is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionKind {
    /// An agent that is down.
    Agent,
    /// Requests that fail or are slow.
    Requests,
    /// A deploy that failed.
    Deploy,
    /// A deploy that waits for somebody's approval.
    Approval,
    /// A day's MRR that failed, is incomplete or fell.
    Revenue,
    /// A repository that does not hold the policy.
    Hygiene,
    /// A workflow that fails.
    Workflow,
    /// Events or deliveries that were given up.
    DeadLetters,
    /// A reader of the event log that is far behind.
    Cursor,
    /// An audit chain that is broken.
    Audit,
    /// A secret that is older than its rotation age.
    Secret,
    /// What is spent, against what comes in.
    Spend,
    /// A channel by which nobody can be told.
    Channel,
    /// What an agent has people told of.
    Published,
}

impl ConditionKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Agent,
        Self::Requests,
        Self::Deploy,
        Self::Approval,
        Self::Revenue,
        Self::Hygiene,
        Self::Workflow,
        Self::DeadLetters,
        Self::Cursor,
        Self::Audit,
        Self::Secret,
        Self::Spend,
        Self::Channel,
        Self::Published,
    ];

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name, as the label `kind` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Requests => "requests",
            Self::Deploy => "deploy",
            Self::Approval => "approval",
            Self::Revenue => "revenue",
            Self::Hygiene => "hygiene",
            Self::Workflow => "workflow",
            Self::DeadLetters => "dead-letters",
            Self::Cursor => "cursor",
            Self::Audit => "audit",
            Self::Secret => "secret",
            Self::Spend => "spend",
            Self::Channel => "channel",
            Self::Published => "published",
        }
    }
}

/// Something that needs a person, for as long as it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The same for the same matter, for ever: `agent/Writer`, `deploy/cc-agent-x-dev`, `workflow/acme/web/ci.yml`.
    pub key: String,
    /// What it is of.
    pub kind: ConditionKind,
    /// How much it matters.
    pub severity: Severity,
    /// The agent it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The stage it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The agent's own tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// When it began: the computed time of a flip, not when it was found.
    pub since: Timestamp,
    /// One line: what is the matter.
    pub title: String,
    /// What is known of it and what to do, as plain text. Others may have written parts of it.
    pub text: String,
    /// What the agent sent with its last ping, where it did; shown by channels that are allowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether it is a failure that was reported, of which a route may want several in a row before it tells one
    /// (`failures`). Silence is none: it is told at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts: bool,
    /// The plan that it waits for a decision on, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanNotice>,
}

/// The labels that a condition has of itself; a tag may not be called so.
pub const OWN_LABELS: [&str; 5] = ["key", "kind", "severity", "stage", "agent"];

impl Condition {
    /// The value of a label; none where the condition has it not.
    pub fn label(&self, name: &str) -> Option<&str> {
        match name {
            "key" => Some(&self.key),
            "kind" => Some(self.kind.as_str()),
            "severity" => Some(self.severity.as_str()),
            "stage" => self.stage.as_ref().map(Stage::as_str),
            "agent" => self.agent.as_ref().map(AgentName::as_str),
            tag => self.tags.get(tag).map(String::as_str),
        }
    }
}

/// What becomes of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionChange {
    /// It is there. Where it was open already, what is said of it is renewed, and it keeps its beginning.
    Opened(Box<Condition>),
    /// It is over.
    Resolved {
        /// Which one.
        key: String,
        /// Since when.
        at: Timestamp,
        /// One line: what is true now.
        title: String,
    },
    /// Nobody is to wait for its end: an agent was paused or removed.
    Closed {
        /// Which one.
        key: String,
        /// Since when.
        at: Timestamp,
        /// Why, with who did it: `paused by ana`.
        why: String,
    },
}

impl ConditionChange {
    /// The condition's key.
    pub fn key(&self) -> &str {
        match self {
            Self::Opened(condition) => &condition.key,
            Self::Resolved { key, .. } | Self::Closed { key, .. } => key,
        }
    }
}

impl Condition {
    /// A condition of no agent, with the labels that all have; `title` and `text` as [`crate::wording`] makes them.
    pub fn new(
        key: impl Into<String>,
        (kind, severity): (ConditionKind, Severity),
        since: Timestamp,
        title: String,
        text: String,
    ) -> Self {
        Self {
            key: key.into(),
            kind,
            severity,
            agent: None,
            stage: None,
            tags: BTreeMap::new(),
            since,
            title,
            text,
            body: None,
            counts: false,
            plan: None,
        }
    }

    /// Every label that it has, with its value.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let own = OWN_LABELS.into_iter();
        let own = own.filter_map(|name| Some((name.to_owned(), self.label(name)?.to_owned())));
        own.chain(self.tags.clone()).collect()
    }

    /// The same, of a plan that somebody is to decide on.
    #[must_use]
    pub fn of_plan(mut self, plan: PlanNotice) -> Self {
        self.plan = Some(plan);
        self
    }

    /// The same, on a stage.
    #[must_use]
    pub fn on(mut self, stage: Option<Stage>) -> Self {
        self.stage = stage;
        self
    }

    /// The same, with a tag by which it can be routed.
    #[must_use]
    pub fn tagged(mut self, name: &str, value: impl Into<String>) -> Self {
        self.tags.insert(name.to_owned(), value.into());
        self
    }

    /// It is there.
    pub fn opened(self) -> ConditionChange {
        ConditionChange::Opened(Box::new(self))
    }
}

/// The kind of a condition by its key: what stands before the first `/`.
pub fn kind_of(key: &str) -> Option<ConditionKind> {
    let name = key.split('/').next().unwrap_or_default();
    ConditionKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}
