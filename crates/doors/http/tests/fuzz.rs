//! Whatever somebody writes for a place in a list, the answer is a page or a refusal.
#![expect(clippy::unwrap_used, reason = "what does not hold fails by panicking")]

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request, Uri};
use cc_devops_http::{ServerConfig, Service};
use cc_devops_kernel::agent::Role;
use cc_devops_testkit::fuzz::Fuzz;
use cc_devops_testkit::{Memory, sample};
use tower::ServiceExt;

/// A front door, and the operator's token.
async fn door() -> (Service, String) {
    let ports = Memory::new().ports();
    let mut operator = sample::agent("Operator");
    operator.agent.role = Role::Admin;
    let token = cc_devops_fleet::Token::from_random([9; 32]);
    let stored = cc_devops_fleet::NewToken {
        hash: token.hash(),
        created_at: ports.clock.now(),
    };
    ports.agents.add(&operator, &stored, &sample::added()).await.unwrap();
    let plane = sample::control_plane(ports);
    (
        Service::new(ServerConfig::default(), Arc::new(plane)),
        format!("Bearer {}", token.expose()),
    )
}

/// Bytes as they may stand in a query.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(256) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'=' | b'&' => text.push(char::from(*byte)),
            other => write!(text, "%{other:02x}").unwrap(),
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_place_in_a_list_of_any_bytes_is_one_or_is_refused() {
    let (service, token) = door().await;
    let router = service.router();
    let examples: &[&[u8]] = &[
        b"after=7&limit=50",
        b"cursor=9223372036854775807",
        b"after=-1",
        b"limit=0&agent=A",
    ];
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        Fuzz::new().run(examples, |bytes| {
            let query = encoded(bytes);
            for path in ["/v1/events", "/v1/requests"] {
                let uri: Uri = format!("{path}?{query}").parse().unwrap();
                let mut request = Request::get(uri)
                    .header(AUTHORIZATION, &token)
                    .body(Body::empty())
                    .unwrap();
                if let Ok(last) = HeaderValue::from_bytes(bytes) {
                    request.headers_mut().insert("last-event-id", last);
                }
                let answer = runtime.block_on(router.clone().oneshot(request)).unwrap();
                let status = answer.status();
                assert!(
                    status.is_success() || status.is_client_error(),
                    "{path}?{query}: {status}"
                );
            }
        });
    });
}
