//! A request's life: admit → authorise → execute → conclude.
//!
//! [`envelope`] reads the wire, [`admission`] makes a typed [`Command`] of it or says why not,
//! [`engine`] carries it out through the ports, [`outcome`] is what everyone is told, and
//! [`record`] is what the ledger remembers. [`relay`] publishes what was concluded, and [`bus`]
//! takes what others put on the event bus.

pub mod admission;
pub mod bus;
pub mod course;
pub mod engine;
pub mod envelope;
pub mod execution;
pub mod fingerprint;
pub mod outcome;
pub mod record;
pub mod relay;
pub mod running;
mod secrets;
pub mod stacks;
pub mod standing;
pub mod sweep;
pub mod waiting;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ActionsSecretName, AgentName, FullStackName, RepositoryName, SecretName, StackName, Stage};
use crate::secret::SecretValue;

/// The largest secret value, in bytes (the limit of AWS Secrets Manager).
pub const MAX_SECRET_BYTES: usize = 65_536;

/// Who was proven to ask: by a bearer token over HTTP, by IAM in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The agent the proof belongs to.
    pub agent: AgentName,
    /// What the agent is to the policies.
    pub role: Role,
}

/// What an agent is to the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A service that asks for itself.
    Agent,
    /// An operator, who may also ask on behalf of any agent.
    Admin,
}

/// What a request asks for, checked.
#[derive(Clone)]
pub enum Command {
    /// Write a secret's next version.
    PutSecret(PutSecret),
    /// Change a stack.
    DeployLambda(DeployLambda),
    /// Look at repositories, or change them.
    Repositories(RepositoryWork),
}

/// The parameters of `putSecret`.
#[derive(Clone)]
pub struct PutSecret {
    /// The secret, within the installation's namespace.
    pub name: SecretName,
    /// 1 to [`MAX_SECRET_BYTES`] bytes.
    pub value: SecretValue,
    /// The KMS key to encrypt with; the embedded backend has its own key and ignores it.
    pub kms_key: Option<String>,
}

/// The parameters of `deployLambda`. Parameters' values and a template's text may be secret: its `Debug` shows
/// neither.
#[derive(Clone, PartialEq, Eq)]
pub struct DeployLambda {
    /// The stack without its stage.
    pub stack: StackName,
    /// Where to: the parameters' stage, else the request's.
    pub stage: Stage,
    /// The template; none keeps the previous one.
    pub template: Option<Template>,
    /// Parameters to change; those not named keep their previous value.
    pub parameters: BTreeMap<String, String>,
    /// Capabilities the change acknowledges, such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// Tags for the stack.
    pub tags: BTreeMap<String, String>,
}

impl DeployLambda {
    /// The stack with its stage suffix.
    pub fn full_name(&self) -> FullStackName {
        self.stack.on(&self.stage)
    }
}

impl fmt::Debug for DeployLambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |values: &BTreeMap<String, String>| values.keys().cloned().collect::<Vec<_>>();
        f.debug_struct("DeployLambda")
            .field("stack", &self.stack)
            .field("stage", &self.stage)
            .field("template", &self.template)
            .field("parameters", &names(&self.parameters))
            .field("capabilities", &self.capabilities)
            .field("tags", &names(&self.tags))
            .finish()
    }
}

/// Where a stack's template comes from. An address may be signed, so its `Debug` shows neither that nor the text.
#[derive(Clone, PartialEq, Eq)]
pub enum Template {
    /// An address the provider reads.
    Url(String),
    /// The template's text.
    Body(String),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = match self {
            Self::Url(text) => ("Url", text),
            Self::Body(text) => ("Body", text),
        };
        f.debug_tuple(kind)
            .field(&format_args!("{} bytes", text.len()))
            .finish()
    }
}

