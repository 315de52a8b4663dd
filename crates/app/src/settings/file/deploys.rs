//! The section of the deploys of all stacks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[deploys]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeploysSection {
    /// The user that commands run as, where their stack names none.
    #[schemars(length(min = 1))]
    pub user: Option<String>,
    /// How long a plan waits for approval, in seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub approval_timeout_seconds: u32,
    /// Whether a change is refused of which nobody can say what it will do.
    pub require_plan: bool,
    /// Resource types that hold data, beside those that are known to.
    pub stateful_types: Vec<String>,
    /// The stages on which a stack is searched for drift before it is planned.
    pub detect_drift: Vec<String>,
    /// When nothing is deployed, and when alone something is.
    pub freezes: Vec<FreezeSection>,
    /// What makes CloudFormation roll back, by stage.
    pub rollback_triggers: BTreeMap<String, TriggersSection>,
}

impl Default for DeploysSection {
    fn default() -> Self {
        Self {
            user: None,
            approval_timeout_seconds: 86_400,
            require_plan: false,
            stateful_types: Vec::new(),
            detect_drift: vec!["prod".to_owned()],
            freezes: Vec::new(),
            rollback_triggers: BTreeMap::new(),
        }
    }
}

/// `[[deploys.freezes]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "kind", "cron", "duration"]))]
pub struct FreezeSection {
    /// What people call it.
    pub name: String,
    /// What it does.
    // The schema requires it; without it the rest of the section can still be checked.
    pub kind: Option<FreezeKindName>,
    /// When it begins: a cron expression of five fields, or a name such as `@daily`.
    pub cron: String,
    /// How long it lasts, as in `2d 12h`.
    pub duration: String,
    /// The IANA zone that the cron expression is read in.
    pub zone: String,
    /// The stacks that it is about, by name without the stage or as patterns; all where none is named.
    pub stacks: Vec<String>,
    /// The stages that it is about; all where none is named.
    pub stages: Vec<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Default for FreezeSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: None,
            cron: String::new(),
            duration: String::new(),
            zone: "UTC".to_owned(),
            stacks: Vec::new(),
            stages: Vec::new(),
            reason: None,
        }
    }
}

/// What a window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FreezeKindName {
    /// Nothing is deployed while it is open.
    Deny,
    /// Nothing is deployed while no such window is open.
    Allow,
}

/// `[deploys.rollback_triggers.STAGE]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TriggersSection {
    /// ARNs of CloudWatch alarms.
    pub alarms: Vec<String>,
    /// For how many minutes after a change they are watched.
    #[schemars(range(min = 0, max = 180))]
    pub minutes: u16,
}
