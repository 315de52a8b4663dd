//! Receivers that fail, are slow, or answer with what nobody may see.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_alerts::MessageKind;
use cc_devops_kernel::ports::{RecordKind, StateChange, StateStore};
use cc_devops_notify::{ChannelState, Delivering};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::{Allowed, LookUp, Names};

use crate::harness::{Harness, message, pass, turn};
use crate::receiver::{Receiver, scripted};

fn hook(harness: &Harness, receiver: &Receiver) -> Delivering {
    harness.delivering(&format!(
        "[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"",
        receiver.url("/in")
    ))
}

#[tokio::test]
async fn b03_of_two_servers_one_sends_it_once() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let servers = [hook(&harness, &receiver), hook(&harness, &receiver)];
    receiver.for_ever(scripted(500));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    for second in 0..600 {
        if second == 60 {
            receiver.for_ever(scripted(200));
        }
        for server in &servers {
            server.turn(harness.now()).await.unwrap();
        }
        for server in &servers {
            server.settled().await;
        }
        harness.advance(1);
    }
    assert_eq!(receiver.taken(), 1);
    let got = receiver.got();
    assert!(got.len() > 3, "{}", got.len());
    assert!(got.iter().all(|got| got.headers["webhook-id"] == "m-1"));
    assert_eq!(harness.waiting("hook").await, 0);
}

#[tokio::test]
async fn one_who_dies_while_sending_leaves_it_to_the_next_within_a_minute() {
    one_dies_while_sending(false).await;
}

#[tokio::test]
async fn who_is_alone_on_the_store_sends_at_once_what_one_who_died_was_sending() {
    one_dies_while_sending(true).await;
}

async fn one_dies_while_sending(alone: bool) {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    receiver.hold(true);
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    let dying = hook(&harness, &receiver);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let now = harness.now();
    runtime
        .spawn(async move { dying.turn(now).await })
        .await
        .unwrap()
        .unwrap();
    receiver.has(1).await;
    runtime.shutdown_background();
    receiver.hold(false);
    let next = hook(&harness, &receiver);
    if alone {
        assert_eq!(next.take_over(harness.now()).await.unwrap(), 1);
        assert_eq!(next.take_over(harness.now()).await.unwrap(), 0);
    }
    pass(&harness, &next, if alone { 1 } else { 60 }).await;
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].headers["webhook-id"], got[1].headers["webhook-id"]);
    assert_eq!(harness.waiting("hook").await, 0);
}

#[tokio::test]
async fn a_process_that_ends_sends_all_that_is_due_first() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = hook(&harness, &receiver);
    for id in ["m-1", "m-2", "m-3"] {
        harness.put("hook", &message(&harness, id, id, "Writer")).await;
    }
    delivering.finish(Duration::from_secs(5)).await.unwrap();
    assert_eq!((receiver.taken(), harness.waiting("hook").await), (3, 0));
}

#[tokio::test]
async fn what_waits_for_somebody_else_is_not_looked_at_all_the_time() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    receiver.hold(true);
    let (one, other) = (hook(&harness, &receiver), hook(&harness, &receiver));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    one.turn(harness.now()).await.unwrap();
    receiver.has(1).await;
    harness.put("hook", &message(&harness, "m-2", "m-1", "Writer")).await;
    turn(&harness, &other).await;
    let next = turn(&harness, &other).await.unwrap();
    assert_eq!(next.duration_since(harness.now()).as_secs(), 1);
    receiver.hold(false);
    one.settled().await;
    pass(&harness, &other, 2).await;
    let ids: Vec<_> = receiver
        .got()
        .iter()
        .map(|got| got.json()["data"]["id"].clone())
        .collect();
    assert_eq!(ids, ["m-1", "m-2"]);
}

