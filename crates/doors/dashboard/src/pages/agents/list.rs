//! All agents: those that fail first, each with its last 30 days.

use std::collections::BTreeMap;

use axum::response::Response;
use cc_devops_fleet::AgentStatus;
use cc_devops_fleet::watch::Status;
use cc_devops_fleet::watching::{ListedAgent, Wanted};
use cc_devops_http::access::ListAgents;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::text::counted;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::path_of;
use super::words::{bars, percent, tone};
use crate::components::{Column, Tone, code, empty, field, filter, moment, moment_or, select, stat, status, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many agents a page has.
const ROWS: usize = 50;

/// The state of agents whose tokens have ended: no state of the watch.
const REVOKED: &str = "revoked";

/// What the address says.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

pub(super) async fn show(visit: Visit<ListAgents>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let by_state = visit.permitted.by_state().await?;
    let rows = if asked.state == REVOKED {
        revoked(&visit, &asked).await?
    } else {
        watched(&visit, &asked).await?
    };
    let content = html! {
        p.lead { (in_a_sentence(&by_state.counts)) }
        (stats(&by_state.counts))
        (filters(&asked))
        (rows)
    };
    Ok(visit.page(Section::Agents, "Agents", &[Kind::Agents], content))
}

/// Whether all is well, in a sentence.
fn in_a_sentence(counts: &BTreeMap<Status, u64>) -> String {
    let of = |status| counts.get(&status).copied().unwrap_or(0);
    let all: u64 = counts.values().sum();
    match (of(Status::Down), of(Status::Late)) {
        (0, 0) if all == 0 => "No agent is watched yet.".to_owned(),
        (0, 0) => format!(
            "No agent is down or late; {}.",
            counted(all, "agent is watched", "agents are watched")
        ),
        (0, late) => format!("{} late.", counted(late, "agent is", "agents are")),
        (down, 0) => format!("{} down.", counted(down, "agent is", "agents are")),
        (down, late) => format!("{} down, {late} late.", counted(down, "agent is", "agents are")),
    }
}

fn stats(counts: &BTreeMap<Status, u64>) -> Markup {
    let order = [Status::Down, Status::Late, Status::Up, Status::New, Status::Paused];
    let none = html! {};
    html! {
        dl.stats {
            @for status in order {
                @let count = counts.get(&status).copied().unwrap_or(0);
                @let link = format!("{}?state={}", Section::Agents.path(), status.as_str());
                (stat(word(status), &html! { a href=(link) { (count) } }, &none))
            }
        }
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Down => "Down",
        Status::Late => "Late",
        Status::Up => "Up",
        Status::New => "New",
        Status::Paused => "Paused",
    }
}

fn filters(asked: &Asked) -> Markup {
    let choices = [
        ("", "All"),
        ("down", "Down"),
        ("late", "Late"),
        ("up", "Up"),
        ("new", "New"),
        ("paused", "Paused"),
        (REVOKED, "Revoked"),
    ];
    let hint = "How the name begins, in its own capitals.";
    filter(
        Section::Agents.path(),
        &html! {
            (select("State", "state", &asked.state, &choices))
            (field("Name", "q", "search", &asked.q, Some(hint)))
        },
    )
}

async fn watched(visit: &Visit<ListAgents>, asked: &Asked) -> Result<Markup, Refusal> {
    let status = match asked.state.as_str() {
        "" => None,
        word => {
            let known = Status::ALL.into_iter().find(|status| status.as_str() == word);
            Some(known.ok_or_else(|| Problem::invalid("there is no such state of an agent"))?)
        }
    };
    let wanted = Wanted {
        status,
        prefix: asked.q.trim().to_owned(),
    };
    let listed = visit.permitted.page(&wanted, asked.cursor.as_deref(), ROWS).await?;
    if listed.agents.is_empty() {
        return Ok(nothing(asked));
    }
    let now = visit.now();
    let columns = [
        Column::text("Agent"),
        Column::text("State"),
        Column::text("Since"),
        Column::text("Last heard"),
        Column::text("30 days"),
        Column::number("Up"),
    ];
    let rows = listed
        .agents
        .iter()
        .map(|one| (one.agent.name.to_string(), row(one, now)));
    Ok(html! {
        (table("Agents, those that fail first", &columns, rows))
        (visit.pages("cursor", asked.cursor.is_none(), listed.next.as_deref()))
    })
}

fn row(one: &ListedAgent, now: Timestamp) -> Vec<Markup> {
    let agent = &one.agent;
    let state = &agent.state;
    vec![
        html! { a href=(path_of(&agent.name)) { (agent.name) } },
        status(tone(state.status), state.status.as_str()),
        moment(state.since.unwrap_or(agent.created), now),
        moment_or(state.heard, now, "never"),
        bars(&one.days),
        html! {
            (percent(one.share_up()))
            @if let Some(since) = one.known_since { " " span.note { "since " (moment(since, now)) } }
        },
    ]
}

async fn revoked(visit: &Visit<ListAgents>, asked: &Asked) -> Result<Markup, Refusal> {
    let after = asked.cursor.as_deref().map(AgentName::new).transpose();
    let after = after.map_err(|error| Problem::invalid(error.to_string()))?;
    let found = visit.permitted.revoked(asked.q.trim(), after.as_ref(), ROWS).await?;
    if found.agents.is_empty() && found.next.is_none() {
        return Ok(nothing(asked));
    }
    let now = visit.now();
    let columns = [
        Column::text("Agent"),
        Column::text("State"),
        Column::text("Revoked"),
        Column::text("Added"),
    ];
    let row = |status: &AgentStatus| {
        let name = &status.agent.name;
        let cells = vec![
            html! { a href=(path_of(name)) { (name) } },
            crate::components::status(Tone::Quiet, REVOKED),
            moment_or(status.revoked_at, now, "-"),
            moment(status.created_at, now),
        ];
        (name.to_string(), cells)
    };
    let next = found.next.as_ref().map(AgentName::as_str);
    Ok(html! {
        (table("Revoked agents", &columns, found.agents.iter().map(row)))
        (visit.pages("cursor", asked.cursor.is_none(), next))
    })
}

fn nothing(asked: &Asked) -> Markup {
    if asked.state.is_empty() && asked.q.trim().is_empty() {
        return empty(
            "No agents yet",
            &html! {
                "Agents stand here with their state and their last 30 days. Add one with "
                (code("cc-devops agents add NAME")) "; it is watched from its first heartbeat on."
            },
        );
    }
    empty(
        "No agent is like that",
        &html! { "Nothing matches the filter. " a href=(Section::Agents.path()) { "Show all agents" } "." },
    )
}
