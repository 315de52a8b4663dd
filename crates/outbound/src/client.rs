//! The client: connections, TLS, time limits, and how much of an answer is taken.

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use rustls::ClientConfig;
use url::{Origin, Url};

use crate::address::{PlainHttp, scheme_is_taken};
use crate::egress::CheckedNames;
use crate::loopback::is_loopback_url;
use crate::{Answer, Error, Guard, Request};

/// What is kept of the body of a refusal, in bytes.
const LARGEST_REFUSAL: usize = 1 << 20;

/// Whom a server may prove to be.
#[derive(Clone, Default)]
pub enum Trust {
    /// Whoever the authorities of this machine vouch for.
    #[default]
    System,
    /// Those, and these certificates.
    Also(Certificates),
    /// Whoever this configuration takes.
    Configured(Box<ClientConfig>),
}

/// Certificates that are trusted beside the machine's.
#[derive(Clone)]
pub struct Certificates(Vec<reqwest::Certificate>);

impl Certificates {
    /// Those of a PEM text.
    ///
    /// # Errors
    /// It holds something that is no certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let read = reqwest::Certificate::from_pem_bundle(pem).map_err(Error::of_setup)?;
        install_crypto();
        // What is in them is read when a client is built, and better said here.
        let client = reqwest::Client::builder().tls_certs_only(read.clone()).build();
        client.map_err(Error::of_setup)?;
        Ok(Self(read))
    }
}

/// What TLS computes with.
fn install_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// How a client behaves.
#[derive(Clone)]
pub struct HttpOptions {
    /// The longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest silence in an answer; `None` is as long as the whole may take.
    pub read_timeout: Option<Duration>,
    /// The longest that one request may take, from the connection to the last byte.
    pub total_timeout: Duration,
    /// The most bytes of an answer's body.
    pub largest_answer: usize,
    /// How many redirects are followed, each to an address that the client may call; 0 hands a redirect back
    /// as the answer. A client with a credential follows none.
    pub redirects: usize,
    /// Where plain HTTP may go.
    pub plain_http: PlainHttp,
    /// Whom a server may prove to be.
    pub trust: Trust,
    /// Headers of every request.
    pub headers: HeaderMap,
}

impl Default for HttpOptions {
    /// 10 seconds for a connection, 30 in all, 1 MiB, no redirect, plain HTTP on loopback alone.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: None,
            total_timeout: Duration::from_secs(30),
            largest_answer: 1 << 20,
            redirects: 0,
            plain_http: PlainHttp::LoopbackOnly,
            trust: Trust::System,
            headers: HeaderMap::new(),
        }
    }
}

/// Where a client may send.
#[derive(Clone)]
enum Destinations {
    /// To the one that is configured.
    Configured { origin: Origin, plain: PlainHttp },
    /// To whatever the guard admits.
    Given(Guard),
}

/// An HTTP client. Clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    http: Client,
    destinations: Destinations,
    total_timeout: Duration,
    largest_answer: usize,
}

impl HttpClient {
    /// A client of the one server at `base`, which an operator configured. It speaks through the proxy that the
    /// environment names, but never to this machine.
    ///
    /// # Errors
    /// Plain HTTP where it may not go; TLS that cannot be set up.
    pub fn configured(base: &Url, options: HttpOptions) -> Result<Self, Error> {
        if !scheme_is_taken(base, options.plain_http) {
            return Err(Error::PlainHttp);
        }
        let plain = options.plain_http;
        let mut builder = builder(&options).redirect(redirects(options.redirects, plain));
        if is_loopback_url(base) {
            builder = builder.no_proxy();
        }
        let destinations = Destinations::Configured {
            origin: base.origin(),
            plain,
        };
        Self::build(builder, destinations, options)
    }

