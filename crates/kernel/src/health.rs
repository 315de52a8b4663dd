//! The control plane's own health, as `/health` and the function answer it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Mark;
use crate::installation::Installation;

/// What this control plane answers for, as section 3 of the wire contract fixes it: other systems
/// look for these names. A capability that is not set up says so when it is asked for.
pub const CAPABILITIES: [&str; 7] = [
    "github_repo_check",
    "workflow_monitor",
    "heartbeat_metrics",
    "agent_registration",
    "devops_requests",
    "secret_management",
    "lambda_deployment",
];

/// Whether a dependency works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It works.
    Healthy,
    /// It does not, or not well.
    Degraded,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it works.
    pub status: Condition,
    /// What is wrong and what to do; absent when it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Check {
    /// A dependency that works.
    pub fn healthy(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: Condition::Healthy,
            message: None,
        }
    }

    /// A dependency that does not, and what to do.
    pub fn degraded(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: Condition::Degraded,
            message: Some(message.into()),
        }
    }
}

/// The body of `health_check`, section 3 of the wire contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Healthy when every check is.
    pub status: Condition,
    /// This control plane's agent name.
    pub agent: String,
    /// Its version.
    pub version: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// How it behaves: `normal` or `maintenance`.
    pub mode: Mode,
    /// Each dependency.
    pub checks: Vec<Check>,
    /// Where the audit trail ends, for those who may know what is wrong; absent where it has several chains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<Mark>,
    /// When this was found out.
    pub timestamp: Timestamp,
}

/// Whether the control plane acts on its own initiative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It does.
    #[default]
    Normal,
    /// It watches, reports and serves requests, and changes nothing unasked.
    Maintenance,
}

impl Health {
    /// The same without sentences, for those who are not to know what this control plane consists of.
    #[must_use]
    pub fn in_short(mut self) -> Self {
        for check in &mut self.checks {
            check.message = None;
        }
        self.audit_head = None;
        self
    }

    /// Puts the body together.
    pub fn of(installation: &Installation, mode: Mode, checks: Vec<Check>, timestamp: Timestamp) -> Self {
        let healthy = checks.iter().all(|check| check.status == Condition::Healthy);
        Self {
            status: if healthy {
                Condition::Healthy
            } else {
                Condition::Degraded
            },
            agent: installation.agent.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            mode,
            checks,
            audit_head: None,
            timestamp,
        }
    }
}
