//! How an agent is watched: set, said back, paused and resumed.

use std::collections::BTreeMap;

use cc_devops_fleet::Token;
use cc_devops_fleet::watch::{WatchSettings, condition_key};
use cc_devops_fleet::watching::WatchedAgent;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::schedules::due_line;
use super::watch_flags::WatchFlags;
use crate::context::Context;
use crate::error::CliError;
use crate::public_url::public_url;
use crate::store::Opened;

/// How many next times are said.
const NEXT_TIMES: usize = 3;

/// What the flags make of the installation's defaults; none where they name nothing, so that the defaults hold.
pub(super) fn wanted(opened: &Opened, flags: &WatchFlags) -> Result<Option<WatchSettings>, CliError> {
    if flags.is_empty() {
        return Ok(None);
    }
    let settings = &opened.capabilities.settings;
    let stages = &settings.installation.stages;
    let over = flags.over(settings.watched_by_default(), stages, opened.ports.clock.now())?;
    Ok(Some(over))
}

/// What is said of an agent that was added.
pub(super) struct Added {
    settings: WatchSettings,
    next: Vec<Timestamp>,
    ping_url: String,
}

impl Added {
    /// For programs.
    pub(super) fn document(&self, name: &AgentName, token: &Token) -> Value {
        json!({
            "agent": name,
            "token": token.expose(),
            "ping_url": self.ping_url,
            "schedule": self.settings.schedule.in_words(),
            "next": self.next,
        })
    }

    /// For people; the address is the last line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = said(&self.settings, &self.next);
        lines.push(format!("ping {}", self.ping_url));
        lines
    }
}

/// Begins to watch an agent that was added just now.
pub(super) async fn first(
    context: &Context,
    opened: &Opened,
    name: &AgentName,
    settings: Option<WatchSettings>,
) -> Result<Added, CliError> {
    let watching = opened.capabilities.watching().await?;
    let now = opened.ports.clock.now();
    match &settings {
        Some(settings) => watching.set(name, Some(settings.clone()), Actor::Operator).await?,
        None => drop(watching.enroll(&[(name.clone(), None)], now).await?),
    }
    let address = watching.first_address(name).await?;
    let settings = settings.unwrap_or_else(|| watching.defaults().clone());
    Ok(Added {
        next: settings.schedule.next_times(now, NEXT_TIMES),
        settings,
        ping_url: public_url(context, &opened.capabilities.settings)? + &address.path(),
    })
}

