//! What goes wrong before an operation is reached, in the caller's protocol.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::Duration;

use cc_devops_http::ServerConfig;
use cc_devops_http::config::{Limits, RateLimit};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{AGENT, Harness};
use crate::signing::{Ask, Key, put};

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_bomb_is_a_413_after_its_signature_was_looked_at() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let packed = |plain: &[u8], ask: Ask| Ask {
        body: packed(plain),
        ..ask.with("content-encoding", "gzip")
    };
    let bomb = packed(
        &vec![b' '; 8 << 20],
        Ask::json("monitoring", "GraniteServiceVersion20100801.PutMetricData", ""),
    );
    let answer = harness.ask(&bomb, &key).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "RequestEntityTooLarge"),
        "{answer:?}"
    );
    assert_eq!(answer.json()["__type"], "RequestEntityTooLarge");
    let stranger = harness.ask(&bomb, &Key::of_nobody()).await;
    assert_eq!(
        stranger.code(),
        "InvalidClientTokenId",
        "nothing is unpacked for strangers"
    );

    let form = packed(b"Action=GetCallerIdentity&Version=2011-06-15", Ask::form("sts", ""));
    assert_eq!(harness.ask(&form, &key).await.status, 200);

    let large = Ask {
        body: vec![b' '; (1 << 20) + 1],
        ..Ask::json("ssm", "AmazonSSM.GetParameter", "")
    };
    let answer = harness.ask(&large, &key).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "RequestEntityTooLargeException")
    );
}

#[tokio::test]
async fn an_agent_calls_as_often_as_over_the_api() {
    let limit = RateLimit {
        requests_per_second: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    let harness = Harness::with(ServerConfig {
        rate_limit: Some(limit),
        ..ServerConfig::default()
    })
    .await;
    let key = harness.key().await;
    let wrong = Key {
        secret: "w".repeat(40),
        ..key.clone()
    };
    assert_eq!(
        harness.ask(&Ask::identity(), &wrong).await.status,
        403,
        "that was not the agent"
    );
    assert_eq!(harness.ask(&Ask::identity(), &key).await.status, 200);
    let answer = harness.ask(&Ask::identity(), &key).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "Throttling"),
        "{answer:?}"
    );
    assert!(!answer.header("retry-after").is_empty());
    let json = harness
        .ask(&Ask::json("ssm", "AmazonSSM.GetParameter", "{}"), &key)
        .await;
    assert_eq!(json.code(), "ThrottlingException");
}

#[tokio::test]
async fn what_the_server_itself_refuses_is_said_in_the_protocol() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let elsewhere = |ask: &Ask| {
        let mut request = ask.signed(&key, harness.now());
        put(request.headers_mut(), "host", "evil.example");
        request
    };
    let query = harness.send(elsewhere(&Ask::identity())).await;
    assert_eq!((query.status, query.header("content-type")), (421, "text/xml"));
    assert!(query.text().contains("<Error><Type>Sender</Type>"), "{}", query.text());
    let cbor = harness.send(elsewhere(&Ask::cbor("PutMetricData"))).await;
    assert_eq!((cbor.status, cbor.header("smithy-protocol")), (421, "rpc-v2-cbor"));
    let json = harness
        .send(elsewhere(&Ask::json("ssm", "AmazonSSM.GetParameter", "{}")))
        .await;
    assert!(json.json()["message"].as_str().unwrap().contains("`Host`"));
}

#[tokio::test]
async fn a_form_may_stand_in_the_address_and_cannot_be_endless() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let get = Ask {
        method: axum::http::Method::GET,
        headers: Vec::new(),
        body: Vec::new(),
        ..Ask::identity().at("/aws?Action=GetCallerIdentity&Version=2011-06-15")
    };
    assert_eq!(harness.ask(&get, &key).await.status, 200);
    let deep = format!("Action=GetCallerIdentity&{}=1", vec!["a"; 100].join("."));
    let answer = harness.ask(&Ask::form("sts", &deep), &key).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "MalformedInput"));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_waits_as_long_as_it_says_however_short_requests_must_be() {
    let harness = Harness::with(ServerConfig {
        limits: Limits {
            request_timeout: Duration::from_secs(2),
            ..Limits::default()
        },
        ..ServerConfig::default()
    })
    .await;
    let key = harness.key().await;
    let begun = tokio::time::Instant::now();
    let answer = harness.ask(&Ask::long_poll(AGENT), &key).await;
    assert_eq!((answer.status, begun.elapsed().as_secs()), (200, 20), "{answer:?}");
}
