//! An agent: how it does and why, its last 90 days, what it said and asked for, and what can be done to it.

use axum::response::Response;
use cc_devops_fleet::AgentStatus;
use cc_devops_fleet::watch::{Flip, Signal, Status};
use cc_devops_fleet::watching::{History, Life, Ping};
use cc_devops_http::access::{ListAgents, TokenMade};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName};
use cc_devops_kernel::text::line;
use cc_devops_requests::record::RequestRecord;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::path_of;
use super::words::{bars_told, known_since, percent, tone, why};
use crate::components::{
    Column, Tone, age, button, code, empty, facts, figure, moment, moment_or, section, stat, status, table,
};
use crate::extract::{Path, Query};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::to_request;
use crate::pages::requests::standing;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many changes of state a page has.
const FLIPS: usize = 50;

/// How many messages are shown, and how much of each.
const PINGS: usize = 20;
const PING_CHARS: usize = 200;

/// How many requests are shown.
const REQUESTS: usize = 5;

/// What the address says.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// Where the history goes on.
    history: Option<String>,
}

/// All that the page shows.
struct Seen {
    status: AgentStatus,
    life: Option<Life>,
    flips: History,
    pings: Vec<Ping>,
    requests: Option<Vec<RequestRecord>>,
    token: Option<TokenMade>,
    is_control_plane: bool,
    now: Timestamp,
}

pub(super) async fn show(
    visit: Visit<ListAgents>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let unknown = || Problem::not_found("there is no such agent");
    let name = AgentName::new(name).map_err(|_| unknown())?;
    let permitted = &visit.permitted;
    let (status, life) = permitted.agent(&name).await?.ok_or_else(unknown)?;
    let is_control_plane = permitted.installation().agent == name;
    let seen = Seen {
        status,
        life,
        flips: permitted.flips(&name, asked.history.as_deref(), FLIPS).await?,
        pings: permitted.pings(&name).await?,
        requests: permitted.last_requests(&name, REQUESTS).await?,
        token: if is_control_plane {
            None
        } else {
            permitted.token_made(&name).await?
        },
        is_control_plane,
        now: visit.now(),
    };
    let is_first = asked.history.is_none();
    let content = html! {
        (state(&seen))
        (acts(&visit, &seen))
        (section("watch", "How it is watched", &watch(&seen)))
        @if let Some(life) = &seen.life { (section("uptime", "Uptime", &uptime(life, seen.now))) }
        (section("history", "Changes of state", &history(&visit, &seen, is_first)))
        (section("said", "What it said lately", &said(&seen)))
        (section("requests", "Last requests", &requests(&seen)))
        (section("rights", "Token and rights", &rights(&seen)))
    };
    let shows = [Kind::Agents, Kind::Requests];
    Ok(visit.page(Section::Agents, name.as_str(), &shows, content))
}

/// The state in words.
fn state(seen: &Seen) -> Markup {
    let now = seen.now;
    let agent = seen.life.as_ref().map(|life| &life.listed.agent);
    html! {
        p.lead {
            @match (seen.status.revoked_at, agent) {
                (Some(at), _) => {
                    (status(Tone::Quiet, "revoked")) " since " (moment(at, now))
                    ". Its tokens have ended, and nobody waits for it."
                }
                (None, Some(agent)) => {
                    (status(tone(agent.state.status), agent.state.status.as_str()))
                    " since " (moment(agent.state.since.unwrap_or(agent.created), now)) ". " (why(agent, now))
                }
                (None, None) => { (status(Tone::Quiet, "new")) ". It is watched from its first heartbeat on." }
            }
        }
        @if let Some(message) = agent.and_then(|agent| agent.state.message.as_deref()) {
            p { "Its last words: " q { (line(message)) } }
        }
    }
}

fn acts(visit: &Visit<ListAgents>, seen: &Seen) -> Markup {
    let name = &seen.status.agent.name;
    let path = path_of(name);
    let is_there = seen.status.revoked_at.is_none();
    let is_paused = seen
        .life
        .as_ref()
        .is_some_and(|life| life.listed.agent.state.status == Status::Paused);
    let may_pause = is_there && visit.permitted.may(&Access::PauseAgent { agent: name.clone() });
    let may_manage = !seen.is_control_plane && visit.permitted.may(&Access::ManageAgents);
    html! {
        @if may_pause || may_manage {
            div.acts {
                @if may_pause && is_paused { (button(&format!("{path}/resume"), "Resume")) }
                @if may_pause && !is_paused { (button(&format!("{path}/pause"), "Pause")) }
                @if may_manage { a.button href=(format!("{path}/rotate")) { "New token" } }
                @if may_manage && is_there { a.button.danger href=(format!("{path}/revoke")) { "Revoke" } }
            }
        }
    }
}

