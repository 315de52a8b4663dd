//! How what goes wrong is called, for each family of services: who asks is not known, a problem of the API's, something that is
//! not served.

use std::borrow::Cow;

use axum::http::StatusCode;
use cc_devops_http::problem::Problem;

use crate::asked::{Asked, Protocol};
use crate::fault::Fault;
use crate::service::{Family, Service};
use crate::signature::NotSigned;

/// What is said of a key that nobody has.
const UNKNOWN_KEY: &str = "The security token included in the request is invalid.";

/// What is said of a short-lived key whose time is over.
const EXPIRED: &str = "The security token included in the request is expired";

/// Where an operator reads what is served.
const SERVED: &str = "docs/AWS-SDK.md lists what it serves";

fn fault(family: Family, (json, query): (&'static str, &'static str), forbidden: bool, message: String) -> Fault {
    let (code, status) = match family {
        Family::Json => (json, StatusCode::BAD_REQUEST),
        Family::Query if forbidden => (query, StatusCode::FORBIDDEN),
        Family::Query => (query, StatusCode::BAD_REQUEST),
    };
    Fault {
        code: Cow::Borrowed(code),
        status,
        message,
    }
}

/// Who asks is not known.
pub(crate) fn not_signed(why: NotSigned, family: Family) -> Fault {
    let (codes, message) = match why {
        NotSigned::Missing => (
            ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
            "Missing Authentication Token: sign the request with an access key, as `cc-devops agents key add` makes them".to_owned(),
        ),
        NotSigned::Malformed(message) => (("IncompleteSignatureException", "IncompleteSignature"), message),
        NotSigned::UnknownKey => (
            ("UnrecognizedClientException", "InvalidClientTokenId"),
            UNKNOWN_KEY.to_owned(),
        ),
        NotSigned::ExpiredToken => (("ExpiredTokenException", "ExpiredToken"), EXPIRED.to_owned()),
        NotSigned::OutsideWindow(message) | NotSigned::Mismatch(message) => {
            (("InvalidSignatureException", "SignatureDoesNotMatch"), message)
        }
    };
    fault(family, codes, true, message)
}

/// A problem of the API's.
pub(crate) fn of_problem(problem: &Problem, service: Option<Service>, family: Family) -> Fault {
    let (status, message) = (problem.status(), problem.detail().to_owned());
    let (codes, forbidden) = match status {
        // What was good when the caller came has ended.
        StatusCode::UNAUTHORIZED => {
            let codes = ("UnrecognizedClientException", "InvalidClientTokenId");
            return fault(family, codes, true, UNKNOWN_KEY.to_owned());
        }
        // SNS alone has a name of its own for it.
        StatusCode::FORBIDDEN if service == Some(Service::Sns) => {
            (("AccessDeniedException", "AuthorizationError"), true)
        }
        StatusCode::FORBIDDEN => (("AccessDeniedException", "AccessDenied"), true),
        StatusCode::NOT_FOUND => (("ResourceNotFoundException", "ResourceNotFound"), false),
        StatusCode::CONFLICT => (("ConflictException", "Conflict"), false),
        StatusCode::TOO_MANY_REQUESTS => (("ThrottlingException", "Throttling"), false),
        StatusCode::PAYLOAD_TOO_LARGE => (("RequestEntityTooLargeException", "RequestEntityTooLarge"), false),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
            (("ServiceUnavailableException", "ServiceUnavailable"), false)
        }
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => {
            (("RequestTimeoutException", "RequestTimeout"), false)
        }
        status if status.is_server_error() => (("InternalServiceError", "InternalFailure"), false),
        _ => (("ValidationException", "ValidationError"), false),
    };
    let fault = fault(family, codes, forbidden, message);
    let keeps_its_status =
        status.is_server_error() || matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::MISDIRECTED_REQUEST);
    if keeps_its_status {
        fault.with_status(status)
    } else {
        fault
    }
}

/// What is asked for is not served.
pub(crate) fn not_served(asked: &Asked, operation: Option<&str>) -> Fault {
    let operation: Option<String> =
        operation.map(|name| name.chars().filter(char::is_ascii_alphanumeric).take(64).collect());
    let operation = operation.filter(|operation| !operation.is_empty());
    let message = match (asked.service, operation) {
        (Some(service), Some(operation)) => format!(
            "the control plane does not serve {} of {}: {SERVED}. Where AWS is to do this, leave AWS_ENDPOINT_URL_{} out of the \
             environment of the program that asks",
            operation,
            service.word(),
            service.variable()
        ),
        (Some(service), None) => format!(
            "the control plane does not serve a request to {} that names no operation: {SERVED}",
            service.word()
        ),
        (None, _) => {
            let called = match (asked.protocol, asked.called.as_deref()) {
                (Protocol::RestXml, Some("s3")) => "S3",
                (_, None | Some("")) => "this service",
                (_, Some(called)) => called,
            };
            format!(
                "the control plane does not serve {called}: {SERVED}. Set addresses service by service, as `cc-devops agents env` \
                 prints them (AWS_ENDPOINT_URL_EVENTBRIDGE and its like), and not AWS_ENDPOINT_URL for all"
            )
        }
    };
    match asked.protocol {
        Protocol::RestXml => Fault::sender("NotImplemented", message),
        _ => fault(
            asked.family(),
            ("UnknownOperationException", "InvalidAction"),
            false,
            message,
        ),
    }
}

