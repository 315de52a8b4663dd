//! What comes back, and what does not, from a small server on this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request as Received, State};
use axum::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cc_devops_outbound::{
    Certificates, Error, HttpClient, HttpOptions, Method, PlainHttp, Request, Trust, Url, bearer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// What was asked: method and path with query, headers, body.
type Asked = (String, HeaderMap, Bytes);

#[derive(Clone, Default)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn open(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        address
    }

    fn lines(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(line, ..)| line.clone())
            .collect()
    }
}

/// `/status/NUMBER/BYTES`, `/stream/NUMBER/BYTES` without a length, `/to?URL`, `/never`.
async fn answer(State(server): State<Server>, received: Received) -> Response {
    let (parts, body) = received.into_parts();
    let line = format!("{} {}", parts.method, parts.uri);
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    server.asked.lock().unwrap().push((line, parts.headers, body));
    let path = parts.uri.path().to_owned();
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "status", status, bytes] => {
            let body = vec![b'x'; bytes.parse().unwrap()];
            (StatusCode::from_bytes(status.as_bytes()).unwrap(), body).into_response()
        }
        ["", "stream", status, bytes] => {
            let chunk = Bytes::from(vec![b'x'; bytes.parse::<usize>().unwrap() / 4]);
            let chunks = futures_of([chunk.clone(), chunk.clone(), chunk.clone(), chunk]);
            (StatusCode::from_bytes(status.as_bytes()).unwrap(), chunks).into_response()
        }
        ["", "to"] => {
            let to = parts.uri.query().unwrap().to_owned();
            (StatusCode::FOUND, [(LOCATION, to)]).into_response()
        }
        _ => std::future::pending().await,
    }
}

/// A body whose length is not announced.
fn futures_of(chunks: [Bytes; 4]) -> Body {
    let (mut sender, receiver) = tokio::io::duplex(64);
    tokio::spawn(async move {
        for chunk in chunks {
            // Whoever asked may have gone.
            if sender.write_all(&chunk).await.is_err() {
                return;
            }
        }
    });
    Body::from_stream(tokio_util::io::ReaderStream::new(receiver))
}

fn url(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).unwrap()
}

fn client(address: SocketAddr, options: HttpOptions) -> HttpClient {
    HttpClient::configured(&url(address, "/"), options).unwrap()
}

