//! What operators and their tools ask: health, metrics, and the description of this API.

use std::collections::BTreeMap;

use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::health::{Condition, Health, Mode};

use crate::access::{Open, Permitted, ReadMetrics, authenticate};
use crate::app::App;
use crate::health;
use crate::meters::{OPENMETRICS, Snapshot};
use crate::openapi::HealthBody;
use crate::places::RequestPlace;
use crate::problem::Problem;
use crate::watch_health;
use crate::watch_meters::{AgentMeasure, AlertMeasures};

/// Says whether the control plane works
///
/// The body is the same whether it does or not. Anybody is told which checks there are and whether they
/// hold, from what is known; what is wrong (`message`) is told to those whom a policy lets `readHealth`,
/// operators at first, after a small write was tried, and with it where the audit trail ends.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses(
        (status = 200, description = "Everything works", body = HealthBody),
        (status = 503, description = "Something does not, or the server is overloaded", content(
            (HealthBody = "application/json"),
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn get_health(open: Open, Extension(let_in): Extension<RequestPlace>, headers: HeaderMap) -> Response {
    let app = open.app();
    let health: Health = if may_read_health(app, &headers, &let_in).await {
        let mut health = health::probe(app).await;
        // That it cannot be read, the checks say.
        health.audit_head = app.ports().audit.mark(None).await.ok().flatten();
        health
    } else {
        health::look(app).await.in_short()
    };
    let status = match health.status {
        Condition::Healthy => StatusCode::OK,
        Condition::Degraded => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(health)).into_response()
}

/// Whether the caller may know what is wrong. Whoever shows nothing that is good is a stranger, and
/// so is everybody whose token cannot be looked up: the health is told all the same.
async fn may_read_health(app: &App, headers: &HeaderMap, let_in: &RequestPlace) -> bool {
    let Ok(credential) = authenticate(app, headers).await else {
        return false;
    };
    app.require(&credential.agent, &Access::ReadHealth).is_ok() && let_in.charge(&credential.agent.name).is_ok()
}

/// Shows the metrics, in the OpenMetrics text format
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")),
)]
pub(crate) async fn get_metrics(permitted: Permitted<ReadMetrics>) -> Result<Response, Problem> {
    let app = permitted.app();
    let ports = app.ports();
    let now = ports.clock.now();
    let interval = app.config.heartbeat_interval;
    let agents = app.agents().await?.into_iter();
    let agents = agents.filter(|(status, _)| status.revoked_at.is_none());
    let snapshot = Snapshot {
        totals: ports.metrics.totals().await?,
        backlog: ports.ledger.backlog().await?,
        connections: app.connections.count(),
        weights: ports.retention.weigh().await?,
        standings: ports.outbox.standing(now).await?,
        audit: ports.audit.mark(None).await?,
        now,
        agents: agents
            .map(|(status, watched)| AgentMeasure::of(&status, watched.as_ref(), now, interval))
            .collect(),
        alerts: alerts(app).await?,
        reported: app.reported.all(),
    };
    let text = app.meters.encode(snapshot).map_err(|_| Problem::internal())?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// What is measured of alerts, where people are told here.
async fn alerts(app: &App) -> Result<Option<AlertMeasures>, Problem> {
    let Some(watch) = &app.watch else { return Ok(None) };
    let mut open = BTreeMap::new();
    for ((severity, state), count) in watch.alerts.counts().await? {
        if state.is_open() {
            *open.entry(severity).or_default() += count;
        }
    }
    Ok(Some(AlertMeasures {
        open,
        channels: watch.delivering.health().await?,
        maintenance: watch_health::mode(app).await == Mode::Maintenance,
    }))
}

/// Describes this API
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Map<String, serde_json::Value>)),
)]
pub(crate) async fn get_openapi(open: Open) -> Response {
    ([(CONTENT_TYPE, "application/json")], open.app().openapi()).into_response()
}
