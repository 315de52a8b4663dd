//! What the trail says last of access keys, sessions and Slack users, against their records: an older row's code is good,
//! and so is one that was removed.

use std::collections::{BTreeSet, HashMap};

use cc_devops_fleet::slack_users::who_is_who;
use cc_devops_kernel::audit::{AuditRow, Break, actions};
use cc_devops_kernel::ports::RecordKind;
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use super::broken;
use crate::columns::nanos;
use crate::state;
use crate::vault::StoreKeys;

/// What was read in the trail so far; of each thing, what the row at a place says last.
#[derive(Default)]
pub(super) struct Records {
    /// By their ids, when access keys end.
    keys: HashMap<String, (i64, i64)>,
    /// By the hashes of their secrets, the sessions that were ended.
    sessions: HashMap<String, i64>,
    /// By operator, which Slack user somebody is, if any.
    slack_users: HashMap<String, (i64, Option<String>)>,
}

impl Records {
    /// Takes the next row, of what was done.
    pub(super) fn take(&mut self, row: &AuditRow) {
        let (seq, entry) = (row.seq, &row.entry);
        let (at, detail) = (nanos(entry.at), &entry.detail);
        match entry.action.as_str() {
            actions::AWS_KEY_ENDED => {
                let end = detail.get("end").and_then(time).unwrap_or(at);
                let ids = texts(detail, "awsAccessKeyIds");
                self.keys.extend(ids.map(|id| (id.to_owned(), (seq, end))));
            }
            actions::SESSION_ENDED => {
                // Entries of older versions of the program do not say which.
                let session = detail.get("session").and_then(Value::as_str);
                self.sessions.extend(session.map(|session| (session.to_owned(), seq)));
            }
            actions::SLACK_USER_SET => {
                let set = entry.resource.as_ref().zip(detail.get("slackUser"));
                self.slack_users
                    .extend(set.map(|(agent, user)| (agent.clone(), (seq, text(user)))));
            }
            // What ended in the backup then.
            actions::RESTORED => {
                let keys = fields(detail, "accessKeys");
                self.keys
                    .extend(keys.map(|(id, end)| (id.clone(), (seq, time(end).unwrap_or(at)))));
                let sessions = texts(detail, "sessions");
                self.sessions.extend(sessions.map(|session| (session.to_owned(), seq)));
                let users = fields(detail, "slackUsers");
                self.slack_users
                    .extend(users.map(|(agent, user)| (agent.clone(), (seq, text(user)))));
            }
            _ => {}
        }
    }

    /// What stands as if it had not ended.
    pub(super) fn compare(&self, conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<Vec<Break>> {
        let mut breaks = Vec::new();
        for record in state::all(conn, keys, RecordKind::AwsKey)? {
            let id = &record.key.name;
            if let Some((seq, end)) = self.keys.get(id)
                && record.content.due_at.is_none_or(|due| nanos(due) > *end)
            {
                let agent = record.content.list.as_deref().unwrap_or_default();
                let problem = format!("the access key {id} of agent {agent} was ended, and stands as if it was not");
                breaks.push(broken(*seq, problem));
            }
        }
        for record in state::all(conn, keys, RecordKind::Session)? {
            if let Some(seq) = self.sessions.get(&record.key.name) {
                let agent = record.content.list.as_deref().unwrap_or_default();
                let name = record.key.name.get(..16).unwrap_or(&record.key.name);
                let problem = format!("the session {name} of {agent} was ended, and stands as if it was not");
                breaks.push(broken(*seq, problem));
            }
        }
        // Each by two records.
        let users = state::all(conn, keys, RecordKind::SlackUser)?;
        let users: BTreeSet<_> = users.iter().filter_map(|record| who_is_who(record).ok()).collect();
        for (agent, user) in users {
            if let Some((seq, told)) = self.slack_users.get(agent.as_str())
                && told.as_deref() != Some(user.as_str())
            {
                let problem = format!("the Slack user {user} was taken from {agent}, and stands as if it was not");
                breaks.push(broken(*seq, problem));
            }
        }
        Ok(breaks)
    }
}

/// The texts of a list.
fn texts<'a>(detail: &'a Value, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let list = detail.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// The fields of an object.
fn fields<'a>(detail: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let object = detail.get(name).and_then(Value::as_object);
    object.into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &Value) -> Option<i64> {
    let time = value.as_str()?.parse::<Timestamp>().ok()?;
    Some(nanos(time))
}
