//! What a connection costs: how long it may idle, how many there may be, and that none of them holds
//! up a stop.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::{ACCEPT, HOST, ORIGIN};
use axum::http::{Method, StatusCode};
use cc_devops_http::config::{Limits, Pace, Tls};
use cc_devops_http::{Server, ServerConfig};
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::EventLog;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::harness::{As, Harness, control_plane, put, request};
use crate::http2::{self, GOAWAY, Http2, PING, RST_STREAM};

/// As short as a limit may be that nothing good is to meet.
const SHORT: Duration = Duration::from_millis(300);

/// A server on a socket, until it is told to stop.
struct Standing {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Standing {
    async fn on(memory: &Memory, config: ServerConfig, log: Option<Arc<dyn EventLog>>) -> Self {
        let config = ServerConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            // Whatever waits for the end of the grace shows.
            shutdown_grace: Duration::from_hours(1),
            ..config
        };
        let control = control_plane(memory, |ports| {
            if let Some(log) = log {
                ports.events = log;
            }
        });
        let (_, ended) = unbounded_channel();
        let server = Server::bind(config, control.await, ended).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move { server.serve(async { stopped.await.unwrap() }).await.unwrap() });
        Self { address, stop, serving }
    }

    async fn with(limits: Limits) -> Self {
        let config = ServerConfig {
            limits,
            ..ServerConfig::default()
        };
        Self::on(&Memory::new(), config, None).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn is_served(&self) {
        let answer = client().get(self.url("/health")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

fn idling(limit: Duration) -> Limits {
    Limits {
        header_timeout: limit,
        ..Limits::default()
    }
}

/// Reads until the server hangs up, in whatever way.
async fn to_the_end(mut stream: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _reset = stream.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test]
async fn an_http2_connection_without_streams_is_sent_goaway_and_closed() {
    let server = Standing::with(idling(SHORT)).await;
    let silent = async {
        let frames = Http2::connect(server.address).await.drain().await;
        assert!(http2::has(&frames, GOAWAY), "{frames:?}");
    };
    let after_an_answer = async {
        let mut client = Http2::connect(server.address).await;
        client.get(1, "/health").await.unwrap();
        client.status().await;
        let frames = client.drain().await;
        assert!(http2::has(&frames, GOAWAY), "{frames:?}");
    };
    let pinging = async {
        let mut client = Http2::connect(server.address).await;
        let mut often = interval(SHORT / 10);
        loop {
            often.tick().await;
            if client.send(PING, 0, 0, b"12345678").await.is_err() {
                return;
            }
        }
    };
    let half_a_preface = async {
        let mut client = server.connect().await;
        client.write_all(b"PRI * HTT").await.unwrap();
        to_the_end(client).await;
    };
    tokio::join!(silent, after_an_answer, pinging, half_a_preface);
    server.stop().await;
}

#[tokio::test]
async fn an_http1_connection_that_idles_or_trickles_is_closed() {
    let server = Standing::with(idling(SHORT)).await;
    let silent = async { to_the_end(server.connect().await).await };
    let after_an_answer = async {
        let mut client = server.connect().await;
        let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.write_all(request).await.unwrap();
        let answer = to_the_end(client).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    };
    let trickling = async {
        let mut client = server.connect().await;
        client.write_all(b"GET /health HTTP/1.1\r\nX-Long: ").await.unwrap();
        let mut often = interval(SHORT / 10);
        while client.write_all(b"x").await.is_ok() {
            often.tick().await;
        }
    };
    tokio::join!(silent, after_an_answer, trickling);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_does_not_hold_a_connection() {
    let server = Standing::with(idling(SHORT)).await;
    let http1 = async {
        let mut client = server.connect().await;
        let request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // More than the buffers of a socket hold, and then until the server has hung up.
        while client.write_all(request).await.is_ok() {}
    };
    let http2 = async {
        let mut client = Http2::with_a_shut_window(server.address).await;
        client.get(1, "/openapi.json").await.unwrap();
        let frames = client.drain().await;
        assert!(http2::has(&frames, GOAWAY), "{frames:?}");
    };
    tokio::join!(http1, http2);
    server.stop().await;
}

async fn with_tls(limits: Limits, folder: &std::path::Path) -> (Standing, reqwest::Certificate) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    std::fs::write(&tls.certificate, signed.cert.pem()).unwrap();
    std::fs::write(&tls.key, signed.signing_key.serialize_pem()).unwrap();
    let private = Permissions::from_mode(0o600);
    std::fs::set_permissions(&tls.key, private).unwrap();
    let config = ServerConfig {
        tls: Some(tls),
        limits,
        ..ServerConfig::default()
    };
    let server = Standing::on(&Memory::new(), config, None).await;
    let certificate = reqwest::Certificate::from_pem(signed.cert.pem().as_bytes()).unwrap();
    (server, certificate)
}

#[tokio::test]
async fn over_tls_neither_a_handshake_nor_a_connection_may_idle() {
    let folder = tempfile::tempdir().unwrap();
    let (server, certificate) = with_tls(idling(SHORT), folder.path()).await;
    let no_handshake = async { to_the_end(server.connect().await).await };
    let idle = async {
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(folder.path().join("server.pem")).unwrap();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().unwrap();
        let stream = connector.connect(name, server.connect().await).await.unwrap();
        let frames = Http2::hello(stream, &[]).await.drain().await;
        assert!(http2::has(&frames, GOAWAY), "{frames:?}");
    };
    tokio::join!(no_handshake, idle);
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/health", server.address.port());
    assert_eq!(client.get(url).send().await.unwrap().status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn streams_and_waits_do_not_idle() {
    let memory = Memory::new();
    let config = ServerConfig {
        limits: idling(SHORT),
        // The deploy's end is looked for.
        pace: Pace {
            sweep: SHORT,
            ..Pace::default()
        },
        ..ServerConfig::default()
    };
    let server = Standing::on(&memory, config, None).await;
    let agent = As::Agent.token().unwrap();
    let stream = client()
        .get(server.url("/v1/events"))
        .bearer_auth(&agent)
        .header(ACCEPT, "text/event-stream");
    let mut stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let name = sample::STACK_SUCCEEDS;
    memory.script_stack(sample::stack(name), StackScript::KeepsChanging);
    let wait = client()
        .post(server.url("/v1/events?wait=300"))
        .bearer_auth(&agent)
        .json(&sample::deploy_event("d1", name));
    let wait = tokio::spawn(wait.send());
    // The limit has passed for both once it has for others that came after them, twice.
    for _ in 0..2 {
        to_the_end(server.connect().await).await;
    }
    assert!(!wait.is_finished());
    let written = client()
        .post(server.url("/v1/events"))
        .bearer_auth(&agent)
        .json(&put("r1"));
    assert_eq!(written.send().await.unwrap().status(), StatusCode::ACCEPTED);
    let mut told = Vec::new();
    while !String::from_utf8_lossy(&told).contains("r1") {
        told.extend(stream.chunk().await.unwrap().expect("the stream goes on"));
    }
    memory.end_change(&sample::request_id("d1"), StackScript::Succeeds);
    assert_eq!(wait.await.unwrap().unwrap().status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_crowd_of_idle_strangers_keeps_nobody_out() {
    for (all, each) in [(48, 1_000), (8_192, 48)] {
        let server = Standing::with(Limits {
            connections: all,
            connections_per_address: each,
            header_timeout: Duration::from_hours(1),
            ..Limits::default()
        })
        .await;
        let mut strangers = Vec::new();
        for number in 0..400 {
            strangers.push(Http2::connect(server.address).await);
            if number % 100 == 99 {
                server.is_served().await;
            }
        }
        // Those that came first are gone, without a word of theirs.
        for mut stranger in strangers.drain(..400 - 48) {
            stranger.drain().await;
        }
        server.is_served().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn a_rapid_reset_ends_its_own_connection_alone() {
    let server = Standing::with(Limits::default()).await;
    let mut client = Http2::connect(server.address).await;
    let mut last = 0;
    for burst in 0..1_000 {
        let mut frames = Vec::new();
        for stream in (1..1_000).step_by(2).map(|stream| burst * 1_000 + stream) {
            frames.extend(http2::get_from(stream, "localhost", "/health"));
            frames.extend(http2::frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            last = stream;
        }
        if client.write(&frames).await.is_err() {
            break;
        }
    }
    assert!(last < 999_000, "it may go on for ever");
    server.is_served().await;
    server.stop().await;
}

/// An event log that answers when the test lets it.
#[derive(Clone)]
struct Gate {
    asked: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

#[async_trait]
impl EventLog for Gate {
    async fn after(&self, _: Cursor, _: Option<&AgentName>, _: usize) -> PortResult<Vec<LoggedEvent>> {
        self.asked.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        Ok(Vec::new())
    }

    async fn newest(&self) -> PortResult<Cursor> {
        Ok(Cursor(0))
    }
}

#[tokio::test]
async fn a_stop_waits_for_no_idle_client_and_no_endless_body_but_for_what_is_answered() {
    let gate = Gate {
        asked: Arc::new(Semaphore::new(0)),
        open: Arc::new(Semaphore::new(0)),
    };
    let log: Arc<dyn EventLog> = Arc::new(gate.clone());
    let server = Standing::on(&Memory::new(), ServerConfig::default(), Some(log)).await;
    // Nobody reads on: a ping that tells of the end is not answered.
    let mut idle = Http2::connect(server.address).await;
    idle.get(1, "/health").await.unwrap();
    idle.status().await;
    let mut half_a_head = server.connect().await;
    half_a_head.write_all(b"GET /health HTTP/1.1\r\nHost: ").await.unwrap();
    let answered = tokio::spawn(
        client()
            .get(server.url("/v1/events"))
            .bearer_auth(As::Agent.token().unwrap())
            .send(),
    );
    let mut endless = server.connect().await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: \
         chunked\r\nExpect: 100-continue\r\n\r\n",
        As::Agent.token().unwrap()
    );
    endless.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body, and so it waits for it.
    let mut asked = [0; 25];
    endless.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    let (mut answer, mut body) = endless.into_split();
    let trickling = tokio::spawn(async move {
        let mut often = interval(Duration::from_millis(10));
        while body.write_all(b"1\r\n \r\n").await.is_ok() {
            often.tick().await;
        }
    });
    gate.asked.acquire().await.unwrap().forget();
    let Standing { stop, serving, .. } = server;
    stop.send(()).unwrap();
    trickling.await.unwrap();
    let mut told = Vec::new();
    let _reset = answer.read_to_end(&mut told).await;
    assert!(told.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&told));
    let frames = idle.drain().await;
    assert!(http2::has(&frames, GOAWAY), "{frames:?}");
    to_the_end(half_a_head).await;
    assert!(
        !answered.is_finished() && !serving.is_finished(),
        "what is answered has its time"
    );
    gate.open.add_permits(1);
    assert_eq!(answered.await.unwrap().unwrap().status(), StatusCode::OK);
    serving.await.unwrap();
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_on_every_route_and_leaves_nothing_behind() {
    let harness = Harness::new().await;
    for path in ["/health", "/openapi.json", "/v1/events", "/nowhere"] {
        let request = request(Method::GET, path, As::Admin).header(HOST, "evil.example:8080");
        let answer = harness.call(request.body(Body::empty()).unwrap()).await;
        assert!(answer.is_problem(421), "{path}: {answer:?}");
    }
    let request = request(Method::POST, "/v1/events", As::Admin)
        .header(HOST, "localhost:8080")
        .header(ORIGIN, "https://evil.example");
    let answer = harness.call(request.body(put("r1").to_string().into()).unwrap()).await;
    assert!(answer.is_problem(403), "{answer:?}");
    assert!(harness.rows().is_empty());

    let server = Standing::with(Limits::default()).await;
    let mut client = Http2::connect(server.address).await;
    client
        .write(&http2::get_from(1, "evil.example", "/health"))
        .await
        .unwrap();
    let mut body = Vec::new();
    while !String::from_utf8_lossy(&body).contains("421") {
        let frame = client.frame().await.expect("an answer");
        if frame.kind == http2::DATA {
            body.extend(frame.payload);
        }
    }
    server.stop().await;
}
