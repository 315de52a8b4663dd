//! How requests stand in their rows.

use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::stored;
use cc_devops_kernel::work::Progress;
use cc_devops_requests::fingerprint::Fingerprint;
use cc_devops_requests::record::{RequestHead, RequestRecord, RequestState};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Deserialize;
use serde::de::IntoDeserializer;

use crate::columns::{Unknown, name_at, role_at, time_at, unreadable};
use crate::vault::Label;

/// The columns of a head.
pub(super) const HEAD: &str =
    "requests.id, principal, role, requests.agent, action, stage, resource, fingerprint, received_at, via";

/// How many they are.
pub(super) const HEAD_LEN: usize = 10;

/// The columns of a record.
pub(super) fn record_columns() -> String {
    format!("{HEAD}, state, coalesce(tries, attempts), requests.completed, output, progress")
}

/// What a request's detail is sealed as, by its [`detail_name`].
pub(crate) fn detail_label(name: &str) -> Label<'_> {
    Label {
        kind: "request",
        name,
        // Zero had the id alone for a name.
        version: 1,
    }
}

/// Who asks, for whom, and the request's id: where a row says another, its detail does not open. Only the id may hold
/// a space. The same in SQL is [`DETAIL_NAME`], and in `vault/rotation.rs`.
pub(super) fn detail_name(head: &RequestHead) -> String {
    format!("{} {} {} {}", head.principal, head.role.as_str(), head.agent, head.id)
}

/// [`detail_name`] of a row.
pub(super) const DETAIL_NAME: &str = "principal || ' ' || role || ' ' || agent || ' ' || id";

/// Reads the columns of [`HEAD`].
pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<RequestHead> {
    Ok(RequestHead {
        id: name_at(row, 0)?,
        principal: name_at(row, 1)?,
        role: role_at(row, 2)?,
        agent: name_at(row, 3)?,
        action: row.get(4)?,
        stage: row.get(5)?,
        resource: row.get(6)?,
        fingerprint: Fingerprint(row.get(7)?),
        received_at: time_at(row, 8)?,
        via: door_at(row, 9)?,
    })
}

/// By which door a request came: the API's, where nothing is said.
fn door_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Door> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else {
        return Ok(Door::Api);
    };
    Door::deserialize(text.into_deserializer()).map_err(|error: serde::de::value::Error| unreadable(column, error))
}

/// Reads the columns of [`record_columns`].
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<RequestRecord> {
    let state = match row.get_ref(HEAD_LEN)?.as_str()? {
        "received" => RequestState::Received,
        "executing" => RequestState::Executing,
        "waiting" => RequestState::Waiting,
        // Its event is in the log since then.
        "concluded" => RequestState::Published,
        _ => return Err(unreadable(HEAD_LEN, Unknown("state"))),
    };
    Ok(RequestRecord {
        head: head(row)?,
        state,
        tries: row.get(HEAD_LEN + 1)?,
        progress: progress_at(row, HEAD_LEN + 4)?,
        completed: outcome_at(row, HEAD_LEN + 2)?,
        output: row.get(HEAD_LEN + 3)?,
    })
}

fn outcome_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Completed>> {
    row.get_ref(column)?
        .as_str_or_null()?
        .map(|text| stored::read_completed(text).map_err(|error| unreadable(column, error)))
        .transpose()
}

/// The request of that id.
pub(super) fn find(conn: &Connection, id: &str) -> rusqlite::Result<Option<RequestRecord>> {
    conn.prepare_cached(&format!("SELECT {} FROM requests WHERE id = ?1", record_columns()))?
        .query_row([id], record)
        .optional()
}

/// How far a request is. It is for people: what cannot be read is left out.
fn progress_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Progress>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
