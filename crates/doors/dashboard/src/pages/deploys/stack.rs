//! What was deployed to a stack.

use axum::response::Response;
use cc_devops_http::access::ReadDeploys;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::text;
use cc_devops_requests::deploys::Deployed;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::components::{Column, Tone, age, code, empty, moment, section, status, table};
use crate::extract::Path;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many deploys are shown.
const MOST: usize = 50;

pub(super) async fn show(visit: Visit<ReadDeploys>, Path(stack): Path<String>) -> Result<Response, Refusal> {
    let (stack, deploys) = visit.permitted.deployed(&stack, MOST).await?;
    let now = visit.now();
    let columns = [
        Column::text("Plan"),
        Column::text("Ended"),
        Column::text("State"),
        Column::text("Request"),
        Column::text("Asked for by"),
        Column::text("Approved by"),
        Column::number("Took"),
    ];
    let all = links::with(Section::Deploys.path(), "stack", stack.as_str());
    let content = html! {
        @if deploys.is_empty() {
            (empty("Nothing was deployed to this stack", &html! {
                "What is deployed to it is kept for 400 days. " a href=(all) { "See what was planned for it" } "."
            }))
        } @else {
            (table("Deploys of this stack, newest first", &columns, deploys.iter().map(|deployed| row(deployed, now))))
            @if deploys.len() >= MOST { p { "The last " (MOST) " are shown." } }
            p { a href=(all) { "All that was planned for it" } }
        }
        (section("again", "To deploy again what it had before", &html! {
            p { "Both are planned, approved and carried out as any deploy. They are asked for on the command line." }
            p { "Back to the last good one: " (code(&format!("cc-devops deploys rollback {stack}"))) }
            p {
                "On to another stage: " (code(&format!("cc-devops deploys promote {} --from {} --to STAGE", name(&deploys, stack.as_str()), stage(&deploys))))
            }
        }))
    };
    Ok(visit.page(Section::Deploys, &format!("Stack {stack}"), &[Kind::Deploys], content))
}

/// The stack without its stage, as far as it is known.
fn name<'a>(deploys: &[Deployed], full: &'a str) -> &'a str {
    let suffix = format!("-{}", stage(deploys));
    full.strip_suffix(suffix.as_str()).unwrap_or(full)
}

fn stage(deploys: &[Deployed]) -> String {
    deploys
        .first()
        .map_or_else(|| "STAGE".to_owned(), |deployed| deployed.stage.to_string())
}

fn row(deployed: &Deployed, now: Timestamp) -> (String, Vec<Markup>) {
    let approvers: Vec<&str> = deployed.approvers.iter().map(AgentName::as_str).collect();
    let took = SignedDuration::from_millis(i64::try_from(deployed.took_ms).unwrap_or(i64::MAX));
    let cells = vec![
        html! { a href=(links::plan(&deployed.plan)) { (deployed.plan) } },
        moment(deployed.ended_at, now),
        html! {
            div {
                @if deployed.succeeded { (status(Tone::Good, "deployed")) } @else { (status(Tone::Bad, "failed")) }
                @if let Some(error) = &deployed.error { " " (text::line(error)) }
            }
        },
        links::to_request(deployed.request.as_str()),
        links::to_agent(deployed.requested_by.as_str()),
        html! { @if approvers.is_empty() { "nobody had to" } @else { (approvers.join(", ")) } },
        html! { (age(took)) },
    ];
    (deployed.plan.to_string(), cells)
}
