//! Approving a plan, denying it, and lifting a freeze for it: each on a page of its own that shows the whole plan once more.

use axum::http::StatusCode;
use axum::response::Response;
use cc_devops_deploys::{PlanDigest, PlanId, PlanState};
use cc_devops_http::access::{DecidePlans, ReadDeploys};
use cc_devops_http::problem::Problem;
use cc_devops_requests::deploys::Plan;
use maud::{Markup, html};
use serde::Deserialize;

use super::plan::{approving, found, named, overriding, whole};
use super::words;
use crate::components::{code, confirm, field, notice, section};
use crate::extract::{Form, Path};
use crate::gate::Visit;
use crate::links;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;
use cc_devops_kernel::health::Condition;

/// The longest comment or reason, in characters.
const LONGEST_SAID: usize = 1_000;

#[derive(Deserialize)]
pub(super) struct Approving {
    digest: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
pub(super) struct Reasoned {
    #[serde(default)]
    reason: String,
}

pub(super) async fn ask_to_approve(visit: Visit<ReadDeploys>, Path(plan): Path<String>) -> Result<Response, Refusal> {
    let plan = found(&visit, &plan).await?;
    visit.require(&approving(&plan.record), "approve this deploy")?;
    let path = links::plan(&plan.record.id);
    let fields = html! {
        input type="hidden" name="digest" value=(plan.record.digest);
        p { "What you approve has this digest: " (code(plan.record.digest.as_str())) }
        (field("Comment", "comment", "text", "", Some("If you want to say something with it")))
    };
    let form = confirm(
        &format!("{path}/approve"),
        "You approve exactly what is shown on this page. Once a policy permits it, it is carried out.",
        &fields,
        "Approve",
        &path,
    );
    Ok(asking(&visit, &plan, "Approve the deploy of", &form))
}

pub(super) async fn approve(
    visit: Visit<DecidePlans>,
    Path(plan): Path<String>,
    Form(said): Form<Approving>,
) -> Result<Response, Refusal> {
    let plan = named(&plan)?;
    let digest = PlanDigest::read(&said.digest);
    let digest =
        digest.ok_or_else(|| Problem::invalid("the form does not say what is approved; open the page again"))?;
    let comment = bounded(&said.comment)?;
    let comment = (!comment.is_empty()).then_some(comment);
    match visit.permitted.approve(&plan, &digest, comment).await {
        Ok(_) => Ok(visit.done(&links::plan(&plan), Said::Approved)),
        Err(problem) => not_done(&visit, &plan, "Not approved", problem).await,
    }
}

pub(super) async fn ask_to_deny(visit: Visit<ReadDeploys>, Path(plan): Path<String>) -> Result<Response, Refusal> {
    let plan = found(&visit, &plan).await?;
    visit.require(&approving(&plan.record), "deny this deploy")?;
    let path = links::plan(&plan.record.id);
    let form = confirm(
        &format!("{path}/deny"),
        "It is not carried out, and what was prepared for it is removed. Whoever asked for it is told why.",
        &reason("Why it is denied"),
        "Deny",
        &path,
    );
    Ok(asking(&visit, &plan, "Deny the deploy of", &form))
}

pub(super) async fn deny(
    visit: Visit<DecidePlans>,
    Path(plan): Path<String>,
    Form(said): Form<Reasoned>,
) -> Result<Response, Refusal> {
    let plan = named(&plan)?;
    let reason = required(&said)?;
    match visit.permitted.deny(&plan, reason).await {
        Ok(_) => Ok(visit.done(&links::plan(&plan), Said::Denied)),
        Err(problem) => not_done(&visit, &plan, "Not denied", problem).await,
    }
}

pub(super) async fn ask_to_override(visit: Visit<ReadDeploys>, Path(plan): Path<String>) -> Result<Response, Refusal> {
    let plan = found(&visit, &plan).await?;
    visit.require(&overriding(&plan.record), "lift a freeze for this deploy")?;
    let path = links::plan(&plan.record.id);
    let form = confirm(
        &format!("{path}/override"),
        "The freeze does not hold for this deploy any more. It needs its approvals all the same.",
        &reason("Why it cannot wait"),
        "Lift the freeze",
        &path,
    );
    Ok(asking(&visit, &plan, "Lift the freeze for the deploy of", &form))
}

pub(super) async fn override_freeze(
    visit: Visit<DecidePlans>,
    Path(plan): Path<String>,
    Form(said): Form<Reasoned>,
) -> Result<Response, Refusal> {
    let plan = named(&plan)?;
    let reason = required(&said)?;
    match visit.permitted.override_freeze(&plan, reason).await {
        Ok(_) => Ok(visit.done(&links::plan(&plan), Said::FreezeLifted)),
        Err(problem) => not_done(&visit, &plan, "The freeze still holds", problem).await,
    }
}

/// The page on which somebody decides: the whole plan, losses first, and the form below it.
fn asking(visit: &Visit<ReadDeploys>, plan: &Plan, title: &str, form: &Markup) -> Response {
    let record = &plan.record;
    let content = html! {
        p { (words::state(record.state)) }
        (whole(plan, visit.now()))
        @if record.state == PlanState::Waiting {
            (section("decide", "Decide", form))
        } @else {
            (section("decide", "Nothing to decide", &html! {
                p { "This deploy does not wait any more. " a href=(links::plan(&record.id)) { "See what became of it" } "." }
            }))
        }
    };
    // It is not made anew while somebody writes in it.
    visit.page(Section::Deploys, &format!("{title} {}", record.stack), &[], content)
}

/// A page that says what there is now, and leads on.
async fn not_done(
    visit: &Visit<DecidePlans>,
    plan: &PlanId,
    title: &str,
    problem: Problem,
) -> Result<Response, Refusal> {
    if !matches!(problem.status(), StatusCode::CONFLICT | StatusCode::FORBIDDEN) {
        return Err(problem.into());
    }
    let reading = visit.permitted.also::<ReadDeploys>()?;
    let known = reading.show(plan).await?;
    let content = html! {
        (notice(Condition::Degraded, problem.detail()))
        @if let Some(known) = &known {
            p { "The deploy of " (known.record.stack) " is now: " (words::state(known.record.state)) }
            p { "Its digest is now: " (code(known.record.digest.as_str())) }
            p { a href=(links::plan(plan)) { "Look at it as it is now" } }
        }
        p { a href=(Section::Deploys.path()) { "All deploys" } }
    };
    let mut response = visit.page(Section::Deploys, title, &[], content);
    *response.status_mut() = problem.status();
    Ok(response)
}

fn reason(label: &str) -> Markup {
    field(label, "reason", "text", "", Some("Needed: it is kept, and told"))
}

/// What somebody said, as it is kept.
fn bounded(said: &str) -> Result<String, Problem> {
    if said.chars().count() > LONGEST_SAID {
        return Err(Problem::invalid(format!(
            "that is too long: {LONGEST_SAID} characters at most"
        )));
    }
    Ok(cc_devops_kernel::text::cleaned(said))
}

fn required(said: &Reasoned) -> Result<String, Problem> {
    let reason = bounded(&said.reason)?;
    if reason.is_empty() {
        return Err(Problem::invalid(
            "say why: the reason is kept, and told to whoever asked for the deploy",
        ));
    }
    Ok(reason)
}
