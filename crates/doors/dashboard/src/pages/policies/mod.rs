//! Policies: what they say of somebody, and their text.

use std::sync::Arc;

use axum::response::Response;
use cc_devops_http::access::{Permitted, ReadPolicies};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::text;
use cc_devops_policy::{Answered, Asked, Assumed};
use maud::{Markup, html};
use serde::Deserialize;

use crate::components::{Tone, code, empty, facts, field, notice, section, select, status};
use crate::extract::Query;
use crate::gate::Visit;
use crate::pages::asked;
use crate::refusal::Refusal;
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

/// How much of the policies' text is shown, in bytes.
const MOST_TEXT: usize = 80_000;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![page(shared, Section::Policies.path(), show)]
}

/// A question as the form sends it; what is left open is empty.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Form {
    who: String,
    role: String,
    action: String,
    on: String,
    stage: String,
    requester: String,
}

async fn show(visit: Visit<ReadPolicies>, Query(form): Query<Form>) -> Result<Response, Refusal> {
    let is_asked = [&form.who, &form.on].into_iter().any(|text| !text.trim().is_empty());
    let answer = if is_asked {
        match ask(&visit.permitted, &form).await {
            Ok(answered) => Some(shown(&answered)),
            // What cannot be asked is said beside the question; that nobody could be asked is another matter.
            Err(problem) if problem.status().is_client_error() => {
                Some(notice(Condition::Degraded, &sentence(problem.detail())))
            }
            Err(problem) => return Err(problem.into()),
        }
    } else {
        None
    };
    let content = html! {
        (section("ask", "May they?", &html! {
            (question(&visit.permitted, &form))
            @if let Some(answer) = answer { div id="answer" { (answer) } }
        }))
        (section("policies", "The policies in force", &texts(&visit.shared.dashboard.policies)))
    };
    Ok(visit.page(Section::Policies, "Policies", &[], content))
}

async fn ask(permitted: &Permitted<ReadPolicies>, form: &Form) -> Result<Answered, Problem> {
    let name = |text: &str| AgentName::new(text.trim()).map_err(|error| Problem::invalid(error.to_string()));
    let principal = name(&form.who)?;
    let requester = match form.requester.trim() {
        "" => None,
        text => Some(name(text)?),
    };
    let asked = Asked {
        principal: &principal,
        action: form.action.trim(),
        resource: form.on.trim(),
        stage: asked::word(Some(&form.stage)),
        requester: requester.as_ref(),
    };
    let assumed = Assumed {
        role: Role::find(&form.role),
        ..Assumed::default()
    };
    permitted.answer(&asked, assumed).await
}

fn question(permitted: &Permitted<ReadPolicies>, form: &Form) -> Markup {
    let actions: Vec<(&str, &str)> = permitted
        .rules()
        .iter()
        .map(|rule| (rule.action, rule.action))
        .collect();
    let stages: Vec<(&str, &str)> = permitted
        .stages()
        .map(|stage| (stage.as_str(), stage.as_str()))
        .collect();
    let roles = [
        ("", "The one they have"),
        ("agent", "An agent"),
        ("admin", "An operator"),
        ("observer", "An observer"),
    ];
    html! {
        p {
            "Somebody who is not known is taken as an agent with just its own. What something is done to is a secret as in "
            (code("/contentcraft/billing/key")) ", a stack without its stage, a repository, an agent, or " (code("*")) " for all."
        }
        form.filter method="get" action=(Section::Policies.path()) {
            (field("Who", "who", "text", &form.who, None))
            (select("In which role", "role", &form.role, &roles))
            (select("Would do what", "action", &form.action, &actions))
            (field("To what", "on", "text", &form.on, None))
            (select("On which stage", "stage", &form.stage, &stages))
            (field("Who asked (approvePlan)", "requester", "text", &form.requester, None))
            button type="submit" { "Ask" }
            a href=(Section::Policies.path()) { "Reset" }
        }
    }
}

fn shown(answered: &Answered) -> Markup {
    let Answered {
        agent,
        access,
        stage,
        decision,
    } = answered;
    let word = if decision.allowed {
        status(Tone::Good, "Allowed")
    } else {
        status(Tone::Bad, "Denied")
    };
    html! {
        (facts(&[
            ("Answer", word),
            ("Why", html! { (sentence(&answered.because())) }),
            ("Who", html! { (agent.name) " (" (agent.role.as_str()) ")" }),
            ("Does", code(access.action())),
            ("To", code(&access.resource())),
            ("On the stage", html! { (stage) }),
        ]))
        @for error in &decision.errors {
            (notice(Condition::Degraded, &format!("Could not be evaluated, which denies: {error}")))
        }
    }
}

/// A fragment as a sentence of its own.
fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn texts(policies: &[(String, String)]) -> Markup {
    let mut left = MOST_TEXT;
    let parts = policies.iter().map(|(file, text)| {
        let part = text.get(..text.floor_char_boundary(left)).unwrap_or_default();
        left -= part.len();
        (file, part, part.len() < text.len())
    });
    html! {
        @if policies.is_empty() {
            (empty("No text is known here.", &html! { (code("cc-devops policy show")) " shows the policies in force." }))
        } @else {
            p { "They are Cedar. What none of them allows is denied, and one that cannot be evaluated denies." }
        }
        @for (file, part, is_cut) in parts {
            h3 { (file) }
            @if !part.is_empty() {
                pre { code { (text::lines(part)) } }
            }
            @if is_cut {
                p { "The rest is left out: " (code("cc-devops policy show")) " shows all of it." }
            }
        }
    }
}
