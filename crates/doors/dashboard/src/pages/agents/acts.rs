//! What is done to an agent: pausing and resuming at once; a new token and revoking after a page of their own.

use axum::response::Response;
use cc_devops_fleet::Token;
use cc_devops_http::access::{ManageAgents, Managed, PauseAgent};
use cc_devops_http::problem::Problem;
use cc_devops_http::random::random_bits;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::names::AgentName;
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use super::path_of;
use crate::components::{code, confirm, moment, notice, select};
use crate::extract::{Form, Path};
use crate::gate::Visit;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;

/// How long the older tokens may go on, in seconds.
const KEEP: [(&str, &str); 4] = [
    ("0", "They end at once"),
    ("3600", "They go on for 1 hour"),
    ("86400", "They go on for 1 day"),
    ("604800", "They go on for 7 days"),
];

fn named(name: String) -> Result<AgentName, Refusal> {
    AgentName::new(name).map_err(|error| Problem::invalid(error.to_string()).into())
}

pub(super) async fn pause(visit: Visit<PauseAgent>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let name = named(name)?;
    visit.permitted.pause().await?;
    Ok(visit.done(&path_of(&name), Said::Paused))
}

pub(super) async fn resume(visit: Visit<PauseAgent>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let name = named(name)?;
    visit.permitted.resume().await?;
    Ok(visit.done(&path_of(&name), Said::Resumed))
}

/// What is to be warned of, whatever is done to the tokens.
fn warnings(managed: &Managed, act: &str) -> Markup {
    html! {
        @if managed.is_self {
            (notice(Condition::Degraded, &format!("This is you. Your session ends with your token; {act}.")))
        }
    }
}

pub(super) async fn ask_rotate(visit: Visit<ManageAgents>) -> Result<Response, Refusal> {
    let managed = visit.permitted.managed().await?;
    let name = &managed.status.agent.name;
    let path = path_of(name);
    let sentence = if managed.status.revoked_at.is_some() {
        format!("{name} was revoked. With a new token it is let in again, and is watched from its next heartbeat on.")
    } else {
        format!(
            "{name} gets a new token, which is shown once. Whoever uses an old one needs the new one before that ends."
        )
    };
    let has_keys = !visit.permitted.aws_keys().await?.is_empty();
    let fields = select("The older tokens", "keep", "86400", &KEEP);
    let content = html! {
        (warnings(&managed, "sign in again with the new one"))
        @if managed.status.agent.role == Role::Admin {
            p {
                "Where the command line on the server acts as " (name) ", use "
                (code(&format!("cc-devops agents rotate {name}"))) " there instead: it keeps its new token itself."
            }
        }
        @if has_keys {
            p {
                "Its AWS access keys end with the older tokens; " (code(&format!("cc-devops agents key add {name}")))
                " makes another one."
            }
        }
        (confirm(&format!("{path}/rotate"), &sentence, &fields, "Make a new token", &path))
    };
    Ok(visit.page(Section::Agents, &format!("New token for {name}"), &[], content))
}

/// What the form says.
#[derive(Deserialize)]
pub(super) struct Rotate {
    keep: String,
}

pub(super) async fn rotate(visit: Visit<ManageAgents>, Form(form): Form<Rotate>) -> Result<Response, Refusal> {
    let known = KEEP.iter().find(|(seconds, _)| *seconds == form.keep);
    let seconds = known.and_then(|(seconds, _)| seconds.parse().ok());
    let seconds = seconds.ok_or_else(|| Problem::invalid("`keep` is how long the older tokens go on, in seconds"))?;
    let token = Token::from_random(random_bits()?);
    let old_until = visit
        .permitted
        .rotate(&token, SignedDuration::from_secs(seconds))
        .await?;
    let name = visit.permitted.name();
    let content = html! {
        (notice(Condition::Healthy, "This is the only time the token is shown. Keep it now."))
        p { (code(token.expose())) }
        p {
            @if seconds == 0 { "The older tokens have ended." }
            @else { "The older tokens end " (moment(old_until, visit.now())) "." }
        }
        p { a href=(path_of(name)) { "Back to " (name) } }
    };
    Ok(visit.page(Section::Agents, &format!("New token of {name}"), &[], content))
}

pub(super) async fn ask_revoke(visit: Visit<ManageAgents>) -> Result<Response, Refusal> {
    let managed = visit.permitted.managed().await?;
    let name = &managed.status.agent.name;
    let path = path_of(name);
    if managed.status.revoked_at.is_some() {
        return Ok(visit.done(&path, Said::Revoked));
    }
    let sentence = format!(
        "All tokens of {name} end at once, its access keys too, and nobody waits for it any more. Its history stays. A new \
         token lets it in again."
    );
    let content = html! {
        (warnings(&managed, "you cannot sign in again"))
        @if managed.is_last_admin {
            (notice(
                Condition::Degraded,
                "This is the last operator. Without it nobody can act here; only who has the machine or the account can \
                 add another, with `cc-devops agents add NAME --admin`.",
            ))
        }
        (confirm(&format!("{path}/revoke"), &sentence, &html! {}, "Revoke", &path))
    };
    Ok(visit.page(Section::Agents, &format!("Revoke {name}"), &[], content))
}

pub(super) async fn revoke(visit: Visit<ManageAgents>) -> Result<Response, Refusal> {
    visit.permitted.revoke().await?;
    Ok(visit.done(&path_of(visit.permitted.name()), Said::Revoked))
}
