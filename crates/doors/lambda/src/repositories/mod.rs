//! The function that looks after repositories, over whatever ports it is given.
//!
//! It is asked by the schedule, by the control plane's own function, and by whoever invokes it with a task of
//! the wire contract. Nobody reads an answer to the schedule, so a run of it that failed is an invocation that
//! failed, which Lambda counts, makes again and keeps among the dead letters.

mod handed_over;

use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::ports::Clock;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::ports::{HandedOver, RepositoryWorker, WorkOutcome};
use cc_devops_repos::work::RepositoryWork;
use cc_devops_requests::task::Task;
use serde_json::{Value, json};

/// The function.
pub struct RepositoriesFunction {
    /// Whose repositories these are.
    pub owner: String,
    /// Audits and tells.
    pub auditor: Arc<Auditor>,
    /// Does what is asked.
    pub worker: Arc<dyn RepositoryWorker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The control plane's own name.
    pub agent: AgentName,
    /// Where work stands that the control plane handed over.
    pub handed_over: Arc<dyn HandedOver>,
}

/// What is known of an invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its name; the same again where Lambda makes it again.
    pub run: String,
    /// How long it may still run.
    pub left: Duration,
}

/// A scheduled run that failed; Lambda counts it as an error and makes it again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RunFailed(String);

impl RepositoriesFunction {
    /// Answers one invocation.
    ///
    /// # Errors
    /// A scheduled run that failed; every other has its answer.
    pub async fn handle(&self, payload: &Value, invocation: &Invocation) -> Result<Value, RunFailed> {
        match payload.get("tick").and_then(Value::as_str) {
            Some("audit") => return self.audit().await,
            Some("workflows") => return self.workflows().await,
            _ => {}
        }
        if let Some(asked) = payload.get("asked") {
            let work: RepositoryWork = serde_json::from_value(asked.clone())
                .map_err(|error| RunFailed(format!("what is asked cannot be read: {error}")))?;
            // One that says nothing of it is of an earlier version.
            let author = payload.get("author").cloned().map(serde_json::from_value);
            let author: Author = author
                .unwrap_or_else(|| Ok(Author::invoked()))
                .map_err(|error| RunFailed(format!("who asks cannot be read: {error}")))?;
            if let Some(request) = payload.get("request").and_then(Value::as_str) {
                let request = RequestId::new(request)
                    .map_err(|error| RunFailed(format!("whose work it is cannot be read: {error}")))?;
                return self.handed_over(&request, (&work, &author), invocation).await;
            }
            let done = self.worker.carry_out(&work, &author, &WorkHandle::default()).await;
            let answer = WorkOutcome::from(done);
            return serde_json::to_value(&answer).map_err(|error| RunFailed(error.to_string()));
        }
        let named = payload.get("task_type").map(|_| Task::of(payload));
        Ok(match named {
            Some(task @ (Task::GithubRepoCheck | Task::WorkflowMonitor)) => {
                let of = (&*self.worker, Some(self.owner.as_str()));
                task_answer(of, &task, payload, &self.agent, &*self.clock).await
            }
            Some(task) => answer(400, &json!({"error": format!("Unknown task type: {}", task.as_str())})),
            None => answer(
                400,
                &json!({"error": "say what to do: a task_type of github_repo_check or workflow_monitor"}),
            ),
        })
    }

    async fn audit(&self) -> Result<Value, RunFailed> {
        match self.auditor.daily().await {
            Ok(Some(report)) => {
                tracing::info!(
                    owner = report.owner,
                    repositories = report.summary.repositories,
                    complete = report.complete,
                    requests = report.requests,
                    "the repositories were audited"
                );
                Ok(answer(
                    200,
                    &json!({"complete": report.complete, "summary": report.summary}),
                ))
            }
            Ok(None) => {
                tracing::info!("no GitHub token is kept, so no repository is audited");
                Ok(answer(
                    200,
                    &json!({"audited": false, "why": "there is no GitHub token"}),
                ))
            }
            Err(error) => Err(RunFailed(format!("the repositories were not audited: {error}"))),
        }
    }

    async fn workflows(&self) -> Result<Value, RunFailed> {
        let all = RepositoryWork::Monitor {
            repository: None,
            workflow: None,
        };
        match self
            .worker
            .carry_out(&all, &Author::default(), &WorkHandle::default())
            .await
        {
            Ok(Ok(report)) => Ok(answer(200, &report)),
            // Nobody has begun yet.
            Ok(Err(failure)) if failure.reason == cc_devops_kernel::outcome::Reason::MissingDependency => {
                tracing::info!(%failure, "no workflow is looked at");
                Ok(answer(200, &json!({"looked": false, "why": failure.message})))
            }
            Ok(Err(failure)) => Err(RunFailed(format!("the workflows were not looked at: {failure}"))),
            Err(error) => Err(RunFailed(format!("the workflows were not looked at: {error}"))),
        }
    }
}

/// The answer to one of the two tasks on repositories, section 3 of the wire contract.
pub(crate) async fn task_answer(
    (worker, owner): (&dyn RepositoryWorker, Option<&str>),
    task: &Task,
    payload: &Value,
    agent: &AgentName,
    clock: &dyn Clock,
) -> Value {
    let failed = |error: String| answer(500, &json!({"error": error, "agent": agent, "timestamp": clock.now()}));
    let work = match task.work(payload, owner) {
        Ok(Some(work)) => work,
        Ok(None) => return failed(format!("{} is no task on repositories", task.as_str())),
        Err(error) => return failed(error),
    };
    match worker
        .carry_out(&work, &Author::invoked(), &WorkHandle::default())
        .await
    {
        Ok(Ok(body)) => answer(200, &body),
        Ok(Err(failure)) => failed(failure.message),
        Err(error) => {
            tracing::error!(%error, task = task.as_str(), "the task failed");
            failed(error.message)
        }
    }
}

fn answer(status: u16, body: &Value) -> Value {
    json!({"statusCode": status, "body": body.to_string()})
}
