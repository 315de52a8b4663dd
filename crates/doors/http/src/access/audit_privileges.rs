//! What pages about the audit trail may touch.

use std::sync::Arc;

use cc_devops_kernel::access::Access;
use cc_devops_kernel::audit::{AuditFilter, AuditRow, Mark};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{AuditTrail, PortError, PortErrorKind, PortResult};
use cc_devops_requests::record::RequestRecord;
use futures::stream::{self, Stream};
use jiff::SignedDuration;

use super::request_privileges::{REACH, Searched};
use super::{Permitted, Privilege, Question};
use crate::problem::Problem;

/// The most rows that a page hands out in one file: the newest.
pub const MOST_EXPORTED: usize = 100_000;

/// How many rows are read at a time for a file, and how many are looked at for them.
const EXPORT_PAGE: (usize, usize) = (1_000, 20_000);

/// How many times is read on the way to the oldest row of a file: four million rows are looked at, at most.
const EXPORT_READS: usize = 200;

/// Read the audit trail and what proves it.
#[derive(Clone)]
pub struct ReadAudit;

impl Privilege for ReadAudit {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadAudit).map(|()| Self)
    }
}

impl Permitted<ReadAudit> {
    /// A page of `limit` rows, newest first. What it costs does not grow with the trail.
    pub async fn look(
        &self,
        filter: &AuditFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Searched<AuditRow>> {
        let filter = AuditFilter {
            reach: Some(REACH),
            ..filter.clone()
        };
        let trail = &self.app.ports().audit;
        let page = trail.list(&filter, before, limit).await?;
        let looked_back_to = match Searched::cut_at(&page, limit) {
            None => None,
            Some(cut) => {
                let all = AuditFilter {
                    reach: Some(1),
                    ..AuditFilter::default()
                };
                let last = trail.list(&all, Some(cut), 1).await?;
                last.items.first().map(|last| last.entry.at)
            }
        };
        Ok(Searched { page, looked_back_to })
    }

    /// The trail's last row; none where it is empty, or has several chains.
    ///
    /// # Errors
    /// What the store says.
    pub async fn end(&self) -> PortResult<Option<Mark>> {
        self.app.ports().audit.mark(None).await
    }

    /// What speaks against the trail, as far as is known without walking it; a fragment that says what to do.
    ///
    /// # Errors
    /// What the store says.
    pub async fn doubt(&self) -> PortResult<Option<String>> {
        self.app.ports().audit.doubt().await
    }

    /// The row at a place of a chain, or of the only one.
    pub async fn row(&self, chain: Option<&str>, seq: i64) -> PortResult<Option<AuditRow>> {
        self.app.ports().audit.row(chain, seq).await
    }

    /// The row that was written with a request's outcome. It stands where its time says, or is not found.
    pub async fn of_request(&self, request: &RequestRecord) -> PortResult<Option<AuditRow>> {
        let Some(completed) = &request.completed else {
            return Ok(None);
        };
        let at = completed.timestamp;
        let filter = AuditFilter {
            agent: Some(request.head.agent.clone()),
            request: Some(request.head.id.to_string()),
            since: Some(at),
            until: at.checked_add(SignedDuration::from_nanos(1)).ok(),
            reach: Some(REACH),
            ..AuditFilter::default()
        };
        Ok(self.app.ports().audit.list(&filter, None, 1).await?.items.pop())
    }

    /// The newest [`MOST_EXPORTED`] rows that a filter selects, oldest first, each as a line of JSON, as
    /// `cc-devops audit export` writes them: in pieces that are read when they are asked for.
    pub fn export(&self, filter: AuditFilter) -> impl Stream<Item = PortResult<String>> + Send + use<> {
        let trail = Arc::clone(&self.app.ports().audit);
        let (limit, reach) = EXPORT_PAGE;
        let filter = AuditFilter {
            reach: Some(reach),
            ..filter
        };
        let beginning = Export::Begins;
        stream::try_unfold((trail, filter, beginning), move |(trail, filter, export)| async move {
            let (piece, export) = export.next(&*trail, &filter, limit).await?;
            Ok::<_, PortError>(piece.map(|piece| (piece, (trail, filter, export))))
        })
    }
}

/// How far an export is. The trail gives its rows newest first, so the places of its pages are noted on the way down and
/// the pages read again on the way up: memory holds one page.
enum Export {
    Begins,
    /// The places before which pages stand, the oldest last, and the newest page. Rows that come meanwhile push that one
    /// down, so it is kept.
    GoesOn(Vec<Cursor>, Vec<AuditRow>),
    Ended,
}

impl Export {
    /// The next piece, and what comes behind it.
    async fn next(
        self,
        trail: &dyn AuditTrail,
        filter: &AuditFilter,
        limit: usize,
    ) -> PortResult<(Option<String>, Self)> {
        let (mut places, newest) = match self {
            Self::Begins => places(trail, filter, limit).await?,
            Self::GoesOn(places, newest) => (places, newest),
            Self::Ended => return Ok((None, Self::Ended)),
        };
        match places.pop() {
            None => Ok((Some(lines(&newest)?), Self::Ended)),
            Some(place) => {
                let page = trail.list(filter, Some(place), limit).await?;
                Ok((Some(lines(&page.items)?), Self::GoesOn(places, newest)))
            }
        }
    }
}

/// The places of the pages that are handed out, and the newest page.
async fn places(
    trail: &dyn AuditTrail,
    filter: &AuditFilter,
    limit: usize,
) -> PortResult<(Vec<Cursor>, Vec<AuditRow>)> {
    let newest = trail.list(filter, None, limit).await?;
    let (mut places, mut rows, mut next) = (Vec::new(), newest.items.len(), newest.next);
    for _ in 0..EXPORT_READS {
        let Some(place) = next.filter(|_| rows.saturating_add(limit) <= MOST_EXPORTED) else {
            break;
        };
        let page = trail.list(filter, Some(place), limit).await?;
        if !page.items.is_empty() {
            places.push(place);
        }
        rows += page.items.len();
        next = page.next;
    }
    Ok((places, newest.items))
}

/// Rows as lines of JSON, the oldest first.
fn lines(rows: &[AuditRow]) -> PortResult<String> {
    let mut text = String::new();
    for row in rows.iter().rev() {
        let line = serde_json::to_string(row)
            .map_err(|error| PortError::new(PortErrorKind::Corrupt, "an audit row is not JSON").because(error))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
