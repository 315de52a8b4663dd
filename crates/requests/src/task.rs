//! The tasks that others ask for by name and not by an event: section 3 of the wire contract.

use cc_devops_repos::owner::of_owner;
use serde_json::Value;

use crate::actions::{github_repo_check, workflow_monitor};
use crate::effects::RepositoryWork;

/// The one task that is no action.
const HEALTH_CHECK: &str = "health_check";

/// A task that is asked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Whether the control plane works.
    HealthCheck,
    /// The hygiene of repositories.
    GithubRepoCheck,
    /// The state of workflows.
    WorkflowMonitor,
    /// None that exists; at most 64 characters of its name.
    Unknown(String),
}

impl Task {
    /// The task that a payload names; without a name, a health check.
    pub fn of(payload: &Value) -> Self {
        match payload.get("task_type") {
            None | Some(Value::Null) => Self::HealthCheck,
            Some(Value::String(name)) if name == HEALTH_CHECK => Self::HealthCheck,
            Some(Value::String(name)) if name == github_repo_check::ACTION.name => Self::GithubRepoCheck,
            Some(Value::String(name)) if name == workflow_monitor::ACTION.name => Self::WorkflowMonitor,
            Some(Value::String(other)) => Self::Unknown(other.chars().take(64).collect()),
            Some(other) => Self::Unknown(other.to_string().chars().take(64).collect()),
        }
    }

    /// The task's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::HealthCheck => HEALTH_CHECK,
            Self::GithubRepoCheck => github_repo_check::ACTION.name,
            Self::WorkflowMonitor => workflow_monitor::ACTION.name,
            Self::Unknown(name) => name,
        }
    }

    /// The work on repositories that it asks for, if it asks for any. A repository may be named with its owner, which
    /// must be the one whose repositories are looked after.
    ///
    /// # Errors
    /// A sentence on what cannot be read.
    pub fn work(&self, payload: &Value, owner: Option<&str>) -> Result<Option<RepositoryWork>, String> {
        let text = |name: &str| match payload.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("`{name}` must be a string")),
        };
        if !matches!(self, Self::GithubRepoCheck | Self::WorkflowMonitor) {
            return Ok(None);
        }
        let repository = text("repository")?
            .map(|name| of_owner(owner, &name))
            .transpose()
            .map_err(|error| format!("`repository` cannot be used: {error}"))?;
        let workflow = text("workflow")?;
        Ok(Some(match self {
            Self::WorkflowMonitor => RepositoryWork::Monitor { repository, workflow },
            _ => RepositoryWork::Check { repository },
        }))
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::names::RepositoryName;
    use serde_json::json;

    use super::*;

    fn work(payload: &Value) -> Result<Option<RepositoryWork>, String> {
        Task::of(payload).work(payload, Some("deepfoundai"))
    }

    #[test]
    fn a_task_is_known_by_its_name_and_without_one_is_about_health() {
        let name = |payload: Value| Task::of(&payload).as_str().to_owned();
        assert_eq!(name(json!({})), "health_check");
        assert_eq!(name(json!(null)), "health_check");
        assert_eq!(name(json!({"task_type": null})), "health_check");
        assert_eq!(name(json!({"task_type": "github_repo_check"})), "github_repo_check");
        assert_eq!(name(json!({"task_type": "nonsense"})), "nonsense");
        assert_eq!(name(json!({"task_type": 7})), "7");
        assert_eq!(name(json!({"task_type": "x".repeat(100)})).len(), 64);
    }

    #[test]
    fn a_repository_may_be_named_with_its_owner() {
        let web = Some(RepositoryName::new("web").unwrap());
        for named in ["web", "deepfoundai/web"] {
            let check = json!({"task_type": "github_repo_check", "repository": named, "workflow": null});
            let repository = web.clone();
            assert_eq!(work(&check), Ok(Some(RepositoryWork::Check { repository })));
        }
        let monitor = json!({"task_type": "workflow_monitor", "repository": "DeepFoundAI/web", "workflow": "ci.yml"});
        let (repository, workflow) = (web, Some("ci.yml".to_owned()));
        assert_eq!(
            work(&monitor),
            Ok(Some(RepositoryWork::Monitor { repository, workflow }))
        );
        let all = json!({"task_type": "github_repo_check"});
        assert_eq!(work(&all), Ok(Some(RepositoryWork::Check { repository: None })));
        assert_eq!(
            work(&json!({"repository": 7})),
            Ok(None),
            "health is not about a repository"
        );
    }

    #[test]
    fn another_owners_repository_is_refused() {
        let monitor = json!({"task_type": "workflow_monitor", "repository": "other/web"});
        let refused = work(&monitor).unwrap_err();
        assert!(
            refused.contains("other") && refused.contains("deepfoundai"),
            "{refused}"
        );
        Task::of(&monitor).work(&monitor, None).unwrap_err();
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (field, value) in [
            ("repository", json!(7)),
            ("repository", json!("a b")),
            ("workflow", json!([])),
        ] {
            let payload = json!({"task_type": "workflow_monitor", field: value});
            assert!(work(&payload).unwrap_err().contains(&format!("`{field}`")), "{payload}");
        }
    }
}
