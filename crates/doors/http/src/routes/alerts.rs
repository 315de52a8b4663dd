//! Alerts as people see them: what needs somebody, who takes it on, what is silenced, and maintenance mode.

use axum::http::StatusCode;
use axum::response::Json as Answer;
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::health::Mode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::checked_limit;
use super::said;
use crate::access::{ListAgents, ManageAlerts, Permitted, ReadAlerts, SetMaintenance};
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::wire::{
    Acknowledging, AlertDetails, AlertPage, AlertView, MaintenanceView, NewMaintenance, NewSilence, SilenceList,
    SilenceView,
};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Place {
    /// The `next` of the page before.
    after: Option<String>,
    /// How many alerts a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Lists the alerts
#[utoipa::path(
    get, path = "/v1/alerts", tag = "alerts", params(Place),
    responses((status = 200, description = "One page: those that are open, or of which something is to come, first", body = AlertPage)),
)]
pub(crate) async fn list_alerts(
    permitted: Permitted<ReadAlerts>,
    Query(place): Query<Place>,
) -> Result<Answer<AlertPage>, Problem> {
    let limit = checked_limit(place.limit)?;
    let page = permitted.alerts()?.list(place.after.as_deref(), limit).await?;
    Ok(Answer(AlertPage {
        alerts: page.alerts.into_iter().map(AlertView::from).collect(),
        next: page.next,
    }))
}

/// Shows an alert
#[utoipa::path(
    get, path = "/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The alert", min_length = 1, max_length = 64)),
    responses((status = 200, description = "The alert", body = AlertDetails)),
)]
pub(crate) async fn get_alert(
    permitted: Permitted<ReadAlerts>,
    Path(id): Path<String>,
) -> Result<Answer<AlertDetails>, Problem> {
    let alert = permitted.alerts()?.show(&id).await?;
    Ok(Answer(AlertDetails::from(alert.ok_or_else(no_such_alert)?)))
}

/// Says that somebody takes care of an alert
///
/// No reminder and no escalation follow until its condition is over.
#[utoipa::path(
    post, path = "/v1/alerts/{id}/ack", tag = "alerts", request_body = Acknowledging,
    params(("id" = String, Path, description = "The alert", min_length = 1, max_length = 64)),
    responses(
        (status = 200, description = "The alert", body = AlertDetails),
        (status = 409, description = "It is over"),
    ),
)]
pub(crate) async fn acknowledge_alert(
    permitted: Permitted<ManageAlerts>,
    Path(id): Path<String>,
    Json(said): Json<Acknowledging>,
) -> Result<Answer<AlertDetails>, Problem> {
    let reason = said.reason.as_deref().map(checked_reason).transpose()?;
    let alert = permitted.acknowledge(&id, reason.as_deref()).await?;
    Ok(Answer(AlertDetails::from(alert.ok_or_else(no_such_alert)?)))
}

/// Lists the silences that are not over
#[utoipa::path(
    get, path = "/v1/silences", tag = "alerts",
    responses((status = 200, description = "Those that people made; the configuration may have more", body = SilenceList)),
)]
pub(crate) async fn list_silences(permitted: Permitted<ReadAlerts>) -> Result<Answer<SilenceList>, Problem> {
    let now = permitted.now();
    let silences = permitted.alerts()?.silences().await?.into_iter();
    Ok(Answer(SilenceList {
        silences: silences
            .filter(|silence| silence.to > now)
            .map(SilenceView::from)
            .collect(),
    }))
}

/// Has alerts that match not told for a while
///
/// States and histories go on. What recovers meanwhile is told at its end, and so is what is still down then.
#[utoipa::path(
    post, path = "/v1/silences", tag = "alerts", request_body = NewSilence,
    responses((status = 201, description = "Made", body = SilenceView)),
)]
pub(crate) async fn add_silence(
    permitted: Permitted<ManageAlerts>,
    Json(new): Json<NewSilence>,
) -> Result<(StatusCode, Answer<SilenceView>), Problem> {
    let lasts = new.lasts.parse::<WrittenDuration>();
    let lasts = lasts.map_err(|error| Problem::invalid(format!("`for`: {error}")))?;
    let labels = new.labels();
    let reason = checked_reason(&new.reason)?;
    let silence = permitted.silence(labels, lasts.get(), &reason).await?;
    Ok((StatusCode::CREATED, Answer(SilenceView::from(silence))))
}

/// Ends a silence
#[utoipa::path(
    delete, path = "/v1/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The silence", min_length = 1, max_length = 64)),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn delete_silence(
    permitted: Permitted<ManageAlerts>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if permitted.unsilence(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(
            "there is no such silence; `GET /v1/silences` lists them",
        ))
    }
}

/// Says whether the control plane does nothing unasked
#[utoipa::path(
    get, path = "/v1/maintenance", tag = "operations",
    responses((status = 200, description = "Whether maintenance mode is on", body = MaintenanceView)),
)]
pub(crate) async fn get_maintenance(permitted: Permitted<ListAgents>) -> Result<Answer<MaintenanceView>, Problem> {
    let kept = permitted.maintenance().await?;
    Ok(Answer(MaintenanceView::of(kept, permitted.mode() == Mode::Maintenance)))
}

/// Has the control plane do nothing unasked
///
/// Requests are carried out, agents are watched and alerts are told; nothing is changed by its own rules.
#[utoipa::path(
    put, path = "/v1/maintenance", tag = "operations", request_body = NewMaintenance,
    responses(
        (status = 200, description = "It is on", body = MaintenanceView),
        (status = 409, description = "The time until which it is to be on is over"),
    ),
)]
pub(crate) async fn set_maintenance(
    permitted: Permitted<SetMaintenance>,
    Json(new): Json<NewMaintenance>,
) -> Result<Answer<MaintenanceView>, Problem> {
    let reason = checked_reason(&new.reason)?;
    if new.until.is_some_and(|until| until <= permitted.now()) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "`until` is over already; it must lie ahead",
        ));
    }
    let kept = permitted.maintenance_on(&reason, new.until).await?;
    Ok(Answer(MaintenanceView::of(
        Some(kept),
        permitted.mode() == Mode::Maintenance,
    )))
}

/// Ends maintenance mode; what the configuration says stays
#[utoipa::path(
    delete, path = "/v1/maintenance", tag = "operations",
    responses((status = 204, description = "It is off, unless the configuration has it on")),
)]
pub(crate) async fn end_maintenance(permitted: Permitted<SetMaintenance>) -> Result<StatusCode, Problem> {
    permitted.maintenance_off().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_alert() -> Problem {
    Problem::not_found("there is no such alert; `GET /v1/alerts` lists them")
}

fn checked_reason(reason: &str) -> Result<String, Problem> {
    said::reason(reason, LONGEST_REASON)
}
