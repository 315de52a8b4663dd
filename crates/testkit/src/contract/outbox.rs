//! The outbox: who is still to be told of what, each consumer on its own.

use cc_devops_kernel::outcome::Reason;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outcome, Settled, Standing};
use cc_devops_requests::ports::{Ledger, Ports};
use cc_devops_requests::record::RequestState;

use super::ledger::{end, leave, record};
use crate::outbox::{event, keys, settle, settle_all, state_once_ended, waiting};
use crate::sample::{self, after, request_id};

/// The outbox keeps what it promises: events in their order for every consumer, and what becomes of one
/// at one consumer is nothing to the others.
pub async fn outbox(fresh: impl AsyncFn() -> Ports) {
    consumers_are_known(&fresh().await);
    events_wait_in_their_order(&fresh().await).await;
    news_waits_among_outcomes(&fresh().await).await;
    each_consumer_is_told_on_its_own(&fresh().await).await;
    a_failed_event_waits_for_its_time(&fresh().await).await;
    what_is_settled_out_of_order_is_settled_alone(&fresh().await).await;
    failing_events_do_not_keep_new_ones_away(&fresh().await).await;
    a_told_event_is_gone_and_its_request_published(&fresh().await).await;
    an_event_can_be_published_again(&fresh().await).await;
    a_refusal_is_not_taken_for_its_request(&fresh().await).await;
    what_is_set_aside_is_kept_and_can_be_given_back(&fresh().await).await;
    what_is_set_aside_comes_in_pages(&fresh().await).await;
    the_standing_tells_who_is_behind(&fresh().await).await;
}

/// A consumer that every backend has, and another.
const ONE: Consumer = Consumer::Webhooks;
const OTHER: Consumer = Consumer::People;

fn consumers_are_known(ports: &Ports) {
    let consumers = ports.outbox.consumers();
    let in_order: Vec<Consumer> = Consumer::ALL
        .into_iter()
        .filter(|one| consumers.contains(one))
        .collect();
    assert_eq!(consumers, in_order, "each once, in the order of them all");
    for consumer in [Consumer::Webhooks, Consumer::Metrics, Consumer::People] {
        assert!(consumers.contains(&consumer), "{consumer} is told by every backend");
    }
    assert_eq!(consumers.contains(&Consumer::Bus), ports.bus.is_some());
    assert_eq!(consumers.contains(&Consumer::Log), ports.log.is_some());
    for consumer in Consumer::ALL {
        assert_eq!(Consumer::find(consumer.as_str()), Some(consumer));
    }
}

async fn events_wait_in_their_order(ports: &Ports) {
    assert!(waiting(ports, 100).await.is_empty(), "a new outbox is empty");
    ended(&*ports.ledger, &["r1", "r2", "r3"]).await;
    let first = ports.outbox.due(ports.outbox.consumers(), after(100), 2).await.unwrap();
    assert_eq!(
        keys(&first),
        ["r1", "r2"],
        "the oldest come first, and no more than asked for"
    );
    let all = waiting(ports, 100).await;
    assert_eq!(keys(&all), ["r1", "r2", "r3"], "looking at them takes nothing out");
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "their numbers grow");
    assert!(
        ports.outbox.due(&[], after(100), 10).await.unwrap().is_empty(),
        "nobody waits for nothing"
    );
}

async fn news_waits_among_outcomes(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1"]).await;
    let (reader, news) = (
        sample::agent_name(sample::AGENT),
        sample::announcement("mrr/2026-03-01"),
    );
    ledger.announce(&reader, &news).await.unwrap();
    ended(ledger, &["r2"]).await;
    let all = waiting(ports, 100).await;
    // A store may take it up with the next look, behind what came to be meanwhile.
    let place = keys(&all).iter().position(|key| *key == "mrr/2026-03-01").unwrap();
    assert!(all.len() == 3 && place > 0, "{:?}", keys(&all));
    assert_eq!(
        event(&all[place]).agent,
        reader,
        "news is for the agent it was given for"
    );
    assert_eq!(event(&all[place]).body, news.into(), "and comes as it was given");
    settle_all(ports, &all, 50).await;
    assert!(waiting(ports, 100).await.is_empty(), "what is told is gone");
}