    /// A client of servers whose addresses others gave: each is checked by the guard, a name when it is connected
    /// to. It follows no redirect and uses no proxy, which would go where nobody looked.
    ///
    /// # Errors
    /// TLS that cannot be set up.
    pub fn guarded(guard: &Guard, options: HttpOptions) -> Result<Self, Error> {
        let builder = builder(&options)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(CheckedNames(guard.clone()));
        Self::build(builder, Destinations::Given(guard.clone()), options)
    }

    fn build(builder: ClientBuilder, destinations: Destinations, options: HttpOptions) -> Result<Self, Error> {
        // The process may have chosen before, which stays.
        install_crypto();
        let builder = match options.trust {
            Trust::System => builder,
            Trust::Also(Certificates(certificates)) => builder.tls_certs_merge(certificates),
            Trust::Configured(config) => builder.tls_backend_preconfigured(*config),
        };
        let http = builder
            .default_headers(options.headers)
            .build()
            .map_err(Error::of_setup)?;
        Ok(Self {
            http,
            destinations,
            total_timeout: options.total_timeout,
            largest_answer: options.largest_answer,
        })
    }

    /// Sends a request once and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// An address that is not called; no whole answer in time; more bytes than are taken.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        let mut response = self.open(request).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = if status.is_success() {
            whole(&mut response, self.largest_answer).await?
        } else {
            beginning(&mut response, LARGEST_REFUSAL.min(self.largest_answer)).await
        };
        Ok(Answer { status, headers, body })
    }

    /// Sends a request once; of the answer, no more than the head is read.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn send_for_head(&self, request: Request) -> Result<(StatusCode, HeaderMap), Error> {
        let mut response = self.open(request).await?;
        Ok((response.status(), std::mem::take(response.headers_mut())))
    }

    async fn open(&self, request: Request) -> Result<Response, Error> {
        self.check(&request.url)?;
        let limit = request.time_limit(self.total_timeout);
        let Request {
            method,
            url,
            mut headers,
            body,
            ..
        } = request;
        let has_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        if body.is_none() && has_body {
            // RFC 9110, 8.6: a server may refuse such a request that does not say that nothing follows.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut sent = self.http.request(method, url).headers(headers).timeout(limit);
        if let Some(body) = body {
            sent = sent.body(body);
        }
        sent.send().await.map_err(Error::of_exchange)
    }

    fn check(&self, url: &Url) -> Result<(), Error> {
        match &self.destinations {
            Destinations::Given(guard) => guard.admits(url).map_err(Error::Refused),
            Destinations::Configured { plain, .. } if !scheme_is_taken(url, *plain) => Err(Error::PlainHttp),
            Destinations::Configured { origin, .. } if url.origin() != *origin => Err(Error::OtherOrigin),
            Destinations::Configured { .. } => Ok(()),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

fn builder(options: &HttpOptions) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("cc-devops/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout);
    match options.read_timeout {
        Some(silence) => builder.read_timeout(silence),
        None => builder,
    }
}

/// Redirects as far as plain HTTP may go. What a request would have been refused at once it is not led to either.
fn redirects(most: usize, plain: PlainHttp) -> Policy {
    if most == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt| {
        let url = attempt.url();
        // An encrypted way stays one, on this machine too.
        let encrypted = attempt
            .previous()
            .first()
            .is_some_and(|first| first.scheme() == "https");
        if attempt.previous().len() > most || !scheme_is_taken(url, plain) || encrypted && url.scheme() != "https" {
            attempt.stop()
        } else {
            attempt.follow()
        }
    })
}

/// A body that must be whole.
async fn whole(response: &mut Response, limit: usize) -> Result<Vec<u8>, Error> {
    let announced = response.content_length().map(usize::try_from);
    if announced.is_some_and(|announced| announced.is_ok_and(|announced| announced > limit)) {
        return Err(Error::TooLarge { limit });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::of_exchange)? {
        if body.len() + chunk.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What there is of a body, as far as the limit.
async fn beginning(response: &mut Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit.saturating_sub(body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or_default());
        if body.len() == limit {
            break;
        }
    }
    body
}
