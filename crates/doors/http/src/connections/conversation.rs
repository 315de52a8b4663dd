//! One connection from its first byte to its last: TLS, HTTP/1 or HTTP/2, and when it ends.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::arriving::Arriving;
use super::counting::Counting;
use super::{Admitted, Peer};
use crate::app::App;
use crate::config::Limits;

/// How long a TLS handshake may take, where a request's head may take longer.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the other end may take to answer to HTTP/2's ping.
const PONG: Duration = Duration::from_secs(20);

/// Streams of one HTTP/2 connection at once.
const STREAMS: u32 = 128;

/// How often a connection that is to end is looked at: whether it rests.
pub(super) const LINGER: Duration = Duration::from_millis(250);

/// What every conversation is held with.
pub(super) struct Host {
    pub(super) app: App,
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) http: auto::Builder<TokioExecutor>,
}

/// How HTTP is spoken. How long a head may take is the idle limit's business, for both versions.
pub(super) fn http(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes.max(8_192));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(PONG);
    http
}

/// Why a connection is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It idled.
    Idle,
    /// Somebody else needs its place.
    MakesRoom,
    /// The server stops.
    Stopping,
}

impl Host {
    /// Speaks with whoever connected, until one of the two has enough.
    pub(super) async fn attend(&self, stream: TcpStream, admitted: Admitted) {
        let Some(tls) = &self.tls else {
            return self.converse(stream, &admitted).await;
        };
        let shaken = tokio::select! {
            biased;
            () = self.app.stopping.cancelled() => return,
            () = admitted.connection.leave.notified() => return,
            shaken = timeout(HANDSHAKE.min(self.app.config.limits.header_timeout), tls.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.converse(stream, &admitted).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, admitted: &Admitted) {
        let connection = &admitted.connection;
        let stream = TokioIo::new(Counting {
            stream,
            connection: Arc::clone(connection),
        });
        let mut conversation = pin!(self.http.serve_connection(stream, self.service(admitted)));
        let (idle, mut written) = (self.app.config.limits.header_timeout, 0);
        let mut look = pin!(sleep(idle));
        let ending = loop {
            tokio::select! {
                biased;
                _ended = conversation.as_mut() => return,
                // Told by the connection's own signal: what all of them share is asked for only then.
                () = connection.leave.notified() => break if self.app.stopping.is_cancelled() {
                    Ending::Stopping
                } else {
                    Ending::MakesRoom
                },
                () = look.as_mut() => match connection.look_again(idle, &mut written) {
                    Some(at) => look.as_mut().reset(at),
                    None => break Ending::Idle,
                },
            }
        };
        tracing::trace!(?ending, "a connection is asked to end");
        // HTTP/2 is sent GOAWAY, HTTP/1 is closed behind the answer that is under way.
        conversation.as_mut().graceful_shutdown();
        if ending == Ending::MakesRoom {
            let _said = futures::poll!(conversation.as_mut());
            return;
        }
        // What is being answered has its time; who merely does not hang up is not waited for.
        let mut next = Instant::now() + LINGER;
        loop {
            tokio::select! {
                biased;
                _ended = conversation.as_mut() => return,
                () = connection.leave.notified() => return,
                () = sleep_until(next) => {
                    if connection.rests(&mut written) {
                        return;
                    }
                    next = Instant::now() + LINGER;
                }
            }
        }
    }

    /// Each request goes through the router, and knows on which connection it came.
    fn service(
        &self,
        admitted: &Admitted,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<axum::body::Body>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<axum::body::Body>, Infallible>> + Send + use<>,
    > + use<> {
        let (router, app) = (TowerToHyperService::new(self.router.clone()), self.app.clone());
        let peer = Peer(Arc::clone(&admitted.connection));
        service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let version = request.version();
            router.call(request.map(|body| Arriving::new(body, version, app.clone())))
        })
    }
}
