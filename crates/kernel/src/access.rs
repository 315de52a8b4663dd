//! What can be asked of the policies.

use std::collections::BTreeSet;

use crate::names::{AgentName, RepositoryName, SecretName, StackName, Stage};

/// What something is done to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A secret.
    Secret(SecretName),
    /// A stack, without its stage.
    Stack(StackName),
    /// A repository of the owner.
    Repository(RepositoryName),
    /// An agent.
    Agent(AgentName),
    /// The control plane as a whole: everybody's, all of the owner's.
    ControlPlane,
}

/// What policies are told of a plan that is to be carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that policies speak of"
)]
pub struct PlanContext {
    /// How many people approved it.
    pub approvals: u32,
    /// Who they are.
    pub approvers: BTreeSet<String>,
    /// Who asked for it.
    pub requester: String,
    /// Resources that are made.
    pub adds: u32,
    /// Resources that are changed.
    pub modifies: u32,
    /// Resources that leave the stack.
    pub removes: u32,
    /// Resources that are or may be replaced.
    pub replacements: u32,
    /// Whether one that holds data is replaced.
    pub replaces_stateful: bool,
    /// Whether one that holds data is deleted.
    pub deletes_stateful: bool,
    /// Whether one that holds data may be replaced.
    pub maybe_replaces_stateful: bool,
    /// Whether data goes, or may go.
    pub loses_stateful: bool,
    /// Whether somebody's rights change.
    pub changes_iam: bool,
    /// Whether the stack was changed past its template.
    pub drifted: bool,
    /// Whether a freeze holds.
    pub frozen: bool,
    /// Whether a failure would not be rolled back.
    pub express: bool,
    /// Whether the stack is made.
    pub first_creation: bool,
    /// Whether nobody knows what changes.
    pub unplanned: bool,
    /// Whether something could not be read or classified.
    pub unknown_change: bool,
    /// The types of what is changed.
    pub resource_types: BTreeSet<String>,
}

/// Something a principal wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Access {
    /// Have a request carried out: an action of the registry.
    Request {
        /// The action's name.
        action: &'static str,
        /// What it is done to.
        on: Resource,
        /// The stage it is done on, where policies are told.
        stage: Option<Stage>,
    },
    /// Read a secret's value.
    ReadSecret {
        /// The secret.
        name: SecretName,
    },
    /// Send a heartbeat.
    SendHeartbeat {
        /// Whose.
        agent: AgentName,
    },
    /// See requests.
    ReadRequests {
        /// Whose; everybody's where none is given.
        agent: Option<AgentName>,
    },
    /// See completed events.
    ReadEvents {
        /// Whose; everybody's where none is given.
        agent: Option<AgentName>,
    },
    /// See which agents there are and how they do.
    ListAgents,
    /// Add agents, replace their tokens, and revoke them.
    ManageAgents,
    /// Put breaches of the repository policy right.
    FixRepositories {
        /// Where; in all of the owner's where none is given.
        repository: Option<RepositoryName>,
    },
    /// Add, list and remove webhook subscriptions, and replay their dead letters.
    ManageWebhooks,
    /// Read the metrics.
    ReadMetrics,
    /// See webhook subscriptions and their dead letters, without changing them.
    ReadWebhooks,
    /// See which secrets there are, their versions and who read them last. No value.
    ListSecrets,
    /// Read the audit trail and what proves it.
    ReadAudit,
    /// See the repositories, what they do not hold, and what would change.
    ReadRepositories,
    /// Read the policies, and ask what they say.
    ReadPolicies,
    /// Read the settings in force; secrets are not among them.
    ReadSettings,
    /// Read what the business earns: MRR by day, and which customers moved it.
    ReadRevenue,
    /// Read what is wrong with the control plane, where its health alone is everybody's to see.
    ReadHealth,
    /// Have an agent not watched for a while, and watched again.
    PauseAgent {
        /// Which one.
        agent: AgentName,
    },
    /// See alerts, with what was sent along, and silences.
    ReadAlerts,
    /// Acknowledge alerts, and silence them.
    ManageAlerts,
    /// Have the control plane do nothing unasked, and end that.
    SetMaintenance,
    /// Have a plan carried out that one asked for.
    ApplyPlan {
        /// The stack.
        stack: StackName,
        /// Its stage.
        stage: Stage,
        /// What the plan changes, and who approved it.
        context: Box<PlanContext>,
    },
    /// Approve and deny plans.
    ApprovePlan {
        /// The stack.
        stack: StackName,
        /// Its stage.
        stage: Stage,
        /// Who asked for the plan.
        requester: AgentName,
    },
    /// Have the approvals of an earlier plan hold for this one, whose digest is the same.
    CarryApproval {
        /// The stack.
        stack: StackName,
        /// Its stage.
        stage: Stage,
    },
    /// Let a plan run in a freeze.
    OverrideFreeze {
        /// The stack.
        stack: StackName,
        /// Its stage.
        stage: Stage,
    },
    /// Make a stack that is not there yet.
    CreateStack {
        /// The stack.
        stack: StackName,
        /// Its stage.
        stage: Stage,
    },
    /// See plans, and what was deployed.
    ReadDeploys {
        /// Of which stack; of every one where none is given.
        stack: Option<StackName>,
    },
    /// See which stacks there are and how they stand, in CloudFormation's words.
    DescribeStacks {
        /// Which stack; every one where none is given.
        stack: Option<StackName>,
    },
    /// Read the days' figures of MRR, as the table of billing metrics has them. No customer is in them.
    ReadBillingFigures,
    /// Have people told of something, as a message to the alert topic does.
    PublishAlert,
}