#[tokio::test]
async fn b07_a_slow_channel_delays_no_other_and_gets_its_messages_in_order() {
    let harness = Harness::new();
    let (slow, fast) = (Receiver::new(&harness.clock).await, Receiver::new(&harness.clock).await);
    let channel = |name, receiver: &Receiver| {
        format!(
            "[[channels]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{}\"\n",
            receiver.url("/in")
        )
    };
    let delivering = harness.delivering(&(channel("slow", &slow) + &channel("fast", &fast)));
    slow.hold(true);
    for number in 0..20 {
        harness.advance(1);
        let id = format!("m-{number}");
        for name in ["slow", "fast"] {
            harness.put(name, &message(&harness, &id, "m-0", "Writer")).await;
        }
        delivering.turn(harness.now()).await.unwrap();
        fast.has(number + 1).await;
    }
    assert_eq!(slow.got().len(), 1);
    slow.hold(false);
    slow.has(20).await;
    delivering.settled().await;
    let order = |receiver: &Receiver| -> Vec<String> {
        let ids = receiver
            .got()
            .into_iter()
            .map(|got| got.headers["webhook-id"].to_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(order(&slow), order(&fast));
    assert_eq!(order(&slow)[19], "m-19");
}

#[tokio::test]
async fn a_receiver_that_asks_for_no_wait_is_not_hammered() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = hook(&harness, &receiver);
    receiver.for_ever(scripted(429).header("retry-after", "0"));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    assert_eq!(receiver.got().len(), 1);
    pass(&harness, &delivering, 3).await;
    assert!((2..=4).contains(&receiver.got().len()));

    // And while it is left alone for long, nobody looks all the time.
    receiver.for_ever(scripted(429).header("retry-after", "300"));
    pass(&harness, &delivering, 3).await;
    harness.put("hook", &message(&harness, "m-2", "m-2", "Reader")).await;
    turn(&harness, &delivering).await;
    let next = turn(&harness, &delivering).await.unwrap();
    assert!(next.duration_since(harness.now()).as_secs() > 50, "{next}");
}

#[tokio::test]
async fn a_later_message_of_a_thread_waits_for_the_earlier_one() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = hook(&harness, &receiver);
    receiver.next(scripted(500));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    harness.advance(1);
    let mut up = message(&harness, "m-2", "m-1", "Writer");
    up.kind = MessageKind::Up;
    harness.put("hook", &up).await;
    pass(&harness, &delivering, 20).await;
    let ids: Vec<_> = receiver
        .got()
        .iter()
        .map(|got| got.json()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["alert.down", "alert.down", "alert.up"]);
}

#[tokio::test]
async fn what_was_replaced_while_it_was_sent_is_settled_quietly_and_the_truth_follows() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = hook(&harness, &receiver);
    receiver.hold(true);
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    delivering.turn(harness.now()).await.unwrap();
    receiver.has(1).await;
    let record = harness
        .store
        .list(RecordKind::Delivery, Some("hook"), None, 9)
        .await
        .unwrap()
        .remove(0);
    let gone = StateChange {
        key: record.key,
        version: record.version,
        content: None,
    };
    harness.store.write(&[gone], None).await.unwrap();
    let mut up = message(&harness, "m-2", "m-1", "Writer");
    up.kind = MessageKind::Up;
    harness.put("hook", &up).await;
    receiver.hold(false);
    delivering.settled().await;
    pass(&harness, &delivering, 2).await;
    assert_eq!(receiver.got().last().unwrap().json()["data"]["id"], "m-2");
    assert_eq!(harness.waiting("hook").await, 0);
    assert!(harness.noted().is_empty());
}

#[tokio::test]
async fn what_does_not_arrive_for_a_day_is_given_up_and_said() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = hook(&harness, &receiver);
    receiver.for_ever(scripted(500));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    assert_eq!(delivering.health().await.unwrap()[0].state, ChannelState::Failing);
    assert!(harness.noted().is_empty(), "a failure that passes is told to nobody");
    for _ in 0..24 * 60 + 15 {
        harness.advance(60);
        turn(&harness, &delivering).await;
    }
    assert_eq!(
        (harness.waiting("hook").await, harness.waiting("dead/hook").await),
        (0, 1)
    );
    let tries = receiver.got().len();
    assert!((50..300).contains(&tries), "{tries}");
    let noted = harness.noted();
    assert_eq!(
        noted.len(),
        2,
        "once that it fails, once that a message was given up: {noted:?}"
    );
    assert_eq!(delivering.health().await.unwrap()[0].dead_letters, 1);
    receiver.for_ever(scripted(200));
    harness.put("hook", &message(&harness, "m-2", "m-2", "Writer")).await;
    pass(&harness, &delivering, 600).await;
    assert_eq!(harness.noted().last().unwrap(), "over channel/hook");
}

