//! What arrives is read once: who carries it out at once does not read it again from what was stored.

use cc_devops_core::ControlPlane;
use cc_devops_core::requests::engine::Received;
use cc_devops_core::requests::execution::Step;
use cc_devops_core::requests::outcome::{Reason, Status};
use cc_devops_core::secret::SecretValue;
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT};
use jiff::SignedDuration;

async fn plane(memory: &Memory) -> ControlPlane {
    let ports = memory.ports();
    sample::add_agent(&ports).await;
    sample::control_plane(ports)
}

#[tokio::test]
async fn a_request_that_is_carried_out_at_once_is_read_once_and_later_from_what_was_stored() {
    let memory = Memory::new();
    let plane = plane(&memory).await;
    let event = |id: &str| sample::put_secret_event(id, "/contentcraft/contentorchestrator/key", "x");
    let unreadable = || SecretValue::new("{".to_owned());

    let received = plane
        .receive(&sample::principal(AGENT), event("r1"), true)
        .await
        .unwrap();
    let Received::Claimed(mut claimed) = received else {
        panic!("it is new")
    };
    claimed.detail = unreadable();
    let Step::Concluded(completed) = plane.carry_out(claimed).await.unwrap() else {
        panic!("it ends")
    };
    assert_eq!(completed.status, Status::Success, "what was stored was not read again");

    plane
        .receive(&sample::principal(AGENT), event("r2"), false)
        .await
        .unwrap();
    memory.clock().advance(SignedDuration::from_mins(2));
    let mut later = plane.recover(1).await.unwrap().remove(0);
    later.detail = unreadable();
    let Step::Concluded(completed) = plane.carry_out(later).await.unwrap() else {
        panic!("it ends")
    };
    assert_eq!(
        completed.reason,
        Some(Reason::InternalError),
        "there is nothing else to read"
    );
}
