//! B05, B06, B26: Slack that is busy, gone, and particular.

use cc_devops_notify::ChannelState;

use crate::house::{House, message, pass, turn};
use crate::receiver::{Receiver, scripted};

const CHAT: &str = r#"
[[channels]]
name = "chat"
kind = "slack"
url_secret = "alerts/slack-url"
"#;

async fn both(house: &House, slack: &Receiver, hook: &Receiver) -> cc_devops_notify::Delivering {
    house
        .secret("alerts/slack-url", &slack.url("/services/T0/B0/SECRETPART"))
        .await;
    house.delivering(&format!(
        "{CHAT}[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"",
        hook.url("/in")
    ))
}

#[tokio::test]
async fn b05_slack_is_left_alone_for_as_long_as_it_asks_and_others_are_not_delayed() {
    let house = House::new();
    let (slack, hook) = (Receiver::slack(&house.clock).await, Receiver::new(&house.clock).await);
    let delivering = both(&house, &slack, &hook).await;
    slack.next(scripted(429).header("retry-after", "30").body("rate_limited"));
    let began = house.now();
    let down = message(&house, "m-1", "m-1", "Writer");
    house.put("chat", &down).await;
    house.put("hook", &down).await;
    turn(&house, &delivering).await;
    assert_eq!((slack.got().len(), hook.taken()), (1, 1));
    // Another message waits as well.
    house.put("chat", &message(&house, "m-2", "m-2", "Reader")).await;
    pass(&house, &delivering, 29).await;
    assert_eq!(slack.got().len(), 1);
    pass(&house, &delivering, 4).await;
    let got = slack.got();
    assert_eq!(got.len(), 3);
    assert!(got[1].at.duration_since(began).as_secs() >= 30);
    assert_eq!(got[0].json(), got[1].json());
    assert_eq!(got[1].json()["blocks"][0]["block_id"], "m-1");
    assert_eq!(got[2].json()["blocks"][0]["block_id"], "m-2");
    assert_eq!(got[2].at.duration_since(got[1].at).as_secs(), 1, "one message a second");
    assert_eq!(house.waiting("chat").await, 0);
    assert!(house.noted().is_empty());
}

#[tokio::test]
async fn b06_a_channel_that_is_gone_is_set_aside_said_once_and_tried_once_an_hour() {
    let house = House::new();
    let (slack, hook) = (Receiver::slack(&house.clock).await, Receiver::new(&house.clock).await);
    let delivering = both(&house, &slack, &hook).await;
    slack.for_ever(scripted(410).body("channel_is_archived"));
    for (id, agent) in [("m-1", "A1"), ("m-2", "A2"), ("m-3", "A3")] {
        house.put("chat", &message(&house, id, id, agent)).await;
        pass(&house, &delivering, 20 * 60).await;
    }
    assert!(slack.got().len() <= 2, "{} tries in an hour", slack.got().len());
    let noted = house.noted();
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
    assert_eq!(house.waiting("chat").await, 3);
    slack.for_ever(scripted(200).body("ok"));
    delivering.test("chat").await.unwrap();
    let test = slack.got().pop().unwrap().json();
    assert!(
        test["text"].as_str().unwrap().starts_with("Test of channel chat"),
        "{test}"
    );
    pass(&house, &delivering, 4).await;
    assert_eq!(slack.taken(), 4);
    assert_eq!(house.noted()[1..], ["over channel/chat"]);
    assert!(delivering.health().await.unwrap()[0].is_working());
}

#[tokio::test]
async fn a_new_address_holds_within_a_minute_without_anybody_saying_so() {
    let house = House::new();
    let (slack, hook) = (Receiver::slack(&house.clock).await, Receiver::new(&house.clock).await);
    let delivering = both(&house, &slack, &hook).await;
    slack.next(scripted(404).body("no_service"));
    house.put("chat", &message(&house, "m-1", "m-1", "Writer")).await;
    pass(&house, &delivering, 90).await;
    assert_eq!(slack.got().len(), 1);
    house
        .secret("alerts/slack-url", &slack.url("/services/T0/B0/NEW"))
        .await;
    // The message itself is due an hour after its try; another one shows that the channel works again.
    house.put("chat", &message(&house, "m-2", "m-2", "Reader")).await;
    pass(&house, &delivering, 122).await;
    assert_eq!(slack.taken(), 2);
    assert_eq!(slack.got()[1].path, "/services/T0/B0/NEW");
    assert_eq!(house.waiting("chat").await, 0);
}

#[tokio::test]
async fn b26_slack_takes_whatever_a_group_holds() {
    let house = House::new();
    let (slack, hook) = (Receiver::slack(&house.clock).await, Receiver::new(&house.clock).await);
    let delivering = both(&house, &slack, &hook).await;
    let mut group = message(&house, "m-1", "m-1", "Writer");
    group.alerts = (0..200)
        .map(|number| {
            let mut named = group.alerts[0].clone();
            named.key = format!("agent/{}{number}", "x".repeat(60));
            named.text = "<&>x".repeat(256);
            named
        })
        .collect();
    group.count = Some(200);
    house.put("chat", &group).await;
    turn(&house, &delivering).await;
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
    let house = House::new();
    let (slack, hook) = (Receiver::slack(&house.clock).await, Receiver::new(&house.clock).await);
    let delivering = both(&house, &slack, &hook).await;
    for _ in 0..2 {
        slack.next(scripted(400).body("invalid_blocks"));
    }
    house.put("chat", &message(&house, "m-1", "m-1", "Writer")).await;
    turn(&house, &delivering).await;
    house.put("chat", &message(&house, "m-2", "m-2", "Reader")).await;
    // The second try is the other message, which is refused as well; then each is tried anew.
    pass(&house, &delivering, 3_700).await;
    assert_eq!(slack.got().len(), 2);
    pass(&house, &delivering, 3_700).await;
    assert_eq!(slack.taken(), 2);
    assert_eq!(house.waiting("dead/chat").await, 0);

    // Now only the first is refused, also when the other has shown that the channel works.
    slack.next(scripted(400).body("invalid_blocks"));
    house.put("chat", &message(&house, "m-3", "m-3", "Writer")).await;
    turn(&house, &delivering).await;
    house.put("chat", &message(&house, "m-4", "m-4", "Reader")).await;
    slack.next(scripted(200));
    slack.next(scripted(400).body("invalid_blocks"));
    pass(&house, &delivering, 3_700).await;
    assert_eq!((house.waiting("chat").await, house.waiting("dead/chat").await), (0, 1));
    assert!(
        house.noted().last().unwrap().contains("a message was given up"),
        "{:?}",
        house.noted()
    );
}
