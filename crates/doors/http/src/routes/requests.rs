//! Looking requests up. Their parameters are never shown.

use axum::response::Json;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::Status;
use cc_devops_requests::record::{RequestFilter, RequestState};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::{checked_cursor, checked_limit};
use crate::access::{FindRequest, Permitted, ReadRequests};
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::wire::{OutcomeStatus, RequestPage, RequestView, StateName};

/// Shows one request
///
/// Somebody else's request is not found, where the caller may not see it.
#[utoipa::path(
    get, path = "/v1/requests/{requestId}", tag = "requests",
    params(("requestId" = String, Path, description = "The request's id", min_length = 1, max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")),
    responses((status = 200, description = "The request", body = RequestView)),
)]
pub(crate) async fn get_request(
    permitted: Permitted<FindRequest>,
    Path(id): Path<String>,
) -> Result<Json<RequestView>, Problem> {
    let id = RequestId::new(id).map_err(|error| Problem::invalid(error.to_string()))?;
    tracing::Span::current().record("request_id", id.as_str());
    let missing = || Problem::not_found("there is no such request, or it is not yours to see").about(id.as_str());
    let record = permitted.find(&id).await?.ok_or_else(missing)?;
    let plan = permitted.waiting_plan(&record).await?;
    let view = RequestView::from(record);
    Ok(Json(match plan {
        Some(plan) => view.waiting(&plan),
        None => view,
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Whose requests; without, everybody's where the caller may see them, else its own.
    #[param(pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    #[expect(dead_code, reason = "read where access is decided")]
    agent: Option<String>,
    /// Only this action.
    #[param(max_length = 64)]
    action: Option<String>,
    /// Only those that ended so.
    #[param(inline)]
    status: Option<OutcomeStatus>,
    /// Only those that stand so.
    #[param(inline)]
    state: Option<StateName>,
    /// Only those received at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those received before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// How many requests a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next` of the page before.
    #[param(minimum = 0)]
    cursor: Option<i64>,
}

/// Lists requests, newest first
#[utoipa::path(
    get, path = "/v1/requests", tag = "requests", params(Filter),
    responses((status = 200, description = "One page", body = RequestPage)),
)]
pub(crate) async fn list_requests(
    permitted: Permitted<ReadRequests>,
    Query(query): Query<Filter>,
) -> Result<Json<RequestPage>, Problem> {
    let limit = checked_limit(query.limit)?;
    let before = checked_cursor("cursor", query.cursor)?;
    if query.action.as_ref().is_some_and(|action| action.chars().count() > 64) {
        return Err(Problem::invalid("`action` may have 64 characters at most"));
    }
    let filter = RequestFilter {
        agent: None,
        action: query.action,
        status: query.status.map(Status::from),
        state: query.state.map(RequestState::from),
        since: query.since,
        until: query.until,
        ..RequestFilter::default()
    };
    let page = permitted.list(filter, before, limit).await?;
    Ok(Json(RequestPage {
        requests: page.items.into_iter().map(RequestView::from).collect(),
        next: page.next.map(|cursor| cursor.0),
    }))
}

impl From<OutcomeStatus> for Status {
    fn from(status: OutcomeStatus) -> Self {
        match status {
            OutcomeStatus::Success => Self::Success,
            OutcomeStatus::Error => Self::Error,
        }
    }
}

impl From<StateName> for RequestState {
    fn from(state: StateName) -> Self {
        match state {
            StateName::Received => Self::Received,
            StateName::Executing => Self::Executing,
            StateName::Waiting => Self::Waiting,
            StateName::Completed => Self::Completed,
            StateName::Published => Self::Published,
        }
    }
}
