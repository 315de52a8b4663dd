//! Whatever somebody writes for a place in a list or in a ping's path, the answer is one of the API's or a refusal.
#![cfg(test)]

#[expect(dead_code, reason = "it is made for the tests of the whole API")]
#[path = "api/harness.rs"]
mod harness;

use std::fmt::Write;

use axum::body::Body;
use axum::http::{HeaderValue, Method};
use cc_devops_testkit::fuzz::Fuzz;
use tower::ServiceExt;

use crate::harness::{As, Harness, request};

/// The lists that are given by pages.
const LISTS: [&str; 7] = [
    "/v1/events",
    "/v1/requests",
    "/v1/deploys",
    "/v1/alerts",
    "/v1/revenue/days",
    "/v1/revenue/movements",
    "/v1/agents/ContentOrchestrator/history",
];

/// Bytes as they may stand in an address, these among them as they are.
fn encoded(bytes: &[u8], plain: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(256) {
        if byte.is_ascii_alphanumeric() || plain.contains(byte) {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02x}").unwrap();
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_place_in_a_list_of_any_bytes_is_one_or_is_refused() {
    let harness = Harness::new().await;
    let router = harness.router();
    let examples: &[&[u8]] = &[
        b"after=7&limit=50",
        b"cursor=9223372036854775807",
        b"after=-1",
        b"limit=0&agent=A",
        b"before=1795392000000-plan-0123456789abcdef01234567&state=ready",
        b"from=-009999-01-01&to=9999-12-31&cursor=4294967296&kind=new",
    ];
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        Fuzz::new().run(examples, |bytes| {
            let query = encoded(bytes, b"-=&");
            for path in LISTS {
                let uri = format!("{path}?{query}");
                let mut request = request(Method::GET, &uri, As::Admin).body(Body::empty()).unwrap();
                if let Ok(last) = HeaderValue::from_bytes(bytes) {
                    request.headers_mut().insert("last-event-id", last);
                }
                let answer = runtime.block_on(router.clone().oneshot(request)).unwrap();
                let status = answer.status();
                assert!(status.is_success() || status.is_client_error(), "{uri}: {status}");
            }
        });
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pings_path_of_any_bytes_that_names_no_agent_is_refused() {
    let harness = Harness::new().await;
    let router = harness.router();
    let examples: &[&[u8]] = &[
        b"5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278",
        b"5BF66975-D4C7-4BF5-BCC8-B8D8A82EA278/255/",
        b"fqOOd6-F4MMNuCEnzTU01w/backup/start",
        b"fqOOd6-F4MMNuCEnzTU01w/a_b-1/fail",
    ];
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        Fuzz::new().run(examples, |bytes| {
            let path = encoded(bytes, b"-_/");
            for uri in [format!("/ping/{path}"), format!("/ping/{path}?create=1&rid={path}")] {
                let request = request(Method::POST, &uri, As::Nobody).body(Body::empty()).unwrap();
                let status = runtime.block_on(router.clone().oneshot(request)).unwrap().status();
                assert!(status.is_client_error(), "{uri}: {status}");
            }
        });
    });
}
