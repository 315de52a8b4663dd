//! Asking the deployed function itself.

use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};
use serde_json::Value;

use crate::Backend;
use crate::error::{corrupt, port_error};

impl Backend {
    /// Invokes the function and gives its answer.
    ///
    /// # Errors
    /// `NotFound` where there is no such function; `Refused` where it failed.
    pub async fn invoke(&self, payload: &Value) -> PortResult<Value> {
        let name = &self.shared.resources.function;
        let call = self.shared.clients.lambda().invoke().function_name(name);
        let answer = match call.payload(Blob::new(payload.to_string())).send().await {
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
