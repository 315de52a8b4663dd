//! The actions that a request may ask for.

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