#[tokio::test]
async fn a_secret_that_is_missing_is_said_and_waited_for() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering =
        harness.delivering("[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl_secret = \"alerts/hook\"");
    let health = delivering.health().await.unwrap();
    assert!(!health[0].is_working());
    assert!(
        health[0]
            .error
            .as_deref()
            .unwrap()
            .contains("/contentcraft/alerts/hook is not there"),
        "{health:?}"
    );
    assert!(delivering.test("hook").await.unwrap_err().contains("put-secret"));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    harness.secret("alerts/hook", &receiver.url("/in")).await;
    pass(&harness, &delivering, 62).await;
    assert_eq!(receiver.taken(), 1);
    assert!(delivering.health().await.unwrap()[0].is_working());
    assert!(delivering.test("other").await.unwrap_err().contains("there are: hook"));
}

#[tokio::test]
async fn a_channel_is_not_told_that_it_fails() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = hook(&harness, &receiver);
    let mut own = message(&harness, "m-1", "m-1", "Writer");
    own.alerts[0].key = "channel/hook".into();
    harness.put("hook", &own).await;
    harness.put("gone", &message(&harness, "m-2", "m-2", "Writer")).await;
    turn(&harness, &delivering).await;
    assert!(receiver.got().is_empty());
    assert_eq!((harness.waiting("hook").await, harness.waiting("gone").await), (0, 0));
}

struct NoNames;

impl Names for NoNames {
    fn look_up(&self, _name: &str) -> LookUp {
        Box::pin(async {
            Err(std::io::Error::other(
                "no such name: hooks.slack.invalid/services/SECRETPART",
            ))
        })
    }
}

#[tokio::test]
async fn b12_no_address_is_in_what_is_said_of_a_failure() {
    let mut harness = Harness::new();
    harness.guard = Guard::with_names(Allowed::default(), Arc::new(NoNames));
    let receiver = Receiver::new(&harness.clock).await;
    let path = "/services/T000/B000/SECRETPART";
    receiver.for_ever(scripted(500).body(&receiver.url(path)));
    let tls = format!("https://{}{path}", receiver.address());
    for (url, expected) in [
        (
            "https://hooks.slack.invalid/services/T000/B000/SECRETPART".to_owned(),
            "cannot be reached",
        ),
        (tls, "could not prove who it is"),
        (receiver.url(path), "answered 500"),
        (format!("http://10.0.0.1{path}"), "is not called"),
        (format!("no address {path}"), "is not called"),
    ] {
        for kind in ["slack", "teams", "webhook", "ntfy"] {
            let name = format!("{kind}-{}", url.len());
            harness.secret("alerts/address", &url).await;
            let channel =
                format!("[[channels]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl_secret = \"alerts/address\"");
            let delivering = harness.delivering(&channel);
            harness.put(&name, &message(&harness, "m-1", "m-1", "Writer")).await;
            turn(&harness, &delivering).await;
            let error = delivering.test(&name).await.unwrap_err();
            assert!(
                error.contains(expected) && error.contains(&name),
                "{url} {kind}: {error}"
            );
            let health = serde_json::to_string(&delivering.health().await.unwrap()).unwrap();
            let kept = harness.store.list(RecordKind::Channel, None, None, 99).await.unwrap();
            let waiting = harness.store.list(RecordKind::Delivery, None, None, 99).await.unwrap();
            let said = format!(
                "{error} {health} {:?} {kept:?} {waiting:?} {:?}",
                harness.noted(),
                delivering.channels()
            );
            assert!(!said.contains("SECRETPART"), "{said}");
        }
    }
}
