//! Webhooks end to end, with a receiver on this machine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::post;
use cc_devops_http::config::{Pace, WebhookDelivery};
use cc_devops_http::{ServerConfig, Workers};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{Endpoint, Places, Subscription, SubscriptionId};
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::harness::{As, Harness, put, until};

/// What arrived.
struct Arrival {
    headers: HeaderMap,
    body: Bytes,
}

impl Arrival {
    fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Somebody who receives, and answers as he was told to, then 204.
struct Receiver {
    url: String,
    arrivals: UnboundedReceiver<Arrival>,
}

#[derive(Clone)]
struct Hands {
    arrivals: UnboundedSender<Arrival>,
    answers: Arc<Mutex<VecDeque<(u16, HeaderMap)>>>,
}

async fn receive(State(hands): State<Hands>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    hands.arrivals.send(Arrival { headers, body }).unwrap();
    let next = hands.answers.lock().unwrap().pop_front();
    let (status, headers) = next.unwrap_or((204, HeaderMap::new()));
    (StatusCode::from_u16(status).unwrap(), headers)
}

impl Receiver {
    async fn answering(answers: impl IntoIterator<Item = (u16, HeaderMap)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, arrivals) = unbounded_channel();
        let hands = Hands {
            arrivals: sender,
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
        };
        let router = Router::new().route("/hook", post(receive)).with_state(hands);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, arrivals }
    }

    async fn next(&mut self) -> Arrival {
        self.arrivals.recv().await.unwrap()
    }
}

/// A working control plane that looks for deliveries all the time, by a clock that shows the real time.
async fn working() -> (Harness, Workers) {
    let pace = Pace {
        deliveries: Duration::from_millis(5),
        ..Pace::default()
    };
    // A receiver that does not answer holds its place to the end of these tests.
    let webhooks = WebhookDelivery {
        timeout: Duration::from_secs(30),
        ..WebhookDelivery::default()
    };
    let config = ServerConfig {
        pace,
        webhooks,
        ..ServerConfig::default()
    };
    let mut harness = Harness::with(config).await;
    harness.memory.clock().set(SystemClock.now());
    let workers = harness.work();
    (harness, workers)
}