impl Access {
    /// The action's name in the schema.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Request { action, .. } => action,
            Self::ReadSecret { .. } => "readSecret",
            Self::SendHeartbeat { .. } => "sendHeartbeat",
            Self::ReadRequests { .. } => "readRequests",
            Self::ReadEvents { .. } => "readEvents",
            Self::ListAgents => "listAgents",
            Self::ManageAgents => "manageAgents",
            Self::FixRepositories { .. } => "fixRepositories",
            Self::ManageWebhooks => "manageWebhooks",
            Self::ReadMetrics => "readMetrics",
            Self::ReadWebhooks => "readWebhooks",
            Self::ListSecrets => "listSecrets",
            Self::ReadAudit => "readAudit",
            Self::ReadRepositories => "readRepositories",
            Self::ReadPolicies => "readPolicies",
            Self::ReadSettings => "readSettings",
            Self::ReadRevenue => "readRevenue",
            Self::ReadHealth => "readHealth",
            Self::PauseAgent { .. } => "pauseAgent",
            Self::ReadAlerts => "readAlerts",
            Self::ManageAlerts => "manageAlerts",
            Self::SetMaintenance => "setMaintenance",
            Self::ApplyPlan { .. } => "applyPlan",
            Self::ApprovePlan { .. } => "approvePlan",
            Self::CarryApproval { .. } => "carryApproval",
            Self::OverrideFreeze { .. } => "overrideFreeze",
            Self::CreateStack { .. } => "createStack",
            Self::ReadDeploys { .. } => "readDeploys",
            Self::DescribeStacks { .. } => "describeStacks",
            Self::ReadBillingFigures => "readBillingFigures",
            Self::PublishAlert => "publishAlert",
        }
    }

    /// What it is done to, for people: a secret's name, a full stack name, an agent, `*`.
    pub fn resource(&self) -> String {
        match self {
            Self::Request { on, stage, .. } => match (on, stage) {
                (Resource::Secret(name), _) => name.to_string(),
                (Resource::Stack(stack), Some(stage)) => stack.on(stage).to_string(),
                (Resource::Stack(stack), None) => stack.to_string(),
                (Resource::Repository(name), _) => name.to_string(),
                (Resource::Agent(name), _) => name.to_string(),
                (Resource::ControlPlane, _) => "*".to_owned(),
            },
            Self::ReadSecret { name } => name.to_string(),
            Self::FixRepositories { repository } => {
                repository.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
            }
            Self::SendHeartbeat { agent } | Self::PauseAgent { agent } => agent.to_string(),
            Self::ReadRequests { agent } | Self::ReadEvents { agent } => {
                agent.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
            }
            Self::ApplyPlan { stack, stage, .. }
            | Self::ApprovePlan { stack, stage, .. }
            | Self::CarryApproval { stack, stage }
            | Self::OverrideFreeze { stack, stage }
            | Self::CreateStack { stack, stage } => stack.on(stage).to_string(),
            Self::ReadDeploys { stack } | Self::DescribeStacks { stack } => {
                stack.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
            }
            Self::ListAgents
            | Self::ManageAgents
            | Self::ManageWebhooks
            | Self::ReadMetrics
            | Self::ReadWebhooks
            | Self::ListSecrets
            | Self::ReadAudit
            | Self::ReadRepositories
            | Self::ReadPolicies
            | Self::ReadSettings
            | Self::ReadRevenue
            | Self::ReadHealth
            | Self::ReadAlerts
            | Self::ManageAlerts
            | Self::SetMaintenance
            | Self::ReadBillingFigures
            | Self::PublishAlert => "*".to_owned(),
        }
    }

    /// The secret it is done to, if it is one.
    pub fn secret(&self) -> Option<&SecretName> {
        match self {
            Self::Request {
                on: Resource::Secret(name),
                ..
            }
            | Self::ReadSecret { name } => Some(name),
            Self::Request { .. }
            | Self::SendHeartbeat { .. }
            | Self::ReadRequests { .. }
            | Self::ReadEvents { .. }
            | Self::ListAgents
            | Self::ManageAgents
            | Self::FixRepositories { .. }
            | Self::ManageWebhooks
            | Self::ReadMetrics
            | Self::ReadWebhooks
            | Self::ListSecrets
            | Self::ReadAudit
            | Self::ReadRepositories
            | Self::ReadPolicies
            | Self::ReadSettings
            | Self::ReadRevenue
            | Self::ReadHealth
            | Self::PauseAgent { .. }
            | Self::ReadAlerts
            | Self::ManageAlerts
            | Self::SetMaintenance
            | Self::ApplyPlan { .. }
            | Self::ApprovePlan { .. }
            | Self::CarryApproval { .. }
            | Self::OverrideFreeze { .. }
            | Self::CreateStack { .. }
            | Self::ReadDeploys { .. }
            | Self::DescribeStacks { .. }
            | Self::ReadBillingFigures
            | Self::PublishAlert => None,
        }
    }

    /// What a person asks for by the name of an action that is no request.
    pub fn own(action: &str, on: Resource) -> Option<Self> {
        let agent = |on| match on {
            Resource::Agent(name) => Some(name),
            _ => None,
        };
        let repository = |on| match on {
            Resource::Repository(name) => Some(name),
            _ => None,
        };
        match (action, on) {
            ("readSecret", Resource::Secret(name)) => Some(Self::ReadSecret { name }),
            ("sendHeartbeat", Resource::Agent(agent)) => Some(Self::SendHeartbeat { agent }),
            ("readRequests", on) => Some(Self::ReadRequests { agent: agent(on) }),
            ("readEvents", on) => Some(Self::ReadEvents { agent: agent(on) }),
            ("fixRepositories", on) => Some(Self::FixRepositories {
                repository: repository(on),
            }),
            ("listAgents", _) => Some(Self::ListAgents),
            ("manageAgents", _) => Some(Self::ManageAgents),
            ("manageWebhooks", _) => Some(Self::ManageWebhooks),
            ("readMetrics", _) => Some(Self::ReadMetrics),
            ("readWebhooks", _) => Some(Self::ReadWebhooks),
            ("listSecrets", _) => Some(Self::ListSecrets),
            ("readAudit", _) => Some(Self::ReadAudit),
            ("readRepositories", _) => Some(Self::ReadRepositories),
            ("readPolicies", _) => Some(Self::ReadPolicies),
            ("readSettings", _) => Some(Self::ReadSettings),
            ("readRevenue", _) => Some(Self::ReadRevenue),
            ("readHealth", _) => Some(Self::ReadHealth),
            ("pauseAgent", Resource::Agent(agent)) => Some(Self::PauseAgent { agent }),
            ("readAlerts", _) => Some(Self::ReadAlerts),
            ("manageAlerts", _) => Some(Self::ManageAlerts),
            ("setMaintenance", _) => Some(Self::SetMaintenance),
            ("readDeploys", Resource::Stack(stack)) => Some(Self::ReadDeploys { stack: Some(stack) }),
            ("readDeploys", _) => Some(Self::ReadDeploys { stack: None }),
            ("describeStacks", Resource::Stack(stack)) => Some(Self::DescribeStacks { stack: Some(stack) }),
            ("describeStacks", _) => Some(Self::DescribeStacks { stack: None }),
            ("readBillingFigures", _) => Some(Self::ReadBillingFigures),
            ("publishAlert", _) => Some(Self::PublishAlert),
            _ => None,
        }
    }
}