async fn each_consumer_is_told_on_its_own(ports: &Ports) {
    ended(&*ports.ledger, &["r1", "r2"]).await;
    let all = waiting(ports, 100).await;
    settle(ports, all[0].id, ONE, Outcome::Done, 10).await;
    let again = |at| Outcome::Again {
        at: after(at),
        error: "no answer".to_owned(),
    };
    settle(ports, all[0].id, OTHER, again(200), 10).await;
    assert_eq!(keys(&due(ports, ONE, 100).await), ["r2"], "one was told");
    assert_eq!(keys(&due(ports, OTHER, 100).await), ["r2"], "the other failed");
    assert_eq!(
        keys(&due(ports, Consumer::Metrics, 100).await),
        ["r1", "r2"],
        "and the third knows nothing of that"
    );
    let both = ports.outbox.due(&[ONE, OTHER], after(300), 10).await.unwrap();
    assert_eq!(keys(&both), ["r1", "r2"]);
    assert_eq!(both[0].wanted_by, [(OTHER, 1)], "an event says who waits for it");
    assert_eq!(both[1].wanted_by.len(), 2);
}

async fn a_failed_event_waits_for_its_time(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1", "r2"]).await;
    let first = waiting(ports, 100).await.remove(0);
    let again = |at| Outcome::Again {
        at: after(at),
        error: "no answer".to_owned(),
    };
    settle(ports, first.id, ONE, again(200), 100).await;
    assert_eq!(
        keys(&due(ports, ONE, 199).await),
        ["r2"],
        "a failed event does not hold up the others"
    );
    let due_again = due(ports, ONE, 201).await;
    assert_eq!(keys(&due_again), ["r1", "r2"], "after its time it comes again");
    assert_eq!(
        (due_again[0].id, &*due_again[0].wanted_by),
        (first.id, &[(ONE, 1)][..]),
        "with one failure more"
    );
    settle(ports, first.id, ONE, again(300), 201).await;
    assert_eq!(due(ports, ONE, 301).await[0].wanted_by, [(ONE, 2)], "failures add up");
    assert_eq!(
        record(ledger, "r1").await.state,
        state_once_ended(ports),
        "its request is as it was"
    );
    settle(ports, first.id, ONE, Outcome::Done, 301).await;
    assert_eq!(keys(&due(ports, ONE, 400).await), ["r2"], "told at last, it is gone");
}

async fn what_is_settled_out_of_order_is_settled_alone(ports: &Ports) {
    ended(&*ports.ledger, &["r1", "r2", "r3", "r4"]).await;
    let all = waiting(ports, 100).await;
    settle(ports, all[2].id, ONE, Outcome::Done, 10).await;
    assert_eq!(keys(&due(ports, ONE, 100).await), ["r1", "r2", "r4"]);
    settle(ports, all[0].id, ONE, Outcome::Done, 11).await;
    let left = due(ports, ONE, 100).await;
    assert_eq!(keys(&left), ["r2", "r4"], "what was not settled still waits");
    assert!(
        left.iter().all(|entry| entry.wanted_by == [(ONE, 0)]),
        "and has not failed: {left:?}"
    );
    settle(ports, all[2].id, ONE, Outcome::Done, 12).await;
    let late = Outcome::Again {
        at: after(13),
        error: "too late".to_owned(),
    };
    settle(ports, all[0].id, ONE, late, 12).await;
    assert_eq!(
        keys(&due(ports, ONE, 100).await),
        ["r2", "r4"],
        "what is done stays done"
    );
}

async fn failing_events_do_not_keep_new_ones_away(ports: &Ports) {
    ended(&*ports.ledger, &["r1", "r2", "r3", "r4", "r5", "r6"]).await;
    for entry in due(ports, ONE, 100).await {
        let again = Outcome::Again {
            at: after(20),
            error: "no answer".to_owned(),
        };
        settle(ports, entry.id, ONE, again, 10).await;
    }
    ended(&*ports.ledger, &["r7"]).await;
    let page = ports.outbox.due(&[ONE], after(100), 4).await.unwrap();
    assert!(
        keys(&page).contains(&"r7"),
        "{:?} leaves room for what is new",
        keys(&page)
    );
    assert!(keys(&page).contains(&"r1"), "and the oldest is among it");
    assert_eq!(due(ports, ONE, 100).await.len(), 7, "all of them wait");
}

