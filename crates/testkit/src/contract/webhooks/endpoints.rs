//! Endpoints take turns, one that only fails is switched off, and what is done to a subscription is on
//! record with it.

use cc_devops_kernel::audit::{AuditEntry, AuditFilter, actions};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{Delivery, Endpoint, Places, SubscriptionId, SubscriptionStatus};
use cc_devops_requests::ports::Ports;

use super::super::refused;
use super::{claim, publish, removed, replayed, subscribe, told};
use crate::outbox;
use crate::sample::{self, AGENT, after, agent_name};

/// How many of these go to a subscription.
fn to(deliveries: &[Delivery], id: &str) -> usize {
    deliveries
        .iter()
        .filter(|delivery| delivery.subscription.id.0 == id)
        .count()
}

pub(super) async fn endpoints_take_turns(ports: &Ports) {
    for id in ["dead", "well"] {
        subscribe(ports, id, None).await;
    }
    for number in 1..=10 {
        publish(ports, number, AGENT).await;
    }
    let claim = async |seconds: i64, limit: usize| {
        let until = after(1_000);
        ports
            .webhooks
            .claim_deliveries(after(seconds), until, limit, &Places::of_each(4))
            .await
            .unwrap()
    };
    let first = claim(10, 4).await;
    assert_eq!((to(&first, "dead"), to(&first, "well")), (2, 2), "each in its turn");
    let second = claim(10, 100).await;
    assert_eq!(
        (to(&second, "dead"), to(&second, "well")),
        (2, 2),
        "none has more than its places"
    );
    assert!(claim(10, 100).await.is_empty(), "and what it has under way counts");

    // The dead one keeps its places; the other has every event all the same, in their order.
    let mut arrived = Vec::new();
    let mut under_way: Vec<Delivery> = first.into_iter().chain(second).collect();
    under_way.retain(|delivery| delivery.subscription.id.0 == "well");
    while let Some(delivery) = under_way.first().cloned() {
        under_way.remove(0);
        ports.webhooks.delivered(&delivery).await.unwrap();
        arrived.push(delivery.event.body.key().to_owned());
        let next = claim(11, 1).await;
        assert_eq!(to(&next, "dead"), 0, "the dead one's places are taken");
        under_way.extend(next);
    }
    let expected: Vec<String> = (1..=10).map(|number| format!("event-{number}")).collect();
    assert_eq!(arrived, expected);
}

pub(super) async fn a_failing_endpoint_has_one_place(ports: &Ports) {
    subscribe(ports, "one", None).await;
    for number in 1..=5 {
        publish(ports, number, AGENT).await;
    }
    let claim = async |seconds: i64| {
        let (now, until) = (after(seconds), after(seconds + 30));
        let places = Places::of_each(3);
        ports.webhooks.claim_deliveries(now, until, 100, &places).await.unwrap()
    };
    let first = claim(10).await;
    assert_eq!(first.len(), 3);
    for delivery in &first {
        let since = ports
            .webhooks
            .retry_at(delivery, after(11), after(500), "status 500")
            .await
            .unwrap();
        assert_eq!(since, after(11));
    }
    let probe = claim(12).await;
    assert_eq!(told(&probe), [("one", "event-4")], "the next, alone");
    assert!(claim(13).await.is_empty(), "one at a time");
    let since = ports.webhooks.bury(&probe[0], after(14), "status 410").await.unwrap();
    assert_eq!(since, after(11), "it fails since the first");
    let probe = claim(15).await;
    assert_eq!(told(&probe), [("one", "event-5")]);
    ports.webhooks.delivered(&probe[0]).await.unwrap();
    assert_eq!(claim(501).await.len(), 3, "what arrives gives it its places back");
}

