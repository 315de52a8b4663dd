//! What can be asked of the policies.

use crate::action::Action;
use crate::names::{AgentName, RepositoryName, SecretName, StackName, Stage};

/// Something a principal wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Access {
    /// Write a secret.
    PutSecret {
        /// The secret.
        name: SecretName,
        /// The request's stage.
        stage: Stage,
    },
    /// Read a secret's value.
    ReadSecret {
        /// The secret.
        name: SecretName,
    },
    /// Change a stack.
    DeployLambda {
        /// The stack without its stage.
        stack: StackName,
        /// The stage it is changed in.
        stage: Stage,
    },
    /// Look at repositories, or change one.
    Repositories {
        /// What is asked for.
        action: Action,
        /// Which; all of the owner's where none is given.
        repository: Option<RepositoryName>,
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
    /// Read what is wrong with the control plane, where its health alone is everybody's to see.
    ReadHealth,
}

impl Access {
    /// The action's name in the schema.
    pub fn action(&self) -> &'static str {
        match self {
            Self::PutSecret { .. } => "putSecret",
            Self::ReadSecret { .. } => "readSecret",
            Self::DeployLambda { .. } => "deployLambda",
            Self::Repositories { action, .. } => action.as_str(),
            Self::SendHeartbeat { .. } => "sendHeartbeat",
            Self::ReadRequests { .. } => "readRequests",
            Self::ReadEvents { .. } => "readEvents",
            Self::ListAgents => "listAgents",
            Self::ManageAgents => "manageAgents",
            Self::FixRepositories { .. } => "fixRepositories",
            Self::ManageWebhooks => "manageWebhooks",
            Self::ReadMetrics => "readMetrics",
            Self::ReadHealth => "readHealth",
        }
    }

    /// What it is done to, for people: a secret's name, a full stack name, an agent, `*`.
    pub fn resource(&self) -> String {
        match self {
            Self::PutSecret { name, .. } | Self::ReadSecret { name } => name.to_string(),
            Self::DeployLambda { stack, stage } => stack.on(stage).to_string(),
            Self::Repositories { repository, .. } | Self::FixRepositories { repository } => {
                repository.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
            }
            Self::SendHeartbeat { agent } => agent.to_string(),
            Self::ReadRequests { agent } | Self::ReadEvents { agent } => {
                agent.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string)
            }
            Self::ListAgents | Self::ManageAgents | Self::ManageWebhooks | Self::ReadMetrics | Self::ReadHealth => {
                "*".to_owned()
            }
        }
    }

    /// The secret it is done to, if it is one.
    pub fn secret(&self) -> Option<&SecretName> {
        match self {
            Self::PutSecret { name, .. } | Self::ReadSecret { name } => Some(name),
            Self::DeployLambda { .. }
            | Self::Repositories { .. }
            | Self::SendHeartbeat { .. }
            | Self::ReadRequests { .. }
            | Self::ReadEvents { .. }
            | Self::ListAgents
            | Self::ManageAgents
            | Self::FixRepositories { .. }
            | Self::ManageWebhooks
            | Self::ReadMetrics
            | Self::ReadHealth => None,
        }
    }

    /// What a person asks with three words. `resource` is a secret's name, a stack without its
    /// stage or an agent, as the action wants it; `*` means everybody or the whole control plane.
    pub fn parse(action: &str, resource: &str, stage: &Stage) -> Result<Self, String> {
        let secret = || SecretName::new(resource).map_err(|e| e.to_string());
        let agent = || AgentName::new(resource).map_err(|e| e.to_string());
        let agent_or_all = || if resource == "*" { Ok(None) } else { agent().map(Some) };
        let plane = |access: Self| {
            if resource == "*" {
                Ok(access)
            } else {
                Err(format!(
                    "{action} is about the whole control plane; give `*` as the resource"
                ))
            }
        };
        match action {
            "putSecret" => Ok(Self::PutSecret {
                name: secret()?,
                stage: stage.clone(),
            }),
            "readSecret" => Ok(Self::ReadSecret { name: secret()? }),
            "deployLambda" => {
                let stack = StackName::new(resource).map_err(|e| e.to_string())?;
                Ok(Self::DeployLambda {
                    stack,
                    stage: stage.clone(),
                })
            }
            "github_repo_check" | "workflow_monitor" | "protectBranches" | "bootstrapRepoSecrets" => {
                let repository = match resource {
                    "*" => None,
                    name => Some(RepositoryName::new(name).map_err(|e| e.to_string())?),
                };
                match (Action::find(action), repository) {
                    (Some(action @ (Action::ProtectBranches | Action::BootstrapRepoSecrets)), None) => Err(format!(
                        "{} is about one repository; give its name as the resource",
                        action.as_str()
                    )),
                    (Some(action), repository) => Ok(Self::Repositories { action, repository }),
                    (None, _) => Err(format!("action {action:?} does not exist")),
                }
            }
            "sendHeartbeat" => Ok(Self::SendHeartbeat { agent: agent()? }),
            "readRequests" => Ok(Self::ReadRequests { agent: agent_or_all()? }),
            "readEvents" => Ok(Self::ReadEvents { agent: agent_or_all()? }),
            "listAgents" => plane(Self::ListAgents),
            "manageAgents" => plane(Self::ManageAgents),
            "manageWebhooks" => plane(Self::ManageWebhooks),
            "fixRepositories" => Ok(Self::FixRepositories {
                repository: match resource {
                    "*" => None,
                    name => Some(RepositoryName::new(name).map_err(|e| e.to_string())?),
                },
            }),
            "readMetrics" => plane(Self::ReadMetrics),
            "readHealth" => plane(Self::ReadHealth),
            other => Err(format!(
                "action {other:?} does not exist; use one of: putSecret, readSecret, deployLambda, \
                 github_repo_check, workflow_monitor, protectBranches, bootstrapRepoSecrets, fixRepositories, \
                 sendHeartbeat, readRequests, readEvents, listAgents, manageAgents, manageWebhooks, readMetrics, \
                 readHealth"
            )),
        }
    }
}
