//! What is checked is what is connected to.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, LOCATION};
use axum::routing::post;
use cc_devops_outbound::egress::{Allowed, LookUp, Names, Range, network};
use cc_devops_outbound::{Error, Guard, HttpClient, HttpOptions, Refused, Request};
use tokio::net::TcpListener;
use url::Url;

/// Names that lead somewhere else each time they are asked for.
struct Turning(Mutex<VecDeque<Vec<IpAddr>>>);

impl Turning {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers
            .iter()
            .map(|addresses| addresses.iter().map(|text| text.parse().unwrap()).collect());
        Arc::new(Self(Mutex::new(answers.collect())))
    }
}

impl Names for Turning {
    fn look_up(&self, _name: &str) -> LookUp {
        let next = self
            .0
            .lock()
            .unwrap()
            .pop_front()
            .expect("asked more often than there are connections");
        Box::pin(async move { Ok(next) })
    }
}

fn outside(allowed: &[&str], names: Arc<dyn Names>) -> HttpClient {
    let networks = allowed.iter().map(|text| network(text).unwrap()).collect();
    let guard = Guard::with_names(Allowed::new(networks), names);
    let options = HttpOptions {
        total_timeout: Duration::from_secs(20),
        ..HttpOptions::default()
    };
    HttpClient::guarded(&guard, options).unwrap()
}

/// Why the guard refuses to send there.
async fn refusal(outside: &HttpClient, url: Url) -> Refused {
    match outside.send(Request::post(url)).await {
        Err(Error::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

/// A receiver that closes each connection, and how many calls it had.
async fn receiver(at: &str, status: StatusCode) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let answer = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { (status, [(CONNECTION, "close"), (LOCATION, "http://169.254.169.254/")]) }
    };
    let router = Router::new().route("/hook", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, calls)
}

fn url(host: &str, address: SocketAddr) -> Url {
    Url::parse(&format!("http://{host}:{}/hook", address.port())).unwrap()
}

#[tokio::test]
async fn a_name_that_turns_to_another_address_is_checked_again() {
    let (address, calls) = receiver("127.0.0.1", StatusCode::NO_CONTENT).await;
    // The same name: allowed at first, then this machine by another address, then a private one.
    let names = Turning::of(&[&["127.0.0.1"], &["10.0.0.1"], &["192.168.0.1", "fe80::1"]]);
    let outside = outside(&[], names);
    let url = url("localhost", address);
    let first = outside.send(Request::post(url.clone())).await.unwrap();
    assert_eq!(first.status, StatusCode::NO_CONTENT);
    for range in [Range::Private, Range::LinkLocal] {
        assert_eq!(refusal(&outside, url.clone()).await, Refused::Range(range));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn of_several_addresses_only_the_open_ones_are_connected_to() {
    let (address, calls) = receiver("127.0.0.1", StatusCode::NO_CONTENT).await;
    let names = Turning::of(&[&["10.0.0.1", "127.0.0.1", "fe80::1"]]);
    let outside = outside(&[], names);
    outside.send(Request::post(url("localhost", address))).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_public_name_that_leads_inside_is_refused_and_never_called() {
    for inside in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
    ] {
        let outside = outside(&[], Turning::of(&[&[inside]]));
        let url = Url::parse("https://hooks.example.org/hook").unwrap();
        let refused = refusal(&outside, url).await;
        assert!(matches!(refused, Refused::Range(_)), "{inside}: {refused:?}");
    }
}

#[tokio::test]
async fn an_address_without_a_name_is_refused_before_it_is_called() {
    let outside = outside(&["127.0.0.0/8"], Turning::of(&[]));
    for inside in [
        "https://10.0.0.1/",
        "https://[::ffff:a00:1]/",
        "http://169.254.169.254/latest/",
    ] {
        // It would be asked for a name more often than there are answers.
        refusal(&outside, Url::parse(inside).unwrap()).await;
    }
}

#[tokio::test]
async fn what_is_allowed_is_reached_and_a_redirect_is_not_followed() {
    let (address, calls) = receiver("127.0.0.1", StatusCode::TEMPORARY_REDIRECT).await;
    let outside = outside(&["127.0.0.0/8"], Turning::of(&[]));
    let answer = outside.send(Request::post(url("127.0.0.1", address))).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