#[tokio::test]
async fn an_answer_is_bounded_and_a_refusal_is_cut() {
    let address = Server::default().open().await;
    let limit = 1_000;
    let options = HttpOptions {
        largest_answer: limit,
        ..HttpOptions::default()
    };
    let client = client(address, options);
    for way in ["status", "stream"] {
        // Status, bytes that are sent; bytes that come.
        for (status, sent, expected) in [
            (200, 0, Some(0)),
            (200, 1_000, Some(1_000)),
            (200, 1_004, None),
            (200, 100_000, None),
            (404, 400, Some(400)),
            (500, 100_000, Some(1_000)),
        ] {
            let path = format!("/{way}/{status}/{sent}");
            match (client.send(Request::get(url(address, &path))).await, expected) {
                (Ok(answer), Some(expected)) => {
                    assert_eq!(
                        (answer.status.as_u16(), answer.body.len()),
                        (status, expected),
                        "{path}"
                    );
                }
                (Err(Error::TooLarge { limit: named }), None) => assert_eq!(named, limit, "{path}"),
                (other, _) => panic!("{path}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_head_is_enough_for_who_wants_no_more() {
    let address = Server::default().open().await;
    let client = client(address, HttpOptions::default());
    let (status, headers) = client
        .send_for_head(Request::post(url(address, "/status/202/50000000")))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(headers[CONTENT_LENGTH], "50000000");
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked_for() {
    let server = Server::default();
    let address = server.open().await;
    let options = HttpOptions {
        headers: HeaderMap::from_iter([(HeaderName::from_static("x-version"), HeaderValue::from_static("1"))]),
        ..HttpOptions::default()
    };
    let client = client(address, options);
    let ok = |path: &str| url(address, &format!("/status/200/0{path}"));
    let put = Request::new(Method::PUT, ok("?a=b%20c"))
        .authorization(bearer("token").unwrap())
        .json("{\"a\":1}");
    client.send(put).await.unwrap();
    client.send(Request::post(ok(""))).await.unwrap();
    client.send(Request::get(ok(""))).await.unwrap();
    let asked = server.asked.lock().unwrap().clone();
    let [(line, headers, body), (_, bare, _), (_, read, _)] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (line.as_str(), &body[..]),
        ("PUT /status/200/0?a=b%20c", &b"{\"a\":1}"[..])
    );
    for (name, value) in [
        ("authorization", "Bearer token"),
        ("content-type", "application/json"),
        ("x-version", "1"),
        ("user-agent", concat!("cc-devops/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(bare[CONTENT_LENGTH], "0");
    assert!(!read.contains_key(CONTENT_LENGTH) && read.contains_key(USER_AGENT));
}

#[tokio::test]
async fn whoever_waits_says_how_long() {
    let address = Server::default().open().await;
    let soon = Duration::from_millis(20);
    let far = Duration::from_hours(1);
    let of = |connect_timeout, read_timeout, total_timeout| {
        let options = HttpOptions {
            connect_timeout,
            read_timeout,
            total_timeout,
            ..HttpOptions::default()
        };
        client(address, options)
    };
    let never = || Request::get(url(address, "/never"));
    for (name, client, request) in [
        ("in all", of(far, None, soon), never()),
        ("of silence", of(far, Some(soon), far), never()),
        ("this time", of(far, None, far), never().within(soon)),
        ("until then", of(far, None, far), never().until(Instant::now() + soon)),
        (
            "until it is over",
            of(far, None, far),
            never().within(far).until(Instant::now()),
        ),
    ] {
        let error = client.send(request).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut(_)), "{name}: {error:?}");
        assert!(error.may_retry(true) && !error.may_retry(false), "{name}");
    }
}

#[tokio::test]
async fn what_was_never_sent_may_be_sent_again_and_what_broke_only_if_it_does_no_harm() {
    // Nobody listens on a port that was free a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(gone, HttpOptions::default())
        .send(Request::post(url(gone, "/")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotConnected(_)), "{error:?}");
    assert!(error.may_retry(false) && error.may_retry(true) && !error.is_tls());
    assert!(error.reason().contains("refused"), "{}", error.reason());

    for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "SSH-2.0-x\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The request has come, or this would be a connection that never was.
            stream.read_u8().await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let error = client(address, HttpOptions::default())
            .send(Request::post(url(address, "/")))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Broken(_)), "{said:?}: {error:?}");
        assert!(error.may_retry(true) && !error.may_retry(false), "{said:?}");
    }
}

#[tokio::test]
async fn a_client_sends_to_its_own_server_and_not_in_the_clear() {
    let server = Server::default();
    let address = server.open().await;
    let base = url(address, "/");
    for (text, plain, taken) in [
        ("http://api.example/", PlainHttp::LoopbackOnly, false),
        ("http://api.example/", PlainHttp::Anywhere, true),
        ("https://api.example/", PlainHttp::LoopbackOnly, true),
        ("ftp://127.0.0.1/", PlainHttp::Anywhere, false),
        (base.as_str(), PlainHttp::LoopbackOnly, true),
    ] {
        let options = HttpOptions {
            plain_http: plain,
            ..HttpOptions::default()
        };
        let made = HttpClient::configured(&Url::parse(text).unwrap(), options);
        assert_eq!(made.is_ok(), taken, "{text} {plain:?}");
        assert!(matches!(made, Ok(_) | Err(Error::PlainHttp)), "{text}");
    }
    let client = client(address, HttpOptions::default());
    for (to, plain) in [
        ("http://elsewhere.example/", true),
        ("https://elsewhere.example/", false),
        ("http://127.0.0.1:1/", false),
    ] {
        let error = client.send(Request::get(Url::parse(to).unwrap())).await.unwrap_err();
        assert_eq!(matches!(error, Error::PlainHttp), plain, "{to}: {error}");
        assert_eq!(matches!(error, Error::OtherOrigin), !plain, "{to}: {error}");
        assert!(!error.may_retry(true), "{to}");
    }
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn a_redirect_is_followed_as_far_as_was_said_and_never_into_the_clear() {
    let there = "/status/200/1";
    // The redirects that are followed, the path; the answer's status, and how often the server was asked.
    for (redirects, path, status, asked) in [
        (0, format!("/to?{there}"), 302, 1),
        (1, format!("/to?{there}"), 200, 2),
        (1, format!("/to?/to?{there}"), 302, 2),
        (2, format!("/to?/to?{there}"), 200, 3),
        (3, "/to?http://rates.example/".to_owned(), 302, 1),
        (3, "/to?ftp://127.0.0.1/".to_owned(), 302, 1),
    ] {
        let server = Server::default();
        let address = server.open().await;
        let options = HttpOptions {
            redirects,
            ..HttpOptions::default()
        };
        let answer = client(address, options)
            .send(Request::get(url(address, &path)))
            .await
            .unwrap();
        let case = format!("{redirects} of {path}: {:?}", server.lines());
        assert_eq!(
            (answer.status.as_u16(), server.lines().len()),
            (status, asked),
            "{case}"
        );
    }
}

/// A server that shows a certificate for `localhost` that nobody vouches for, and the certificate.
async fn with_tls() -> (SocketAddr, String) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Who does not trust the certificate hangs up.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.read_u8().await.unwrap();
                stream
                    .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                    .await
                    .unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    (address, signed.cert.pem())
}

#[tokio::test]
async fn a_certificate_is_vouched_for_or_named() {
    let (address, pem) = with_tls().await;
    let base = Url::parse(&format!("https://localhost:{}/", address.port())).unwrap();
    let of = |trust| {
        let options = HttpOptions {
            trust,
            ..HttpOptions::default()
        };
        HttpClient::configured(&base, options).unwrap()
    };
    let error = of(Trust::System).send(Request::get(base.clone())).await.unwrap_err();
    assert!(matches!(error, Error::NotConnected(_)) && error.is_tls(), "{error:?}");
    let trusted = Certificates::from_pem(pem.as_bytes()).unwrap();
    let answer = of(Trust::Also(trusted)).send(Request::get(base.clone())).await.unwrap();
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(Certificates::from_pem(b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n").is_err());
}

#[tokio::test]
async fn no_error_shows_the_address() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let secret = url(gone, "/hooks/verysecret?key=verysecret");
    let client = client(gone, HttpOptions::default());
    let error = client.send(Request::get(secret)).await.unwrap_err();
    let mut shown = format!("{error:?} {error} {client:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        shown = format!("{shown} {error:?} {error}");
        source = error.source();
    }
    assert!(!shown.contains("verysecret"), "{shown}");
    assert!(shown.contains("refused"), "{shown}");
}
