//! A page of a list of requests that costs no more than its reach.

use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_requests::record::{RequestFilter, RequestRecord, RequestState};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::listing;
use super::rows::{record, record_columns};
use crate::db::reach::{List, Stretch, look};
use crate::error::Fault;

const REQUESTS: List = List {
    table: "requests",
    time: "received_at",
};

/// Requests, newest first, of which no more are looked at than the filter reaches.
pub(super) fn list(
    conn: &Connection,
    filter: &RequestFilter,
    before: Option<Cursor>,
    at_most: usize,
) -> Result<Page<RequestRecord>, Fault> {
    let times = match filter.reach {
        Some(_) => (filter.since, filter.until),
        None => (None, None),
    };
    let stretch = Stretch::of(conn, REQUESTS, times, before)?;
    let (sql, values) = statement(filter, stretch);
    let mut looking = conn.prepare_cached(&sql)?;
    let mut reading = conn.prepare_cached(&format!("SELECT {} FROM requests WHERE seq = ?1", record_columns()))?;
    let mut rows = looking.query(params_from_iter(values))?;
    let reach = filter.reach.unwrap_or(usize::MAX);
    look(&mut rows, reach, at_most, |seq| {
        match reading.query_row([seq], record) {
            Ok(record) => Ok(filter.selects(&record).then_some(record)),
            Err(error) => {
                tracing::error!(seq, %error, "a request's row cannot be read and is left out");
                Ok(None)
            }
        }
    })
}

/// What gives each row's place and whether it fits, newest first, one after the other.
fn statement(filter: &RequestFilter, stretch: Stretch) -> (String, Vec<Value>) {
    let way = Way::of(filter);
    let (fits, mut values) = fits(filter);
    values.extend(way.value);
    values.extend([Value::Integer(stretch.before), Value::Integer(stretch.from)]);
    let sql = format!(
        "SELECT seq, {fits} FROM requests {} WHERE {} AND seq < ? AND seq >= ? ORDER BY seq DESC",
        way.by, way.along
    );
    (sql, values)
}

/// Along which rows is looked: those of the rarest thing that is asked for and has an index.
struct Way {
    /// The index.
    by: &'static str,
    along: &'static str,
    value: Option<Value>,
}

impl Way {
    fn of(filter: &RequestFilter) -> Self {
        let way = |by, along, value: Option<&str>| Self {
            by,
            along,
            value: value.map(|value| Value::Text(value.to_owned())),
        };
        let open = filter.state.filter(|state| {
            matches!(
                state,
                RequestState::Received | RequestState::Executing | RequestState::Waiting
            )
        });
        let failed = filter.reason.is_some() || filter.status == Some(Status::Error);
        match (open, failed, &filter.agent) {
            // Said twice, because the first is how SQLite knows that its index of open requests serves.
            (Some(state), ..) => way(
                "INDEXED BY requests_open",
                "state <> 'concluded' AND state = ?",
                Some(state.as_str()),
            ),
            // As text and not as a value, for the same reason.
            (None, true, _) => way("INDEXED BY requests_failed", "status = 'error'", None),
            (None, false, Some(agent)) => way("INDEXED BY requests_agent", "agent = ?", Some(agent.as_str())),
            (None, false, None) => way("NOT INDEXED", "TRUE", None),
        }
    }
}

/// What else a row must be, with its values.
fn fits(filter: &RequestFilter) -> (String, Vec<Value>) {
    let mut conditions = listing::conditions(filter);
    // Where this stands in the outcome otherwise, the request is looked at closely and left out.
    let reason = filter.reason.map(|reason| format!("\"{reason}\""));
    conditions.with_some("instr(completed, ?) > 0", reason);
    // Of what has no outcome nothing is known of its status.
    conditions.into_test()
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::names::AgentName;
    use cc_devops_kernel::outcome::Reason;

    use super::*;
    use crate::db::reach::tests::{plan, schema};

    /// Rows come one after the other in the order of an index, so that no more are read than are looked at.
    #[test]
    fn no_list_is_sorted_or_read_as_a_whole() {
        let conn = schema();
        let all = RequestFilter::default();
        let agent = Some(AgentName::new("A").unwrap());
        let cases = [
            (all.clone(), "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            (
                RequestFilter {
                    action: Some("putSecret".to_owned()),
                    state: Some(RequestState::Published),
                    status: Some(Status::Success),
                    ..all.clone()
                },
                "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            ),
            (
                RequestFilter {
                    agent: agent.clone(),
                    action: Some("putSecret".to_owned()),
                    ..all.clone()
                },
                "requests_agent (agent=? AND rowid>? AND rowid<?)",
            ),
            (
                RequestFilter {
                    agent,
                    reason: Some(Reason::Timeout),
                    ..all
                },
                "requests_failed (status=? AND rowid>? AND rowid<?)",
            ),
        ];
        for (filter, way) in cases {
            let stretch = Stretch { from: 0, before: 9 };
            let (sql, values) = statement(&filter, stretch);
            let plan = plan(&conn, &sql, values);
            assert!(plan.contains(way) && !plan.contains("B-TREE"), "{filter:?}: {plan}");
        }
    }
}
