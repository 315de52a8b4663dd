//! What arrives is read once: who carries it out at once does not read it again from what was stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use cc_devops_kernel::access::Resource;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::{Failure, Reason, Status};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_policy::{On, Policy};
use cc_devops_requests::actions::{
    Action, Asked, Carrying, Effect, EffectContext, EffectError, EffectProgress, Params, Registry,
};
use cc_devops_requests::bus::{Signal, Taken};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::envelope::Envelope;
use cc_devops_requests::execution::Step;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::receiving::Received;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};

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
    claimed.request.detail = unreadable();
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

/// An action that counts how often its parameters are read.
static COUNTED: Action = Action {
    name: "counted",
    summary: "Counts how often it is read.",
    params: &[],
    on: On::ControlPlane,
    staged: false,
    carrying: Carrying::UnderClaim,
    read,
};

static READ: AtomicUsize = AtomicUsize::new(0);

struct Nothing;

#[expect(clippy::unnecessary_wraps, reason = "it is what an action's reading gives")]
fn read(_params: Params, _asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    READ.fetch_add(1, Ordering::SeqCst);
    Ok(Box::new(Nothing))
}

impl Effect for Nothing {
    fn resource(&self) -> Resource {
        Resource::ControlPlane
    }

    fn carry_out<'a>(&'a self, _context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>> {
        async { Ok(EffectProgress::done(json!({}))) }.boxed()
    }
}

#[tokio::test]
async fn a_request_is_read_once_on_every_door_and_again_by_a_sweep_alone() {
    let registry = Registry::shipped().with(&COUNTED).unwrap();
    let installation = sample::installation();
    let open = [(
        "open.cedar".to_owned(),
        "permit (principal, action, resource);".to_owned(),
    )];
    let policy = Policy::parse(&open, &installation, registry.vocabulary()).unwrap();
    let memory = Memory::new();
    let ports = memory.ports();
    sample::add_agent(&ports).await;
    let key = FingerprintKey::new([7; 32]);
    let plane = ControlPlane::new(installation, ports, policy, key, RequestSettings::default()).taking(registry);
    let event = |id: &str| sample::event(id, "counted", &json!({}));
    let since = |before: usize| READ.load(Ordering::SeqCst) - before;

    // The server's: it is received, then carried out.
    let received = plane.receive(&sample::principal(AGENT), event("r1"), true).await;
    let Received::Claimed(claimed) = received.unwrap() else {
        panic!("it is new")
    };
    assert!(matches!(plane.carry_out(claimed).await.unwrap(), Step::Concluded(_)));
    assert_eq!(since(0), 1, "over HTTP");

    // The queue's and the function's: the text of a message is parsed, and the event moves on from hand to hand.
    let before = READ.load(Ordering::SeqCst);
    let Ok(Signal::Request(event_of_bus)) = Signal::parse(&event("r2").to_string()) else {
        panic!("it is a request")
    };
    let taken = plane.take_request(event_of_bus).await.unwrap();
    assert!(matches!(taken, Taken::Concluded(completed) if completed.status == Status::Success));
    assert_eq!(since(before), 1, "over the bus");

    // What is only recorded is read on its arrival, so that who sent it hears, and by the sweep that takes it up.
    let before = READ.load(Ordering::SeqCst);
    let received = plane.receive(&sample::principal(AGENT), event("r3"), false).await;
    assert!(matches!(received.unwrap(), Received::Recorded(_)));
    assert_eq!(since(before), 1, "on arrival");
    let swept = plane.sweep(std::future::pending()).await;
    assert_eq!((swept.concluded, since(before)), (1, 2), "by the sweep");
}

/// The API is the way that needs no mention; any other is on record, also where the request ends later or cannot be read.
#[tokio::test]
async fn the_door_a_request_came_by_is_on_record() {
    let memory = Memory::new();
    let plane = plane(&memory).await;
    let principal = sample::principal(AGENT);
    let put = |id: &str| sample::put_secret_event(id, "/contentcraft/contentorchestrator/key", "x");
    let events = [
        put("carried out"),
        sample::event("refused", "nothing", &json!({})),
        json!("unreadable"),
    ];
    for event in events {
        let received = plane
            .receive_by(Door::Slack, &principal, Envelope::read(event), true)
            .await
            .unwrap();
        if let Received::Claimed(claimed) = received {
            plane.carry_out(claimed.request).await.unwrap();
        }
    }
    plane.receive(&principal, json!("unreadable"), true).await.unwrap();
    let rows = memory.audit_rows();
    let via: Vec<&Value> = rows.iter().skip(1).map(|row| &row.entry.detail["via"]).collect();
    assert_eq!(via, [&json!("slack"), &json!("slack"), &json!("slack"), &Value::Null]);
}
