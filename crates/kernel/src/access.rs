//! What can be asked of the policies.

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
            Self::ReadRevenue => "readRevenue",
            Self::ReadHealth => "readHealth",
            Self::PauseAgent { .. } => "pauseAgent",
            Self::ReadAlerts => "readAlerts",
            Self::ManageAlerts => "manageAlerts",
            Self::SetMaintenance => "setMaintenance",
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
            Self::ListAgents
            | Self::ManageAgents
            | Self::ManageWebhooks
            | Self::ReadMetrics
            | Self::ReadRevenue
            | Self::ReadHealth
            | Self::ReadAlerts
            | Self::ManageAlerts
            | Self::SetMaintenance => "*".to_owned(),
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
            | Self::ReadRevenue
            | Self::ReadHealth
            | Self::PauseAgent { .. }
            | Self::ReadAlerts
            | Self::ManageAlerts
            | Self::SetMaintenance => None,
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
            ("readRevenue", _) => Some(Self::ReadRevenue),
            ("readHealth", _) => Some(Self::ReadHealth),
            ("pauseAgent", Resource::Agent(agent)) => Some(Self::PauseAgent { agent }),
            ("readAlerts", _) => Some(Self::ReadAlerts),
            ("manageAlerts", _) => Some(Self::ManageAlerts),
            ("setMaintenance", _) => Some(Self::SetMaintenance),
            _ => None,
        }
    }
}
