//! What the ports are asked to do for a request: a secret to write, a stack to change, repositories to look after.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ActionsSecretName, FullStackName, RepositoryName, SecretName, StackName, Stage};
use crate::secret::SecretValue;

/// The largest secret value, in bytes (the limit of AWS Secrets Manager).
pub const MAX_SECRET_BYTES: usize = 65_536;

/// The parameters of `putSecret`: with the value as it was given, or as it is written.
#[derive(Clone)]
pub struct PutSecret<V = SecretValue> {
    /// The secret, within the installation's namespace.
    pub name: SecretName,
    /// 1 to [`MAX_SECRET_BYTES`] bytes.
    pub value: V,
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
    /// The repository; none where all are meant.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Check { repository } | Self::Monitor { repository, .. } => repository.as_ref(),
            Self::Protect { repository, .. } | Self::SetSecrets { repository, .. } => Some(repository),
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
