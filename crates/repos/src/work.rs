//! What a request may ask of repositories.

use std::collections::BTreeMap;

use cc_devops_kernel::names::{ActionsSecretName, RepositoryName, SecretName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The action that has workflows watched, as requests and policies name it.
pub const WORKFLOW_MONITOR: &str = "workflow_monitor";

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

    /// The parameters of the request that asks for it: those that admission reads.
    pub fn params(&self) -> Map<String, Value> {
        let mut params = Map::new();
        if let Some(repository) = self.repository() {
            params.insert("repository".to_owned(), json!(repository));
        }
        match self {
            Self::Check { .. } => {}
            Self::Monitor { workflow, .. } => {
                params.extend(workflow.as_ref().map(|file| ("workflow".to_owned(), json!(file))));
            }
            Self::Protect { dry_run, .. } => {
                params.insert("dryRun".to_owned(), json!(dry_run));
            }
            Self::SetSecrets { secrets, .. } => {
                params.insert("secrets".to_owned(), json!(secrets));
            }
        }
        params
    }
}
