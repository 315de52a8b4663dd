//! The outbox: what is still to be published.

use cc_devops_core::ports::{Ledger, Ports};
use cc_devops_core::requests::outcome::Reason;
use cc_devops_core::requests::record::{OutboxEntry, RequestState};

use super::{end, leave, record};
use crate::sample::{self, after, request_id};

pub(super) async fn events_wait_in_their_order(ports: &Ports) {
    let ledger = &*ports.ledger;
    assert!(unpublished(ledger, 100).await.is_empty(), "a new outbox is empty");
    ended(ledger, &["r1", "r2", "r3"]).await;
    let first = ledger.unpublished(after(100), 2).await.unwrap();
    assert_eq!(
        ids(&first),
        ["r1", "r2"],
        "the oldest come first, and no more than asked for"
    );
    let all = unpublished(ledger, 100).await;
    assert_eq!(ids(&all), ["r1", "r2", "r3"], "looking at them takes nothing out");
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "their numbers grow");
}

pub(super) async fn news_waits_among_outcomes(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1"]).await;
    let (reader, news) = (
        sample::agent_name(sample::AGENT),
        sample::announcement("mrr/2026-03-01"),
    );
    ledger.announce(&reader, &news).await.unwrap();
    ended(ledger, &["r2"]).await;
    let all = unpublished(ledger, 100).await;
    assert_eq!(ids(&all), ["r1", "mrr/2026-03-01", "r2"]);
    assert_eq!(all[1].event.agent, reader, "news is for the agent it was given for");
    assert_eq!(all[1].event.body, news.into(), "and comes as it was given");
    ports.bus.publish(&all, after(50)).await.unwrap();
    let ids_of_all: Vec<i64> = all.iter().map(|entry| entry.id).collect();
    ledger.published(&ids_of_all).await.unwrap();
    assert!(unpublished(ledger, 100).await.is_empty(), "what is published is gone");
}

pub(super) async fn a_failed_event_waits_for_its_time(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1", "r2"]).await;
    let first = unpublished(ledger, 100).await.remove(0);
    ledger.publish_failed(first.id, after(200)).await.unwrap();
    assert_eq!(
        ids(&unpublished(ledger, 199).await),
        ["r2"],
        "a failed event does not hold up the others"
    );
    let again = unpublished(ledger, 201).await;
    assert_eq!(ids(&again), ["r1", "r2"], "after its time it comes again");
    assert_eq!((again[0].id, again[0].failures), (first.id, 1), "with one failure more");
    ledger.publish_failed(first.id, after(300)).await.unwrap();
    assert_eq!(unpublished(ledger, 301).await[0].failures, 2, "failures add up");
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Completed,
        "its request is not published"
    );
}

pub(super) async fn a_published_event_is_gone_and_its_request_published(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1", "r2", "r3"]).await;
    let all = unpublished(ledger, 100).await;
    let published = [all[0].id, all[2].id];
    ledger.published(&published).await.unwrap();
    assert_eq!(
        ids(&unpublished(ledger, 100).await),
        ["r2"],
        "what is published is gone"
    );
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Published,
        "its request is published"
    );
    assert_eq!(
        record(ledger, "r2").await.state,
        RequestState::Completed,
        "the other is not"
    );
    ledger
        .published(&published)
        .await
        .expect("saying it again changes nothing");
    ledger.published(&[]).await.expect("saying nothing changes nothing");
    assert!(
        record(ledger, "r1").await.completed.is_some(),
        "a published request keeps its outcome"
    );
}

pub(super) async fn an_event_can_be_published_again(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1"]).await;
    ledger.republish(&request_id("r1")).await.unwrap();
    let waiting = unpublished(ledger, 100).await;
    assert_eq!(ids(&waiting), ["r1"], "an event that still waits is not doubled");
    ledger.published(&[waiting[0].id]).await.unwrap();

    ledger.republish(&request_id("r1")).await.unwrap();
    let again = unpublished(ledger, 100).await;
    assert_eq!(ids(&again), ["r1"], "a published event waits again");
    assert_eq!(again[0].event, waiting[0].event, "it says the same");
    assert_eq!(again[0].failures, 0, "it has not failed yet");
    ledger.republish(&request_id("r1")).await.unwrap();
    assert_eq!(unpublished(ledger, 100).await.len(), 1, "and is not doubled either");
    ledger.published(&[again[0].id]).await.unwrap();
    assert!(unpublished(ledger, 100).await.is_empty(), "it is gone");
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Published,
        "its request is published"
    );

    leave(ledger, &sample::request("open")).await;
    ledger.republish(&request_id("open")).await.unwrap();
    ledger.republish(&request_id("nobody")).await.unwrap();
    assert!(
        unpublished(ledger, 100).await.is_empty(),
        "what has no outcome has no event"
    );
}

pub(super) async fn a_refusal_is_not_taken_for_its_request(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    leave(ledger, &request).await;
    let conflict = sample::failure(&request.head, 2, Reason::RequestIdConflict);
    ledger.refuse(&request.head.agent, &conflict).await.unwrap();
    let refusal = unpublished(ledger, 100).await.remove(0);
    ledger.published(&[refusal.id]).await.unwrap();
    let kept = record(ledger, "r1").await;
    assert_eq!(
        (kept.state, kept.completed),
        (RequestState::Received, None),
        "a published conflict says nothing about the request whose id it used"
    );

    ended(ledger, &["r2"]).await;
    let own = unpublished(ledger, 100).await.remove(0);
    ledger.published(&[own.id]).await.unwrap();
    let conflict = sample::failure(&sample::head("r2"), 3, Reason::RequestIdConflict);
    ledger.refuse(&request.head.agent, &conflict).await.unwrap();
    ledger.republish(&request_id("r2")).await.unwrap();
    assert_eq!(
        unpublished(ledger, 100).await.len(),
        2,
        "a waiting refusal does not stand for the outcome"
    );
}

async fn ended(ledger: &dyn Ledger, ids: &[&str]) {
    for id in ids {
        let request = sample::request(id);
        end(ledger, &request, &sample::success(&request.head, 2)).await;
    }
}

async fn unpublished(ledger: &dyn Ledger, seconds: i64) -> Vec<OutboxEntry> {
    ledger.unpublished(after(seconds), 100).await.unwrap()
}

fn ids(entries: &[OutboxEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event.body.key()).collect()
}
