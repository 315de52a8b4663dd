//! A plan: what it loses, what it changes, who decided what, and what happens next.

use axum::response::Response;
use cc_devops_deploys::{PlanId, PlanRecord, PlanState, shown};
use cc_devops_http::access::ReadDeploys;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::text;
use cc_devops_requests::deploys::{DecideError, Outlook, Plan};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{tree, words};
use crate::components::{Column, Tone, code, facts, moment, section, status, table};
use crate::extract::Path;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many parameters, tags and notes are shown.
const MOST_ABOUT: usize = 100;

pub(super) async fn show(visit: Visit<ReadDeploys>, Path(plan): Path<String>) -> Result<Response, Refusal> {
    let (plan, now) = (found(&visit, &plan).await?, visit.now());
    let outlook = visit.permitted.outlook(&plan.record).await?;
    let content = html! {
        p {
            (words::state(plan.record.state))
            @if plan.record.summary.drifted { " " (status(Tone::Warning, "somebody changed the stack past its template")) }
        }
        (section("next", "What happens next", &html! {
            (words::what_next(&plan.record, outlook.as_ref(), visit.signed_in.agent.name.as_str(), now))
            (choices(&visit, &plan.record, outlook.as_ref()))
        }))
        (whole(&plan, now))
        (section("decisions", "Decisions", &decisions(&plan.record, now)))
    };
    let title = format!("Deploy of {}", plan.record.stack);
    Ok(visit.page(Section::Deploys, &title, &[Kind::Deploys], content))
}

/// The plan of that name, where the visitor may see it.
pub(super) async fn found(visit: &Visit<ReadDeploys>, plan: &str) -> Result<Plan, Refusal> {
    let id = named(plan)?;
    let plan = visit.permitted.show(&id).await?;
    Ok(plan.ok_or_else(no_such_plan)?)
}

/// The plan that an address names. What no plan is called is no plan.
pub(super) fn named(plan: &str) -> Result<PlanId, Problem> {
    PlanId::read(plan).ok_or_else(no_such_plan)
}

fn no_such_plan() -> Problem {
    Problem::from(DecideError::NoSuchPlan)
}

/// All that somebody who decides is to see, losses first.
pub(super) fn whole(plan: &Plan, now: Timestamp) -> Markup {
    let record = &plan.record;
    let about = shown::carried_out_with(&plan.about);
    html! {
        @if let Some(losses) = tree::losses(&plan.rows) { (losses) }
        (section("about", "What it is", &facts(&about_it(record, now))))
        (section("changes", "What changes", &tree::changes(plan)))
        @if !about.is_empty() {
            (section("with", "Carried out with", &html! {
                dl.facts {
                    @for (what, value) in about.iter().take(MOST_ABOUT) { div { dt { (what) } dd { (value) } } }
                }
                @if about.len() > MOST_ABOUT { p { "And " (about.len() - MOST_ABOUT) " more." } }
            }))
        }
        @if !record.notes.is_empty() {
            (section("notes", "To know", &html! {
                ul { @for note in record.notes.iter().take(MOST_ABOUT) { li { (text::line(note)) } } }
            }))
        }
    }
}

fn about_it(record: &PlanRecord, now: Timestamp) -> Vec<(&'static str, Markup)> {
    let mut rows = vec![
        ("Stack", links::to_stack(record.stack.as_str())),
        ("Asked for by", links::to_agent(record.requested_by.as_str())),
        ("Request", links::to_request(record.request.as_str())),
        ("Planned", moment(record.made_at, now)),
    ];
    match record.ended_at {
        Some(ended) => rows.push(("Ended", moment(ended, now))),
        None => rows.push(("Expires", moment(record.expires_at, now))),
    }
    if record.first_creation {
        rows.push(("New", html! { "This deploy makes the stack." }));
    }
    rows.push(("Plan", code(record.id.as_str())));
    rows.push(("Digest", code(record.digest.as_str())));
    rows
}

/// The ways on for who may decide.
fn choices(visit: &Visit<ReadDeploys>, record: &PlanRecord, outlook: Option<&Outlook>) -> Markup {
    let Some(outlook) = outlook else { return html! {} };
    let path = links::plan(&record.id);
    let may_approve = visit.permitted.may(&approving(record));
    let is_frozen = outlook.frozen.is_some() && record.freeze_override.is_none();
    let may_override = is_frozen && visit.permitted.may(&overriding(record));
    html! {
        @if record.state == PlanState::Waiting && (may_approve || may_override) {
            p.choices {
                @if outlook.approved.is_some() { a.button.main href=(format!("{path}/approve")) { "Approve…" } " " }
                @if may_approve { a.button href=(format!("{path}/deny")) { "Deny…" } " " }
                @if may_override { a href=(format!("{path}/override")) { "Lift the freeze for this deploy…" } }
            }
        }
    }
}

/// To approve a plan, and to deny it.
pub(super) fn approving(record: &PlanRecord) -> Access {
    Access::ApprovePlan {
        stack: record.stack_name.clone(),
        stage: record.stage.clone(),
        requester: record.requested_by.clone(),
    }
}

/// To let a plan run in a freeze.
pub(super) fn overriding(record: &PlanRecord) -> Access {
    Access::OverrideFreeze {
        stack: record.stack_name.clone(),
        stage: record.stage.clone(),
    }
}

fn decisions(record: &PlanRecord, now: Timestamp) -> Markup {
    let columns = [
        Column::text("Decision"),
        Column::text("Who"),
        Column::text("When"),
        Column::text("By"),
        Column::text("Said"),
    ];
    let mut rows = Vec::new();
    for approval in &record.approvals {
        let said = approval.comment.as_deref().map(text::line).unwrap_or_default();
        rows.push((
            format!("approved-{}", approval.by),
            vec![
                status(Tone::Good, "approved"),
                links::to_agent(approval.by.as_str()),
                moment(approval.at, now),
                html! { (words::door(approval.door)) },
                html! {
                    (said)
                    @if let Some(from) = &approval.carried_from {
                        " given for " a href=(links::plan(from)) { (from) } ", which says the same"
                    }
                },
            ],
        ));
    }
    if let Some(lifted) = &record.freeze_override {
        rows.push((
            "lifted".to_owned(),
            vec![
                status(Tone::Warning, "freeze lifted"),
                links::to_agent(lifted.by.as_str()),
                moment(lifted.at, now),
                html! { "-" },
                html! { (text::line(&lifted.reason)) },
            ],
        ));
    }
    if let Some(decided) = &record.decided {
        rows.push((
            "decided".to_owned(),
            vec![
                words::state(record.state),
                links::to_agent_or(decided.by.as_ref(), "nobody"),
                moment(decided.at, now),
                html! { (decided.door.map_or("-", words::door)) },
                html! { (text::line(&decided.reason)) },
            ],
        ));
    }
    html! {
        @if rows.is_empty() { p { "Nobody has decided anything yet." } } @else { (table("Decisions", &columns, rows)) }
        @if !record.policies.is_empty() { p { "It was carried out as these policies permit: " (record.policies.join(", ")) "." } }
    }
}