async fn a_told_event_is_gone_and_its_request_published(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1", "r2", "r3"]).await;
    let all = waiting(ports, 100).await;
    let told = [all[0].clone(), all[2].clone()];
    settle_all(ports, &told, 5).await;
    assert_eq!(keys(&waiting(ports, 100).await), ["r2"], "what is told is gone");
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Published,
        "its request is published"
    );
    assert_eq!(
        record(ledger, "r2").await.state,
        state_once_ended(ports),
        "the other is as it was"
    );
    settle_all(ports, &told, 6).await;
    ports
        .outbox
        .settle(after(7), &[])
        .await
        .expect("saying nothing changes nothing");
    assert_eq!(
        keys(&waiting(ports, 100).await),
        ["r2"],
        "saying it again changes nothing"
    );
    assert!(
        record(ledger, "r1").await.completed.is_some(),
        "a published request keeps its outcome"
    );
}

async fn an_event_can_be_published_again(ports: &Ports) {
    let ledger = &*ports.ledger;
    ended(ledger, &["r1"]).await;
    ledger.republish(&request_id("r1"), after(3)).await.unwrap();
    let first = waiting(ports, 100).await;
    assert_eq!(keys(&first), ["r1"], "an event nobody was told of is not doubled");
    settle_all(ports, &first, 4).await;

    ledger.republish(&request_id("r1"), after(5)).await.unwrap();
    let again = waiting(ports, 100).await;
    assert_eq!(keys(&again), ["r1"], "a published event waits again");
    assert_eq!(again[0].event, first[0].event, "it says the same");
    assert_eq!(
        again[0].wanted_by, first[0].wanted_by,
        "for everybody, and it has not failed yet"
    );
    ledger.republish(&request_id("r1"), after(6)).await.unwrap();
    assert_eq!(waiting(ports, 100).await.len(), 1, "and is not doubled either");
    settle_all(ports, &again, 7).await;
    assert!(waiting(ports, 100).await.is_empty(), "it is gone");
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Published,
        "its request is published"
    );

    leave(ledger, &sample::request("open")).await;
    ledger.republish(&request_id("open"), after(8)).await.unwrap();
    ledger.republish(&request_id("nobody"), after(8)).await.unwrap();
    assert!(waiting(ports, 100).await.is_empty(), "what has no outcome has no event");
}

async fn a_refusal_is_not_taken_for_its_request(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    leave(ledger, &request).await;
    let conflict = sample::failure(&request.head, 2, Reason::RequestIdConflict);
    ledger.refuse(&request.head.agent, &conflict).await.unwrap();
    settle_all(ports, &waiting(ports, 100).await, 3).await;
    let kept = record(ledger, "r1").await;
    assert_eq!(
        (kept.state, kept.completed),
        (RequestState::Received, None),
        "a published conflict says nothing about the request whose id it used"
    );

    ended(ledger, &["r2"]).await;
    settle_all(ports, &waiting(ports, 100).await, 4).await;
    let conflict = sample::failure(&sample::head("r2"), 3, Reason::RequestIdConflict);
    ledger.refuse(&request.head.agent, &conflict).await.unwrap();
    ledger.republish(&request_id("r2"), after(5)).await.unwrap();
    assert_eq!(
        waiting(ports, 100).await.len(),
        2,
        "a waiting refusal does not stand for the outcome"
    );
}

async fn what_is_set_aside_is_kept_and_can_be_given_back(ports: &Ports) {
    ended(&*ports.ledger, &["r1", "r2"]).await;
    let all = waiting(ports, 100).await;
    let error = "the topic is gone".to_owned();
    settle(ports, all[0].id, ONE, Outcome::SetAside { error: error.clone() }, 10).await;
    assert_eq!(keys(&due(ports, ONE, 100_000).await), ["r2"], "it is not told any more");
    assert_eq!(keys(&due(ports, OTHER, 100).await), ["r1", "r2"], "the others are");

    let kept = ports.outbox.set_aside(ONE, None, 10).await.unwrap();
    assert_eq!((kept.items.len(), kept.next), (1, None), "it is kept");
    let aside = &kept.items[0];
    let told = all[0].event.as_ref().map(|event| (**event).clone());
    assert_eq!(
        (aside.id, &aside.event),
        (all[0].id, &told.map_err(Clone::clone)),
        "as it was"
    );
    assert_eq!(
        (aside.failures, &aside.error, aside.at),
        (1, &error, after(10)),
        "with what went wrong, and when"
    );
    assert!(
        ports.outbox.set_aside(OTHER, None, 10).await.unwrap().items.is_empty(),
        "the others have nothing set aside"
    );
    for entry in &all {
        for consumer in ports.outbox.consumers() {
            if (entry.id, *consumer) != (all[0].id, ONE) {
                settle(ports, entry.id, *consumer, Outcome::Done, 11).await;
            }
        }
    }
    assert_eq!(
        ports.outbox.set_aside(ONE, None, 10).await.unwrap().items.len(),
        1,
        "it is kept although everybody else was told"
    );

    assert_eq!(ports.outbox.give_back(OTHER, after(20)).await.unwrap(), 0);
    assert_eq!(
        ports.outbox.give_back(ONE, after(20)).await.unwrap(),
        1,
        "one is given back"
    );
    assert_eq!(ports.outbox.give_back(ONE, after(20)).await.unwrap(), 0, "once");
    let again = due(ports, ONE, 20).await;
    assert_eq!(keys(&again), ["r1"], "it is due at once");
    assert_eq!(again[0].wanted_by, [(ONE, 0)], "as if it had never failed");
    assert!(
        ports.outbox.set_aside(ONE, None, 10).await.unwrap().items.is_empty(),
        "and is not set aside any more"
    );
    settle_all(ports, &again, 21).await;
    assert!(waiting(ports, 100_000).await.is_empty(), "nothing is left");
}

