//! Taking connections in, until the server is told to stop; then letting go of them.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::conversation::{Host, LINGER, http};
use crate::app::App;
use crate::throttled_log::ThrottledLog;

/// How long nobody is taken in after taking in failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections in and serves them. Once the server stops, nobody is taken in any more; who
/// idles is let go at once, what is being answered has the configured grace.
pub(crate) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, app: &App) {
    let host = Arc::new(Host {
        app: app.clone(),
        router,
        tls,
        http: http(&app.config.limits),
    });
    let conversations = TaskTracker::new();
    let (refusals, failures) = (ThrottledLog::new(), ThrottledLog::new());
    loop {
        let accepted = tokio::select! {
            biased;
            () = app.stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(admitted) = app.connections.admit(peer) else {
                    if let Some(left_out) = refusals.say() {
                        tracing::warn!(
                            %peer, left_out,
                            "a connection was refused: as many are busy as server.max_connections, or \
                             server.max_connections_per_address, lets be open"
                        );
                    }
                    continue;
                };
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection's answers may be held back");
                }
                let host = Arc::clone(&host);
                conversations.spawn(async move { host.attend(stream, admitted).await });
            }
            // Whoever hung up before it was taken in.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                if let Some(left_out) = failures.say() {
                    tracing::warn!(
                        %error, left_out,
                        "a connection was not taken in; where files are short, raise the process's limit of open files"
                    );
                }
                // Most often there is no file left for it.
                app.connections.make_room();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    let deadline = Instant::now() + app.config.shutdown_grace;
    // From here on nobody can connect.
    drop(listener);
    conversations.close();
    app.connections.close();
    if timeout(LINGER.min(app.config.shutdown_grace), conversations.wait())
        .await
        .is_err()
    {
        app.hurrying.cancel();
        if timeout_at(deadline, conversations.wait()).await.is_err() {
            app.connections.close();
            conversations.wait().await;
        }
    }
}
