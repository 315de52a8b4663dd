//! What tells open pages that something changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, BodyDataStream};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, Request};
use cc_devops_dashboard::{Dashboard, door};
use cc_devops_http::config::Limits;
use cc_devops_http::{Capabilities, Server, ServerConfig};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::EventLog;
use cc_devops_testkit::{Memory, sample};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, timeout};

use crate::harness::{ADMIN, As, Browser, Harness};

/// A browser's stream.
struct Stream {
    headers: HeaderMap,
    body: BodyDataStream,
    read: String,
}

/// One event of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    event: String,
    data: String,
    id: String,
    retry: String,
}

impl Stream {
    /// The next event, comments passed over; none where the stream ended.
    async fn next(&mut self) -> Option<Said> {
        loop {
            while let Some((block, rest)) = self.read.split_once("\n\n") {
                let mut said = Said::default();
                for line in block.lines() {
                    let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                    match name {
                        "event" => value.clone_into(&mut said.event),
                        "data" => value.clone_into(&mut said.data),
                        "id" => value.clone_into(&mut said.id),
                        "retry" => value.clone_into(&mut said.retry),
                        comment => assert!(comment.starts_with(':'), "{line}"),
                    }
                }
                self.read = rest.to_owned();
                if said != Said::default() {
                    return Some(said);
                }
            }
            let bytes = self.body.next().await?.unwrap();
            self.read.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// What changed, up to the event with an id, and that id.
    async fn changed(&mut self) -> (Vec<String>, String) {
        let mut kinds = Vec::new();
        loop {
            let said = self.next().await.expect("the stream goes on");
            assert_eq!(said.event, "changed", "{said:?}");
            kinds.push(said.data);
            if !said.id.is_empty() {
                return (kinds, said.id);
            }
        }
    }

    /// Waits until nothing more is said; the last id.
    async fn settled(&mut self, mut last: String) -> String {
        while let Ok(said) = timeout(Duration::from_secs(20), self.next()).await {
            let id = said.expect("the stream goes on").id;
            if !id.is_empty() {
                last = id;
            }
        }
        last
    }

    /// Whether nothing is said for that long.
    async fn is_silent(&mut self, lasts: Duration) -> bool {
        timeout(lasts, self.next()).await.is_err()
    }
}

/// Opens a stream; the answer's status where it is not opened.
async fn open(browser: &Browser<'_>, path: &str, last: Option<&str>) -> Result<Stream, u16> {
    let mut request = Request::builder()
        .uri(path)
        .header(COOKIE, &browser.cookie)
        .header(ACCEPT, "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = browser.harness.answer(request.body(Body::empty()).unwrap()).await;
    if response.status().as_u16() != 200 {
        return Err(response.status().as_u16());
    }
    let (head, body) = response.into_parts();
    Ok(Stream {
        headers: head.headers,
        body: body.into_data_stream(),
        read: String::new(),
    })
}

/// Opens a stream from now on, and the id it begins with.
async fn listen(browser: &Browser<'_>) -> (Stream, String) {
    let mut stream = open(browser, "/ui/live", None).await.unwrap();
    let begin = stream.next().await.unwrap();
    assert_eq!((begin.event.as_str(), begin.retry.as_str()), ("begin", "1000"));
    (stream, begin.id)
}

/// Somebody else switches maintenance mode on.
async fn maintain(harness: &Harness) {
    let alerts = &harness.watch.alerts;
    alerts
        .maintenance_on("it is tried", None, ADMIN, Actor::Operator)
        .await
        .unwrap();
}

/// A request is made, and ends.
async fn put_secret(harness: &Harness, id: &str) {
    let event = sample::put_secret_event(id, "/contentcraft/contentorchestrator/key", "s3cret");
    let request = Request::post("/v1/events?wait=30")
        .header(AUTHORIZATION, format!("Bearer {}", As::Agent.token()))
        .header(CONTENT_TYPE, "application/json");
    let answer = harness.call(request.body(event.to_string().into()).unwrap()).await;
    assert!(answer.status < 300, "{answer:?}");
}

const SOON: Duration = Duration::from_millis(1_200);

#[tokio::test(start_paused = true)]
async fn it_says_which_kinds_of_things_changed_and_nothing_else() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut stream, begun) = listen(&browser).await;
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    assert_eq!(stream.headers["cache-control"], "no-store");
    assert!(stream.is_silent(Duration::from_mins(5)).await, "nothing changed");
    let before = Instant::now();
    maintain(&harness).await;
    let (kinds, first) = stream.changed().await;
    assert!(before.elapsed() <= SOON, "{:?}", before.elapsed());
    assert_eq!(kinds, ["audit", "health"]);
    assert_ne!(first, begun);
    let first = stream.settled(first).await;
    let before = Instant::now();
    put_secret(&harness, "r1").await;
    let (kinds, second) = stream.changed().await;
    assert!(before.elapsed() <= SOON, "{:?}", before.elapsed());
    assert!(
        kinds.contains(&"requests".to_owned()) && kinds.contains(&"secrets".to_owned()),
        "{kinds:?}"
    );
    assert!(!kinds.contains(&"revenue".to_owned()), "{kinds:?}");
    assert_ne!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_shows_and_many_are_told_together() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut stream, _) = listen(&browser).await;
    let beat = || async {
        let request = Request::post(format!("/v1/agents/{}/heartbeat", crate::harness::AGENT))
            .header(AUTHORIZATION, format!("Bearer {}", As::Agent.token()))
            .header(CONTENT_TYPE, "application/json");
        let answer = harness.call(request.body(r#"{"healthy":true}"#.into()).unwrap()).await;
        assert!(answer.status < 300, "{answer:?}");
    };
    beat().await;
    let (kinds, _) = stream.changed().await;
    assert!(kinds.contains(&"agents".to_owned()), "{kinds:?}");
    stream.settled(String::new()).await;
    let begun = Instant::now();
    let mut told = 0;
    while begun.elapsed() < Duration::from_secs(15) {
        beat().await;
        if !stream.is_silent(Duration::from_millis(100)).await {
            told += 1;
        }
    }
    assert!((5..=13).contains(&told), "{told}");
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_what_changed_meanwhile() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let (stream, id) = listen(&browser).await;
    drop(stream);
    maintain(&harness).await;
    // By the browser's own header, and by what a page knows.
    let mut stream = open(&browser, "/ui/live", Some(&id)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().id, id);
    let (kinds, newest) = stream.changed().await;
    assert_eq!(kinds, ["audit", "health"]);
    let newest = stream.settled(newest).await;
    drop(stream);
    let mut stream = open(&browser, &format!("/ui/live?since={id}"), None).await.unwrap();
    stream.next().await.unwrap();
    assert_eq!(stream.changed().await.0, ["audit", "health"]);
    let mut stream = open(&browser, "/ui/live", Some(&newest)).await.unwrap();
    stream.next().await.unwrap();
    assert!(stream.is_silent(Duration::from_mins(1)).await, "it was told that");
    // Another process's id, or nonsense: everything may have changed.
    for unknown in ["0193f0-7", "nonsense", "%00"] {
        let mut stream = open(&browser, &format!("/ui/live?since={unknown}"), None)
            .await
            .unwrap();
        assert_eq!(stream.next().await.unwrap().id, "", "it is to be told everything");
        assert_eq!(stream.changed().await.0.len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_between_a_page_and_its_stream() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/agents").await.page();
    let since = page.split_once("data-since=\"").unwrap().1.split_once('"').unwrap().0;
    maintain(&harness).await;
    let mut stream = open(&browser, &format!("/ui/live?since={since}"), None).await.unwrap();
    assert_eq!(stream.next().await.unwrap().id, since);
    assert_eq!(stream.changed().await.0, ["audit", "health"]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_session_and_with_the_token() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut stream, _) = listen(&browser).await;
    browser.post("/ui/logout", &[]).await;
    let said = stream.next().await.unwrap();
    assert_eq!(
        (said.event.as_str(), said.data.as_str()),
        ("ended", "session"),
        "{said:?}"
    );
    assert_eq!(stream.next().await, None);
    assert_eq!(open(&browser, "/ui/live", None).await.err(), Some(401));

    let browser = harness.sign_in(As::Observer).await;
    let (mut stream, _) = listen(&browser).await;
    let name = sample::agent_name(crate::harness::OBSERVER);
    let agents = &harness.control.ports().agents;
    agents.revoke(&name, sample::START, &sample::revoked()).await.unwrap();
    let said = stream.next().await.unwrap();
    assert_eq!(said.event, "ended", "nothing that came after the end is told: {said:?}");
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_open_page_is_no_use_of_the_session() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut stream, _) = listen(&browser).await;
    for _ in 0..13 {
        harness.memory.clock().advance(jiff::SignedDuration::from_hours(1));
        let request = Request::builder()
            .uri("/ui/agents")
            .header(COOKIE, &browser.cookie)
            .header("cc-fragment", "1");
        harness.call(request.body(Body::empty()).unwrap()).await;
    }
    while let Some(said) = stream.next().await {
        if said.event == "ended" {
            return;
        }
    }
    panic!("it did not end");
}

#[tokio::test(start_paused = true)]
async fn nobody_has_more_streams_than_a_share() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    let mut open_ones = Vec::new();
    for _ in 0..Limits::default().streams_per_agent {
        open_ones.push(listen(&browser).await);
    }
    assert_eq!(open(&browser, "/ui/live", None).await.err(), Some(429));
    let other = harness.sign_in(As::Admin).await;
    let (stream, _) = listen(&other).await;
    drop((stream, open_ones));
    listen(&browser).await;
}

/// Every kind that somebody is told of.
async fn told(harness: &Harness, who: As) -> Vec<String> {
    let browser = harness.sign_in(who).await;
    let mut stream = open(&browser, "/ui/live?since=unknown", None).await.unwrap();
    stream.next().await.unwrap();
    stream.changed().await.0
}

#[tokio::test(start_paused = true)]
async fn it_tells_only_of_what_one_may_see() {
    let harness = Harness::new().await;
    let all = told(&harness, As::Admin).await;
    assert_eq!(all.len(), 10, "{all:?}");
    assert_eq!(
        told(&harness, As::Observer).await,
        all,
        "an observer sees what an operator sees"
    );
    let harness = Harness::under(
        r#"permit (principal is Admin, action, resource);
        permit (principal is Observer, action in [Action::"listAgents", Action::"readHealth"], resource);"#,
    )
    .await;
    assert_eq!(told(&harness, As::Observer).await, ["agents", "health"]);
}

/// An event log that counts how often it is looked at.
struct Counted(Arc<dyn EventLog>, Arc<AtomicUsize>);

#[async_trait]
impl EventLog for Counted {
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> PortResult<Vec<LoggedEvent>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.after(cursor, agent, limit).await
    }

    async fn newest(&self) -> PortResult<Cursor> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.newest().await
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_at_while_nobody_listens_and_once_for_all_who_do() {
    let looks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looks);
    let change = move |ports: &mut cc_devops_requests::ports::Ports| {
        ports.events = Arc::new(Counted(Arc::clone(&ports.events), count));
    };
    let harness = Harness::around(Memory::new(), change, Dashboard::default()).await;
    let browser = harness.sign_in(As::Admin).await;
    browser.get("/ui/agents").await.page();
    assert_eq!(
        looks.swap(0, Ordering::Relaxed),
        1,
        "what the first page is compared with"
    );
    browser.get("/ui/agents").await.page();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(looks.load(Ordering::Relaxed), 0);
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(listen(&browser).await.0);
    }
    looks.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let looked = looks.swap(0, Ordering::Relaxed);
    assert!((55..=65).contains(&looked), "{looked} looks in a minute");
    drop(streams);
    tokio::time::sleep(Duration::from_secs(1)).await;
    looks.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(looks.load(Ordering::Relaxed), 0, "the last one has gone");
    maintain(&harness).await;
    let (mut stream, _) = listen(&browser).await;
    maintain(&harness).await;
    assert_eq!(stream.changed().await.0, ["audit", "health"], "it begins again");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_ends_nothing() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut stream, _) = listen(&browser).await;
    harness
        .memory
        .fail_with(Some(cc_devops_kernel::ports::PortErrorKind::Unavailable));
    // The session cannot be looked at: the browser comes back; it is not told that it is over.
    assert_eq!(stream.next().await, None);
    harness.memory.fail_with(None);
    listen(&browser).await;
}

