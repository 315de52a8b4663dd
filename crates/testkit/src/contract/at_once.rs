//! Doing a request in the transaction that takes it in, where ledger and secrets are one store.

use std::sync::Arc;

use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::outcome::{Completed, Reason, SecretAction, Status};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PutSecret;
use cc_devops_kernel::ports::{PortErrorKind, PortResult, SecretVersion, SecretWrite};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::Fingerprint;
use cc_devops_requests::ports::{Done, Ports};
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::{RequestFilter, RequestHead, RequestRecord};
use futures::future::join_all;
use serde_json::json;

use super::refused;
use crate::sample::{self, AGENT, after, agent_name, secret_name};

const NAME: &str = "/contentcraft/contentorchestrator/key";

/// More than any case has.
const LIMIT: usize = 100;

/// A store that does requests at once does all of one or nothing, and what it leaves behind is what the
/// whole way leaves behind.
pub async fn at_once(fresh: impl AsyncFn() -> Ports) {
    all_of_it_is_on_record(&fresh().await).await;
    a_repeat_is_known_and_another_meaning_conflicts(&fresh().await).await;
    what_the_secret_store_refuses_leaves_nothing(&fresh().await).await;
    many_at_once_lose_no_version(&fresh().await).await;
    it_ends_as_on_the_whole_way(&fresh).await;
    what_no_policy_lets_is_refused_on_record(&fresh().await).await;
    what_is_refused_at_once_goes_the_whole_way(&fresh().await).await;
}

async fn put(ports: &Ports, head: &RequestHead, secret: &PutSecret, token: &str) -> PortResult<Done> {
    let port = ports.at_once.as_ref().expect("the store does requests at once");
    let write = SecretWrite {
        put: secret,
        token,
        may_be_repeat: false,
        agent: &agent_name(AGENT),
        stage: &sample::stage(),
        at: after(1),
    };
    let own = head.clone();
    let conclude = move |written: cc_devops_kernel::ports::SecretWritten| {
        let mut conclusion = sample::success(&own, 1);
        conclusion.completed.result = Some(json!({"action": written.action, "versionId": written.version_id}));
        conclusion
    };
    port.put_secret(head, write, Box::new(conclude)).await
}

#[track_caller]
fn done(answer: PortResult<Done>) -> Completed {
    match answer.expect("it is done") {
        Done::Now(completed) => completed,
        other => panic!("it must be done now, but was {other:?}"),
    }
}

async fn record(ports: &Ports, id: &str) -> RequestRecord {
    let found = ports.ledger.find(&sample::request_id(id)).await.unwrap();
    found.unwrap_or_else(|| panic!("{id} is on record"))
}

/// How many requests, audit rows and events there are.
async fn counts(ports: &Ports) -> (usize, usize, usize) {
    let requests = ports.ledger.list(&RequestFilter::default(), None, LIMIT).await.unwrap();
    let rows = ports.audit.list(&AuditFilter::default(), None, LIMIT).await.unwrap();
    let backlog = ports.ledger.backlog().await.unwrap();
    let told = ports.events.after(Cursor(0), None, LIMIT).await.unwrap().len();
    let events = usize::try_from(backlog.unpublished).unwrap().max(told);
    (requests.items.len(), rows.items.len(), events)
}

async fn value(ports: &Ports, name: &str) -> Option<String> {
    let read = ports.secrets.read(&secret_name(name), SecretVersion::Current).await;
    read.unwrap().map(|read| read.value.expose().to_owned())
}

async fn all_of_it_is_on_record(ports: &Ports) {
    let head = sample::head("r1");
    let completed = done(put(ports, &head, &sample::put_secret(NAME, "one"), &"1".repeat(64)).await);
    assert_eq!(
        completed.result,
        Some(json!({"action": SecretAction::Created, "versionId": "1".repeat(64)})),
        "the outcome is worded with what the write did"
    );
    let kept = record(ports, "r1").await;
    assert_eq!((kept.head, kept.tries), (head, 1), "the request is on record");
    assert_eq!(kept.completed, Some(completed), "with its outcome");
    assert_eq!(
        value(ports, NAME).await.as_deref(),
        Some("one"),
        "the secret is written"
    );
    assert_eq!(counts(ports).await, (1, 1, 1), "one audit row and one event tell of it");
    let verification = ports.audit.verify().await.unwrap();
    assert!(verification.breaks.is_empty(), "the chain holds: {verification:?}");

    let again = done(
        put(
            ports,
            &sample::head("r2"),
            &sample::put_secret(NAME, "two"),
            &"2".repeat(64),
        )
        .await,
    );
    let action = again.result.and_then(|result| result.get("action").cloned());
    assert_eq!(
        action,
        Some(json!(SecretAction::Updated)),
        "a second version is an update"
    );
}

async fn a_repeat_is_known_and_another_meaning_conflicts(ports: &Ports) {
    let (head, secret) = (sample::head("r1"), sample::put_secret(NAME, "one"));
    let first = done(put(ports, &head, &secret, &"1".repeat(64)).await);
    match put(ports, &head, &secret, &"1".repeat(64)).await.unwrap() {
        Done::Known(known) => assert_eq!(known.completed, Some(first), "a repeat gets the first outcome"),
        other => panic!("a repeat must be known, but was {other:?}"),
    }
    let mut other = head.clone();
    other.fingerprint = Fingerprint([2; 32]);
    let answer = put(ports, &other, &sample::put_secret(NAME, "two"), &"2".repeat(64)).await;
    assert!(
        matches!(answer, Ok(Done::Conflict)),
        "the same id with another meaning conflicts"
    );
    assert_eq!(counts(ports).await, (1, 1, 1), "neither wrote anything");
    assert_eq!(
        value(ports, NAME).await.as_deref(),
        Some("one"),
        "nor changed the secret"
    );
}

