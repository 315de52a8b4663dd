//! Keys at the door: short-lived ones with their session token, and keys whose agent has others, or is no more.

use axum::http::Method;
use cc_devops_fleet::aws_keys::{PURPOSE, SHORT_LIVED_LASTS};
use cc_devops_fleet::{Enrolment, Token};
use cc_devops_http::config::Pace;
use cc_devops_kernel::acts::Actor;
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::harness::{AGENT, AGENTS, Answer, Harness};
use crate::signing::{Ask, Key};

/// A short-lived key as an SDK fetches it in a container, and its session token.
async fn fetched(harness: &Harness) -> (Key, String) {
    let answer = harness.over_the_api(AGENTS, Method::GET, "/v1/aws-credentials").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    let key = Key {
        id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
    };
    (key, text("Token"))
}

fn with_session(token: &str) -> Ask {
    Ask::identity().with("x-amz-security-token", token)
}

fn is_nobody(answer: &Answer) -> bool {
    (answer.status, answer.code().as_str()) == (403, "InvalidClientTokenId")
}

#[tokio::test]
async fn a_short_lived_key_signs_with_its_session_token_until_it_ends() {
    let harness = Harness::new().await;
    let (key, session) = fetched(&harness).await;
    let answer = harness.ask(&with_session(&session), &key).await;
    assert!(answer.status == 200 && answer.text().contains(AGENT), "{answer:?}");
    for (ask, key) in [
        (Ask::identity(), key.clone()),
        (with_session("bm90LW91cnM="), key.clone()),
        // Who has a key that lasts has no session.
        (with_session(&session), harness.key().await),
    ] {
        let answer = harness.ask(&ask, &key).await;
        assert!(is_nobody(&answer), "{answer:?}");
    }
    harness.memory.clock().advance(SHORT_LIVED_LASTS);
    let answer = harness.ask(&with_session(&session), &key).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "ExpiredToken"),
        "{answer:?}"
    );
    let sentence = "The security token included in the request is expired";
    assert!(answer.text().contains(sentence), "SDKs fetch another one: {answer:?}");
    let json = Ask::json("ssm", "AmazonSSM.GetParameter", "{}").with("x-amz-security-token", &session);
    let answer = harness.ask(&json, &key).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "ExpiredTokenException"));
    let answer = harness.ask(&with_session(&session), &harness.key().await).await;
    assert!(is_nobody(&answer), "it is another key's: {answer:?}");
    let (key, session) = fetched(&harness).await;
    assert_eq!(
        harness.ask(&with_session(&session), &key).await.status,
        200,
        "the next one"
    );
}

#[tokio::test]
async fn keys_end_with_the_tokens_of_their_agent() {
    let harness = Harness::new().await;
    let (lasting, (short, session)) = (harness.key().await, fetched(&harness).await);
    let ports = harness.memory.ports();
    let installation = sample::installation();
    let key = sample::control_plane(ports.clone()).derived_key(PURPOSE);
    let enrolment = Enrolment::new(&ports, &installation, Actor::Operator).with_aws_keys(key);
    let (name, hour) = (sample::agent_name(AGENT), SignedDuration::from_hours(1));
    enrolment
        .rotate(&name, &Token::from_random([5; 32]), hour)
        .await
        .unwrap();
    let asks = [(Ask::identity(), lasting), (with_session(&session), short)];
    for (ask, key) in &asks {
        assert_eq!(harness.ask(ask, key).await.status, 200, "they go on for a while");
    }
    harness.memory.clock().advance(hour);
    for ((ask, key), code) in asks.iter().zip(["InvalidClientTokenId", "ExpiredToken"]) {
        assert_eq!(harness.ask(ask, key).await.code(), code, "{}", key.id);
    }
    let younger = harness.key().await;
    assert_eq!(harness.ask(&Ask::identity(), &younger).await.status, 200);
    enrolment.revoke(&name).await.unwrap();
    assert!(is_nobody(&harness.ask(&Ask::identity(), &younger).await));
    enrolment
        .rotate(&name, &Token::from_random([6; 32]), hour)
        .await
        .unwrap();
    assert!(
        is_nobody(&harness.ask(&Ask::identity(), &younger).await),
        "by its new token alone"
    );
}

/// What a long poll is told whose key ends while it waits, and what is told to whoever asks with that key from then on.
async fn ended(harness: &Harness, ask: &Ask, key: &Key, end: impl Future<Output = ()>) -> [(u16, String); 2] {
    let begun = Instant::now();
    let mut polling = Box::pin(harness.ask(ask, key));
    assert!(futures::poll!(&mut polling).is_pending(), "it waits");
    end.await;
    let told = polling.await;
    assert_eq!(
        begun.elapsed().as_secs(),
        Pace::default().tokens.as_secs(),
        "it is looked at again, and not when the poll is over"
    );
    let next = harness.ask(ask, key).await;
    [told, next].map(|answer| (answer.status, answer.code()))
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_its_key_and_with_its_token() {
    let harness = Harness::new().await;
    let (key, ask) = (harness.key().await, Ask::long_poll(AGENT));
    let [told, next] = ended(&harness, &ask, &key, harness.end(&key)).await;
    assert_eq!((told.0, &told), (403, &next));

    let (key, session) = fetched(&harness).await;
    let ask = ask.with("x-amz-security-token", &session);
    let token_ends = async {
        let (ports, installation) = (harness.memory.ports(), sample::installation());
        let enrolment = Enrolment::new(&ports, &installation, Actor::Operator);
        let (name, token) = (sample::agent_name(AGENT), Token::from_random([5; 32]));
        enrolment.rotate(&name, &token, SignedDuration::ZERO).await.unwrap();
    };
    let [told, next] = ended(&harness, &ask, &key, token_ends).await;
    assert_eq!((told.0, &told), (403, &next));
}