/// Reads until the text is there, or the other end closes.
async fn read_until(socket: &mut TcpStream, read: &mut String, wanted: &str) -> bool {
    let mut buffer = [0; 4_096];
    while !read.contains(wanted) {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => read.push_str(std::str::from_utf8(&buffer[..count]).unwrap()),
        }
    }
    true
}

#[tokio::test]
async fn over_a_socket_it_does_not_idle_and_ends_with_the_server() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let capabilities = Capabilities {
        watch: Some(harness.watch.clone()),
        doors: vec![door(Dashboard::default())],
        ..Capabilities::from(Arc::clone(&harness.control))
    };
    let mut config = ServerConfig::default();
    config.listen.set_port(0);
    config.limits.header_timeout = Duration::from_millis(200);
    let (_ended, ended) = unbounded_channel();
    let server = Server::bind(config, capabilities, ended).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async move { drop(stopped.await) }));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let cookie = &browser.cookie;
    let head =
        format!("GET /ui/live HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\ncookie: {cookie}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut read = String::new();
    assert!(read_until(&mut socket, &mut read, "event: begin").await, "{read}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    maintain(&harness).await;
    assert!(
        read_until(&mut socket, &mut read, "data: health").await,
        "it was cut: {read}"
    );
    stop.send(()).unwrap();
    assert!(!read_until(&mut socket, &mut read, "never").await);
    assert!(!read.contains("ended"), "the session goes on: {read}");
    timeout(Duration::from_secs(20), serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_keys_are_a_page_and_beside_every_page() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/keys").await.page();
    assert!(
        page.contains("data-go=\"a\"") && page.contains("<kbd>?</kbd>"),
        "{page}"
    );
    let page = browser.get("/ui/agents").await.page();
    assert!(page.contains("<dialog") && page.contains("id=\"live\""), "{page}");
    let fragment = Request::builder()
        .uri("/ui/agents")
        .header(COOKIE, &browser.cookie)
        .header("cc-fragment", "1");
    let fragment = harness.call(fragment.body(Body::empty()).unwrap()).await.page();
    assert!(
        fragment.starts_with("<main") && !fragment.contains("<dialog"),
        "{fragment}"
    );
}

#[tokio::test]
async fn scripts_are_sent_packed_and_for_good() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/keys").await.page();
    let script = page.split_once("src=\"").unwrap().1.split_once('"').unwrap().0;
    let get = |coding: &'static str| Request::builder().uri(script).header("accept-encoding", coding);
    let plain = harness.call(get("identity").body(Body::empty()).unwrap()).await;
    assert!(plain.text.contains("/ui/live"), "{}", plain.text);
    assert!(plain.header("cache-control").contains("immutable"));
    let packed = harness.answer(get("gzip, br").body(Body::empty()).unwrap()).await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["vary"], "accept-encoding");
    assert_eq!(packed.headers()["x-content-type-options"], "nosniff");
}
