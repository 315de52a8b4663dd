//! Asking the deployed function itself.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};
use serde_json::Value;

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
        let name = &self.shared.resources.function;
        let call = self.shared.clients.lambda().invoke().function_name(name);
        let call = call.payload(Blob::new(payload.to_string()));
        let patient = aws_sdk_lambda::config::Config::builder().timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(PATIENCE)
                .operation_timeout(PATIENCE)
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
