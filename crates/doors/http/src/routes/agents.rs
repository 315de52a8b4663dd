//! Heartbeats, and who is alive.

use axum::http::StatusCode;
use axum::response::Json as Answer;
use cc_devops_fleet::Beat;
use cc_devops_kernel::names::AgentName;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::checked_limit;
use crate::access::{ListAgents, PauseAgent, Permitted, SendHeartbeat};
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::wire::{AgentList, AgentView, Heartbeat, HistoryView};

/// Takes an agent's heartbeat
#[utoipa::path(
    post, path = "/v1/agents/{name}/heartbeat", tag = "agents",
    params(("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")),
    request_body = Heartbeat,
    responses((status = 204, description = "Taken")),
)]
pub(crate) async fn post_heartbeat(
    permitted: Permitted<SendHeartbeat>,
    Json(heartbeat): Json<Heartbeat>,
) -> Result<StatusCode, Problem> {
    let beat = Beat {
        at: permitted.now(),
        healthy: heartbeat.healthy,
        message: heartbeat.checked_message().map_err(Problem::invalid)?,
    };
    permitted.beat(beat).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the agents and whether they are alive
#[utoipa::path(
    get, path = "/v1/agents", tag = "agents",
    responses((status = 200, description = "Every agent, by name", body = AgentList)),
)]
pub(crate) async fn list_agents(permitted: Permitted<ListAgents>) -> Result<Answer<AgentList>, Problem> {
    let agents = permitted.agents().await?;
    let now = permitted.now();
    let interval = permitted.interval();
    Ok(Answer(AgentList {
        agents: agents
            .into_iter()
            .map(|(status, watched)| match watched {
                Some(watched) => AgentView::watched(status, &watched),
                None => AgentView::of(status, now, interval),
            })
            .collect(),
        period_seconds: interval.period.as_secs(),
        grace_seconds: interval.grace.as_secs(),
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Place {
    /// The `next` of the page before.
    after: Option<String>,
    /// How many changes of state a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Shows what became of an agent lately: its flips, what it said, and how long it was up
#[utoipa::path(
    get, path = "/v1/agents/{name}/history", tag = "agents",
    params(("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"), Place),
    responses((status = 200, description = "The newest first", body = HistoryView)),
)]
pub(crate) async fn get_history(
    permitted: Permitted<ListAgents>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
) -> Result<Answer<HistoryView>, Problem> {
    let name = AgentName::new(name).map_err(|error| Problem::invalid(error.to_string()))?;
    let limit = checked_limit(place.limit)?;
    let (watched, uptime, history, pings) = permitted.history(&name, place.after.as_deref(), limit).await?;
    Ok(Answer(HistoryView::of(&watched, uptime, history, pings)))
}

/// Has nobody wait for an agent
///
/// Nothing is told of it until it is resumed or, unless its pause is sticky, heard. What is open of it is closed.
#[utoipa::path(
    post, path = "/v1/agents/{name}/pause", tag = "agents",
    params(("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")),
    responses((status = 204, description = "It is paused")),
)]
pub(crate) async fn pause_agent(permitted: Permitted<PauseAgent>) -> Result<StatusCode, Problem> {
    permitted.pause().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has an agent waited for again, from now on
#[utoipa::path(
    post, path = "/v1/agents/{name}/resume", tag = "agents",
    params(("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")),
    responses((status = 204, description = "It is waited for")),
)]
pub(crate) async fn resume_agent(permitted: Permitted<PauseAgent>) -> Result<StatusCode, Problem> {
    permitted.resume().await?;
    Ok(StatusCode::NO_CONTENT)
}
