//! The requests that a look or a count is about.

use jiff::Timestamp;

use crate::ports::{PortResult, Ports};
use crate::record::{RequestFilter, RequestRecord};

/// How many rows are asked for at a time.
const PAGE: usize = 500;

/// How many requests are looked at, the newest.
const MOST_REQUESTS: usize = 1_000;

/// The newest requests that arrived since then, at most so many.
pub(super) async fn newest_requests(
    ports: &Ports,
    action: Option<&str>,
    since: Timestamp,
) -> PortResult<Vec<RequestRecord>> {
    let filter = RequestFilter {
        action: action.map(str::to_owned),
        since: Some(since),
        ..RequestFilter::default()
    };
    let (mut all, mut before) = (Vec::new(), None);
    while all.len() < MOST_REQUESTS {
        let page = ports.ledger.list(&filter, before, PAGE).await?;
        all.extend(page.items);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(all)
}
