//! Heartbeats, and who is alive.

use axum::http::StatusCode;
use axum::response::Json as Answer;
use cc_devops_fleet::Beat;

use crate::access::{ListAgents, Permitted, SendHeartbeat};
use crate::extract::Json;
use crate::problem::Problem;
use crate::wire::{AgentList, AgentView, Heartbeat};

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
    permitted.beat(&beat).await?;
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
    let rhythm = permitted.rhythm();
    Ok(Answer(AgentList {
        agents: agents
            .into_iter()
            .map(|status| AgentView::of(status, now, rhythm))
            .collect(),
        period_seconds: rhythm.period.as_secs(),
        grace_seconds: rhythm.grace.as_secs(),
    }))
}