/// Runs `agents set`.
pub(super) async fn set(
    context: &Context,
    opened: &Opened,
    name: &AgentName,
    flags: &WatchFlags,
) -> Result<(), CliError> {
    let watching = opened.capabilities.watching().await?;
    let now = opened.ports.clock.now();
    let mut settings = opened.watched(name).await?.settings;
    if !flags.is_empty() {
        let stages = &opened.capabilities.settings.installation.stages;
        settings = flags.over(settings, stages, now)?;
        watching.set(name, Some(settings.clone()), Actor::Operator).await?;
    }
    let slack_user = opened.capabilities.slack_users().of(name).await?;
    let next = settings.schedule.next_times(now, NEXT_TIMES);
    let mut document = settings_document(&settings);
    if let Value::Object(fields) = &mut document {
        if let Some(user) = &slack_user {
            fields.insert("slackUser".to_owned(), json!(user));
        }
        fields.insert("agent".to_owned(), json!(name));
        fields.insert("next".to_owned(), json!(next));
    }
    context.output.answer(&document, || {
        let head = format!("{name} is watched so:");
        let user = slack_user.as_ref().map(|user| format!("in Slack it is {user}"));
        std::iter::once(head)
            .chain(said(&settings, &next))
            .chain(user)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// How an agent is watched, for programs.
pub(super) fn settings_document(settings: &WatchSettings) -> Value {
    json!({
        "schedule": settings.schedule.in_words(),
        "grace": written(settings.grace),
        "maxRuntime": settings.max_runtime.map(written),
        "severity": settings.severity,
        "stage": settings.stage,
        "tags": settings.tags,
        "stickyPause": settings.sticky_pause,
        "postOnly": settings.post_only,
        "keywords": settings.keywords,
    })
}

fn written(time: SignedDuration) -> String {
    WrittenDuration::from_secs(time.as_secs()).to_string()
}

/// The same for people, with the next times.
fn said(settings: &WatchSettings, next: &[Timestamp]) -> Vec<String> {
    let mut first = format!(
        "due {}; down {} after that",
        settings.schedule.in_words(),
        written(settings.grace)
    );
    if let Some(limit) = settings.max_runtime {
        first += "; a run may take ";
        first += &written(limit);
    }
    let mut lines = vec![first];
    let zone = settings.schedule.zone();
    lines.push("next:".to_owned());
    lines.extend(next.iter().map(|at| due_line(*at, &zone)));
    let tags = settings.tags.iter().map(|(name, value)| format!("{name}={value}"));
    let stage = settings.stage.iter().map(|stage| format!("stage={stage}"));
    let severity = std::iter::once(format!("severity={}", settings.severity.as_str()));
    let labels: Vec<String> = severity.chain(stage).chain(tags).collect();
    lines.push(format!("labels of its alerts: {}", labels.join(", ")));
    if settings.sticky_pause {
        lines.push("once paused, it stays so until it is resumed".to_owned());
    }
    if settings.post_only {
        lines.push("only a POST to its ping address counts".to_owned());
    }
    let words = &settings.keywords;
    for (kind, words) in [
        ("failure", &words.failure),
        ("success", &words.success),
        ("start", &words.start),
    ] {
        if !words.is_empty() {
            lines.push(format!("a {kind} where a ping's body has: {}", words.join(", ")));
        }
    }
    lines
}

/// Runs `agents pause`.
pub(super) async fn pause(context: &Context, opened: &Opened, name: &AgentName, by: &str) -> Result<(), CliError> {
    let watching = opened.capabilities.watching().await?;
    watching.pause(name, by, Actor::Operator).await?;
    context
        .output
        .answer(&json!({"agent": name, "state": "paused", "by": by}), || {
            format!("{name} is paused by {by}; `cc-devops agents resume {name}` waits for it again")
        })
}

/// Runs `agents resume`.
pub(super) async fn resume(context: &Context, opened: &Opened, name: &AgentName, by: &str) -> Result<(), CliError> {
    let watching = opened.capabilities.watching().await?;
    watching.resume(name, by, Actor::Operator).await?;
    let agent = opened.watched(name).await?;
    let document = json!({"agent": name, "state": agent.state.status, "by": by, "due": agent.due});
    context.output.answer(&document, || match agent.due {
        Some(due) => format!(
            "{name} is waited for again, first by{}",
            due_line(due, &agent.settings.schedule.zone())
        ),
        None => format!("{name} is {}", agent.state.status.as_str()),
    })
}

impl Opened {
    /// An agent as the watch sees it now; by the installation's defaults where it is there and not watched yet.
    ///
    /// # Errors
    /// There is no such agent; what the store says.
    pub(in super::super) async fn watched(&self, name: &AgentName) -> Result<WatchedAgent, CliError> {
        let watching = self.capabilities.watching().await?;
        let now = self.ports.clock.now();
        if let Some(agent) = watching.watched(name, now).await? {
            return Ok(agent);
        }
        if self.ports.agents.find(name).await?.is_some() {
            watching.enroll(&[(name.clone(), None)], now).await?;
        }
        let agent = watching.watched(name, now).await?;
        agent.ok_or_else(|| CliError::Failed(format!("there is no agent {name}: see `cc-devops agents list`")))
    }
}

/// The labels of an agent's alert.
pub(in super::super) fn labels(agent: &WatchedAgent) -> BTreeMap<String, String> {
    let settings = &agent.settings;
    let mut labels = settings.tags.clone();
    labels.insert("kind".to_owned(), "agent".to_owned());
    labels.insert("key".to_owned(), condition_key(&agent.name));
    labels.insert("agent".to_owned(), agent.name.to_string());
    labels.insert("severity".to_owned(), settings.severity.as_str().to_owned());
    labels.extend(
        settings
            .stage
            .iter()
            .map(|stage| ("stage".to_owned(), stage.to_string())),
    );
    labels
}
