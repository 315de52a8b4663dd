//! Plans of deploys: what would change, who approves exactly that, and when deploys rest.

use axum::response::Json as Answer;
use cc_devops_deploys::{PlanDigest, PlanId, PlanState};
use cc_devops_requests::deploys::DecideError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::checked_limit;
use super::said;
use crate::access::{DecidePlans, Permitted, PlanQuery, ReadDeploys, ReadFreezes};
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::wire::{Approving, DeployDetails, DeployPage, DeployView, FreezeList, PlanStateName, Reasoned};

/// The longest name of a stack with its stage, CloudFormation's.
const LONGEST_STACK: usize = 128;

/// The longest comment or reason, in characters.
const LONGEST_SAID: usize = 1_000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only those that stand so.
    #[param(inline, value_type = Option<PlanStateName>)]
    state: Option<PlanState>,
    /// Only those of this stack, with its stage or, for every stage, without.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9-]{0,127}$")]
    stack: Option<String>,
    /// How many plans a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next` of the page before, or a plan.
    #[param(pattern = "^([0-9]{1,15}-)?plan-[0-9a-f]{24}$")]
    before: Option<String>,
}

/// Lists deploys that were planned, newest first
///
/// Those of stacks that the caller may not see are not among them. A page may hold fewer than were asked for where more
/// follow: go on with its `next` until that is null.
#[utoipa::path(
    get, path = "/v1/deploys", tag = "deploys", params(Filter),
    responses(
        (status = 200, description = "One page", body = DeployPage),
        (status = 404, description = "There is no such plan as `before` names", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn list_deploys(
    permitted: Permitted<ReadDeploys>,
    Query(query): Query<Filter>,
) -> Result<Answer<DeployPage>, Problem> {
    let wanted = PlanQuery {
        state: query.state,
        stack: query.stack.map(stack_name).transpose()?,
        before: query.before,
        limit: checked_limit(query.limit)?,
    };
    let page = permitted.list(&wanted).await?;
    Ok(Answer(DeployPage {
        deploys: page.plans.into_iter().map(DeployView::from).collect(),
        next: page.next.map(|place| place.to_string()),
    }))
}

/// Shows a plan with all that its approver is to see
#[utoipa::path(
    get, path = "/v1/deploys/{plan}", tag = "deploys",
    params(("plan" = String, Path, description = "The plan", pattern = "^plan-[0-9a-f]{24}$")),
    responses((status = 200, description = "The plan", body = DeployDetails)),
)]
pub(crate) async fn get_deploy(
    permitted: Permitted<ReadDeploys>,
    Path(plan): Path<String>,
) -> Result<Answer<DeployDetails>, Problem> {
    let plan = permitted.show(&named(&plan)?).await?.ok_or_else(no_such_plan)?;
    Ok(Answer(plan.into()))
}

/// Shows when deploys rest
#[utoipa::path(
    get, path = "/v1/deploys/freezes", tag = "deploys",
    responses((status = 200, description = "The windows, and what they freeze now and in the next three weeks", body = FreezeList)),
)]
pub(crate) async fn list_freezes(permitted: Permitted<ReadFreezes>) -> Answer<FreezeList> {
    Answer(FreezeList::new(permitted.freezes(), permitted.now()))
}

/// Approves exactly what a digest stands for
///
/// Once a policy permits the plan, it is carried out. The approval is good for this plan and this digest; approving
/// twice is one approval.
#[utoipa::path(
    post, path = "/v1/deploys/{plan}/approve", tag = "deploys", request_body = Approving,
    params(("plan" = String, Path, description = "The plan", pattern = "^plan-[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Approved; this is how the plan stands", body = DeployView),
        (status = 409, description = "It has no digest yet or another one, or was decided already; nothing is approved", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn approve_deploy(
    permitted: Permitted<DecidePlans>,
    Path(plan): Path<String>,
    Json(said): Json<Approving>,
) -> Result<Answer<DeployView>, Problem> {
    let plan = named(&plan)?;
    let digest = PlanDigest::read(&said.digest);
    let digest = digest.ok_or_else(|| Problem::invalid("`digest` must be the whole digest, 64 hexadecimal digits"))?;
    let comment = said
        .comment
        .map(|comment| said::comment("comment", &comment, LONGEST_SAID))
        .transpose()?;
    let comment = comment.filter(|comment| !comment.is_empty());
    Ok(Answer(permitted.approve(&plan, &digest, comment).await?.into()))
}

/// Denies a plan; it is not carried out, and what was prepared is removed
#[utoipa::path(
    post, path = "/v1/deploys/{plan}/deny", tag = "deploys", request_body = Reasoned,
    params(("plan" = String, Path, description = "The plan", pattern = "^plan-[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Denied; this is how the plan stands", body = DeployView),
        (status = 409, description = "It was decided already", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn deny_deploy(
    permitted: Permitted<DecidePlans>,
    Path(plan): Path<String>,
    Json(said): Json<Reasoned>,
) -> Result<Answer<DeployView>, Problem> {
    let plan = named(&plan)?;
    Ok(Answer(
        permitted
            .deny(&plan, said::reason(&said.reason, LONGEST_SAID)?)
            .await?
            .into(),
    ))
}

/// Lets a plan be carried out in a freeze
///
/// It needs its approvals all the same.
#[utoipa::path(
    post, path = "/v1/deploys/{plan}/override-freeze", tag = "deploys", request_body = Reasoned,
    params(("plan" = String, Path, description = "The plan", pattern = "^plan-[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Overridden; this is how the plan stands", body = DeployView),
        (status = 409, description = "It was decided already", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn override_freeze(
    permitted: Permitted<DecidePlans>,
    Path(plan): Path<String>,
    Json(said): Json<Reasoned>,
) -> Result<Answer<DeployView>, Problem> {
    let plan = named(&plan)?;
    Ok(Answer(
        permitted
            .override_freeze(&plan, said::reason(&said.reason, LONGEST_SAID)?)
            .await?
            .into(),
    ))
}

/// The plan that a caller names. What no plan is called is no plan.
fn named(plan: &str) -> Result<PlanId, Problem> {
    PlanId::read(plan).ok_or_else(no_such_plan)
}

/// A stack's name with its stage or without.
fn stack_name(name: String) -> Result<String, Problem> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let others = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if first && others && name.len() <= LONGEST_STACK {
        return Ok(name);
    }
    Err(Problem::invalid(format!(
        "`stack` must be a stack's name: a letter, then letters, digits and `-`, {LONGEST_STACK} characters at most"
    )))
}

fn no_such_plan() -> Problem {
    DecideError::NoSuchPlan.into()
}
