//! Stacks: what was deployed to them, and deploying again what was deployed once.

use axum::http::StatusCode;
use axum::response::Json as Answer;
use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_requests::deploys::DecideError;
use cc_devops_requests::receiving::Received;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::checked_limit;
use crate::access::{Permitted, ReadDeploys, SubmitRequests, stacks_meant};
use crate::app::App;
use crate::dispatcher::{Admitted, take_up};
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::wire::{Accepted, AcceptedStatus, DeployedList, DeployedView, Promoting, RollingBack};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Size {
    /// How many deploys are shown.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Lists what was deployed to a stack, newest first
#[utoipa::path(
    get, path = "/v1/stacks/{stack}/deploys", tag = "deploys",
    params(
        ("stack" = String, Path, description = "The stack with its stage", pattern = "^[A-Za-z][A-Za-z0-9-]{0,127}$"),
        Size,
    ),
    responses((status = 200, description = "What is on record", body = DeployedList)),
)]
pub(crate) async fn list_deployed(
    permitted: Permitted<ReadDeploys>,
    Path(stack): Path<String>,
    Query(size): Query<Size>,
) -> Result<Answer<DeployedList>, Problem> {
    let (stack, deploys) = permitted.deployed(&stack, checked_limit(size.limit)?).await?;
    Ok(Answer(DeployedList {
        stack: stack.to_string(),
        deploys: deploys.into_iter().map(DeployedView::from).collect(),
    }))
}

/// Deploys again what a stack had before
///
/// The template and the parameters of the last deploy before the newest that ended well are planned, decided on and
/// carried out as any deploy.
#[utoipa::path(
    post, path = "/v1/stacks/{stack}/rollback", tag = "deploys", request_body = RollingBack,
    params(("stack" = String, Path, description = "The stack with its stage", pattern = "^[A-Za-z][A-Za-z0-9-]{0,127}$")),
    responses(
        (status = 202, description = "Durable; the outcome follows", body = Accepted),
        (status = 409, description = "There is nothing on record to go back to", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn roll_back(
    permitted: Permitted<SubmitRequests>,
    Path(stack): Path<String>,
    Json(said): Json<RollingBack>,
) -> Result<(StatusCode, Answer<Accepted>), Problem> {
    let (app, who) = (permitted.app().clone(), permitted.caller().principal());
    let meant = stacks_meant(&app, &stack)?;
    let (stack, stage) = meant.into_iter().next().ok_or_else(Problem::internal)?;
    accepted(app, |app, take| async move {
        let control = &app.control;
        control.roll_back(&who, &stack, &stage, said.parameters, take).await
    })
    .await
}

/// Deploys to one stage what was deployed to another
///
/// The same template is planned, decided on and carried out as any deploy.
#[utoipa::path(
    post, path = "/v1/stacks/{stack}/promote", tag = "deploys", request_body = Promoting,
    params(("stack" = String, Path, description = "The stack without its stage", pattern = "^[A-Za-z][A-Za-z0-9-]{0,94}$")),
    responses(
        (status = 202, description = "Durable; the outcome follows", body = Accepted),
        (status = 409, description = "There is nothing on record to promote, or both are the same stage", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn promote(
    permitted: Permitted<SubmitRequests>,
    Path(stack): Path<String>,
    Json(said): Json<Promoting>,
) -> Result<(StatusCode, Answer<Accepted>), Problem> {
    let (app, who) = (permitted.app().clone(), permitted.caller().principal());
    let stack = StackName::new(stack).map_err(|error| Problem::not_found(error.to_string()))?;
    let stage = |name: &str| -> Result<Stage, Problem> {
        let known = app.control.installation().stages.find(name);
        known.map_err(Problem::not_found)
    };
    let (from, to) = (stage(&said.from)?, stage(&said.to)?);
    if from == to {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "`from` and `to` are the same stage; there is nothing to promote",
        ));
    }
    accepted(app, |app, take| async move {
        app.control.promote(&who, &stack, &from, &to, take).await
    })
    .await
}

/// Takes in what was asked for, and begins it where there is room.
async fn accepted<F, Asked>(app: App, ask: F) -> Result<(StatusCode, Answer<Accepted>), Problem>
where
    F: FnOnce(App, bool) -> Asked,
    Asked: Future<Output = Result<Received, DecideError>> + Send,
{
    let permit = app.in_flight.clone().try_acquire_owned().ok();
    let received = ask(app.clone(), permit.is_some()).await.map_err(|error| match error {
        // Whether the caller may, the request's outcome says.
        DecideError::NotAllowed(sentence) => Problem::new(StatusCode::CONFLICT, sentence),
        error => error.into(),
    })?;
    let request_id = match take_up(&app, received, permit, false) {
        Admitted::Unreadable(failure) => return Err(failure.into()),
        Admitted::UnderWay(id, _) => id.into(),
        Admitted::Ended(completed) => completed.request_id,
    };
    let status = AcceptedStatus::Accepted;
    Ok((StatusCode::ACCEPTED, Answer(Accepted { request_id, status })))
}