async fn what_is_set_aside_comes_in_pages(ports: &Ports) {
    let ids = ["r1", "r2", "r3", "r4", "r5"];
    ended(&*ports.ledger, &ids).await;
    let settled: Vec<Settled> = due(ports, ONE, 100)
        .await
        .iter()
        .map(|entry| Settled {
            id: entry.id,
            consumer: ONE,
            outcome: Outcome::SetAside { error: "no".to_owned() },
        })
        .collect();
    ports.outbox.settle(after(10), &settled).await.unwrap();
    let (mut seen, mut place) = (Vec::new(), None);
    loop {
        let page = ports.outbox.set_aside(ONE, place, 2).await.unwrap();
        assert!(page.items.len() <= 2, "no more than asked for");
        seen.extend(
            page.items
                .iter()
                .map(|aside| aside.event.as_ref().unwrap().body.key().to_owned()),
        );
        place = page.next;
        if place.is_none() || seen.len() > 100 {
            break;
        }
    }
    assert_eq!(seen, ids, "each once, oldest first");
    assert_eq!(
        ports.outbox.give_back(ONE, after(20)).await.unwrap(),
        5,
        "all are given back"
    );
}

async fn the_standing_tells_who_is_behind(ports: &Ports) {
    let at_rest = |consumer: &Consumer| Standing {
        consumer: *consumer,
        oldest: None,
        waiting: 0,
        failing: 0,
        set_aside: 0,
    };
    let standing = || async { ports.outbox.standing(after(100)).await.unwrap() };
    let nobody: Vec<Standing> = ports.outbox.consumers().iter().map(at_rest).collect();
    assert_eq!(standing().await, nobody, "a new outbox waits for nobody");
    for (id, seconds) in [("r1", 4), ("r2", 8), ("r3", 9)] {
        let request = sample::request(id);
        end(&*ports.ledger, &request, &sample::success(&request.head, seconds)).await;
    }
    let all = waiting(ports, 100).await;
    settle(ports, all[0].id, ONE, Outcome::SetAside { error: "no".to_owned() }, 10).await;
    let again = Outcome::Again {
        at: after(20),
        error: "no".to_owned(),
    };
    settle(ports, all[1].id, ONE, again, 10).await;
    let standings = standing().await;
    let of = |consumer| *standings.iter().find(|standing| standing.consumer == consumer).unwrap();
    let expected = Standing {
        consumer: ONE,
        oldest: Some(after(8)),
        waiting: 2,
        failing: 1,
        set_aside: 1,
    };
    assert_eq!(of(ONE), expected, "what was set aside counts apart");
    let expected = Standing {
        consumer: OTHER,
        oldest: Some(after(4)),
        waiting: 3,
        failing: 0,
        set_aside: 0,
    };
    assert_eq!(of(OTHER), expected);
    assert_eq!(
        ports.ledger.backlog().await.unwrap().unpublished,
        3,
        "the backlog counts events and not consumers"
    );
    settle_all(ports, &waiting(ports, 100).await, 30).await;
    assert_eq!(ports.ledger.backlog().await.unwrap().unpublished, 0);
}

async fn ended(ledger: &dyn Ledger, ids: &[&str]) {
    for id in ids {
        let request = sample::request(id);
        end(ledger, &request, &sample::success(&request.head, 2)).await;
    }
}

async fn due(ports: &Ports, consumer: Consumer, seconds: i64) -> Vec<DueEvent> {
    ports.outbox.due(&[consumer], after(seconds), 100).await.unwrap()
}
