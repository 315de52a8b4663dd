//! The log as versions before the counted places wrote it: one partition, its places microseconds. It is
//! read until its last row has been forgotten, and never written to.

use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::stored;
use jiff::Timestamp;
use serde::Deserialize;

use super::FIRST;
use crate::Shared;
use crate::batches::{Pages, pages};
use crate::error::corrupt;
use crate::places::sortable;
use crate::table::{Item, from_item, text};

/// The partition.
const EVENTS: &str = "EVENTS";

/// The most events that are asked for in one call.
const LARGEST_PAGE: usize = 1_000;

#[derive(Deserialize)]
struct EventRow {
    #[serde(rename = "SK")]
    sk: String,
    published_at: Timestamp,
    agent: AgentName,
    completed: String,
}

fn read(item: Item) -> PortResult<LoggedEvent> {
    let row: EventRow = from_item(item, "an event")?;
    let place = row
        .sk
        .parse()
        .map_err(|error| corrupt("an event's place").because(error))?;
    let body = stored::read_event(&row.completed).map_err(|error| corrupt("an event").because(error))?;
    Ok(LoggedEvent {
        cursor: Cursor(place),
        published_at: row.published_at,
        event: OutgoingEvent { agent: row.agent, body },
    })
}

/// Events behind a place, at most `limit`; one agent's where `agent` is given.
pub(crate) async fn between(
    shared: &Shared,
    after: i64,
    agent: Option<&AgentName>,
    limit: usize,
) -> PortResult<Vec<LoggedEvent>> {
    let query = || {
        let call = shared
            .query(EVENTS, "SK BETWEEN :first AND :last")
            .expression_attribute_values(":first", text(sortable(after.saturating_add(1))))
            .expression_attribute_values(":last", text(sortable(FIRST)));
        match agent {
            None => call,
            Some(agent) => call
                .filter_expression("#agent = :agent")
                .expression_attribute_names("#agent", "agent")
                .expression_attribute_values(":agent", text(agent.as_str())),
        }
    };
    let mut events = Vec::new();
    let mut pages = Pages::new(query);
    while events.len() < limit {
        // The limit counts before the filter does, so with one a page is as large as it can be.
        let wanted = match agent {
            None => i32::try_from((limit - events.len()).min(LARGEST_PAGE)).unwrap_or(i32::MAX),
            Some(_) => i32::MAX,
        };
        let Some(items) = pages.next(wanted).await? else { break };
        for item in items {
            let place = item.get("SK").cloned();
            match read(item) {
                Ok(event) => events.push(event),
                Err(error) => tracing::error!(?place, %error, "an event of the log is passed over"),
            }
        }
    }
    events.truncate(limit);
    Ok(events)
}

/// The place of the newest event; zero when there is none.
pub(super) async fn newest(shared: &Shared) -> PortResult<i64> {
    let query = || shared.query(EVENTS, "").scan_index_forward(false);
    let newest = pages(query, 1).await?.pop();
    Ok(newest.as_ref().and_then(super::row::place_of).unwrap_or(0))
}
