//! What every answer of the dashboard says to a browser, and which pages may send it something.

use axum::body::Body;
use axum::http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{Method, Request};
use cc_devops_http::ServerConfig;
use cc_devops_kernel::ports::PortErrorKind;

use crate::harness::{Answer, As, Browser, Harness};

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[track_caller]
fn well_mannered(answer: &Answer, what: &str) {
    assert_eq!(answer.header("content-security-policy"), CSP, "{what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert!(
        answer.headers.get_all("content-security-policy").iter().count() == 1,
        "{what}"
    );
    if !what.contains("/ui/assets/") {
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{what}");
        assert!(answer.text.contains("<h1>"), "{what}: {}", answer.text);
    }
    assert!(
        !answer.text.contains("style=") && !answer.text.contains("<style"),
        "{what}"
    );
}

async fn send(harness: &Harness, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    harness.call(request.body(Body::empty()).unwrap()).await
}

/// A page, what is said of it, the headers of its request, and its status.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

#[tokio::test]
async fn every_answer_has_its_headers() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    let signed_in = (COOKIE.as_str(), browser.cookie.as_str());
    let same = ("sec-fetch-site", "same-origin");
    let html = ("accept", "text/html,*/*");
    let style = browser.get("/ui/login").await.page();
    let style = style
        .split('"')
        .find(|part| part.starts_with("/ui/assets/style"))
        .unwrap();
    let cases: &[Case<'_>] = &[
        ("GET", "/ui", &[signed_in], 200),
        ("HEAD", "/ui", &[signed_in], 200),
        ("GET", "/ui/agents", &[], 303),
        ("HEAD", "/ui/agents", &[], 303),
        ("GET", "/ui/login", &[], 200),
        ("HEAD", "/ui/login", &[], 200),
        ("GET", style, &[], 200),
        ("GET", "/ui/assets/other.css", &[], 404),
        ("GET", "/ui/", &[], 308),
        ("GET", "/ui/nothing", &[], 404),
        ("GET", "/ui/nothing", &[signed_in], 404),
        ("POST", "/ui/nothing", &[signed_in, same], 404),
        ("POST", "/ui/agents", &[signed_in, same], 405),
        ("PUT", "/ui/login", &[same], 405),
        ("OPTIONS", "/ui/login", &[], 405),
        ("POST", "/ui/login", &[], 403),
        ("POST", "/ui/login", &[("sec-fetch-site", "cross-site")], 403),
        ("POST", "/ui/login", &[same, ("content-type", "application/json")], 422),
        ("GET", "/ui/login", &[("host", "evil.example")], 421),
        ("GET", "/ui/%ff", &[signed_in], 404),
        ("GET", "/", &[html], 303),
        ("HEAD", "/", &[html], 303),
    ];
    for (method, path, headers, status) in cases {
        let answer = send(&harness, method, path, headers).await;
        let what = format!("{method} {path} {headers:?}");
        assert_eq!(answer.status, *status, "{what}: {}", answer.text);
        well_mannered(&answer, &what);
    }
    let answer = send(&harness, "DELETE", "/ui/login", &[same]).await;
    assert_eq!(answer.header("allow").split(',').count(), 3, "{:?}", answer.headers);
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    let answer = browser.get("/ui/agents").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    well_mannered(&answer, "a fault");
}