async fn what_the_secret_store_refuses_leaves_nothing(ports: &Ports) {
    done(
        put(
            ports,
            &sample::head("r1"),
            &sample::put_secret(NAME, "one"),
            &"1".repeat(64),
        )
        .await,
    );
    let answer = put(
        ports,
        &sample::head("r2"),
        &sample::put_secret(NAME, "two"),
        &"1".repeat(64),
    )
    .await;
    refused(
        answer,
        PortErrorKind::Refused,
        "a token that was used for another value",
    );
    assert_eq!(counts(ports).await, (1, 1, 1), "the request is not on record either");
}

async fn many_at_once_lose_no_version(ports: &Ports) {
    const MANY: usize = 40;
    let puts = (0..MANY).map(async |number| {
        let head = sample::head(&format!("r{number}"));
        let secret = sample::put_secret(NAME, &format!("value {number}"));
        done(put(ports, &head, &secret, &format!("{number:064x}")).await)
    });
    let outcomes = join_all(puts).await;
    let created = json!(SecretAction::Created);
    let created = |one: &&Completed| one.result.as_ref().and_then(|result| result.get("action")) == Some(&created);
    assert_eq!(outcomes.iter().filter(created).count(), 1, "one of them was the first");
    let listed = ports.secrets.list(None, None, LIMIT).await.unwrap();
    assert_eq!(
        listed.first().map(|secret| secret.versions),
        Some(MANY as u64),
        "each wrote a version"
    );
    assert_eq!(counts(ports).await, (MANY, MANY, MANY), "each is on record once");
}

async fn send(plane: &ControlPlane, principal: &Principal, id: &str, name: &str) -> Received {
    let event = sample::put_secret_event(id, name, "value");
    plane.receive(principal, event, true).await.unwrap()
}

async fn it_ends_as_on_the_whole_way(fresh: &impl AsyncFn() -> Ports) {
    let mut left = Vec::new();
    for at_once in [true, false] {
        let ports = fresh().await;
        let ports = Ports {
            at_once: ports.at_once.clone().filter(|_| at_once),
            ..ports
        };
        sample::add_agent(&ports).await;
        let plane = sample::control_plane(ports.clone());
        match send(&plane, &sample::principal(AGENT), "r1", NAME).await {
            Received::Concluded(_) => assert!(at_once, "only a store that can does it at once"),
            Received::Claimed(claimed) => {
                assert!(!at_once, "what can be done at once is");
                drop(plane.carry_out(claimed).await.unwrap());
            }
            _ => panic!("a new request is done or claimed"),
        }
        let mut kept = record(&ports, "r1").await;
        let rows = ports.audit.list(&AuditFilter::default(), None, LIMIT).await.unwrap();
        let mut row = rows.items.first().expect("its audit row").entry.clone();
        // What differs from run to run.
        row.at = sample::START;
        kept.head.received_at = sample::START;
        let mut completed = kept.completed.take().expect("its outcome");
        (completed.timestamp, completed.latency_ms) = (sample::START, 0);
        left.push((kept, completed, row));
    }
    assert_eq!(left.first(), left.last(), "nobody can tell which way it went");
}

async fn what_no_policy_lets_is_refused_on_record(ports: &Ports) {
    sample::add_agent(ports).await;
    let plane = sample::control_plane(ports.clone());
    let received = send(
        &plane,
        &sample::principal(AGENT),
        "r1",
        "/contentcraft/somebodyelse/key",
    )
    .await;
    let completed = carried_out(&plane, received).await;
    assert_eq!(completed.reason, Some(Reason::SecurityViolation), "no policy lets it");
    assert_eq!(
        value(ports, "/contentcraft/somebodyelse/key").await,
        None,
        "nothing was written"
    );
}

async fn what_is_refused_at_once_goes_the_whole_way(ports: &Ports) {
    sample::add_agent(ports).await;
    let plane = sample::control_plane(ports.clone());
    send(&plane, &sample::principal(AGENT), "r1", NAME).await;
    let refusing = Ports {
        at_once: Some(Arc::new(Refusing)),
        ..ports.clone()
    };
    let plane = sample::control_plane(refusing);
    let received = send(&plane, &sample::principal(AGENT), "r2", NAME).await;
    assert!(matches!(received, Received::Claimed(_)), "it goes the whole way");
    let completed = carried_out(&plane, received).await;
    assert_eq!(completed.status, Status::Success, "where its own store decides");
}

/// Refuses everything, as a store does where a token was used before.
struct Refusing;

#[async_trait::async_trait]
impl cc_devops_requests::ports::AtOnce for Refusing {
    async fn put_secret(
        &self,
        _head: &RequestHead,
        _write: SecretWrite<'_>,
        _conclude: cc_devops_requests::ports::Conclude,
    ) -> PortResult<Done> {
        let message = "the token was used before with another value";
        Err(cc_devops_kernel::ports::PortError::new(PortErrorKind::Refused, message))
    }
}

async fn carried_out(plane: &ControlPlane, received: Received) -> Completed {
    let Received::Claimed(claimed) = received else {
        panic!("it goes the whole way");
    };
    let id = claimed.request.head.id.clone();
    drop(plane.carry_out(claimed).await.unwrap());
    record(plane.ports(), id.as_str()).await.completed.expect("its outcome")
}
