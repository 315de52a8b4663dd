//! What Secrets Manager's refusals mean, beyond what every service's do.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{PortError, PortErrorKind};

use crate::error::port_error;

/// There is no such secret, or no such version of it.
pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";
/// The name is taken, or the token by another value.
pub(super) const EXISTS: &str = "ResourceExistsException";

/// The port error for a call about a secret. It holds nothing of the secret's value.
pub(super) fn refusal<E>(call: &str, name: &SecretName, error: SdkError<E, HttpResponse>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let said = error.message().unwrap_or_default().to_ascii_lowercase();
    let message = match error.code().unwrap_or_default() {
        EXISTS => "the token was used before with another value: use a new request id".to_owned(),
        // "marked for deletion", "scheduled for deletion", "marked deleted".
        "InvalidRequestException" if said.contains("delet") => format!(
            "the secret {name} is marked for deletion: restore it with \
             `aws secretsmanager restore-secret --secret-id {name}`, or use another name"
        ),
        "LimitExceededException" => format!(
            "the secret {name} has met a quota of Secrets Manager, most likely that of its versions: they are kept \
             for a day, so write it less often than every ten minutes and try again tomorrow"
        ),
        code if code == "EncryptionFailure" || (code.contains("AccessDenied") && said.contains("kms")) => format!(
            "the KMS key of the secret {name} cannot be used: grant kms:GenerateDataKey and kms:Decrypt on it to the \
             role that this runs as, and see that it is enabled"
        ),
        "DecryptionFailure" => format!(
            "the secret {name} cannot be decrypted: grant kms:Decrypt on its key to the role that this runs as, and \
             see that the key is enabled"
        ),
        _ => return port_error(call, error),
    };
    PortError::new(PortErrorKind::Refused, message).because(error)
}
