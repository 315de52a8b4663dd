//! Notices that only a signature over their body proves: what they may take before they are proven.

use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use cc_devops_testkit::{FakeBilling, Memory};
use futures::future::join_all;
use tokio::time::Instant;

use crate::harness::{Answer, As, Harness, request};
use crate::repositories::{self, RecordingWorker};
use crate::revenue;

const PATHS: [&str; 2] = ["/v1/repos/events", "/v1/billing/events"];

/// A body that nobody is to read.
fn unread() -> Body {
    let stream = futures::stream::poll_fn(|_| -> Poll<Option<Result<Bytes, std::io::Error>>> {
        panic!("the body was read");
    });
    Body::from_stream(stream)
}

/// A body that does not come.
fn pending() -> Body {
    Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>())
}

async fn harness(path: &str) -> Harness {
    if path == "/v1/repos/events" {
        repositories::harness(&Memory::new(), &RecordingWorker::default()).await
    } else {
        revenue::harness(&Memory::new(), &FakeBilling::default(), true).await
    }
}

async fn notify(harness: &Harness, path: &str, signature: &str, length: Option<usize>, body: Body) -> Answer {
    let mut request = request(Method::POST, path, As::Nobody)
        .header("x-signature", signature)
        .header("x-github-event", "workflow_run");
    if let Some(length) = length {
        request = request.header(CONTENT_LENGTH, length);
    }
    harness.call(request.body(body).unwrap()).await
}

#[tokio::test]
async fn what_cannot_be_genuine_is_refused_before_its_body_is_read() {
    for path in PATHS {
        let harness = harness(path).await;
        for none in ["", "nonsense"] {
            let answer = notify(&harness, path, none, None, unread()).await;
            assert!(answer.is_problem(400), "{path}: {answer:?}");
        }
        let answer = notify(&harness, path, "good", Some((1 << 20) + 1), unread()).await;
        assert!(answer.is_problem(413), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_kind_that_changes_nothing_is_answered_without_its_body() {
    let harness = harness(PATHS[0]).await;
    for kind in ["push", "check_run", ""] {
        let request = request(Method::POST, PATHS[0], As::Nobody)
            .header("x-signature", "good")
            .header("x-github-event", kind);
        let answer = harness.call(request.body(unread()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn few_bodies_are_taken_at_once_and_none_is_waited_for_long() {
    for path in PATHS {
        let harness = harness(path).await;
        let begun = Instant::now();
        let slow = (0..6).map(|_| async {
            let answer = notify(&harness, path, "good", None, pending()).await;
            (answer.status.as_u16(), begun.elapsed().as_secs())
        });
        let mut answers = join_all(slow).await;
        answers.sort_unstable();
        let (late, full) = ((400, 10), (429, 0));
        assert_eq!(answers, [late, late, late, late, full, full], "{path}");
    }
}

#[tokio::test]
async fn a_flood_of_forged_notices_is_told_to_stop_and_others_are_served() {
    for path in PATHS {
        let harness = harness(path).await;
        let mut forged = 0;
        let answer = loop {
            let answer = notify(&harness, path, "bad", None, Body::from("{}")).await;
            if answer.status != StatusCode::BAD_REQUEST {
                break answer;
            }
            forged += 1;
            assert!(forged < 100_000, "nobody stops it");
        };
        assert!(answer.is_problem(429), "{path}: {answer:?}");
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(harness.get("/v1/agents", As::Agent).await.status, StatusCode::OK);
    }
}