pub(super) async fn those_that_do_not_answer_leave_room_for_one_that_does(ports: &Ports) {
    const ALL: usize = 8;
    let well = subscribe(ports, "well", None).await;
    for number in 1..=ALL {
        subscribe(ports, &format!("dead-{number}"), None).await;
    }
    for number in 1..=5 {
        publish(ports, number, AGENT).await;
    }
    let mut places = Places::among(ALL, 4);
    let claim = async |places: &mut Places, seconds: i64, limit: usize| {
        let (now, until) = (after(seconds), after(1_000));
        let claimed = ports.webhooks.claim_deliveries(now, until, limit, places).await;
        let claimed = claimed.unwrap();
        for delivery in &claimed {
            places.note_begun(&delivery.subscription.id);
        }
        claimed
    };
    let first = claim(&mut places, 10, ALL).await;
    assert_eq!(first.len(), 6, "as long as nobody answers some places stay free");
    assert!(claim(&mut places, 10, 2).await.is_empty(), "whoever asks again");
    // One of the six may be the healthy one, which its answer tells apart.
    let is_well = |delivery: &Delivery| delivery.subscription.id == well.id;
    let (mut mine, mut dead): (Vec<Delivery>, Vec<Delivery>) = first.into_iter().partition(is_well);
    places.note_answer(&well.id);
    let mut arrived = 0;
    loop {
        let free = ALL - dead.len() - mine.len();
        let (more, others): (Vec<Delivery>, Vec<Delivery>) =
            claim(&mut places, 11, free).await.into_iter().partition(is_well);
        mine.extend(more);
        dead.extend(others);
        assert!(dead.len() <= 6, "the dead ones have their places and no more");
        let Some(delivery) = mine.pop() else { break };
        ports.webhooks.delivered(&delivery).await.unwrap();
        places.note_ended(&well.id);
        arrived += 1;
    }
    assert_eq!(
        arrived, 5,
        "who answers has everything, while no dead one has come to its end"
    );

    for delivery in &dead {
        ports
            .webhooks
            .retry_at(delivery, after(12), after(13), "the receiver did not answer")
            .await
            .unwrap();
        places.note_ended(&delivery.subscription.id);
    }
    let again = claim(&mut places, 20, ALL).await;
    assert_eq!(again.len(), 6, "again together");
    let failed = |delivery: &&Delivery| dead.iter().any(|one| one.subscription.id == delivery.subscription.id);
    assert_eq!(
        again.iter().filter(failed).count(),
        4,
        "of which those that fail have half of all"
    );
}

pub(super) async fn what_others_have_under_way_takes_no_place_of_ones_own(ports: &Ports) {
    const ALL: usize = 8;
    for number in 1..=12 {
        subscribe(ports, &format!("endpoint-{number}"), None).await;
    }
    for number in 1..=3 {
        publish(ports, number, AGENT).await;
    }
    let claim = async |places: &Places, limit: usize| {
        let claimed = ports
            .webhooks
            .claim_deliveries(after(10), after(1_000), limit, places)
            .await;
        claimed.unwrap()
    };
    // A process that is busy, or died.
    let others = claim(&Places::of_each(2), 100).await;
    assert_eq!(others.len(), 24);
    let own = claim(&Places::among(ALL, 4), ALL).await;
    assert_eq!(own.len(), 6, "as where nobody else delivers");
    for delivery in &own {
        assert_eq!(to(&own, &delivery.subscription.id.0), 1, "each of them one");
    }
}

async fn status(ports: &Ports, id: &SubscriptionId) -> SubscriptionStatus {
    let all = ports.webhooks.statuses().await.unwrap();
    all.into_iter().find(|status| status.subscription.id == *id).unwrap()
}