fn watch(seen: &Seen) -> Markup {
    let now = seen.now;
    let Some(life) = &seen.life else {
        return html! { p { "It is not watched." } };
    };
    let agent = &life.listed.agent;
    let (settings, state) = (&agent.settings, &agent.state);
    let mut rows = vec![
        ("Last heard", moment_or(state.heard, now, "never")),
        ("Next due", moment_or(agent.due, now, "nothing is due")),
        ("Down unless heard by", moment_or(agent.down_at, now, "-")),
        ("Schedule", html! { (settings.schedule.in_words()) }),
        ("Grace", html! { (age(settings.grace)) }),
    ];
    if let Some(most) = settings.max_runtime {
        rows.push(("A run may take", html! { (age(most)) }));
    }
    if let Some(run) = &state.run {
        rows.push(("Running since", moment(run.at, now)));
    }
    if let Some(took) = state.took {
        rows.push(("Last run took", html! { (age(took)) }));
    }
    if let Some(exit) = state.exit {
        rows.push(("Last exit status", html! { (exit) }));
    }
    rows.push(("Severity when down", html! { (settings.severity.as_str()) }));
    if !settings.tags.is_empty() {
        let tags = settings.tags.iter().map(|(name, value)| format!("{name}: {value}"));
        let tags = tags.collect::<Vec<_>>().join(", ");
        rows.push(("Tags", html! { (line(&tags)) }));
    }
    let whose = if agent.is_own { "Its own" } else { "The installation's" };
    rows.push((
        "Settings",
        html! { (whose) "; change them with " (code(&format!("cc-devops agents set {}", agent.name))) },
    ));
    rows.push((
        "Watched since",
        html! { (moment(agent.created, now)) @if agent.auto { ", made by a ping" } },
    ));
    facts(&rows)
}

fn uptime(life: &Life, now: Timestamp) -> Markup {
    let uptime = &life.uptime;
    let none = html! {};
    let listed = &life.listed;
    let share = percent(listed.share_up());
    let caption = format!("The last 30 days by UTC: {share} of the time it was waited for it was up or late.");
    html! {
        dl.stats {
            @for (label, share) in [
                ("24 hours", uptime.day), ("7 days", uptime.week), ("30 days", uptime.month), ("90 days", uptime.quarter),
            ] {
                (stat(label, &html! { (percent(share)) }, &none))
            }
        }
        (figure(&bars_told(&listed.days), &caption, None))
        (known_since(listed.known_since, now))
    }
}

fn history(visit: &Visit<ListAgents>, seen: &Seen, is_first: bool) -> Markup {
    if seen.flips.flips.is_empty() && is_first {
        return empty(
            "No changes yet",
            &html! { "Each change of its state will stand here, with why." },
        );
    }
    let columns = [
        Column::text("When"),
        Column::text("From"),
        Column::text("To"),
        Column::text("Why"),
    ];
    let row = |(number, flip): (usize, &Flip)| {
        let cells = vec![
            moment(flip.at, seen.now),
            status(tone(flip.from), flip.from.as_str()),
            status(tone(flip.to), flip.to.as_str()),
            html! { (reason(flip)) @if let Some(by) = &flip.by { " by " (line(by)) } },
        ];
        (format!("flip-{}-{number}", flip.at.as_millisecond()), cells)
    };
    html! {
        (table("Changes of state, the newest first", &columns, seen.flips.flips.iter().enumerate().map(row)))
        (visit.pages("history", is_first, seen.flips.next.as_deref()))
    }
}

fn reason(flip: &Flip) -> &'static str {
    use cc_devops_fleet::watch::Reason;
    match flip.reason {
        Reason::Ping => "it was heard",
        Reason::Timeout => "it was not heard in time",
        Reason::Fail => "it said that it fails",
        Reason::Start => "a run began",
        Reason::Pause => "paused",
        Reason::Resume => "resumed",
        Reason::Set => "its settings were changed",
    }
}

