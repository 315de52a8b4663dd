//! How long the control plane waits, how often it tries, whose requests it takes, and from where on people are told.

use std::collections::BTreeMap;

use cc_devops_alerts::ConditionLimits;
use cc_devops_deploys::DeploySettings;
use cc_devops_kernel::names::Stage;
use jiff::SignedDuration;

/// How requests are carried out: leases, tries and time limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSettings {
    /// How long a claimed request belongs to its holder before another may take it, unless the
    /// claim is renewed.
    pub lease: SignedDuration,
    /// How often a request is tried before it ends as an error; at least 1.
    pub max_attempts: u32,
    /// How long a stack's change may take before its request ends as a timeout.
    pub deploy_timeout: SignedDuration,
    /// The same for other work that is done elsewhere.
    pub work_timeout: SignedDuration,
    /// The same for the stages that have their own.
    pub stage_deploy_timeouts: BTreeMap<Stage, SignedDuration>,
    /// The stage whose requests are taken from the bus, where each stage has a control plane of
    /// its own; without it, every stage's.
    pub serves: Option<Stage>,
    /// How far behind a consumer of the outbox may be, and how much longer than a deploy may take a
    /// request may stay open, before the health check says so.
    pub lag: SignedDuration,
    /// From where on something is a condition that people are told of.
    pub conditions: ConditionLimits,
    /// How stacks are deployed.
    pub deploys: DeploySettings,
}

impl Default for RequestSettings {
    fn default() -> Self {
        Self {
            lease: SignedDuration::from_secs(60),
            max_attempts: 5,
            deploy_timeout: SignedDuration::from_hours(1),
            work_timeout: SignedDuration::from_hours(1),
            stage_deploy_timeouts: BTreeMap::new(),
            serves: None,
            lag: SignedDuration::from_mins(5),
            conditions: ConditionLimits::default(),
            deploys: DeploySettings::default(),
        }
    }
}