#[tokio::test]
async fn the_api_answers_as_before() {
    let harness = Harness::new().await;
    for (method, path, status) in [
        ("GET", "/v1/agents", 401),
        ("GET", "/uix", 404),
        ("PUT", "/health", 405),
        ("GET", "/", 404),
        ("POST", "/", 405),
    ] {
        let answer = send(&harness, method, path, &[]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.header("content-security-policy"), "", "{path}");
    }
    let own = ("host", "localhost:8080");
    let foreign = (ORIGIN.as_str(), "https://evil.example");
    let answer = send(&harness, "POST", "/v1/events", &[own, foreign]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

/// What a browser sends with a form of one of our pages, and what becomes of it.
async fn log_in(harness: &Harness, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/ui/login")
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = format!("token={}", As::Admin.token());
    let answer = harness.call(request.body(body.into()).unwrap()).await;
    assert_eq!(answer.headers.get(SET_COOKIE).is_some(), answer.status == 303);
    answer.status
}

#[tokio::test]
async fn forms_work_behind_a_proxy() {
    const PUBLIC: &str = "https://devops.example.org";
    let proxied = Harness::at(ServerConfig {
        listen: "0.0.0.0:8787".parse().unwrap(),
        allow_plaintext: true,
        public_url: Some(PUBLIC.to_owned()),
        ..ServerConfig::default()
    })
    .await;
    let alone = Harness::at(ServerConfig {
        listen: "127.0.0.1:8787".parse().unwrap(),
        ..ServerConfig::default()
    })
    .await;
    let site = "sec-fetch-site";
    // A proxy keeps `Host`, or puts its upstream's name into it.
    for host in ["devops.example.org", "upstream:8787", "10.0.0.5:8787"] {
        let host = (HOST.as_str(), host);
        for (headers, expected) in [
            (vec![host, (site, "same-origin"), ("origin", "null")], 303),
            (vec![host, (site, "same-origin"), ("origin", PUBLIC)], 303),
            (vec![host, ("origin", PUBLIC)], 303),
            (vec![host, ("origin", "https://upstream:8787")], 403),
            (vec![host, ("origin", "https://evil.example")], 403),
            (
                vec![host, (site, "cross-site"), ("origin", "https://evil.example")],
                403,
            ),
            (vec![host, (site, "cross-site"), ("origin", PUBLIC)], 403),
            (vec![host], 403),
        ] {
            assert_eq!(log_in(&proxied, &headers).await, expected, "{headers:?}");
        }
    }
    for (headers, expected) in [
        (
            vec![("host", "localhost:8787"), (site, "same-origin"), ("origin", "null")],
            303,
        ),
        (
            vec![("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:8787")],
            303,
        ),
        (
            vec![("host", "localhost:8787"), ("origin", "http://localhost:8787")],
            303,
        ),
        // A name of an attacker's that leads here, whose page is of the origin that it addresses.
        (
            vec![("host", "evil.example:8787"), ("origin", "http://evil.example:8787")],
            421,
        ),
        (vec![("host", "evil.example:8787"), (site, "same-origin")], 421),
        (
            vec![("host", "localhost:8787"), ("origin", "http://localhost:3000")],
            403,
        ),
        (
            vec![
                ("host", "localhost:8787"),
                (site, "same-site"),
                ("origin", "http://localhost:3000"),
            ],
            403,
        ),
    ] {
        assert_eq!(log_in(&alone, &headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_form_has_bounds() {
    let harness = Harness::new().await;
    let browser = Browser {
        harness: &harness,
        cookie: String::new(),
    };
    for (length, status) in [(15 * 1024, 401), (17 * 1024, 400)] {
        let answer = browser.post("/ui/login", &[("token", &"x".repeat(length))]).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        well_mannered(&answer, "a long form");
    }
    assert!(harness.rows().is_empty());
}

#[tokio::test]
async fn nothing_is_shown_where_others_read_along() {
    let harness = Harness::at(ServerConfig {
        listen: "0.0.0.0:8787".parse().unwrap(),
        allow_plaintext: true,
        ..ServerConfig::default()
    })
    .await;
    for (method, path) in [
        ("GET", "/ui"),
        ("GET", "/ui/login"),
        ("POST", "/ui/login"),
        ("GET", "/ui/nothing"),
    ] {
        let answer = send(&harness, method, path, &[("sec-fetch-site", "same-origin")]).await;
        assert_eq!(answer.status, 403);
        assert!(
            answer.text.contains("server.public_url"),
            "it says what to do: {}",
            answer.text
        );
        assert!(answer.headers.get(SET_COOKIE).is_none());
        well_mannered(&answer, path);
    }
    let token = log_in(&harness, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(token, 403);
    assert!(harness.rows().is_empty());
}
