#![doc = include_str!("../README.md")]

mod answer;
mod asked;
mod bodies;
mod canonical;
mod cbor;
mod conform;
mod door;
mod epoch;
mod fault;
mod form;
mod model;
mod operation;
mod refusals;
mod service;
mod services;
mod signature;
mod xml;

use std::time::Duration;

use axum::http::Request;
use cc_devops_http::{Claims, DoorProfile, Mount};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::secret::SecretValue;

use crate::canonical::Reached;
use crate::service::Service;
use crate::signature::Signed;

/// The longest that a call waits for something, beside what every request may take: as SQS has it.
const LONG_POLL: Duration = Duration::from_secs(20);

/// The door, as the API's listener mounts it: below `/aws`, and wherever an SDK's signed requests are addressed.
pub fn door() -> Mount {
    Mount {
        routes: Box::new(door::below_its_path),
        claims: Some(Claims {
            takes: door::claims,
            routes: Box::new(door::anywhere),
        }),
        profile: DoorProfile {
            door: Door::Aws,
            owns: door::owns,
            patience: LONG_POLL,
        },
    }
}

/// The ends of the variables in which SDKs look for the address of a service, for each that is served:
/// `SECRETS_MANAGER` of `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
pub fn endpoint_variables() -> [&'static str; 9] {
    Service::ALL.map(Service::variable)
}

/// What a benchmark measures: reading the signature of a request with a body of so many bytes, and holding it against a key's
/// secret. The signature is wrong, which takes as long.
#[doc(hidden)]
pub fn verification(bytes: usize) -> Option<impl Fn() -> bool> {
    let body = vec![b'x'; bytes];
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/us-east-1/events/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}",
        "0".repeat(64)
    );
    let request = Request::post("/aws")
        .header("host", "127.0.0.1:8787")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AWSEvents.PutEvents")
        .header("x-amz-date", "20261125T120000Z")
        .header("authorization", authorization);
    let (parts, ()) = request.body(()).ok()?.into_parts();
    let now = "2026-11-25T12:00:00Z".parse::<jiff::Timestamp>().ok()?;
    let secret = SecretValue::new("x".repeat(40));
    Some(move || {
        let signed = Signed::read(&parts.headers, "events", now);
        let ways = Reached::ways(&parts, "http://127.0.0.1:8787");
        signed.is_ok_and(|signed| signed.holds(&parts, &body, &secret, &ways).is_some())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_measured_is_a_signature_that_does_not_hold() {
        assert!(!super::verification(1_024).unwrap()());
    }
}
