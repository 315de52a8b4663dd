//! What a plan changes: a row for each resource, and the sum that policies are asked with.

use std::collections::BTreeSet;

use cc_devops_kernel::access::PlanContext;
use serde::{Deserialize, Serialize};

/// What is done to a resource. Others than the three are not classified, and count nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ChangeAction {
    /// It is made.
    Add,
    /// It is changed, in place or by another that takes its place.
    Modify,
    /// It leaves the stack.
    Remove,
    /// Something else, in CloudFormation's word.
    Other(String),
}

impl ChangeAction {
    /// The word, as CloudFormation has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Add => "Add",
            Self::Modify => "Modify",
            Self::Remove => "Remove",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for ChangeAction {
    fn from(word: String) -> Self {
        match word.as_str() {
            "Add" => Self::Add,
            "Modify" => Self::Modify,
            "Remove" => Self::Remove,
            _ => Self::Other(word),
        }
    }
}

impl From<ChangeAction> for String {
    fn from(action: ChangeAction) -> Self {
        action.as_str().to_owned()
    }
}

/// Whether another resource takes the place of this one. The worst comes last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replacement {
    /// It stays.
    #[default]
    No,
    /// That is known only when it is done.
    Maybe,
    /// It is replaced.
    Yes,
}

/// A property before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyChange {
    /// Where it is: `/Properties/MemorySize`.
    pub path: String,
    /// What it was; none where it was not there, is not known, or is masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it will be, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether its values are hidden, because they are or may hold a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
}

/// A resource that a plan changes. Written it is a row of the plan file's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Row {
    /// Logical ids from the root, joined by `/`: the only one of its plan.
    pub path: String,
    /// What is done.
    pub action: ChangeAction,
    /// The resource's name in its template.
    pub logical_id: String,
    /// The provider's own name of it, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_id: Option<String>,
    /// Its type, such as `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// Whether it is replaced: the worst of all signals.
    pub replacement: Replacement,
    /// Why it is or may be replaced, as properties' names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// What becomes of the one that goes, in CloudFormation's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_action: Option<String>,
    /// Whether it holds data.
    pub stateful: bool,
    /// Whether its data goes, or may go.
    pub lost: bool,
    /// Whether it changes whose rights something runs with.
    pub iam: bool,
    /// Whether somebody changed it past its template.
    pub drifted: bool,
    /// The paths of properties whose values are hidden.
    pub masked: Vec<String>,
    /// What changes in it.
    pub properties: Vec<PropertyChange>,
}

/// The sum of a plan's rows, as policies are told it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Summary {
    /// Resources that are made.
    pub adds: u32,
    /// Resources that are changed.
    pub modifies: u32,
    /// Resources that leave the stack.
    pub removes: u32,
    /// Resources that are or may be replaced.
    pub replacements: u32,
    /// Whether one that holds data is replaced, whatever is kept of it.
    pub replaces_stateful: bool,
    /// Whether one that holds data leaves the stack and is not retained.
    pub deletes_stateful: bool,
    /// Whether one that holds data may be replaced.
    pub maybe_replaces_stateful: bool,
    /// Whether a row's data goes, or may go.
    pub loses_stateful: bool,
    /// Whether somebody's rights change.
    pub changes_iam: bool,
    /// Whether the stack, or what is changed in it, was changed past its template.
    pub drifted: bool,
    /// Whether CloudFormation would neither roll back nor ask (`EXPRESS`).
    pub express: bool,
    /// Whether something could not be read or classified.
    pub unknown_change: bool,
    /// The types of what is changed.
    pub resource_types: BTreeSet<String>,
}

impl Summary {
    /// What policies are told of a plan with this sum, before anything is said of who asks and who approved it.
    pub fn context(&self) -> PlanContext {
        PlanContext {
            adds: self.adds,
            modifies: self.modifies,
            removes: self.removes,
            replacements: self.replacements,
            replaces_stateful: self.replaces_stateful,
            deletes_stateful: self.deletes_stateful,
            maybe_replaces_stateful: self.maybe_replaces_stateful,
            loses_stateful: self.loses_stateful,
            changes_iam: self.changes_iam,
            drifted: self.drifted,
            express: self.express,
            unknown_change: self.unknown_change,
            resource_types: self.resource_types.clone(),
            ..PlanContext::default()
        }
    }
}
