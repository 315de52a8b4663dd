//! The event log as a stream of Server-Sent Events.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use futures::stream::unfold;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::access::{Credential, Permitted, ReadEvents};
use crate::app::App;
use crate::connections::{Peer, UnderWay};
use crate::places::Place;
use crate::problem::{Chain, Problem};
use crate::wire::EventView;

/// How many events are read in one go.
const BATCH: usize = 100;

struct Reader {
    app: App,
    agent: Option<AgentName>,
    cursor: Cursor,
    read: VecDeque<LoggedEvent>,
    news: watch::Receiver<Cursor>,
    credential: Credential,
    /// When the credential is looked at again, at the latest.
    look_again: Instant,
    _place: Place<AgentName>,
    /// The connection does not idle meanwhile.
    _under_way: Option<UnderWay>,
}

/// Opens a stream behind `after`, or from now on. It ends when the credential does.
pub(crate) async fn open(
    permitted: &Permitted<ReadEvents>,
    after: Option<Cursor>,
    peer: Option<&Peer>,
) -> Result<Response, Problem> {
    let (app, credential) = (permitted.app(), permitted.credential().clone());
    let place = app.places.streams.take(&credential.agent.name)?;
    // Subscribed before the place is read, so that nothing falls between.
    let news = app.newest.subscribe();
    let cursor = match after {
        Some(cursor) => cursor,
        None => app.ports().events.newest().await?,
    };
    let reader = Reader {
        app: app.clone(),
        agent: permitted.whose().cloned(),
        cursor,
        read: VecDeque::new(),
        news,
        credential,
        look_again: Instant::now() + app.config.pace.tokens,
        _place: place,
        _under_way: peer.map(Peer::begin),
    };
    let events = unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

impl Reader {
    /// The next event; none when the server stops, the token has ended or the log cannot be read,
    /// whereupon the client comes back with the last id it saw.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if Instant::now() >= self.look_again {
                self.still_good().await?;
            }
            if let Some(event) = self.read.pop_front() {
                self.cursor = event.cursor;
                return as_sse(event);
            }
            self.news.mark_unchanged();
            let events = self.app.ports().events.after(self.cursor, self.agent.as_ref(), BATCH);
            match events.await {
                Ok(events) if !events.is_empty() => {
                    // Nothing that came after a token's end is told to its owner.
                    self.still_good().await?;
                    self.read = events.into();
                }
                Ok(_) => tokio::select! {
                    () = self.app.stopping.cancelled() => return None,
                    () = tokio::time::sleep_until(self.look_again) => {}
                    changed = self.news.changed() => changed.ok()?,
                },
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "an event stream ends; its reader will come back");
                    return None;
                }
            }
        }
    }

    /// Something, while the credential holds.
    async fn still_good(&mut self) -> Option<()> {
        self.look_again = Instant::now() + self.app.config.pace.tokens;
        match self.credential.holds(&self.app).await {
            Ok(true) => Some(()),
            Ok(false) => {
                tracing::info!(agent = %self.credential.agent.name, "an event stream ends with its token");
                None
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "an event stream ends: its token cannot be looked at");
                None
            }
        }
    }
}

fn as_sse(event: LoggedEvent) -> Option<Event> {
    let id = event.cursor.0.to_string();
    let named = Event::default().id(id).event(event.event.body.detail_type());
    named.json_data(EventView::from(event)).ok()
}
