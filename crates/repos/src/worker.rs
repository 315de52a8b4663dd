//! What a request asks of repositories, done in this process.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::auditing::{self, AuditError, Auditor};
use super::fixing::{Fixer, Wanted};
use super::monitoring::{self, Monitor, MonitorReport};
use super::report::CheckAnswer;
use super::rules::Rule;
use crate::ports::{CodeHost, RepositoryWorker};
use crate::work::RepositoryWork;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::{ActionsSecretName, RepositoryName, SecretName};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult, SecretStore, SecretVersion};
use cc_devops_kernel::work::WorkHandle;

/// The rules that the protection of a branch is about.
const PROTECTION: [Rule; 6] = [
    Rule::BranchProtection,
    Rule::RequiredReviews,
    Rule::StaleReviewsDismissed,
    Rule::RequiredStatusChecks,
    Rule::ForcePush,
    Rule::Deletion,
];

/// What is counted where repositories are read one by one.
const REPOSITORIES: &str = "repositories";

/// Does the work of requests on repositories in this process.
pub struct LocalWorker {
    /// The owner of the repositories.
    pub owner: String,
    /// Holds them against the policy.
    pub auditor: Arc<Auditor>,
    /// Watches workflows.
    pub monitor: Arc<Monitor>,
    /// Puts breaches right.
    pub fixer: Fixer,
    /// Where they are.
    pub host: Arc<dyn CodeHost>,
    /// Where secrets are kept.
    pub secrets: Arc<dyn SecretStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What a request is answered with, or why it is refused.
type Answer = Result<Value, Failure>;

#[async_trait]
impl RepositoryWorker for LocalWorker {
    async fn carry_out(&self, work: &RepositoryWork, author: &Author, handle: &WorkHandle) -> PortResult<Answer> {
        let done = match work {
            // It reads and changes nothing, so it may be left at any moment.
            RepositoryWork::Check { repository } => {
                handle.unless_stopped(self.check(repository.as_ref(), handle)).await
            }
            RepositoryWork::Monitor { repository, workflow } => {
                let (repository, workflow) = (repository.as_ref(), workflow.as_deref());
                self.watch(repository, workflow, author, handle).await
            }
            RepositoryWork::Protect { repository, dry_run } => self.protect(repository, *dry_run, author, handle).await,
            RepositoryWork::SetSecrets { repository, secrets } => {
                let mut names = Vec::with_capacity(secrets.len());
                for (name, kept) in secrets {
                    handle.is_at(names.len() as u64, secrets.len() as u64, "secrets");
                    handle.go_on()?;
                    match self.set_secret(repository, name, kept).await? {
                        Ok(()) => names.push(name),
                        Err(failure) => return Ok(Err(failure)),
                    }
                }
                Ok(json!({"repository": repository, "secrets": names}))
            }
        };
        match done {
            Ok(value) => Ok(Ok(value)),
            Err(error) if error.kind.is_transient() || error.kind == PortErrorKind::Stopped => Err(error),
            Err(error) => Ok(Err(refusal(error))),
        }
    }
}

/// What GitHub will refuse again is the asker's to know, in its own words.
fn refusal(error: PortError) -> Failure {
    let reason = match error.kind {
        PortErrorKind::NotFound => Reason::MissingDependency,
        _ => Reason::ApiError,
    };
    Failure::new(reason, error.message)
}

fn port(error: AuditError) -> PortError {
    match error {
        AuditError::Port(error) => error,
        AuditError::Json(error) => PortError::new(PortErrorKind::Refused, "the audit cannot be written").because(error),
    }
}

impl LocalWorker {
    async fn check(&self, repository: Option<&RepositoryName>, handle: &WorkHandle) -> PortResult<Value> {
        let ask = auditing::Ask {
            only: repository.iter().map(ToString::to_string).collect(),
            keep: false,
        };
        let mut progress = |done, of| handle.is_at(done, of, REPOSITORIES);
        let report = self.auditor.audit(&ask, &mut progress).await.map_err(port)?;
        let answer = |each| serde_json::to_value(CheckAnswer::of(each, report.timestamp)).unwrap_or_default();
        if repository.is_some() {
            return Ok(report.repositories.first().map(answer).unwrap_or_default());
        }
        Ok(json!({
            "repositories": report.repositories.iter().map(answer).collect::<Vec<_>>(),
            "summary": report.summary,
            "complete": report.complete,
            "missing": report.missing,
            "timestamp": report.timestamp,
        }))
    }

    async fn watch(
        &self,
        repository: Option<&RepositoryName>,
        workflow: Option<&str>,
        author: &Author,
        handle: &WorkHandle,
    ) -> PortResult<Value> {
        let ask = monitoring::Ask {
            only: repository.map(ToString::to_string),
            workflow: workflow.map(ToOwned::to_owned),
            dry_run: false,
            author: author.clone(),
        };
        let mut progress = |done, of| handle.is_at(done, of, REPOSITORIES);
        let report = self.monitor.check(&ask, handle, &mut progress).await?;
        Ok(match workflow {
            Some(file) => of_workflow(file, &report),
            None => serde_json::to_value(&report).unwrap_or_default(),
        })
    }

    async fn protect(
        &self,
        repository: &RepositoryName,
        dry_run: bool,
        author: &Author,
        handle: &WorkHandle,
    ) -> PortResult<Value> {
        let wanted = Wanted {
            names: vec![repository.to_string()],
            rules: PROTECTION.into(),
            ..Wanted::default()
        };
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let mut unsaid = |_, _| ();
        let plans = handle
            .unless_stopped(self.fixer.plan(&wanted, today, &mut unsaid))
            .await?;
        let Some(plan) = plans.plans.first() else {
            return Ok(json!({"repository": repository, "changes": [], "refused": [], "dryRun": dry_run}));
        };
        if dry_run {
            return Ok(json!({
                "repository": repository, "changes": plan.changes, "refused": plan.refused, "dryRun": true,
            }));
        }
        let applied = self.fixer.apply(plan, author, handle).await?;
        match applied.iter().find(|applied| !applied.done) {
            Some(failed) => Err(PortError::new(PortErrorKind::Refused, failed.outcome.clone())),
            None => Ok(json!({
                "repository": repository, "changes": applied, "refused": plan.refused, "dryRun": false,
            })),
        }
    }

    async fn set_secret(
        &self,
        repository: &RepositoryName,
        name: &ActionsSecretName,
        kept: &SecretName,
    ) -> PortResult<Result<(), Failure>> {
        let Some(read) = self.secrets.read(kept, SecretVersion::Current).await? else {
            let message = format!("there is no secret {kept} to set {name} from; put it there first");
            return Ok(Err(Failure::new(Reason::MissingDependency, message)));
        };
        let full_name = format!("{}/{repository}", self.owner);
        match self
            .host
            .put_actions_secret(&full_name, name.as_str(), &read.value)
            .await
        {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.kind.is_transient() => Err(error),
            Err(error) => Ok(Err(refusal(error))),
        }
    }
}

/// The answer about one workflow, section 3 of the wire contract.
fn of_workflow(file: &str, report: &MonitorReport) -> Value {
    let Some(told) = report.workflows.first() else {
        if !report.complete {
            return json!({"workflow": file, "status": "unknown", "complete": false, "gaps": report.gaps});
        }
        return json!({"workflow": file, "status": "no_runs_found"});
    };
    let mut answer = serde_json::to_value(told).unwrap_or_default();
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("workflow".to_owned(), json!(file));
        if told.report.status == "no_runs_found" {
            return json!({"workflow": file, "status": "no_runs_found"});
        }
    }
    answer
}
