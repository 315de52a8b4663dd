//! The link of `cc-devops open`.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{Method, Request};
use cc_devops_fleet::sessions::LINK_LASTS;
use cc_devops_http::ServerConfig;
use cc_devops_testkit::sample;
use serde_json::Value;

use crate::harness::{Answer, As, Browser, Harness, OBSERVER};

async fn ask(harness: &Harness, who: As) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/dashboard/links")
        .header(AUTHORIZATION, format!("Bearer {}", who.token()));
    harness.call(request.body(Body::empty()).unwrap()).await
}

/// The path of a link that somebody asked for, and its key.
async fn link(harness: &Harness, who: As) -> (String, String) {
    let answer = ask(harness, who).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body: Value = serde_json::from_str(&answer.text).unwrap();
    let url = body["url"].as_str().unwrap();
    let path = &url[url.find("/ui/").unwrap()..];
    let key = path.strip_prefix("/ui/open?key=").unwrap();
    (path.to_owned(), key.to_owned())
}

fn browser(harness: &Harness) -> Browser<'_> {
    Browser {
        harness,
        cookie: String::new(),
    }
}

fn acts(harness: &Harness) -> Vec<String> {
    harness.rows().into_iter().map(|row| row.entry.action).collect()
}

async fn is_over(harness: &Harness, path: &str, key: &str) {
    for answer in [
        browser(harness).get(path).await,
        browser(harness).post("/ui/open", &[("key", key)]).await,
    ] {
        assert_eq!(answer.status, 410, "{}", answer.text);
        assert!(
            answer.text.contains("cc-devops open"),
            "it says what to do: {}",
            answer.text
        );
        assert!(answer.headers.get(SET_COOKIE).is_none());
    }
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let harness = Harness::new().await;
    let (path, key) = link(&harness, As::Observer).await;
    // Others look at a link before a person does.
    for _ in 0..3 {
        let page = browser(&harness).get(&path).await.page();
        assert!(page.contains(OBSERVER) && page.contains("Open the dashboard"), "{page}");
        assert_eq!(page.matches("<button").count(), 1);
    }
    let head = Request::builder().method(Method::HEAD).uri(&path);
    assert_eq!(harness.call(head.body(Body::empty()).unwrap()).await.status, 200);
    assert_eq!(acts(&harness), ["session.link_made"]);

    let answer = browser(&harness).post("/ui/open", &[("key", &key)]).await;
    assert_eq!(answer.leads_to(), "/ui");
    let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
    let signed_in = Browser {
        harness: &harness,
        cookie: cookie.split(';').next().unwrap().to_owned(),
    };
    assert!(signed_in.get("/ui/agents").await.page().contains("Looker (observer)"));
    is_over(&harness, &path, &key).await;
    assert_eq!(acts(&harness), ["session.link_made", "session.begun"]);
    let rows = harness.rows();
    assert!(
        rows.iter()
            .all(|row| row.entry.principal.as_ref().unwrap().as_str() == OBSERVER)
    );
    assert_eq!(rows[1].entry.detail["with"], "link");
    assert!(!format!("{rows:?}").contains(&key));

    // It is bound to the token that asked for the link.
    let agents = harness.memory.ports().agents;
    let name = sample::agent_name(OBSERVER);
    agents.revoke(&name, sample::START, &sample::revoked()).await.unwrap();
    assert_eq!(signed_in.get("/ui/agents").await.status, 303);
}

#[tokio::test]
async fn a_link_ends_after_a_minute_and_with_its_token() {
    let harness = Harness::new().await;
    let (path, key) = link(&harness, As::Admin).await;
    harness.memory.clock().advance(LINK_LASTS);
    is_over(&harness, &path, &key).await;

    let (path, key) = link(&harness, As::Observer).await;
    let ports = harness.memory.ports();
    let (name, now) = (sample::agent_name(OBSERVER), ports.clock.now());
    let (token, row) = (sample::token(70), sample::rotated());
    ports.agents.rotate(&name, &token, now, &row).await.unwrap();
    is_over(&harness, &path, &key).await;
    assert!(!acts(&harness).contains(&"session.begun".to_owned()));
}

#[tokio::test]
async fn what_is_no_link_is_over() {
    let harness = Harness::new().await;
    let unknown = "0".repeat(64);
    for key in [unknown.as_str(), "", "x", "../../etc"] {
        is_over(&harness, &format!("/ui/open?key={key}"), key).await;
    }
    assert_eq!(browser(&harness).get("/ui/open").await.status, 410);
    // A session's own secret is no link's.
    let session = harness.sign_in(As::Admin).await.cookie;
    let secret = session.split_once('=').unwrap().1;
    is_over(&harness, &format!("/ui/open?key={secret}"), secret).await;
}

#[tokio::test]
async fn agents_have_no_sessions() {
    let harness = Harness::new().await;
    let answer = ask(&harness, As::Agent).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(acts(&harness), [""; 0]);
}

#[tokio::test]
async fn a_link_begins_where_browsers_reach_the_server() {
    let url = async |config: ServerConfig| {
        let harness = Harness::at(config).await;
        let answer = ask(&harness, As::Admin).await;
        let body: Value = serde_json::from_str(&answer.text).unwrap();
        body["url"].as_str().map(str::to_owned).ok_or(answer.status)
    };
    let listening = |listen: &str| ServerConfig {
        listen: listen.parse().unwrap(),
        ..ServerConfig::default()
    };
    let here = url(listening("127.0.0.1:8787")).await.unwrap();
    assert!(here.starts_with("http://127.0.0.1:8787/ui/open?key="), "{here}");
    let public = ServerConfig {
        public_url: Some("https://devops.example.org".to_owned()),
        ..listening("0.0.0.0:8787")
    };
    let there = url(public).await.unwrap();
    assert!(there.starts_with("https://devops.example.org/ui/open?key="), "{there}");
    assert_eq!(
        url(listening("0.0.0.0:8787")).await,
        Err(409),
        "it is not shown in the clear"
    );
}