pub(super) async fn an_endpoint_that_only_fails_is_switched_off(ports: &Ports) {
    let (one, two) = (subscribe(ports, "one", None).await, subscribe(ports, "two", None).await);
    publish(ports, 1, AGENT).await;
    let (reader, news) = (agent_name(AGENT), sample::announcement("webhook/one"));
    let disabled = sample::audit_entry(actions::WEBHOOK_DISABLED, 500);
    let disable = async |since: i64| {
        let news = (&reader, &news);
        ports
            .webhooks
            .disable(&one.id, after(since), &disabled, news)
            .await
            .unwrap()
    };
    let first = claim(ports, 10).await;
    let failed = first
        .iter()
        .find(|delivery| delivery.subscription.id == one.id)
        .unwrap();
    let since = ports
        .webhooks
        .retry_at(failed, after(11), after(20), "status 500")
        .await
        .unwrap();
    assert_eq!(since, after(11));
    let failing = status(ports, &one.id).await;
    let expected = Endpoint {
        failing_since: Some(after(11)),
        last_error: Some("status 500".to_owned()),
        disabled_at: None,
    };
    assert_eq!(
        (failing.endpoint, failing.dead_letters),
        (expected, 0),
        "it shows how it does"
    );
    assert!(!disable(10).await, "only while it fails as it was seen to");
    let waiting = ports.ledger.backlog().await.unwrap().unpublished;
    assert!(disable(11).await);
    assert!(!disable(11).await, "once");
    let with_news = ports.ledger.backlog().await.unwrap().unpublished;
    assert_eq!(with_news, waiting + 1, "an event says so, once");
    assert_eq!(status(ports, &one.id).await.endpoint.disabled_at, Some(after(500)));

    publish(ports, 2, AGENT).await;
    let others = claim(ports, 600).await;
    assert_eq!(to(&others, "one"), 0, "it is left alone");
    assert_eq!(
        to(&others, "two"),
        3,
        "and the others are not: they have both events, and the news"
    );

    let enabled = sample::audit_entry(actions::WEBHOOK_ENABLED, 700);
    for _ in 0..2 {
        ports.webhooks.enable(&one.id, &enabled).await.unwrap();
    }
    assert_eq!(
        status(ports, &one.id).await.endpoint,
        Endpoint::default(),
        "as if it had never failed"
    );
    assert_eq!(status(ports, &two.id).await.endpoint, Endpoint::default());
    publish(ports, 3, AGENT).await;
    let mut own = claim(ports, 610).await;
    own.retain(|delivery| delivery.subscription.id == one.id);
    assert_eq!(
        told(&own),
        [("one", "event-3"), ("one", "event-1")],
        "what waited and what is new; what came to be in between is not queued"
    );
    let since = ports
        .webhooks
        .retry_at(&own[0], after(611), after(900), "status 500")
        .await
        .unwrap();
    assert_eq!(since, after(611), "the time of failing begins anew");
    ports.webhooks.delivered(&own[1]).await.unwrap();
    assert_eq!(
        status(ports, &one.id).await.endpoint,
        Endpoint::default(),
        "what arrives ends it"
    );
    refused(
        ports
            .webhooks
            .enable(&SubscriptionId("none".to_owned()), &enabled)
            .await,
        PortErrorKind::NotFound,
        "enabling what is not there",
    );
    let rows = on_record(ports).await;
    let count = |action: &str| rows.iter().filter(|entry| entry.action == action).count();
    assert_eq!(
        (count(actions::WEBHOOK_DISABLED), count(actions::WEBHOOK_ENABLED)),
        (1, 1),
        "what changed nothing is not on record"
    );
}

/// What is on record, oldest first.
async fn on_record(ports: &Ports) -> Vec<AuditEntry> {
    let page = ports.audit.list(&AuditFilter::default(), None, 100).await.unwrap();
    page.items.into_iter().rev().map(|row| row.entry).collect()
}

pub(super) async fn acts_are_on_record_with_what_they_change(ports: &Ports) {
    let one = subscribe(ports, "one", None).await;
    let secret = SecretValue::new("whsec_other".to_owned());
    refused(
        ports
            .webhooks
            .subscribe(&one, &secret, &sample::audit_entry("refused", 2))
            .await,
        PortErrorKind::Exists,
        "subscribing under the same id",
    );
    let none = SubscriptionId("none".to_owned());
    for (what, answer) in [
        (
            "unsubscribing",
            ports
                .webhooks
                .unsubscribe(&none, &sample::audit_entry("refused", 3))
                .await,
        ),
        (
            "replaying",
            ports
                .webhooks
                .replay(&none, &sample::audit_entry("refused", 3))
                .await
                .map(drop),
        ),
    ] {
        refused(answer, PortErrorKind::NotFound, what);
    }
    // More than one transaction of any store takes.
    let events: Vec<(i64, &str)> = (1..=90).map(|number| (number, AGENT)).collect();
    outbox::publish(ports, &events, 1).await;
    let mut buried = 0;
    loop {
        let due = ports
            .webhooks
            .claim_deliveries(after(10), after(40), 100, &Places::of_each(1_000))
            .await
            .unwrap();
        if due.is_empty() {
            break;
        }
        for delivery in &due {
            ports.webhooks.bury(delivery, after(11), "status 410").await.unwrap();
            buried += 1;
        }
    }
    assert_eq!((buried, status(ports, &one.id).await.dead_letters), (90, 90));
    assert_eq!(ports.webhooks.replay(&one.id, &replayed(20)).await.unwrap(), 90);
    ports.webhooks.unsubscribe(&one.id, &removed()).await.unwrap();
    let rows = on_record(ports).await;
    let count = |action: &str| rows.iter().filter(|entry| entry.action == action).count();
    assert_eq!((count(actions::WEBHOOK_ADDED), count(actions::WEBHOOK_REMOVED)), (1, 1));
    assert_eq!(count("refused"), 0, "what was refused changed nothing");
    let replayed = rows
        .iter()
        .filter(|entry| entry.action == actions::DEAD_LETTERS_REPLAYED);
    let letters: u64 = replayed.filter_map(|entry| entry.detail["replayed"].as_u64()).sum();
    assert_eq!(letters, 90, "every letter that was given back is on record");
}