fn said(seen: &Seen) -> Markup {
    if seen.pings.is_empty() {
        return empty(
            "Nothing but heartbeats",
            &html! { "Failures, runs and what was sent along stand here for 90 days." },
        );
    }
    let columns = [Column::text("When"), Column::text("What"), Column::text("Sent along")];
    let row = |ping: &Ping| {
        let text = ping.body.as_deref().or(ping.message.as_deref());
        let sent = match (text, &ping.bytes) {
            (Some(text), _) => {
                let text: String = text.chars().take(PING_CHARS).collect();
                code(&line(&text))
            }
            (None, Some(_)) => html! { "bytes that are no text" },
            (None, None) => html! { "-" },
        };
        let (tone, word) = match ping.signal {
            _ if ping.ignored => (Tone::Quiet, "ignored"),
            Signal::Success => (Tone::Good, "success"),
            Signal::Failure => (Tone::Bad, "failure"),
            Signal::Start => (Tone::Waiting, "start"),
            Signal::Log => (Tone::Quiet, "log"),
        };
        let what = html! {
            (status(tone, word))
            @if let Some(exit) = ping.exit { " exit status " (exit) }
            @if let Some(how) = &ping.how { " by " (line(how)) }
        };
        (
            format!("ping-{}", ping.number),
            vec![moment(ping.at, seen.now), what, sent],
        )
    };
    let name = &seen.status.agent.name;
    html! {
        (table("What it said lately, the newest first", &columns, seen.pings.iter().take(PINGS).map(row)))
        @if seen.pings.len() > PINGS {
            p.more { "The last hundred: " (code(&format!("cc-devops agents history {name} --pings"))) }
        }
    }
}

fn requests(seen: &Seen) -> Markup {
    let name = &seen.status.agent.name;
    let Some(requests) = &seen.requests else {
        return html! { p { "Its requests are not yours to see." } };
    };
    if requests.is_empty() {
        return empty(
            "No requests",
            &html! { "What it asks the control plane for stands here." },
        );
    }
    let columns = [
        Column::text("Request"),
        Column::text("Action"),
        Column::text("Received"),
        Column::text("State"),
    ];
    let row = |(number, request): (usize, &RequestRecord)| {
        let head = &request.head;
        let cells = vec![
            to_request(head.id.as_str()),
            html! { (line(&head.action)) },
            moment(head.received_at, seen.now),
            standing(request),
        ];
        (format!("request-{number}"), cells)
    };
    html! {
        (table("Its last requests", &columns, requests.iter().enumerate().map(row)))
        p.more { a href=(format!("{}?agent={name}", Section::Requests.path())) { "All its requests" } }
    }
}

fn rights(seen: &Seen) -> Markup {
    let agent = &seen.status.agent;
    let now = seen.now;
    let list = |all: Vec<&str>, none: &str| match all.as_slice() {
        [] => html! { (none) },
        all => html! { @for (number, one) in all.iter().enumerate() { @if number > 0 { ", " } (code(one)) } },
    };
    let token = match &seen.token {
        _ if seen.is_control_plane => html! { "It is the control plane itself, and has none." },
        _ if seen.status.revoked_at.is_some() => html! { "Its tokens have ended." },
        None => html! { "When it was made is not on record any more." },
        Some(made) => html! {
            @if made.is_rotated { "Replaced " } @else { "Made " } (moment(made.at, now))
            @if let Some(by) = &made.by { " by " (by) } "."
        },
    };
    let role = match agent.role {
        Role::Agent => "agent: it asks for itself",
        Role::Admin => "admin: an operator, who may do everything",
        Role::Observer => "observer: looks, and changes nothing",
    };
    let own_prefix = "only those under its own name";
    facts(&[
        ("Role", html! { (role) }),
        ("Token", token),
        (
            "Secrets",
            list(
                agent.secret_prefixes.iter().map(SecretPrefix::as_str).collect(),
                own_prefix,
            ),
        ),
        (
            "Stacks",
            list(agent.stacks.iter().map(StackName::as_str).collect(), "only its own"),
        ),
        ("Added", moment(seen.status.created_at, now)),
    ])
}
