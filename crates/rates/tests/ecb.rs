//! The Bank's file over HTTP: kept, asked for again, and what happens when it cannot be had.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cc_devops_kernel::ports::{PortErrorKind, SystemClock};
use cc_devops_rates::{Ecb, EcbSettings, Retries};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::ports::RateSource;

/// A status, headers, a body.
type Answer = (u16, Vec<(&'static str, &'static str)>, String);

/// What the fake Bank answers, one after the other; and what it was asked with.
#[derive(Clone, Default)]
struct Bank {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Bank {
    fn will(self, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        self.answers
            .lock()
            .unwrap()
            .push_back((status, headers.to_vec(), body.to_owned()));
        self
    }

    async fn open(&self, good_for: Duration) -> Ecb {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/daily.xml", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let settings = EcbSettings {
            url,
            good_for,
            retries: Retries {
                times: 2,
                shortest: Duration::from_millis(1),
                longest: Duration::from_millis(2),
            },
            ..EcbSettings::default()
        };
        Ecb::new(&settings, Arc::new(SystemClock)).unwrap()
    }

    fn asked(&self) -> Vec<HeaderMap> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(bank): State<Bank>, headers: HeaderMap) -> Response {
    bank.asked.lock().unwrap().push(headers);
    let Some((status, headers, body)) = bank.answers.lock().unwrap().pop_front() else {
        panic!("the Bank is asked once too often");
    };
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn file(dollars: &str) -> String {
    format!(
        "<gesmes:Envelope xmlns:gesmes=\"http://www.gesmes.org/xml/2002-08-01\"><Cube><Cube time='2026-03-02'>\
         <Cube currency='USD' rate='{dollars}'/></Cube></Cube></gesmes:Envelope>"
    )
}

async fn dollars(ecb: &Ecb) -> String {
    let rates = ecb.newest().await.unwrap();
    let found = rates.per_base().find(|(currency, _)| *currency == Currency::USD);
    found.unwrap().1.decimal(0)
}

#[tokio::test]
async fn rates_are_asked_for_once_while_they_are_good() {
    let bank = Bank::default().will(200, &[], &file("1.25"));
    let ecb = bank.open(Duration::from_hours(1)).await;
    assert_eq!(
        (dollars(&ecb).await, dollars(&ecb).await),
        ("1.25".to_owned(), "1.25".to_owned())
    );
    assert_eq!(bank.asked().len(), 1);
}

#[tokio::test]
async fn a_file_that_did_not_change_is_not_sent_again() {
    let headers = [("etag", "\"one\""), ("last-modified", "Mon, 02 Mar 2026 15:00:00 GMT")];
    let bank = Bank::default()
        .will(200, &headers, &file("1.25"))
        .will(304, &[], "")
        .will(200, &[], &file("1.5"));
    let ecb = bank.open(Duration::ZERO).await;
    assert_eq!(dollars(&ecb).await, "1.25");
    assert_eq!(dollars(&ecb).await, "1.25");
    assert_eq!(dollars(&ecb).await, "1.5");
    let asked = bank.asked();
    assert!(asked.first().unwrap().get("if-none-match").is_none());
    for again in asked.iter().skip(1) {
        assert_eq!(again.get("if-none-match").unwrap(), "\"one\"");
        assert_eq!(again.get("if-modified-since").unwrap(), "Mon, 02 Mar 2026 15:00:00 GMT");
    }
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again() {
    let bank = Bank::default()
        .will(503, &[], "")
        .will(429, &[("retry-after", "0")], "")
        .will(200, &[], &file("1.25"));
    let ecb = bank.open(Duration::from_hours(1)).await;
    assert_eq!(dollars(&ecb).await, "1.25");
    assert_eq!(bank.asked().len(), 3);
}

#[tokio::test]
async fn what_was_had_before_stands_in() {
    let bank = Bank::default().will(200, &[], &file("1.25")).will(404, &[], "");
    let ecb = bank.open(Duration::ZERO).await;
    assert_eq!(dollars(&ecb).await, "1.25");
    assert_eq!(dollars(&ecb).await, "1.25");
}

#[tokio::test]
async fn what_cannot_be_used_is_said_and_not_tried_again() {
    let large = "x".repeat((1 << 20) + 1);
    for (status, body, word) in [
        (404, "", "404"),
        (200, "<html/>", "cannot be used"),
        (200, &*large, "1 MiB"),
    ] {
        let bank = Bank::default().will(status, &[], body);
        let error = bank.open(Duration::ZERO).await.newest().await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Refused);
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(bank.asked().len(), 1);
    }
    let bank = Bank::default().will(500, &[], "").will(500, &[], "").will(500, &[], "");
    let error = bank.open(Duration::ZERO).await.newest().await.unwrap_err();
    assert_eq!((error.kind, bank.asked().len()), (PortErrorKind::Unavailable, 3));
}

#[test]
fn rates_do_not_come_in_the_clear() {
    drop(rustls::crypto::ring::default_provider().install_default());
    for url in ["http://rates.example/daily.xml", "ftp://127.0.0.1/", "daily.xml"] {
        let settings = EcbSettings {
            url: url.to_owned(),
            ..EcbSettings::default()
        };
        let error = Ecb::new(&settings, Arc::new(SystemClock)).err().unwrap();
        assert!(error.to_string().contains("revenue.rates_url"), "{error}");
    }
}
