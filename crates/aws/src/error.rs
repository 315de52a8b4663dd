//! What an SDK's error means to the domain.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use cc_devops_outbound::header::RETRY_AFTER;
use cc_devops_outbound::parse_retry_after;
use jiff::SignedDuration;

/// Codes by which the services ask for patience; the SDK has been patient already.
const BUSY: [&str; 10] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "TransactionConflictException",
    "SlowDown",
    "InternalServerError",
];

/// The port error for a call that did not succeed. `call` names it as IAM does
/// (`dynamodb:PutItem`), because that is what an operator may have to grant.
pub(crate) fn port_error<E>(call: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let asked_wait = error
        .raw_response()
        .and_then(|response| response.headers().get(RETRY_AFTER.as_str()))
        .and_then(|asked| parse_retry_after(asked, None))
        .and_then(|wait| SignedDuration::try_from(wait).ok());
    let code = error.code().unwrap_or_default().to_owned();
    let (kind, message) = match &error {
        SdkError::TimeoutError(_) => (PortErrorKind::Timeout, format!("{call} did not answer in time")),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (PortErrorKind::Timeout, format!("{call} did not answer in time"))
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => (
            PortErrorKind::Unavailable,
            format!("{call} could not be called: {}", DisplayErrorContext(&error)),
        ),
        _ if code.contains("AccessDenied") || code == "UnauthorizedOperation" => (
            PortErrorKind::Refused,
            format!("{call} is not allowed here; grant it to the role that this runs as"),
        ),
        _ if BUSY.contains(&code.as_str()) || status.is_some_and(|status| status == 429 || status >= 500) => (
            PortErrorKind::Unavailable,
            format!("{call} is not available now ({code})"),
        ),
        _ if code.contains("NotFound") => (PortErrorKind::NotFound, format!("{call}: {}", said(&error, &code))),
        // The answer came, but could not be read: the effect may have taken place.
        SdkError::ResponseError(_) => (
            PortErrorKind::Timeout,
            format!("{call} gave an answer that cannot be read"),
        ),
        _ => (PortErrorKind::Refused, format!("{call}: {}", said(&error, &code))),
    };
    let mut port = PortError::new(kind, message).because(error);
    port.retry_after = asked_wait;
    port
}

/// Whether a condition on an item did not hold.
pub(crate) fn is_condition<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

/// The service's own words.
fn said(error: &impl ProvideErrorMetadata, code: &str) -> String {
    match error.message() {
        Some(message) if code.is_empty() => message.to_owned(),
        Some(message) => format!("{code}: {message}"),
        None if code.is_empty() => "refused without a reason".to_owned(),
        None => code.to_owned(),
    }
}

/// What is stored cannot be read.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> PortError {
    PortError::new(
        PortErrorKind::Corrupt,
        format!("{what} cannot be read; restore it, see the runbook"),
    )
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[test]
    fn a_service_that_says_how_long_to_wait_is_obeyed() {
        for (asked, wait) in [("120", Some(120)), ("soon", None)] {
            let mut response = HttpResponse::new(StatusCode::try_from(503_u16).unwrap(), SdkBody::empty());
            response.headers_mut().insert("retry-after", asked);
            let busy = ErrorMetadata::builder().code("SlowDown").build();
            let error = port_error("s3:GetObject", SdkError::service_error(busy, response));
            assert_eq!(error.kind, PortErrorKind::Unavailable);
            assert_eq!(error.retry_after, wait.map(SignedDuration::from_secs), "{asked}");
        }
    }
}
