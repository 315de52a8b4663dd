//! What a request says of itself before anything of it is believed: which protocol, which service, which operation. It is
//! read from its head alone, so that whatever becomes of it can be answered in the caller's protocol.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, Uri};

use crate::service::{Family, Service};

/// What every scheme begins with by which AWS's SDKs sign.
const SIGNED: &str = "AWS4-";

/// The path of this door.
pub(crate) const DOOR: &str = "/aws";

/// How the caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JSON 1.0: the operation stands in `X-Amz-Target`.
    Json10,
    /// JSON 1.1, which is the same.
    Json11,
    /// A form, answered with XML.
    Query,
    /// RPC v2 in CBOR: the operation stands in the path.
    Cbor,
    /// Paths of a service's own, and JSON. Nothing is served in it.
    RestJson,
    /// Paths of a service's own, and XML, as S3 has it. Nothing is served in it.
    RestXml,
}

/// What a request says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) protocol: Protocol,
    /// The service, where something of it is served.
    pub(crate) service: Option<Service>,
    /// How the caller calls the service, where it does.
    pub(crate) called: Option<String>,
    /// The operation, as the caller wrote it; a form has it in its body.
    pub(crate) operation: Option<String>,
    /// Whether the caller looks for an error's name in a header.
    pub(crate) query_mode: bool,
}

impl Asked {
    /// Reads a request's head.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let query_mode = text(headers, "x-amzn-query-mode") == Some("true");
        let asked = |protocol, called: Option<&str>, service, operation: Option<&str>| Self {
            protocol,
            service,
            called: called.map(shown),
            operation: operation.map(str::to_owned),
            query_mode,
        };
        if text(headers, "smithy-protocol") == Some("rpc-v2-cbor") {
            let (shape, operation) = in_path(request.uri().path()).unzip();
            return asked(Protocol::Cbor, shape, shape.and_then(Service::of_target), operation);
        }
        if let Some(target) = text(headers, "x-amz-target") {
            let (prefix, operation) = target.rsplit_once('.').unwrap_or((target, ""));
            return asked(json(headers), Some(prefix), Service::of_target(prefix), Some(operation));
        }
        let scope = scope(headers);
        let service = scope.and_then(Service::of_scope);
        let protocol = match scope {
            Some("s3" | "s3express" | "s3-outposts" | "route53" | "cloudfront") => Protocol::RestXml,
            // No other way leads to the first of these.
            scope if speaks_forms(scope) || is_form(headers) || has_action(request.uri()) => Protocol::Query,
            _ => Protocol::RestJson,
        };
        asked(protocol, scope, service, None)
    }

    /// How errors are called.
    pub(crate) fn family(&self) -> Family {
        match (self.service, self.protocol) {
            (Some(service), _) => service.family(),
            (None, Protocol::Query | Protocol::RestXml) => Family::Query,
            (None, Protocol::Json10 | Protocol::Json11 | Protocol::Cbor | Protocol::RestJson) => Family::Json,
        }
    }
}

/// Whether a request is signed as AWS's SDKs do it, or is not signed at all and says in their own header what it asks for.
pub(crate) fn is_of_an_sdk<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    match headers.get(AUTHORIZATION) {
        Some(scheme) => scheme.as_bytes().starts_with(SIGNED.as_bytes()),
        None => headers.contains_key("x-amz-target") || headers.contains_key("smithy-protocol"),
    }
}

/// Whether a path is this door's.
pub(crate) fn is_doors_path(path: &str) -> bool {
    path.strip_prefix(DOOR)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The service in the scope of a signature that nobody has looked at yet.
fn scope(headers: &HeaderMap) -> Option<&str> {
    let (_, scope) = text(headers, AUTHORIZATION.as_str())?.split_once("Credential=")?;
    let scope = scope.split([',', ' ']).next()?;
    scope.split('/').nth(3)
}

/// The service's shape and the operation of `…/service/{shape}/operation/{operation}`.
fn in_path(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.trim_end_matches('/').rsplitn(5, '/');
    let (operation, what) = (parts.next()?, parts.next()?);
    let (shape, of) = (parts.next()?, parts.next()?);
    (what == "operation" && of == "service").then_some((shape, operation))
}

/// What is shown of a name that a caller made up.
fn shown(name: &str) -> String {
    let plain = name
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(*letter));
    plain.take(64).collect()
}

