//! Asking the deployed functions themselves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_core::acts::Author;
use cc_devops_core::ports::{CareAnswer, PortError, PortErrorKind, PortResult, RepositoryCare};
use cc_devops_core::requests::RepositoryWork;
use cc_devops_core::requests::outcome::Failure;
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
    pub fn care(&self) -> Arc<dyn RepositoryCare> {
        Arc::new(CareElsewhere(self.clone()))
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
                let message =
                    format!("there is no function {name} in this account and region: deploy it with `make deploy`");
                return Err(PortError::new(PortErrorKind::NotFound, message).because(error));
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

/// How long the function for repositories may take: less than the function that asks it has itself. What it
/// does goes on, and the next asking finds it done.
const CARE_PATIENCE: Duration = Duration::from_secs(50);

struct CareElsewhere(Backend);

#[async_trait]
impl RepositoryCare for CareElsewhere {
    async fn carry_out(&self, work: &RepositoryWork, author: &Author) -> PortResult<Result<Value, Failure>> {
        let name = &self.0.shared.resources.repositories_function;
        let payload = json!({"asked": work, "author": author});
        let answer = self.0.ask(name, &payload, CARE_PATIENCE).await?;
        let answer: CareAnswer = serde_json::from_value(answer)
            .map_err(|error| corrupt("the answer of the function for repositories").because(error))?;
        answer.into()
    }
}
