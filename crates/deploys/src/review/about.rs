//! What else the approver sees of a change set, beside its rows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A parameter of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its value; none where it is hidden or stays what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What the value stands for, where it is the name of a parameter in the parameter store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// Whether its value is hidden.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// Whether it stays what it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
}

/// What else the approver sees of a change set. Nested stacks' parameters and tags have the stack's path before their
/// name: `Data/Size`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The stack's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The parameters by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// The stack's tags. A nested stack's stand here where they are not the root's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What the template may do: `CAPABILITY_IAM` and its like.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<String>,
    /// The role that CloudFormation changes the stack with (`RoleARN`), where whoever read the set knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where CloudFormation sends the stack's events.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub notifications: BTreeSet<String>,
    /// What rolls the change back: the type and ARN of each trigger.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rollback_triggers: BTreeSet<String>,
    /// For how many minutes after the change they are watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_minutes: Option<u64>,
    /// What else is set of how it is carried out: `OnStackFailure`, `DeploymentMode`, `DeploymentConfig.Mode`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modes: BTreeMap<String, String>,
}
