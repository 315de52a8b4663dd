//! What the backend's resources are called, section 4 of the wire contract.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_deploys::RollbackTriggers;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::Stage;
use cc_devops_requests::retention::Rules;

/// The names of everything the backend uses in one account, region and stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// The stage this control plane answers for.
    pub stage: Stage,
    /// The ledger's table.
    pub ledger_table: String,
    /// The table where MRR is kept. Others read it too.
    pub billing_table: String,
    /// The parameter with the enabled agents' names, separated by commas. Others write it too.
    pub enabled_agents: String,
    /// The parameter with the public key that values are sealed to. Each stage's own has the stage behind it.
    pub sealing_key: String,
    /// The secret whose text all of the ledger's keys derive from. It lies outside the namespace,
    /// so that no request can write it.
    pub ledger_key: String,
    /// The topic for alerts; without it they stand in the log.
    pub alert_topic_arn: Option<String>,
    /// The role that CloudFormation takes on for deploys; without it, the stack's own, or else the
    /// caller's.
    pub deploy_role_arn: Option<String>,
    /// The bucket in the stage's region that templates are put into which a call cannot hold; without it, they are
    /// refused.
    pub template_bucket: Option<String>,
    /// The stages on which a stack is searched for drift before it is planned.
    pub drift_stages: BTreeSet<Stage>,
    /// What makes CloudFormation roll a change back, by stage.
    pub rollback_triggers: BTreeMap<Stage, RollbackTriggers>,
    /// The event bus.
    pub event_bus: String,
    /// The function.
    pub function: String,
    /// The function that looks after repositories.
    pub repositories_function: String,
    /// The stack it is deployed as.
    pub stack: String,
    /// The name of the queue of requests.
    pub request_queue: String,
    /// How many days a request that has ended is remembered; until then its id gets the same answer.
    pub requests_days: u32,
    /// How many days an event is kept that everybody was told of.
    pub events_days: u32,
    /// How many days a dead letter is kept.
    pub dead_letters_days: u32,
}

impl Resources {
    /// The same, with rules of its own for how long what is kept.
    #[must_use]
    pub fn keeping(self, rules: &Rules) -> Self {
        Self {
            requests_days: rules.requests_days,
            events_days: rules.events_days,
            dead_letters_days: rules.dead_letters_days,
            ..self
        }
    }
}

impl Resources {
    /// The contract's names for an installation's stage.
    pub fn of(installation: &Installation, stage: Stage) -> Self {
        let (namespace, rules) = (installation.namespace.as_str(), Rules::default());
        Self {
            ledger_table: format!("DevOpsLedger-{stage}"),
            billing_table: format!("BillingMetrics-{stage}"),
            enabled_agents: format!("/{namespace}/agents/enabled"),
            sealing_key: format!("/{namespace}/devops/sealing-key"),
            ledger_key: format!("cc-devops/ledger-key-{stage}"),
            alert_topic_arn: None,
            deploy_role_arn: None,
            template_bucket: None,
            drift_stages: BTreeSet::new(),
            rollback_triggers: BTreeMap::new(),
            event_bus: "default".to_owned(),
            function: format!("cc-agent-devops-automation-{stage}"),
            repositories_function: format!("RepositoriesFn-{stage}"),
            stack: format!("cc-agent-devops-automation-{stage}"),
            request_queue: format!("devops-requests-{stage}"),
            requests_days: rules.requests_days,
            events_days: rules.events_days,
            dead_letters_days: rules.dead_letters_days,
            stage,
        }
    }
}
