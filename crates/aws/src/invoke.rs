//! Asking the deployed functions themselves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::work::{Claim, WorkHandle};
use cc_devops_repos::ports::{RepositoryWorker, WorkOutcome, WorkStatus};
use cc_devops_repos::work::RepositoryWork;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Backend;
use crate::error::{corrupt, port_error};

/// How long the function may take: a little more than template.yaml gives it. The clients' own
/// timeouts are shorter, and would ask it again while it still works.
const PATIENCE: Duration = Duration::from_secs(65);

impl Backend {
    /// Invokes the function and gives its answer.
    ///
    /// # Errors
    /// `NotFound` where there is no such function; `Refused` where it failed.
    pub async fn invoke(&self, payload: &Value) -> PortResult<Value> {
        self.ask(&self.shared.resources.function, payload, PATIENCE).await
    }

    /// Who looks after repositories: a function of its own, which alone may use GitHub's token.
    pub fn repository_worker(&self) -> Arc<dyn RepositoryWorker> {
        Arc::new(FunctionWorker(self.clone()))
    }

    /// Invokes a function and does not wait for it: Lambda has the invocation when this returns.
    pub(crate) async fn post(&self, name: &str, payload: &Value) -> PortResult<()> {
        let call = self.shared.clients.lambda().invoke().function_name(name);
        let call = call.invocation_type(InvocationType::Event);
        match call.payload(Blob::new(payload.to_string())).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Err(no_function(name).because(error)),
            Err(error) => Err(port_error("lambda:InvokeFunction", error)),
        }
    }

    async fn ask(&self, name: &str, payload: &Value, patience: Duration) -> PortResult<Value> {
        let call = self.shared.clients.lambda().invoke().function_name(name);
        let call = call.payload(Blob::new(payload.to_string()));
        let patient = aws_sdk_lambda::config::Config::builder().timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(patience)
                .operation_timeout(patience)
                .build(),
        );
        let answer = match call.customize().config_override(patient).send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                return Err(no_function(name).because(error));
            }
            Err(error) => return Err(port_error("lambda:InvokeFunction", error)),
        };
        if let Some(failure) = answer.function_error() {
            let message = format!("the function {name} failed ({failure}); its log says why");
            return Err(PortError::new(PortErrorKind::Refused, message));
        }
        let body = answer.payload.map(Blob::into_inner).unwrap_or_default();
        serde_json::from_slice(&body).map_err(|error| corrupt("the function's answer").because(error))
    }
}

fn no_function(name: &str) -> PortError {
    let message = format!("there is no function {name} in this account and region: deploy it with `make deploy`");
    PortError::new(PortErrorKind::NotFound, message)
}

/// How long a task of the wire contract may take that is asked for by name and waited for: less than the
/// function that asks has itself.
const CARE_PATIENCE: Duration = Duration::from_secs(50);

/// How long after the end of its last run's lease work counts as given up. Lambda makes a run that failed again
/// after one minute, and after two more.
const GIVEN_UP: SignedDuration = SignedDuration::from_mins(15);

struct FunctionWorker(Backend);

#[async_trait]
impl RepositoryWorker for FunctionWorker {
    async fn carry_out(
        &self,
        work: &RepositoryWork,
        author: &Author,
        _handle: &WorkHandle,
    ) -> PortResult<Result<Value, Failure>> {
        let name = &self.0.shared.resources.repositories_function;
        let payload = json!({"asked": work, "author": author});
        let answer = self.0.ask(name, &payload, CARE_PATIENCE).await?;
        let answer: WorkOutcome = serde_json::from_value(answer)
            .map_err(|error| corrupt("the answer of the function for repositories").because(error))?;
        answer.into()
    }

    async fn hand_over(&self, claim: &Claim, work: &RepositoryWork, author: &Author) -> PortResult<bool> {
        let name = &self.0.shared.resources.repositories_function;
        let payload = json!({"asked": work, "author": author, "request": claim.request});
        self.0.post(name, &payload).await.map(|()| true)
    }

    async fn standing(&self, request: &RequestId, now: Timestamp) -> PortResult<WorkStatus> {
        // Without a run it has not begun: Lambda holds an invocation back for hours if it must.
        let Some(standing) = self.0.handed_over().standing(request).await? else {
            return Ok(WorkStatus::GoesOn(None));
        };
        Ok(match standing.answer {
            Some(WorkOutcome::Done(value)) => WorkStatus::Ended(Ok(value)),
            Some(WorkOutcome::Refused { reason, error }) => WorkStatus::Ended(Err(Failure::new(reason, error))),
            Some(WorkOutcome::Failed { error, .. }) => {
                tracing::warn!(request_id = %request, error, "work on repositories failed for good");
                let message =
                    "GitHub could not be reached, several times; see what was done before you ask for it again";
                WorkStatus::Ended(Err(Failure::new(Reason::ApiError, message)))
            }
            None if now.duration_since(standing.until) > GIVEN_UP => WorkStatus::Unknown,
            None => WorkStatus::GoesOn(standing.progress),
        })
    }
}
