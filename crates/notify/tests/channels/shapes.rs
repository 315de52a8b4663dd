//! What each kind of receiver gets, and what a test message is.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cc_devops_alerts::MessageKind;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_notify::Topics;
use standardwebhooks::Webhook;

use crate::harness::{Harness, message, pass, turn};
use crate::receiver::{Receiver, scripted};

#[tokio::test]
async fn a_webhook_is_signed_and_its_copies_are_the_same() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    harness.secret("alerts/hook-signing", secret).await;
    let delivering = harness.delivering(&format!(
        "[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\nsigning_secret = \"alerts/hook-signing\"",
        receiver.url("/in?x=1")
    ));
    receiver.next(scripted(503).header("retry-after", "7"));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    pass(&harness, &delivering, 7).await;
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].body, got[1].body);
    for one in &got {
        assert_eq!(one.path, "/in?x=1");
        assert_eq!(one.headers["webhook-id"], "m-1");
        // The library takes the machine's clock, which is not the test's: signed again, it is the same.
        let at: i64 = one.headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
        let signature = Webhook::new(secret).unwrap().sign("m-1", at, &one.body).unwrap();
        assert_eq!(one.headers["webhook-signature"], signature);
        let json = one.json();
        assert_eq!(
            (json["type"].as_str(), json["data"]["id"].as_str()),
            (Some("alert.down"), Some("m-1"))
        );
        assert_eq!(json["data"]["kind"], "down");
        assert_eq!(json["data"]["agent"], "Writer");
    }
}

#[tokio::test]
async fn pagerduty_teams_and_ntfy_get_their_own_form() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    receiver.for_ever(scripted(202));
    harness.secret("alerts/pd", "0123456789abcdef0123456789abcdef").await;
    harness.secret("alerts/teams", &receiver.url("/workflows/x")).await;
    harness.secret("alerts/ntfy", "tk_secret").await;
    let delivering = harness.delivering(&format!(
        r#"
[[channels]]
name = "phone"
kind = "pagerduty"
url = "{}"
routing_key_secret = "alerts/pd"
[[channels]]
name = "team"
kind = "teams"
url_secret = "alerts/teams"
[[channels]]
name = "push"
kind = "ntfy"
url = "{}"
token_secret = "alerts/ntfy"
"#,
        receiver.url("/v2/enqueue"),
        receiver.url("/base/ops-topic")
    ));
    let down = message(&harness, "m-1", "m-1", "Writer");
    let mut up = message(&harness, "m-2", "m-1", "Writer");
    up.kind = MessageKind::Up;
    up.alerts[0].open = false;
    up.over = vec!["m-1".into()];
    for channel in ["phone", "team", "push"] {
        harness.put(channel, &down).await;
        turn(&harness, &delivering).await;
    }
    let got = receiver.got();
    let by_path = |path: &str| got.iter().find(|got| got.path == path).unwrap();
    let event = by_path("/v2/enqueue").json();
    assert_eq!(
        (event["event_action"].as_str(), event["dedup_key"].as_str()),
        (Some("trigger"), Some("m-1"))
    );
    let card = by_path("/workflows/x").json();
    assert_eq!(card["attachments"][0]["content"]["body"][0]["id"], "m-1");
    let push = by_path("/base/");
    assert_eq!(push.json()["topic"], "ops-topic");
    assert_eq!(push.headers["authorization"], "Bearer tk_secret");
    harness.advance(2);
    harness.put("phone", &up).await;
    turn(&harness, &delivering).await;
    assert_eq!(receiver.got().last().unwrap().json()["event_action"], "resolve");

    // A test opens an incident and closes it again.
    delivering.test("phone").await.unwrap();
    let got = receiver.got();
    let [.., first, second] = got.as_slice() else { panic!() };
    assert_eq!(first.json()["dedup_key"], second.json()["dedup_key"]);
    assert_eq!(
        (
            first.json()["event_action"].as_str(),
            second.json()["event_action"].as_str()
        ),
        (Some("trigger"), Some("resolve"))
    );
}

#[derive(Default)]
struct FakeTopics(Mutex<Vec<(String, String, String)>>, Mutex<Option<PortErrorKind>>);

#[async_trait]
impl Topics for FakeTopics {
    async fn publish(&self, topic_arn: &str, subject: &str, body: &str) -> PortResult<()> {
        if let Some(kind) = self.1.lock().unwrap().take() {
            return Err(PortError::new(kind, "the fake was told to fail"));
        }
        self.0
            .lock()
            .unwrap()
            .push((topic_arn.into(), subject.into(), body.into()));
        Ok(())
    }
}

const TOPIC: &str =
    "[[channels]]\nname = \"topic\"\nkind = \"sns\"\ntopic_arn = \"arn:aws:sns:us-east-1:123456789012:ops\"\n";

#[tokio::test]
async fn a_topic_gets_a_subject_and_a_text_and_without_aws_that_is_said() {
    let mut harness = Harness::new();
    let error = harness.delivering(TOPIC).test("topic").await.unwrap_err();
    assert!(error.contains("runs without AWS"), "{error}");
    let topics = Arc::new(FakeTopics::default());
    harness.topics = Some(topics.clone());
    let delivering = harness.delivering(TOPIC);
    *topics.1.lock().unwrap() = Some(PortErrorKind::Unavailable);
    harness.put("topic", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    pass(&harness, &delivering, 6).await;
    let published = topics.0.lock().unwrap().clone();
    assert_eq!(published.len(), 1);
    assert_eq!(
        (published[0].0.as_str(), published[0].1.as_str()),
        ("arn:aws:sns:us-east-1:123456789012:ops", "Writer is down")
    );
    assert!(published[0].2.contains("Message m-1 of"));
}

#[tokio::test]
async fn b31_a_test_says_so_touches_nothing_and_is_not_tried_again() {
    let harness = Harness::new();
    let receiver = Receiver::new(&harness.clock).await;
    let delivering = harness.delivering(&format!(
        "[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n[[channels]]\nname = \"log\"\nkind = \"log\"",
        receiver.url("/in")
    ));
    receiver.for_ever(scripted(500));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    assert!(delivering.test("hook").await.unwrap_err().contains("answered 500"));
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(harness.waiting("hook").await, 1);
    assert!(harness.noted().is_empty());
    receiver.for_ever(scripted(200));
    delivering.test("hook").await.unwrap();
    delivering.test("log").await.unwrap();
    let json = receiver.got().last().unwrap().json();
    assert_eq!(json["type"], "alert.test");
    assert!(json["data"]["id"].as_str().unwrap().starts_with("test-"));
    assert_eq!(json["data"]["id"], json["data"]["thread"]);
    assert!(json["data"]["alerts"].as_array().unwrap().is_empty());
}
