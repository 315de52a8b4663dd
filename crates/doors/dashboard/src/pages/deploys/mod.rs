//! Deploys: what waits for somebody, what runs, and what became of the rest.

mod deciding;
mod freezes;
mod plan;
mod stack;
mod tree;
mod words;

use std::sync::Arc;

use axum::response::Response;
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_http::access::{PlanQuery, ReadDeploys, ReadFreezes};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::text::counted;
use cc_devops_requests::deploys::OpenPlans;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use crate::components::{Column, Tone, code, empty, field, filter, moment, moment_or, section, select, status, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::pages::asked;
use crate::refusal::Refusal;
use crate::row::{Row, act, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) use words::state;

/// How many plans that have not ended are read.
const MOST_OPEN: usize = 200;

/// How many plans a page of the history has.
const PAGE: usize = 50;

/// The longest name of a stack with its stage.
const LONGEST_STACK: usize = 128;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Deploys.path(), list),
        page(shared, "/ui/deploys/freezes", freezes::show),
        page(shared, "/ui/deploys/stacks/{stack}", stack::show),
        page(shared, "/ui/deploys/{plan}", plan::show),
        page(shared, "/ui/deploys/{plan}/approve", deciding::ask_to_approve),
        act(shared, "/ui/deploys/{plan}/approve", deciding::approve),
        page(shared, "/ui/deploys/{plan}/deny", deciding::ask_to_deny),
        act(shared, "/ui/deploys/{plan}/deny", deciding::deny),
        page(shared, "/ui/deploys/{plan}/override", deciding::ask_to_override),
        act(shared, "/ui/deploys/{plan}/override", deciding::override_freeze),
    ]
}

#[derive(Deserialize)]
struct Wanted {
    stack: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
}

async fn list(visit: Visit<ReadDeploys>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let stack = asked::word(wanted.stack.as_deref());
    let state = asked::word(wanted.state.as_deref());
    let cursor = asked::word(wanted.cursor.as_deref());
    let known = state.map(PlanState::named);
    if known == Some(None) {
        return Err(Problem::invalid("there is no such state; choose one of the list").into());
    }
    if stack.is_some_and(|stack| stack.len() > LONGEST_STACK) {
        return Err(Problem::invalid(format!("a stack's name has {LONGEST_STACK} characters at most")).into());
    }
    let is_plain = stack.is_none() && state.is_none() && cursor.is_none();
    let now = visit.now();
    let open = if is_plain {
        Some(visit.permitted.open(MOST_OPEN).await?)
    } else {
        None
    };
    let query = PlanQuery {
        state: known.flatten(),
        stack: stack.map(ToOwned::to_owned),
        before: cursor.map(ToOwned::to_owned),
        limit: PAGE,
    };
    let history = visit.permitted.list(&query).await?;
    let next = history.next.map(|place| place.to_string());
    let (stack, state) = (stack.unwrap_or_default(), state.unwrap_or_default());
    let content = html! {
        @if let Ok(freezes) = visit.permitted.also::<ReadFreezes>() { (freezes::in_short(freezes.freezes(), now)) }
        @if let Some(open) = &open {
            (section("waiting", "Waiting for somebody", &waiting(open, now)))
            (section("running", "Running now", &running(open, now)))
        }
        (section("history", "All deploys, newest first", &html! {
            (filter(Section::Deploys.path(), &html! {
                (field("Stack, with or without its stage", "stack", "search", stack, None))
                (select("State", "state", state, &words::choices()))
            }))
            @if history.plans.is_empty() {
                (nothing_yet(is_plain, next.is_some()))
            } @else {
                (table("Deploys", &COLUMNS, history.plans.iter().map(|plan| row(plan, now))))
            }
            (visit.pages("cursor", cursor.is_none(), next.as_deref()))
        }))
    };
    Ok(visit.page(Section::Deploys, "Deploys", &[Kind::Deploys], content))
}

const COLUMNS: [Column; 6] = [
    Column::text("Stack"),
    Column::text("State"),
    Column::text("Changes"),
    Column::text("Asked for by"),
    Column::text("Planned"),
    Column::text("Ended"),
];