/// A document that cannot be read at all.
pub(crate) fn not_read(service: Service, sentence: &str) -> Fault {
    match service.family() {
        Family::Json => Fault::sender("SerializationException", sentence),
        Family::Query => Fault::sender("MalformedInput", sentence),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn both(of: impl Fn(Family) -> Fault) -> [(String, u16); 2] {
        [Family::Json, Family::Query].map(|family| {
            let fault = of(family);
            assert!(fault.message.split_whitespace().count() > 1, "{}", fault.message);
            (fault.code.into_owned(), fault.status.as_u16())
        })
    }

    fn pair(json: (&str, u16), query: (&str, u16)) -> [(String, u16); 2] {
        [json, query].map(|(code, status)| (code.to_owned(), status))
    }

    #[test]
    fn each_defect_of_a_signature_has_its_row() {
        let rows = [
            (
                NotSigned::Missing,
                ("MissingAuthenticationTokenException", 400),
                ("MissingAuthenticationToken", 403),
            ),
            (
                NotSigned::Malformed("x y".to_owned()),
                ("IncompleteSignatureException", 400),
                ("IncompleteSignature", 403),
            ),
            (
                NotSigned::UnknownKey,
                ("UnrecognizedClientException", 400),
                ("InvalidClientTokenId", 403),
            ),
            (
                NotSigned::ExpiredToken,
                ("ExpiredTokenException", 400),
                ("ExpiredToken", 403),
            ),
            (
                NotSigned::OutsideWindow("x y".to_owned()),
                ("InvalidSignatureException", 400),
                ("SignatureDoesNotMatch", 403),
            ),
            (
                NotSigned::mismatch(),
                ("InvalidSignatureException", 400),
                ("SignatureDoesNotMatch", 403),
            ),
        ];
        for (why, json, query) in rows {
            assert_eq!(both(|family| not_signed(why.clone(), family)), pair(json, query));
        }
    }

    #[test]
    fn a_problem_has_the_familys_name_and_status() {
        let of = |status: u16| {
            let problem = Problem::new(StatusCode::from_u16(status).unwrap(), "no policy permits it");
            both(|family| of_problem(&problem, None, family))
        };
        assert_eq!(of(403), pair(("AccessDeniedException", 400), ("AccessDenied", 403)));
        assert_eq!(
            of(401),
            pair(("UnrecognizedClientException", 400), ("InvalidClientTokenId", 403))
        );
        assert_eq!(of(429), pair(("ThrottlingException", 400), ("Throttling", 400)));
        assert_eq!(of(408), pair(("RequestTimeoutException", 400), ("RequestTimeout", 400)));
        assert_eq!(
            of(413),
            pair(("RequestEntityTooLargeException", 413), ("RequestEntityTooLarge", 413))
        );
        assert_eq!(
            of(503),
            pair(("ServiceUnavailableException", 503), ("ServiceUnavailable", 503))
        );
        assert_eq!(of(500), pair(("InternalServiceError", 500), ("InternalFailure", 500)));
        assert_eq!(of(422), pair(("ValidationException", 400), ("ValidationError", 400)));
    }

    #[test]
    fn a_denial_has_the_name_that_its_service_has_for_it() {
        let denied = Problem::denied("no policy permits it");
        let of = |service: Service| {
            let fault = of_problem(&denied, Some(service), service.family());
            (fault.code.into_owned(), fault.status.as_u16())
        };
        assert_eq!(of(Service::Sns), ("AuthorizationError".to_owned(), 403));
        assert_eq!(of(Service::Sts), ("AccessDenied".to_owned(), 403));
        assert_eq!(of(Service::Ssm), ("AccessDeniedException".to_owned(), 400));
    }

    #[test]
    fn what_is_not_served_is_said_in_a_4xx() {
        let asked = |name: &str, value: &str| {
            let request = Request::post("/aws").header(name, value);
            Asked::of(&request.body(()).unwrap())
        };
        let rules = not_served(&asked("x-amz-target", "AWSEvents.ListRules"), Some("ListRules"));
        assert_eq!(
            (rules.code.as_ref(), rules.status.as_u16()),
            ("UnknownOperationException", 400)
        );
        assert!(
            rules.message.contains("does not serve ListRules of EventBridge"),
            "{}",
            rules.message
        );
        assert!(rules.message.contains("AWS_ENDPOINT_URL_EVENTBRIDGE"));
        let signed = "AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/s3/aws4_request";
        let s3 = not_served(&asked("authorization", signed), None);
        assert_eq!((s3.code.as_ref(), s3.status.as_u16()), ("NotImplemented", 400));
        assert!(s3.message.contains("does not serve S3"), "{}", s3.message);
        let sts = asked("authorization", &signed.replace("/s3/", "/sts/"));
        assert_eq!(not_served(&sts, Some("AssumeRole")).code, "InvalidAction");
        let kms = not_served(&asked("x-amz-target", "TrentService.Decrypt"), Some("Decrypt"));
        assert!(kms.message.contains("does not serve TrentService"), "{}", kms.message);
    }
}
