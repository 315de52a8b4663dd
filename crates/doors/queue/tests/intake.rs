//! A message is the control plane's when it is durable, and is given again when nothing is certain.

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_queue::{Batch, Delivered, signal, take};
use cc_devops_requests::bus::{Signal, Taken};
use cc_devops_testkit::memory::Memory;
use cc_devops_testkit::sample;
use serde_json::json;

#[tokio::test]
async fn a_batch_is_on_record_but_for_what_is_to_be_given_again() {
    let memory = Memory::new();
    let plane = sample::control_plane(memory.ports());
    let event = sample::put_secret_event("r-1", "/contentcraft/contentorchestrator/key", "value");
    let records = json!([
        {"messageId": "request", "body": event.to_string()},
        {"messageId": "no JSON", "body": "hello"},
        {"messageId": "no text", "body": 7},
    ]);
    let failed = Batch::read(records).unwrap().hand_over(|body| {
        let plane = &plane;
        async move { take(plane, &body).await }
    });
    let mut failed = failed.await;
    failed.0.sort();
    assert_eq!(failed.0, ["no JSON", "no text"]);
    let found = memory.ports().ledger.find(&sample::request_id("r-1")).await.unwrap();
    assert!(found.is_some(), "it is durable");
}

#[tokio::test]
async fn a_store_that_is_not_there_has_the_message_given_again() {
    let memory = Memory::new();
    let plane = sample::control_plane(memory.ports());
    let event = sample::put_secret_event("r-2", "/contentcraft/contentorchestrator/key", "value");
    memory.fail_with(Some(PortErrorKind::Unavailable));
    assert_eq!(take(&plane, &event.to_string()).await, Delivered::Again);
    memory.fail_with(None);
    assert_eq!(take(&plane, &event.to_string()).await, Delivered::Taken);
    // The same event given directly tells what became of it.
    let taken = signal(&plane, Signal::read(event).unwrap()).await.unwrap();
    assert!(
        matches!(taken, Some(Taken::Concluded(_) | Taken::Accepted(_))),
        "{taken:?}"
    );
}