fn row(plan: &PlanRecord, now: Timestamp) -> (String, Vec<Markup>) {
    let cells = vec![
        html! { a href=(links::plan(&plan.id)) { (plan.stack) } },
        words::state(plan.state),
        changes(plan),
        links::to_agent(plan.requested_by.as_str()),
        moment(plan.made_at, now),
        moment_or(plan.ended_at, now, "-"),
    ];
    (plan.id.to_string(), cells)
}

/// What a plan changes in one line, losses first.
fn changes(plan: &PlanRecord) -> Markup {
    let summary = &plan.summary;
    html! {
        div {
            @if summary.loses_stateful { (status(Tone::Bad, "loses data, or may")) " " }
            @if plan.unplanned {
                "nobody knows what it changes"
            } @else {
                (summary.adds) " to add, " (summary.modifies) " to change, " (summary.removes) " to remove"
                @if summary.replacements > 0 { ", " (summary.replacements) " replaced or may be" }
            }
        }
    }
}

fn waiting(open: &OpenPlans, now: Timestamp) -> Markup {
    let columns = [
        Column::text("Stack"),
        Column::text("Changes"),
        Column::text("Asked for by"),
        Column::text("Since"),
        Column::text("Expires"),
        Column::text("Waits for"),
    ];
    let waiting: Vec<&PlanRecord> = open
        .plans
        .iter()
        .filter(|plan| plan.state == PlanState::Waiting)
        .collect();
    let rows = waiting.iter().map(|plan| {
        let cells = vec![
            html! { a href=(links::plan(&plan.id)) { (plan.stack) } },
            changes(plan),
            links::to_agent(plan.requested_by.as_str()),
            moment(plan.made_at, now),
            moment(plan.expires_at, now),
            html! {
                @if plan.frozen.is_some() { "a freeze to end" } @else { "approval" }
                @if !plan.approvals.is_empty() {
                    ", " (counted(u64::try_from(plan.approvals.len()).unwrap_or_default(), "approval", "approvals"))
                    " so far"
                }
            },
        ];
        (format!("waiting-{}", plan.id), cells)
    });
    html! {
        @if waiting.is_empty() {
            (empty("Nothing waits", &html! {
                "A deploy that needs somebody’s approval is listed here. One is asked for with "
                (code("cc-devops deploy STACK --stage STAGE")) "."
            }))
        } @else {
            (table("Deploys that wait for somebody", &columns, rows.take(PAGE)))
            @if waiting.len() > PAGE || open.more {
                p { "More wait than are shown here: " a href="/ui/deploys?state=waiting" { "see all that wait" } "." }
            }
        }
    }
}

fn running(open: &OpenPlans, now: Timestamp) -> Markup {
    let columns = [
        Column::text("Stack"),
        Column::text("Changes"),
        Column::text("Asked for by"),
        Column::text("Begun"),
    ];
    let running = || open.plans.iter().filter(|plan| plan.state == PlanState::Applying);
    let rows = running().map(|plan| {
        let cells = vec![
            html! { a href=(links::plan(&plan.id)) { (plan.stack) } },
            changes(plan),
            links::to_agent(plan.requested_by.as_str()),
            moment(plan.begun_at.unwrap_or(plan.made_at), now),
        ];
        (format!("running-{}", plan.id), cells)
    });
    html! {
        @if running().next().is_none() {
            p { "Nothing is being deployed." }
        } @else {
            (table("Deploys that run", &columns, rows.take(PAGE)))
        }
        @if open.planning > 0 {
            p { (counted(u64::try_from(open.planning).unwrap_or_default(), "deploy is", "deploys are")) " being planned." }
        }
    }
}

fn nothing_yet(is_plain: bool, more: bool) -> Markup {
    if more {
        return html! { p { "None of the deploys that were looked at fits. The next page looks further back." } };
    }
    if !is_plain {
        return empty(
            "No deploy fits",
            &html! { "Choose another stack or state, or reset the filter." },
        );
    }
    empty(
        "No deploys yet",
        &html! { "Every deploy that is planned is listed here. Ask for one with " (code("cc-devops deploy STACK --stage STAGE")) "." },
    )
}
