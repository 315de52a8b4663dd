//! What pages about requests may touch.

use cc_devops_deploys::PlanRecord;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::record::{RequestFilter, RequestRecord, RequestState};
use jiff::Timestamp;

use super::{FindRequest, Permitted, Privilege, Question};
use crate::problem::Problem;

/// How many rows are looked at for a page of what people search.
pub(super) const REACH: usize = 5_000;

/// A page of what was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched<T> {
    /// What was found.
    pub page: Page<T>,
    /// Back to which time was looked, where the page is short because the search was cut there; it goes on with the next
    /// page.
    pub looked_back_to: Option<Timestamp>,
}

impl<T> Searched<T> {
    /// Where the search was cut: behind this place is the last row that was looked at.
    pub(super) fn cut_at(page: &Page<T>, limit: usize) -> Option<Cursor> {
        let Cursor(place) = page.next.filter(|_| page.items.len() < limit)?;
        Some(Cursor(place.saturating_add(1)))
    }
}

/// Look for requests, everybody's or one agent's, as people do: a field that is left empty asks for nothing.
#[derive(Clone)]
pub struct SearchRequests(Option<AgentName>);

impl Privilege for SearchRequests {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let named = question.whose()?.filter(|name| !name.is_empty());
        question
            .view_of(named, |agent| Access::ReadRequests { agent })
            .map(Self)
    }
}

impl Permitted<SearchRequests> {
    /// Whose requests; everybody's without.
    pub fn whose(&self) -> Option<&AgentName> {
        self.privilege.0.as_ref()
    }

    /// The same for one agent's alone, where the caller may see them.
    pub fn narrowed(&self, agent: AgentName) -> Option<Self> {
        let access = Access::ReadRequests {
            agent: Some(agent.clone()),
        };
        self.may(&access).then(|| Self {
            privilege: SearchRequests(Some(agent)),
            ..self.clone()
        })
    }

    /// A page of `limit` of those that the caller may see, whosever the filter is about. What it costs does not grow
    /// with how many requests there are.
    pub async fn look(
        &self,
        filter: RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Searched<RequestRecord>> {
        let filter = RequestFilter {
            agent: self.privilege.0.clone(),
            reach: Some(REACH),
            ..filter
        };
        let ledger = &self.app.ports().ledger;
        let page = ledger.list(&filter, before, limit).await?;
        let looked_back_to = match Searched::cut_at(&page, limit) {
            None => None,
            Some(cut) => {
                let all = RequestFilter {
                    reach: Some(1),
                    ..RequestFilter::default()
                };
                let last = ledger.list(&all, Some(cut), 1).await?;
                last.items.first().map(|last| last.head.received_at)
            }
        };
        Ok(Searched { page, looked_back_to })
    }
}

impl Permitted<FindRequest> {
    /// The plan of a deploy, where the caller may see it.
    pub async fn plan(&self, record: &RequestRecord) -> PortResult<Option<PlanRecord>> {
        let plan = self.app.control.plan_of_request(&record.head.id).await?;
        let may = |plan: &PlanRecord| {
            self.may(&Access::ReadDeploys {
                stack: Some(plan.stack_name.clone()),
            })
        };
        Ok(plan.filter(may))
    }

    /// Since when the request waits for work elsewhere or for approval, where it does.
    pub async fn waits_since(&self, record: &RequestRecord) -> PortResult<Option<Timestamp>> {
        if record.state != RequestState::Waiting {
            return Ok(None);
        }
        let parked = self.app.ports().ledger.waiting_request(&record.head.id).await?;
        Ok(parked.map(|parked| parked.since))
    }
}
