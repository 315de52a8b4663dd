//! What a request may take until its signature is held: nothing that agents share, and little of anything else.

use axum::body::{Body, Bytes};
use axum::http::Request;
use cc_devops_http::ServerConfig;
use cc_devops_http::config::Limits;
use futures::future::join_all;
use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::harness::{AGENT, Harness};
use crate::signing::{Ask, Key};

async fn limited(limits: Limits) -> Harness {
    Harness::with(ServerConfig {
        limits,
        ..ServerConfig::default()
    })
    .await
}

/// The same key with a secret that is not its own, as whoever has read its id alone would have it.
fn wrong(key: &Key) -> Key {
    Key {
        secret: "w".repeat(40),
        ..key.clone()
    }
}

/// A request of whose body no more than this arrives.
fn unfinished(harness: &Harness, key: &Key, beginning: &Bytes) -> Request<Body> {
    let beginning = stream::iter([Ok::<_, std::io::Error>(beginning.clone())]);
    let body = Body::from_stream(beginning.chain(stream::pending()));
    Ask::identity().signed(key, harness.now()).map(|_| body)
}

#[tokio::test(start_paused = true)]
async fn who_has_no_key_takes_no_place_of_agents_and_few_are_waited_for() {
    let harness = limited(Limits {
        concurrency: 1,
        ..Limits::default()
    })
    .await;
    let key = harness.key().await;
    let begun = Instant::now();
    let slow = (0..66).map(|_| async {
        let answer = harness
            .send(unfinished(&harness, &Key::of_nobody(), &Bytes::new()))
            .await;
        assert_eq!(answer.code(), "InvalidClientTokenId", "{answer:?}");
        begun.elapsed().as_secs()
    });
    let mut slow = Box::pin(join_all(slow));
    assert!(futures::poll!(&mut slow).is_pending());
    assert_eq!(harness.ask(&Ask::identity(), &key).await.status, 200);
    let mut waited = slow.await;
    waited.sort_unstable();
    assert_eq!(waited, [vec![0_u64; 2], vec![1; 64]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_to_prove_its_sender_takes_no_place_of_agents_and_is_not_waited_for_long() {
    let harness = limited(Limits {
        concurrency: 1,
        ..Limits::default()
    })
    .await;
    let key = harness.key().await;
    let begun = Instant::now();
    let mut slow = Box::pin(harness.send(unfinished(&harness, &wrong(&key), &Bytes::new())));
    assert!(futures::poll!(&mut slow).is_pending());
    assert_eq!(harness.ask(&Ask::identity(), &key).await.status, 200);
    let answer = slow.await;
    assert_eq!(
        (answer.status, answer.code().as_str(), begun.elapsed().as_secs()),
        (400, "RequestTimeout", 10)
    );
}

#[tokio::test(start_paused = true)]
async fn of_bodies_that_prove_nothing_yet_only_so_much_is_in_memory() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let (wrong, beginning) = (wrong(&key), Bytes::from(vec![b' '; 1_000 << 10]));
    let begun = Instant::now();
    let slow = (0..40).map(|_| async {
        let answer = harness.send(unfinished(&harness, &wrong, &beginning)).await;
        (answer.code(), begun.elapsed().as_secs())
    });
    let mut slow = Box::pin(join_all(slow));
    assert!(futures::poll!(&mut slow).is_pending());
    let small = harness.ask(&Ask::identity(), &key).await;
    assert_eq!(small.status, 200, "what is small finds room");
    let answers = slow.await;
    let of = |wanted: (&str, u64)| {
        let told = answers.iter().map(|(code, after)| (code.as_str(), *after));
        told.filter(|told| *told == wanted).count()
    };
    assert_eq!(
        (of(("RequestTimeout", 10)), of(("Throttling", 0))),
        (32, 8),
        "{answers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_network_has_its_share_of_what_is_not_proven_and_of_nothing_else() {
    let harness = limited(Limits {
        connections_per_address: 1,
        ..Limits::default()
    })
    .await;
    let key = harness.key().await;
    let long_poll = Ask::long_poll(AGENT);
    let mut polling = Box::pin(harness.ask(&long_poll, &key));
    assert!(futures::poll!(&mut polling).is_pending());
    let beside = harness.ask(&Ask::identity(), &key).await;
    assert_eq!(beside.status, 200, "who waits is proven");

    let mut slow = Box::pin(harness.send(unfinished(&harness, &key, &Bytes::new())));
    assert!(futures::poll!(&mut slow).is_pending());
    let refused = harness.ask(&Ask::identity(), &key).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "Throttling"));
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(slow.await.code(), "RequestTimeout");
    let again = harness.ask(&Ask::identity(), &key).await;
    assert_eq!(again.status, 200, "it was given back");
    assert_eq!(polling.await.status, 200);
}
