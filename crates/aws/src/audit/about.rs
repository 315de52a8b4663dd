//! Rows about one secret or agent, by the index of work.

use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;

use super::row::{StoredRow, partition_about};
use crate::Shared;
use crate::batches::Pages;
use crate::error::corrupt;
use crate::places::sortable;
use crate::table::{from_item, text};
use crate::walk::Index;

/// How many keys are asked of the index at once.
const BATCH: usize = 25;

/// How many rows with other actions are looked at in vain.
const REACH: usize = 1_000;

pub(super) async fn list(
    shared: &Shared,
    resource: &str,
    action: Option<&str>,
    before: Option<Cursor>,
    limit: usize,
) -> PortResult<Page<AuditRow>> {
    let range = if before.is_some() { "WSK < :before" } else { "" };
    let query = || {
        let query = shared
            .query_work(&partition_about(resource), range)
            .scan_index_forward(false);
        match before {
            None => query,
            Some(Cursor(place)) => query.expression_attribute_values(":before", text(sortable(place))),
        }
    };
    let (mut items, mut last, mut seen) = (Vec::new(), None, 0);
    let mut pages = Pages::new(query);
    let about = i32::try_from(limit.saturating_add(1).min(BATCH)).unwrap_or(i32::MAX);
    while seen < REACH.max(limit) {
        let Some(keys) = pages.next(about).await? else { break };
        seen += keys.len();
        for (place, item) in shared.of_keys(Index::Work, keys).await? {
            let row = from_item::<StoredRow>(item, "an audit row")?.read().map_err(corrupt)?;
            if action.is_some_and(|action| action != row.entry.action) {
                continue;
            }
            if items.len() >= limit {
                let next = last.and_then(|place: String| place.parse().ok()).map(Cursor);
                return Ok(Page { items, next });
            }
            items.push(row);
            last = Some(place);
        }
    }
    Ok(Page { items, next: None })
}