/// Work on repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum RepositoryWork {
    /// Hold one, or all of the owner's, against the policy. Changes nothing.
    Check {
        /// Which; all where none is named.
        repository: Option<RepositoryName>,
    },
    /// Look for failing workflows in one, or in all, and keep their issues.
    Monitor {
        /// Which; all where none is named.
        repository: Option<RepositoryName>,
        /// The file of the one workflow that is meant.
        workflow: Option<String>,
    },
    /// Protect the default branch as the policy asks.
    Protect {
        /// Whose.
        repository: RepositoryName,
        /// Whether to tell what would be changed, and change nothing.
        dry_run: bool,
    },
    /// Set secrets for the workflows of a repository, from secrets that are kept.
    SetSecrets {
        /// Whose.
        repository: RepositoryName,
        /// What each is called there, and where its value is kept.
        secrets: BTreeMap<ActionsSecretName, SecretName>,
    },
}

impl RepositoryWork {
    /// The action this carries out.
    pub fn action(&self) -> Action {
        match self {
            Self::Check { .. } => Action::CheckRepositories,
            Self::Monitor { .. } => Action::MonitorWorkflows,
            Self::Protect { .. } => Action::ProtectBranches,
            Self::SetSecrets { .. } => Action::BootstrapRepoSecrets,
        }
    }

    /// The repository; none where all are meant.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Check { repository } | Self::Monitor { repository, .. } => repository.as_ref(),
            Self::Protect { repository, .. } | Self::SetSecrets { repository, .. } => Some(repository),
        }
    }
}

/// The actions that exist, as the wire names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `putSecret`
    PutSecret,
    /// `deployLambda`
    DeployLambda,
    /// `github_repo_check`
    CheckRepositories,
    /// `workflow_monitor`
    MonitorWorkflows,
    /// `protectBranches`
    ProtectBranches,
    /// `bootstrapRepoSecrets`
    BootstrapRepoSecrets,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 6] = [
        Self::PutSecret,
        Self::DeployLambda,
        Self::CheckRepositories,
        Self::MonitorWorkflows,
        Self::ProtectBranches,
        Self::BootstrapRepoSecrets,
    ];

    /// The action's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PutSecret => "putSecret",
            Self::DeployLambda => "deployLambda",
            Self::CheckRepositories => "github_repo_check",
            Self::MonitorWorkflows => "workflow_monitor",
            Self::ProtectBranches => "protectBranches",
            Self::BootstrapRepoSecrets => "bootstrapRepoSecrets",
        }
    }

    /// The action of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

impl Command {
    /// The action this command carries out.
    pub fn action(&self) -> Action {
        match self {
            Self::PutSecret(_) => Action::PutSecret,
            Self::DeployLambda(_) => Action::DeployLambda,
            Self::Repositories(work) => work.action(),
        }
    }

    /// What it is carried out on: the secret's name, the stack's full name, or the repository's; `*` for all
    /// repositories.
    pub fn resource(&self) -> String {
        match self {
            Self::PutSecret(put) => put.name.to_string(),
            Self::DeployLambda(deploy) => deploy.full_name().to_string(),
            Self::Repositories(work) => work.repository().map_or_else(|| "*".to_owned(), ToString::to_string),
        }
    }

    /// The stage it is carried out on, where the command has its own.
    pub fn stage(&self) -> Option<&Stage> {
        match self {
            Self::PutSecret(_) | Self::Repositories(_) => None,
            Self::DeployLambda(deploy) => Some(&deploy.stage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_parameters_nor_templates_show_in_debug() {
        let planted = "hunter2-planted";
        let values = |key: &str| BTreeMap::from([(key.to_owned(), planted.to_owned())]);
        for template in [Template::Url(planted.to_owned()), Template::Body(planted.to_owned())] {
            let deploy = DeployLambda {
                stack: StackName::new("shop").unwrap(),
                stage: Stage::new("dev").unwrap(),
                template: Some(template),
                parameters: values("DbPassword"),
                capabilities: vec!["CAPABILITY_IAM".to_owned()],
                tags: values("owner"),
            };
            for shown in [format!("{deploy:?}"), format!("{:#?}", Some(&deploy))] {
                assert!(!shown.contains(planted), "{shown}");
                assert!(shown.contains("DbPassword") && shown.contains("15 bytes"), "{shown}");
            }
        }
    }
}