/// Subscribes, and says the id and the signing secret.
async fn subscribe(harness: &Harness, url: &str, agent: Option<&str>) -> (String, String) {
    let answer = harness
        .post("/v1/webhooks", As::Admin, &json!({"url": url, "agent": agent}))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let added = answer.json();
    let text = |field: &str| added[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn dead_letters(harness: &Harness, id: &str) -> Vec<Value> {
    let answer = harness.get(&format!("/v1/webhooks/{id}/dead-letters"), As::Admin).await;
    answer.json()["deadLetters"].as_array().unwrap().clone()
}

/// Moves the clock on until something arrives; returns by how much.
async fn wait_by_the_clock(harness: &Harness, receiver: &mut Receiver) -> (Arrival, SignedDuration) {
    let start = harness.memory.clock().advance(SignedDuration::ZERO);
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    ticks.tick().await;
    loop {
        tokio::select! {
            arrival = receiver.arrivals.recv() => {
                let now = harness.memory.clock().advance(SignedDuration::ZERO);
                return (arrival.unwrap(), now.duration_since(start));
            }
            _ = ticks.tick() => harness.memory.clock().advance(SignedDuration::from_secs(1)),
        };
    }
}

#[tokio::test]
async fn an_outcome_is_told_signed() {
    let (harness, workers) = working().await;
    let mut receiver = Receiver::answering([]).await;
    let (_, secret) = subscribe(&harness, &receiver.url, Some(sample::AGENT)).await;
    let (_, _) = subscribe(&harness, &receiver.url, Some(sample::OTHER_AGENT)).await;
    let completed = harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await.json();
    let arrival = receiver.next().await;
    Webhook::new(&secret)
        .unwrap()
        .verify(&arrival.body, &arrival.headers)
        .unwrap();
    assert_eq!(arrival.headers["content-type"], "application/json");
    let body = arrival.json();
    assert_eq!(body["type"], "devops.completed");
    assert_eq!(body["timestamp"], completed["timestamp"]);
    assert_eq!(body["data"], completed);
    workers.stop(Duration::from_secs(5)).await;
    assert!(
        receiver.arrivals.try_recv().is_err(),
        "told once, and only to who wants to know"
    );
}

#[tokio::test]
async fn a_failure_is_tried_again_with_the_same_id() {
    let (harness, workers) = working().await;
    let mut receiver = Receiver::answering([(500, HeaderMap::new())]).await;
    let (id, secret) = subscribe(&harness, &receiver.url, None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    let first = receiver.next().await;
    let (second, waited) = wait_by_the_clock(&harness, &mut receiver).await;
    assert_eq!(second.id(), first.id());
    assert!(waited >= SignedDuration::from_secs(5), "{waited:?}");
    assert!(
        Webhook::new(&secret)
            .unwrap()
            .verify(&second.body, &second.headers)
            .is_ok()
    );
    assert!(dead_letters(&harness, &id).await.is_empty());
    workers.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_receiver_may_ask_to_be_left_alone_for_longer() {
    let (harness, workers) = working().await;
    let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), "60".parse().unwrap())]);
    let mut receiver = Receiver::answering([(503, headers)]).await;
    subscribe(&harness, &receiver.url, None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    receiver.next().await;
    let (_, waited) = wait_by_the_clock(&harness, &mut receiver).await;
    assert!(waited >= SignedDuration::from_secs(60), "{waited:?}");
    workers.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_is_gone_becomes_a_dead_letter_and_can_be_replayed() {
    let (harness, workers) = working().await;
    let mut receiver = Receiver::answering([(410, HeaderMap::new())]).await;
    let (id, _) = subscribe(&harness, &receiver.url, None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    let first = receiver.next().await;
    let letter = until(async || dead_letters(&harness, &id).await.pop()).await;
    assert_eq!(letter["messageId"], first.id());
    assert_eq!(letter["attempts"], 1);
    assert_eq!(letter["error"], "the receiver answered 410");
    assert_eq!(letter["detail"]["requestId"], "r1");
    let uri = format!("/v1/webhooks/{id}/dead-letters/replay");
    let replayed = harness.send(Method::POST, &uri, As::Admin).await.json();
    assert_eq!(replayed, json!({"replayed": 1}));
    assert_eq!(receiver.next().await.id(), first.id());
    assert!(dead_letters(&harness, &id).await.is_empty());
    workers.stop(Duration::from_secs(5)).await;
    let actions: Vec<String> = harness
        .memory
        .audit_rows()
        .into_iter()
        .map(|row| row.entry.action)
        .filter(|action| action.starts_with("webhook."))
        .collect();
    assert_eq!(actions, ["webhook.added", "webhook.dead_letters_replayed"]);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_nobody_there_is_a_failure() {
    let (harness, workers) = working().await;
    let mut elsewhere = Receiver::answering([]).await;
    let headers = HeaderMap::from_iter([("location".parse().unwrap(), elsewhere.url.parse().unwrap())]);
    let mut receiver = Receiver::answering([(307, headers)]).await;
    let id = subscribe(&harness, &receiver.url, None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    let (id, _) = id;
    receiver.next().await;
    let error = until(async || shown(&harness, &id).await["lastError"].as_str().map(ToOwned::to_owned)).await;
    assert!(
        error.contains("answered 307") && error.contains("redirects are not followed"),
        "{error}"
    );
    wait_by_the_clock(&harness, &mut receiver).await;
    assert!(elsewhere.arrivals.try_recv().is_err());
    workers.stop(Duration::from_secs(5)).await;
}

/// Somebody who takes connections and never answers.
async fn dead_end() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    url
}

/// What `GET /v1/webhooks` says of a subscription.
async fn shown(harness: &Harness, id: &str) -> Value {
    let answer = harness.get("/v1/webhooks", As::Admin).await;
    let all = answer.json()["webhooks"].as_array().unwrap().clone();
    all.into_iter().find(|webhook| webhook["id"] == id).unwrap()
}

/// Makes so many events, and sees that a receiver gets all of them. The dead ones do not answer within a test: a healthy
/// one that waited for them would never have all.
async fn gets_all(harness: &Harness, receiver: &mut Receiver, events: usize) {
    for number in 0..events {
        harness
            .post("/v1/events?wait=5", As::Agent, &put(&format!("r{number}")))
            .await;
    }
    let mut told = std::collections::BTreeSet::new();
    while told.len() < events {
        told.insert(receiver.next().await.id().to_owned());
    }
    let open = harness.memory.ports().webhooks.statuses().await.unwrap();
    assert!(
        open.iter().all(|status| status.endpoint.failing_since.is_none()),
        "no dead one has come to its end"
    );
}

#[tokio::test]
async fn a_dead_endpoint_costs_a_healthy_one_nothing() {
    let (harness, workers) = working().await;
    let mut receiver = Receiver::answering([]).await;
    // Several dead ones, each with more waiting than there are places in all.
    for _ in 0..3 {
        subscribe(&harness, &dead_end().await, None).await;
    }
    subscribe(&harness, &receiver.url, None).await;
    gets_all(&harness, &mut receiver, 40).await;
    workers.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn new_endpoints_that_do_not_answer_take_no_place_from_one_that_does() {
    let (harness, workers) = working().await;
    let mut receiver = Receiver::answering([]).await;
    subscribe(&harness, &receiver.url, None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("first")).await;
    receiver.next().await;
    // More of them than there are places, and each with more waiting than one endpoint may have.
    for _ in 0..20 {
        subscribe(&harness, &dead_end().await, None).await;
    }
    gets_all(&harness, &mut receiver, 10).await;
    workers.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_stop_breaks_off_a_delivery_that_gets_no_answer_and_that_is_no_failure() {
    let (harness, workers) = working().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    subscribe(&harness, &url, None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    // It takes the call and never answers.
    let (held, _) = listener.accept().await.unwrap();
    workers.stop(Duration::from_mins(10)).await;
    let ports = harness.memory.ports();
    let status = ports.webhooks.statuses().await.unwrap().remove(0);
    assert_eq!(status.endpoint, Endpoint::default(), "nothing is held against it");
    let now = ports.clock.now();
    assert_eq!(ports.webhooks.take_over(now).await.unwrap(), 1);
    let (until, places) = (now + SignedDuration::from_secs(60), Places::of_each(1));
    let again = ports.webhooks.claim_deliveries(now, until, 10, &places).await.unwrap();
    assert_eq!((again.len(), again[0].attempt), (1, 1), "it is made again");
    drop(held);
}

#[tokio::test]
async fn an_endpoint_that_only_fails_is_switched_off_and_can_be_switched_on() {
    let (harness, workers) = working().await;
    let failures = std::iter::repeat_n((500, HeaderMap::new()), 3);
    let mut receiver = Receiver::answering(failures).await;
    let (id, _) = subscribe(&harness, &receiver.url, Some(sample::AGENT)).await;
    assert_eq!(shown(&harness, &id).await["enabled"], true);

    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    receiver.next().await;
    let failing = until(async || {
        let shown = shown(&harness, &id).await;
        shown["failingSince"].is_string().then_some(shown)
    })
    .await;
    assert_eq!(
        (&failing["enabled"], &failing["lastError"]),
        (&json!(true), &json!("the receiver answered 500"))
    );

    // Five days later it still only fails.
    harness.memory.clock().advance(SignedDuration::from_hours(5 * 24));
    receiver.next().await;
    let off = until(async || {
        let shown = shown(&harness, &id).await;
        (shown["enabled"] == false).then_some(shown)
    })
    .await;
    assert_eq!(off["failingSince"], failing["failingSince"]);
    assert!(off["disabledAt"].is_string());
    let news = until(async || {
        let told = harness.memory.published_events();
        told.into_iter()
            .find(|logged| logged.event.body.detail_type() == "devops.webhook_disabled")
    })
    .await;
    assert_eq!(news.event.agent.as_str(), sample::AGENT, "its owner is told");

    // Nothing is queued meanwhile, and what waits is held.
    harness.post("/v1/events?wait=5", As::Agent, &put("r2")).await;
    until(async || {
        let backlog = harness.memory.ports().ledger.backlog().await.unwrap();
        (backlog.unpublished == 0).then_some(())
    })
    .await;
    harness.memory.clock().advance(SignedDuration::from_hours(24));
    let letters = dead_letters(&harness, &id).await;
    assert!(letters.is_empty(), "{letters:?}");

    let uri = format!("/v1/webhooks/{id}/enable");
    let on = harness.send(Method::POST, &uri, As::Admin).await;
    assert_eq!(on.json()["enabled"], true);
    assert!(on.json().get("failingSince").is_none());
    // The third failure is the first after it: the time of failing begins anew.
    let held = receiver.next().await;
    assert_eq!(held.json()["data"]["requestId"], "r1", "what was held comes");
    until(async || shown(&harness, &id).await.get("failingSince").map(drop)).await;
    harness.memory.clock().advance(SignedDuration::from_hours(1));
    assert_eq!(receiver.next().await.id(), held.id());
    until(async || shown(&harness, &id).await.get("failingSince").is_none().then_some(())).await;
    assert_eq!(shown(&harness, &id).await["enabled"], true);
    workers.stop(Duration::from_secs(5)).await;
    assert!(
        receiver.arrivals.try_recv().is_err(),
        "what came to be meanwhile was not queued"
    );
    let actions: Vec<String> = harness
        .memory
        .audit_rows()
        .into_iter()
        .map(|row| row.entry.action)
        .filter(|action| action.starts_with("webhook."))
        .collect();
    assert_eq!(actions, ["webhook.added", "webhook.disabled", "webhook.enabled"]);
    let unknown = harness
        .send(Method::POST, "/v1/webhooks/wh_none/enable", As::Admin)
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_address_that_has_come_to_lead_inside_is_not_called() {
    let (harness, workers) = working().await;
    // As an older version took it, which looked at no address.
    let subscription = Subscription {
        id: SubscriptionId("wh_old".to_owned()),
        url: "https://169.254.169.254/latest/meta-data/".to_owned(),
        agent: None,
        created_at: sample::START,
    };
    let ports = harness.memory.ports();
    let secret = SecretValue::new("whsec_c2VzYW1l".to_owned());
    let added = sample::audit_entry("webhook.added", 1);
    ports.webhooks.subscribe(&subscription, &secret, &added).await.unwrap();
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    let error = until(async || {
        let shown = shown(&harness, "wh_old").await;
        shown["lastError"].as_str().map(ToOwned::to_owned)
    })
    .await;
    assert!(
        error.contains("a cloud's metadata service") && !error.contains("169.254"),
        "{error}"
    );
    workers.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_address_inside_is_refused_to_whoever_gives_it() {
    let harness = Harness::new().await;
    for url in [
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:192.168.0.1]/",
        "http://0.0.0.0/",
    ] {
        let answer = harness.post("/v1/webhooks", As::Admin, &json!({"url": url})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}: {answer:?}");
    }
    assert!(harness.rows().is_empty());
}

#[tokio::test]
async fn a_removed_subscription_is_told_nothing_more() {
    let (harness, workers) = working().await;
    let mut receiver = Receiver::answering([]).await;
    let (id, _) = subscribe(&harness, &receiver.url, None).await;
    let shown = harness.get("/v1/webhooks", As::Admin).await;
    assert_eq!(shown.json()["webhooks"][0]["id"], id.as_str());
    assert!(!shown.text.contains("whsec_"), "the secret is shown once");
    let gone = harness
        .send(Method::DELETE, &format!("/v1/webhooks/{id}"), As::Admin)
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    until(async || (harness.memory.published_events().len() == 1).then_some(())).await;
    workers.stop(Duration::from_secs(5)).await;
    assert!(receiver.arrivals.try_recv().is_err());
}
