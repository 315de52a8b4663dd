//! What is configured of deploys.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::names::Stage;
use jiff::SignedDuration;

use crate::freeze::Freezes;
use crate::order::Order;

/// How stacks are deployed: `[deploys]`, and the order of `[stacks.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploySettings {
    /// How long a plan waits for approval: 1 second to 30 days.
    pub approval_timeout: SignedDuration,
    /// Whether a change is refused of which nobody knows what it will do.
    pub require_plan: bool,
    /// The resource types that hold data, beside those that are known to.
    pub stateful_types: BTreeSet<String>,
    /// When nothing is deployed.
    pub freezes: Freezes,
    /// Which stacks need which.
    pub order: Order,
    /// The stages on which a stack is searched for drift before it is planned.
    pub drift_stages: BTreeSet<Stage>,
    /// What makes CloudFormation roll back, by stage.
    pub rollback_triggers: BTreeMap<Stage, RollbackTriggers>,
}

impl Default for DeploySettings {
    fn default() -> Self {
        Self {
            approval_timeout: SignedDuration::from_hours(24),
            require_plan: false,
            stateful_types: BTreeSet::new(),
            freezes: Freezes::default(),
            order: Order::default(),
            drift_stages: Stage::new("prod").into_iter().collect(),
            rollback_triggers: BTreeMap::new(),
        }
    }
}

/// What CloudFormation watches while it changes a stack, and for a while after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollbackTriggers {
    /// ARNs of CloudWatch alarms, 5 at most. One that goes off rolls the change back.
    pub alarms: Vec<String>,
    /// For how many minutes after the change they are watched: 0 to 180.
    pub minutes: u16,
}
