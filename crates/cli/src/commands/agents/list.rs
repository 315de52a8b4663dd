//! `agents list`: who there is, how each does, and who reports without being enabled.

use std::collections::BTreeMap;

use cc_devops_fleet::uptime::{Uptime, percent};
use cc_devops_fleet::watch::Status;
use cc_devops_fleet::watching::WatchedAgent;
use cc_devops_fleet::{AgentStatus, SlackUserId};
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::AgentName;
use cc_devops_reports::charts::shares;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::times::{show, show_or_dash};
use super::watched::settings_document;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store::Opened;

/// Of how many agents uptime is computed at most: each has a history of its own.
const MOST_UPTIMES: usize = 2_000;

/// Parts of a whole day, for the bar.
const WHOLE: f64 = 1_000_000.0;

/// An agent with what is known of it.
struct Listed {
    status: AgentStatus,
    watched: Option<WatchedAgent>,
    uptime: Uptime,
    slack_user: Option<SlackUserId>,
}

/// Runs `agents list`.
pub(super) async fn run(context: &Context, opened: &Opened) -> Result<(), CliError> {
    let watching = opened.capabilities.watching().await?;
    let now = opened.ports.clock.now();
    let all = opened.ports.agents.list().await?;
    // Who was added before there was a watch is watched from here on at the latest.
    watching.adopt(&all, now).await?;
    let watched = watching.list(now).await?.into_iter();
    let mut watched: BTreeMap<AgentName, WatchedAgent> = watched.map(|agent| (agent.name.clone(), agent)).collect();
    let mut slack_users = opened.capabilities.slack_users().all().await?;
    let count = all.len();
    let mut listed = Vec::with_capacity(count);
    for status in all {
        let watched = watched
            .remove(&status.agent.name)
            .filter(|_| status.revoked_at.is_none());
        let uptime = match &watched {
            Some(agent) if count <= MOST_UPTIMES => watching.uptime(&agent.name, now).await?.unwrap_or_default(),
            _ => Uptime::default(),
        };
        listed.push(Listed {
            slack_user: slack_users.remove(&status.agent.name),
            status,
            watched,
            uptime,
        });
    }
    let enabled = |name: &AgentName| {
        let same = |one: &&Listed| one.status.agent.name == *name && one.status.revoked_at.is_none();
        listed.iter().find(same).is_some()
    };
    let mut strangers = opened.capabilities.reporting().await?;
    strangers.retain(|name| !enabled(name));
    let document: Vec<Value> = listed.iter().map(Listed::row).collect();
    context
        .output
        .answer(&json!({"agents": document, "notEnabled": strangers}), || {
            let mut text = list_text(&listed);
            if listed.len() > MOST_UPTIMES {
                text.push_str(
                    "\n\nuptime is not computed for so many; `cc-devops agents history NAME` shows an agent's",
                );
            }
            if !strangers.is_empty() {
                let names: Vec<&str> = strangers.iter().map(AgentName::as_str).collect();
                let names = names.join(", ");
                text += "\n\nthese report and are not enabled: ";
                text += &names;
                text += "; `cc-devops agents add NAME` enables one";
            }
            text
        })
}

impl Listed {
    /// A revoked agent has no state of life.
    fn state(&self) -> &'static str {
        match &self.watched {
            Some(agent) => agent.state.status.as_str(),
            None if self.status.revoked_at.is_some() => "revoked",
            None => Status::New.as_str(),
        }
    }

    fn last_heard(&self) -> Option<Timestamp> {
        let heard = self.watched.as_ref().and_then(|agent| agent.state.heard);
        heard.max(self.status.last_beat.as_ref().map(|beat| beat.at))
    }

    fn message(&self) -> Option<&str> {
        match &self.watched {
            Some(agent) if agent.state.heard.is_some() => agent.state.message.as_deref(),
            _ => self.status.last_beat.as_ref().and_then(|beat| beat.message.as_deref()),
        }
    }

    fn row(&self) -> Value {
        let mut row = json!({
            "name": self.status.agent.name,
            "role": self.status.agent.role,
            "state": self.state(),
            "secretPrefixes": self.status.agent.secret_prefixes,
            "stacks": self.status.agent.stacks,
            "createdAt": self.status.created_at,
            "revokedAt": self.status.revoked_at,
            "lastHeartbeat": self.last_heard(),
            "message": self.message(),
        });
        if let (Some(user), Some(fields)) = (&self.slack_user, row.as_object_mut()) {
            fields.insert("slackUser".to_owned(), json!(user));
        }
        if let (Some(agent), Some(fields)) = (&self.watched, row.as_object_mut()) {
            if let Value::Object(settings) = settings_document(&agent.settings) {
                fields.extend(settings);
            }
            fields.insert("since".to_owned(), json!(agent.state.since));
            fields.insert("due".to_owned(), json!(agent.due));
            fields.insert("downAt".to_owned(), json!(agent.down_at));
            fields.insert("pausedBy".to_owned(), json!(agent.state.paused_by));
            fields.insert("madeByPing".to_owned(), json!(agent.auto));
            fields.insert("uptime".to_owned(), json!(self.uptime));
        }
        row
    }
}

/// A character for each day.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share lies between 0 and 1, and its parts are cut"
)]
pub(super) fn bar(days: &[Option<f64>]) -> String {
    let parts = days.iter().map(|share| {
        let share = (*share)?.clamp(0.0, 1.0);
        Some(((share * WHOLE) as u64, WHOLE as u64))
    });
    shares(&parts.collect::<Vec<_>>())
}

fn list_text(all: &[Listed]) -> String {
    let rows = all.iter().map(|one| {
        let due = one.watched.as_ref().and_then(|agent| agent.due);
        let uptime = match one.uptime.month {
            Some(_) => format!("{} {}", bar(&one.uptime.days), percent(one.uptime.month)),
            None => "-".to_owned(),
        };
        vec![
            one.status.agent.name.to_string(),
            match (one.status.agent.role, &one.slack_user) {
                (Role::Admin, Some(user)) => format!("admin, {user}"),
                (role, _) => role.as_str().to_owned(),
            },
            one.state().to_owned(),
            show_or_dash(one.last_heard()),
            show_or_dash(due),
            uptime,
            show(one.status.created_at),
            one.message().unwrap_or("-").to_owned(),
        ]
    });
    table(
        &[
            "AGENT",
            "ROLE",
            "STATE",
            "LAST HEARTBEAT",
            "DUE",
            "UPTIME, 30 DAYS",
            "ADDED",
            "MESSAGE",
        ],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_of_it_is_a_hundred_per_cent() {
        assert_eq!(percent(Some(1.0)), "100 %");
        assert_eq!(percent(Some(0.999_99)), "99.99 %");
        assert_eq!(percent(Some(0.0)), "0.00 %");
        assert_eq!(percent(None), "-");
        assert_eq!(bar(&[None, Some(0.5), Some(1.0)]), "\u{b7}\u{2584}\u{2588}");
    }
}
