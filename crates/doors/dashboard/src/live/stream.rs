//! The stream of changes: Server-Sent Events, each with a kind of thing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{Extensions, HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cc_devops_http::live::{Areas, Changes, Next};
use cc_devops_http::problem::Problem;
use futures::stream::unfold;
use serde::Deserialize;

use crate::extract::Query;
use crate::gate::{self, AnyVisitor, Visit};
use crate::refusal::Refusal;

/// Where it is.
pub(crate) const PATH: &str = "/ui/live";

/// How often something is sent, so that nobody in between takes the connection for a dead one.
const KEPT_OPEN: Duration = Duration::from_secs(15);

/// After how long a browser comes back.
const COMES_BACK: Duration = Duration::from_secs(1);

/// Tells proxies not to gather what is sent.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a page knows.
#[derive(Deserialize)]
pub(super) struct Since {
    /// The last id that it saw; the header `Last-Event-ID` goes before it.
    #[serde(default)]
    since: String,
}

/// Opens the stream, for as long as the session goes on.
pub(super) async fn open(
    visit: Visit<AnyVisitor>,
    extensions: Extensions,
    headers: HeaderMap,
    Query(Since { since }): Query<Since>,
) -> Result<Response, Refusal> {
    let session = gate::secret(&headers).ok_or_else(Problem::unauthenticated)?;
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    let since = last.or((!since.is_empty()).then_some(since.as_str()));
    let changes = visit.permitted.changes(session, since, &extensions).await?;
    let begin = Event::default().retry(COMES_BACK).event("begin").data("live");
    let begin = match changes.id() {
        Some(id) => begin.id(id),
        None => begin,
    };
    let changes = ChangeEvents {
        changes,
        events: VecDeque::from([begin]),
        is_over: false,
    };
    let events = unfold(changes, |mut changes| async move {
        let event = changes.next().await?;
        Some((Ok::<_, Infallible>(event), changes))
    });
    let kept_open = KeepAlive::new().interval(KEPT_OPEN);
    let mut response = Sse::new(events).keep_alive(kept_open).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

struct ChangeEvents {
    changes: Changes,
    events: VecDeque<Event>,
    is_over: bool,
}

impl ChangeEvents {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            match self.changes.next().await? {
                Next::Changed(areas, id) => self.events = changed(areas, &id),
                Next::Over => {
                    self.is_over = true;
                    return Some(Event::default().event("ended").data("session"));
                }
            }
        }
    }
}

/// An event for each kind. The last one has the id, so that who saw only some of them is told again.
fn changed(areas: Areas, id: &str) -> VecDeque<Event> {
    let mut events: VecDeque<Event> = areas
        .iter()
        .map(|area| Event::default().event("changed").data(area.as_str()))
        .collect();
    if let Some(last) = events.pop_back() {
        events.push_back(last.id(id));
    }
    events
}
