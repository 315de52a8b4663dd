//! Slack that is busy, gone, and particular.

use cc_devops_notify::ChannelState;

use crate::harness::{Harness, message, pass, turn};
use crate::receiver::{Receiver, scripted};

const CHAT: &str = r#"
[[channels]]
name = "chat"
kind = "slack"
url_secret = "alerts/slack-url"
"#;

async fn both(harness: &Harness, slack: &Receiver, hook: &Receiver) -> cc_devops_notify::Delivering {
    harness
        .secret("alerts/slack-url", &slack.url("/services/T0/B0/SECRETPART"))
        .await;
    harness.delivering(&format!(
        "{CHAT}[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"",
        hook.url("/in")
    ))
}

#[tokio::test]
async fn b05_slack_is_left_alone_for_as_long_as_it_asks_and_others_are_not_delayed() {
    let harness = Harness::new();
    let (slack, hook) = (
        Receiver::slack(&harness.clock).await,
        Receiver::new(&harness.clock).await,
    );
    let delivering = both(&harness, &slack, &hook).await;
    slack.next(scripted(429).header("retry-after", "30").body("rate_limited"));
    let began = harness.now();
    let down = message(&harness, "m-1", "m-1", "Writer");
    harness.put("chat", &down).await;
    harness.put("hook", &down).await;
    turn(&harness, &delivering).await;
    assert_eq!((slack.got().len(), hook.taken()), (1, 1));
    // Another message waits as well.
    harness.put("chat", &message(&harness, "m-2", "m-2", "Reader")).await;
    pass(&harness, &delivering, 29).await;
    assert_eq!(slack.got().len(), 1);
    pass(&harness, &delivering, 4).await;
    let got = slack.got();
    assert_eq!(got.len(), 3);
    assert!(got[1].at.duration_since(began).as_secs() >= 30);
    assert_eq!(got[0].json(), got[1].json());
    assert_eq!(got[1].json()["blocks"][0]["block_id"], "m-1");
    assert_eq!(got[2].json()["blocks"][0]["block_id"], "m-2");
    assert_eq!(got[2].at.duration_since(got[1].at).as_secs(), 1, "one message a second");
    assert_eq!(harness.waiting("chat").await, 0);
    assert!(harness.noted().is_empty());
}

#[tokio::test]
async fn b06_a_channel_that_is_gone_is_set_aside_said_once_and_tried_once_an_hour() {
    let harness = Harness::new();
    let (slack, hook) = (
        Receiver::slack(&harness.clock).await,
        Receiver::new(&harness.clock).await,
    );
    let delivering = both(&harness, &slack, &hook).await;
    slack.for_ever(scripted(410).body("channel_is_archived"));
    for (id, agent) in [("m-1", "A1"), ("m-2", "A2"), ("m-3", "A3")] {
        harness.put("chat", &message(&harness, id, id, agent)).await;
        pass(&harness, &delivering, 20 * 60).await;
    }
    assert!(slack.got().len() <= 2, "{} tries in an hour", slack.got().len());
    let noted = harness.noted();
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(
        noted[0].starts_with("open channel/chat: Slack answered 410 (channel_is_archived)"),
        "{noted:?}"
    );
    assert!(
        noted[0].contains("the secret /contentcraft/alerts/slack-url"),
        "{noted:?}"
    );
    assert!(!noted[0].contains("SECRETPART"));
    let health = delivering.health().await.unwrap();
    assert_eq!((health[0].state, health[0].waiting), (ChannelState::SetAside, 3));
    assert!(health[1].is_working());

    // A test that fails changes nothing, and one that arrives has it used again.
    assert!(delivering.test("chat").await.unwrap_err().contains("410"));
    assert_eq!(harness.waiting("chat").await, 3);
    slack.for_ever(scripted(200).body("ok"));
    delivering.test("chat").await.unwrap();
    let test = slack.got().pop().unwrap().json();
    assert!(
        test["text"].as_str().unwrap().starts_with("Test of channel chat"),
        "{test}"
    );
    pass(&harness, &delivering, 4).await;
    assert_eq!(slack.taken(), 4);
    assert_eq!(harness.noted()[1..], ["over channel/chat"]);
    assert!(delivering.health().await.unwrap()[0].is_working());
}

