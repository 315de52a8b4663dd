//! `GET /v1/events`: the published outcomes, by pages or as a stream.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Json, Response};
use cc_devops_kernel::paging::Cursor;
use serde::Deserialize;
use utoipa::IntoParams;

use super::stream;
use crate::access::{Permitted, ReadEvents};
use crate::connections::Peer;
use crate::extract::Query;
use crate::problem::Problem;
use crate::wire::{EventPage, EventView};

/// How many rows a page has where the caller does not say.
pub(crate) const DEFAULT_LIMIT: u16 = 50;
/// How many rows a page has at most.
pub(crate) const MAX_LIMIT: u16 = 200;

/// The number of rows to answer, or what is wrong with it.
pub(crate) fn checked_limit(limit: Option<u16>) -> Result<usize, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit.into()),
        _ => Err(Problem::invalid(format!("`limit` must be 1 to {MAX_LIMIT}"))),
    }
}

/// A place in a list, or what is wrong with it.
pub(crate) fn checked_cursor(name: &str, cursor: Option<i64>) -> Result<Option<Cursor>, Problem> {
    match cursor {
        Some(cursor) if cursor < 0 => Err(Problem::invalid(format!("`{name}` must not be negative"))),
        cursor => Ok(cursor.map(Cursor)),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// Whose events; without, everybody's where the caller may see them, else its own.
    #[param(pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    #[expect(dead_code, reason = "read where access is decided")]
    agent: Option<String>,
    /// The `next` of the page before. Without: from the oldest event, or, in a stream, from now on.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// How many events a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that is read by hand")]
pub(crate) struct LastSeen {
    /// The last event a stream's reader saw; it goes before `after`.
    #[param(rename = "Last-Event-ID", minimum = 0, nullable = false)]
    last_event_id: Option<i64>,
}

/// Reads outcomes as they are published
///
/// One page, oldest first. With `Accept: text/event-stream` a stream of Server-Sent Events: `id` is
/// the cursor, `event` is `devops.completed`, `data` is the event; a client that comes back with
/// `Last-Event-ID` misses nothing.
#[utoipa::path(
    get, path = "/v1/events", tag = "requests",
    params(Range, LastSeen),
    responses((status = 200, description = "Events after the place", content(
        (EventPage = "application/json"),
        (String = "text/event-stream"),
    ))),
)]
pub(crate) async fn get_events(
    permitted: Permitted<ReadEvents>,
    Query(query): Query<Range>,
    peer: Option<Peer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = checked_limit(query.limit)?;
    let after = checked_cursor("after", query.after)?;
    let last_seen = last_event_id(&headers)?;
    if wants_stream(&headers) {
        return stream::open(&permitted, last_seen.or(after), peer.as_ref()).await;
    }
    let after = after.unwrap_or(Cursor(0));
    let events = permitted
        .app()
        .ports()
        .events
        .after(after, permitted.whose(), limit)
        .await?;
    let next = events.last().map_or(after, |event| event.cursor).0;
    let events = events.into_iter().map(EventView::from).collect();
    Ok(Json(EventPage { events, next }).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let cursor = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let cursor = cursor.and_then(|cursor| i64::try_from(cursor).ok());
    match cursor {
        Some(cursor) => Ok(Some(Cursor(cursor))),
        None => Err(Problem::invalid("`Last-Event-ID` must be the id of an event")),
    }
}