/// A header as text, where it is there and is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Which JSON; what nobody names is answered as most services speak.
fn json(headers: &HeaderMap) -> Protocol {
    match text(headers, CONTENT_TYPE.as_str()) {
        Some(declared) if declared.starts_with("application/x-amz-json-1.0") => Protocol::Json10,
        _ => Protocol::Json11,
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    text(headers, CONTENT_TYPE.as_str())
        .is_some_and(|declared| declared.starts_with("application/x-www-form-urlencoded"))
}

/// Whether a service is spoken to by forms alone.
fn speaks_forms(scope: Option<&str>) -> bool {
    matches!(scope, Some("sts" | "sns" | "cloudformation"))
}

fn has_action(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    pairs.any(|pair| pair.starts_with("Action="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::of(&request.body(()).unwrap())
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIA/20261125/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    #[test]
    fn each_protocol_is_told_from_the_head() {
        let json = asked(
            "/aws",
            &[
                ("x-amz-target", "AWSEvents.PutEvents"),
                ("content-type", "application/x-amz-json-1.1"),
            ],
        );
        assert_eq!((json.protocol, json.service), (Protocol::Json11, Some(Service::Events)));
        assert_eq!(json.operation.as_deref(), Some("PutEvents"));

        let granite = "GraniteServiceVersion20100801";
        let compatible = asked(
            "/aws/",
            &[
                ("x-amz-target", format!("{granite}.PutMetricData").as_str()),
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amzn-query-mode", "true"),
            ],
        );
        assert_eq!(compatible.protocol, Protocol::Json10);
        assert!(compatible.query_mode && compatible.family() == Family::Query);

        let path = format!("/aws/service/{granite}/operation/PutMetricData");
        let cbor = asked(&path, &[("smithy-protocol", "rpc-v2-cbor")]);
        assert_eq!(
            (cbor.protocol, cbor.service),
            (Protocol::Cbor, Some(Service::CloudWatch))
        );
        assert_eq!(cbor.operation.as_deref(), Some("PutMetricData"));

        let sts = signed("sts");
        let form = [
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("authorization", sts.as_str()),
        ];
        let query = asked("/aws", &form);
        assert_eq!((query.protocol, query.service), (Protocol::Query, Some(Service::Sts)));

        let s3 = asked("/articles/a/b.txt", &[("authorization", signed("s3").as_str())]);
        assert_eq!((s3.protocol, s3.service), (Protocol::RestXml, None));
        let lambda = asked("/2015-03-31/functions", &[("authorization", signed("lambda").as_str())]);
        assert_eq!(
            (lambda.protocol, lambda.called.as_deref()),
            (Protocol::RestJson, Some("lambda"))
        );
    }

    #[test]
    fn what_a_caller_made_up_is_shown_in_part() {
        let made_up = asked("/aws", &[("x-amz-target", "No<script>.Evil Operation")]);
        assert_eq!(made_up.called.as_deref(), Some("Noscript"));
    }

    #[test]
    fn only_what_an_sdk_sends_is_an_sdks() {
        let of = |name: &str, value: &str| {
            let request = Request::get("/").header(name, value).body(()).unwrap();
            is_of_an_sdk(&request)
        };
        assert!(of("authorization", &signed("s3")));
        assert!(of("x-amz-target", "AWSEvents.PutEvents"));
        assert!(of("smithy-protocol", "rpc-v2-cbor"));
        assert!(!of("authorization", "Bearer ccd_AWS4-"));
        let ours = Request::post("/v1/events").header("authorization", "Bearer ccd_x");
        let ours = ours.header("x-amz-target", "AWSEvents.PutEvents").body(()).unwrap();
        assert!(!is_of_an_sdk(&ours), "what has a token is the API's");
        assert!(is_doors_path("/aws") && is_doors_path("/aws/") && is_doors_path("/aws/service/x"));
        assert!(!is_doors_path("/awsome") && !is_doors_path("/v1/aws"));
    }
}