#[tokio::test]
async fn a_new_address_holds_within_a_minute_without_anybody_saying_so() {
    let harness = Harness::new();
    let (slack, hook) = (
        Receiver::slack(&harness.clock).await,
        Receiver::new(&harness.clock).await,
    );
    let delivering = both(&harness, &slack, &hook).await;
    slack.next(scripted(404).body("no_service"));
    harness.put("chat", &message(&harness, "m-1", "m-1", "Writer")).await;
    pass(&harness, &delivering, 90).await;
    assert_eq!(slack.got().len(), 1);
    harness
        .secret("alerts/slack-url", &slack.url("/services/T0/B0/NEW"))
        .await;
    // The message itself is due an hour after its try; another one shows that the channel works again.
    harness.put("chat", &message(&harness, "m-2", "m-2", "Reader")).await;
    pass(&harness, &delivering, 122).await;
    assert_eq!(slack.taken(), 2);
    assert_eq!(slack.got()[1].path, "/services/T0/B0/NEW");
    assert_eq!(harness.waiting("chat").await, 0);
}

#[tokio::test]
async fn b26_slack_takes_whatever_a_group_holds() {
    let harness = Harness::new();
    let (slack, hook) = (
        Receiver::slack(&harness.clock).await,
        Receiver::new(&harness.clock).await,
    );
    let delivering = both(&harness, &slack, &hook).await;
    let mut group = message(&harness, "m-1", "m-1", "Writer");
    group.alerts = (0..200)
        .map(|number| {
            let mut named = group.alerts[0].clone();
            named.key = format!("agent/{}{number}", "x".repeat(60));
            named.text = "<&>x".repeat(256);
            named
        })
        .collect();
    group.count = Some(200);
    harness.put("chat", &group).await;
    turn(&harness, &delivering).await;
    assert_eq!(slack.taken(), 1);
    assert!(
        slack.got()[0]
            .json()
            .to_string()
            .contains("alerts are not shown here. See all with: cc-devops alerts list")
    );
}

#[tokio::test]
async fn a_message_that_is_refused_for_its_own_sake_is_given_up_and_the_others_arrive() {
    let harness = Harness::new();
    let (slack, hook) = (
        Receiver::slack(&harness.clock).await,
        Receiver::new(&harness.clock).await,
    );
    let delivering = both(&harness, &slack, &hook).await;
    for _ in 0..2 {
        slack.next(scripted(400).body("invalid_blocks"));
    }
    harness.put("chat", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    harness.put("chat", &message(&harness, "m-2", "m-2", "Reader")).await;
    // The second try is the other message, which is refused as well; then each is tried anew.
    pass(&harness, &delivering, 3_700).await;
    assert_eq!(slack.got().len(), 2);
    pass(&harness, &delivering, 3_700).await;
    assert_eq!(slack.taken(), 2);
    assert_eq!(harness.waiting("dead/chat").await, 0);

    // Now only the first is refused, also when the other has shown that the channel works.
    slack.next(scripted(400).body("invalid_blocks"));
    harness.put("chat", &message(&harness, "m-3", "m-3", "Writer")).await;
    turn(&harness, &delivering).await;
    harness.put("chat", &message(&harness, "m-4", "m-4", "Reader")).await;
    slack.next(scripted(200));
    slack.next(scripted(400).body("invalid_blocks"));
    pass(&harness, &delivering, 3_700).await;
    assert_eq!(
        (harness.waiting("chat").await, harness.waiting("dead/chat").await),
        (0, 1)
    );
    assert!(
        harness.noted().last().unwrap().contains("a message was given up"),
        "{:?}",
        harness.noted()
    );
}
