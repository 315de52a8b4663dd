//! Lists and counts of requests.

use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_requests::ports::Backlog;
use cc_devops_requests::record::{RequestFilter, RequestRecord, RequestState};
use rusqlite::Connection;

use super::rows::{HEAD_LEN, record, record_columns};
use crate::columns::{count_at, limit, nanos, optional_time_at, page};
use crate::db::conditions::Conditions;
use crate::error::Fault;

/// Requests, newest first.
pub(super) fn list(
    conn: &Connection,
    filter: &RequestFilter,
    before: Option<Cursor>,
    at_most: usize,
) -> Result<Page<RequestRecord>, Fault> {
    let mut conditions = conditions(filter);
    conditions.with_some("seq < ?", before.map(|Cursor(seq)| seq));
    let sql = format!(
        "SELECT {}, seq FROM requests{} ORDER BY seq DESC LIMIT ?",
        record_columns(),
        conditions.clause()
    );
    let rows = conditions.query(conn, &sql, 1, limit(at_most).saturating_add(1), |row| {
        Ok((record(row), row.get::<_, i64>(HEAD_LEN + 5)?))
    })?;
    let numbered = page(rows, at_most, |(_, seq)| *seq);
    let readable = |(record, seq): (rusqlite::Result<RequestRecord>, i64)| match record {
        Ok(record) => Some(record),
        Err(error) => {
            tracing::error!(seq, %error, "a request's row cannot be read and is left out");
            None
        }
    };
    Ok(Page {
        items: numbered.items.into_iter().filter_map(readable).collect(),
        next: numbered.next,
    })
}

/// What a request must be, as far as that stands in columns of its own.
pub(super) fn conditions(filter: &RequestFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.with_some(
        "requests.agent = ?",
        filter.agent.as_ref().map(|name| name.as_str().to_owned()),
    );
    conditions.with_some("action = ?", filter.action.clone());
    // As text and not as a value, because only so SQLite knows that its index of failures serves.
    match filter.status {
        None => {}
        Some(Status::Success) => conditions.and("status = 'success'"),
        Some(Status::Error) => conditions.and("status = 'error'"),
    }
    conditions.with_some("received_at >= ?", filter.since.map(nanos));
    conditions.with_some("received_at < ?", filter.until.map(nanos));
    match filter.state {
        None => {}
        // The event of an outcome is in the log from the moment the outcome is there.
        Some(RequestState::Completed) => conditions.and("FALSE"),
        Some(RequestState::Published) => conditions.and("state = 'concluded'"),
        Some(open @ (RequestState::Received | RequestState::Executing | RequestState::Waiting)) => {
            // Said twice, because the first is how SQLite knows that its index of open requests serves.
            conditions.with("state <> 'concluded' AND state = ?", open.as_str().to_owned());
        }
    }
    conditions
}

/// What is still to do.
pub(super) fn backlog(conn: &Connection) -> Result<Backlog, Fault> {
    let backlog = conn
        .prepare_cached(
            "WITH open AS (SELECT state, count(*) AS n FROM requests WHERE state <> 'concluded' GROUP BY state), \
             told AS (SELECT min(cursor) AS place FROM consumers) \
             SELECT coalesce((SELECT n FROM open WHERE state = 'received'), 0), \
             coalesce((SELECT n FROM open WHERE state = 'executing'), 0), \
             coalesce((SELECT n FROM open WHERE state = 'waiting'), 0), \
             (SELECT count(*) FROM events, told WHERE cursor > place) + \
             (SELECT count(DISTINCT event) FROM event_exceptions, told WHERE set_aside_at IS NULL AND event <= place), \
             (SELECT received_at FROM requests WHERE seq = (SELECT min(seq) FROM requests WHERE state <> 'concluded'))",
        )?
        .query_row([], |row| {
            Ok(Backlog {
                received: count_at(row, 0)?,
                executing: count_at(row, 1)?,
                waiting: count_at(row, 2)?,
                unpublished: count_at(row, 3)?,
                oldest_open: optional_time_at(row, 4)?,
            })
        })?;
    Ok(backlog)
}
