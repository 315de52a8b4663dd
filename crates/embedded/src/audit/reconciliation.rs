//! What the trail tells of secrets, agents, and whom records let in, against what stands: whoever has the file alone can
//! put a row back as it was before, with all that authenticates it, but cannot take back what the trail says of it. And
//! the rows that this store did not write.

mod records;

use std::collections::{BTreeMap, HashMap};

use cc_devops_kernel::audit::{AuditRow, Break, actions};
use cc_devops_kernel::outcome::Status;
use cc_devops_requests::actions::put_secret;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::rows::is_damage;
use crate::agents::register;
use crate::columns::nanos;
use crate::error::Fault;
use crate::state;
use crate::vault::StoreKeys;
use records::Records;

/// What was read in the trail so far.
#[derive(Default)]
pub(super) struct Reconciliation {
    secrets: HashMap<String, Writes>,
    agents: BTreeMap<String, Change>,
    records: Records,
}

/// The writes of a secret.
struct Writes {
    count: i64,
    last: i64,
    version: String,
}

/// The last change of an agent's tokens.
struct Change {
    seq: i64,
    at: i64,
    what: What,
}

enum What {
    Revoked,
    /// Tokens from before end at that time.
    Rotated(i64),
    Added,
}

impl Reconciliation {
    /// Takes the next row.
    pub(super) fn take(&mut self, row: &AuditRow) {
        let entry = &row.entry;
        let (Some(resource), Status::Success) = (&entry.resource, entry.status) else {
            return;
        };
        if entry.action == put_secret::ACTION.name {
            // Entries of older versions of the program do not say which version was written.
            let Some(version) = entry.detail.get("versionId").and_then(Value::as_str) else {
                return;
            };
            let writes = self.secrets.entry(resource.clone()).or_insert(Writes {
                count: 0,
                last: 0,
                version: String::new(),
            });
            writes.count += 1;
            writes.last = row.seq;
            version.clone_into(&mut writes.version);
            return;
        }
        self.records.take(row);
        let (seq, at) = (row.seq, nanos(entry.at));
        if entry.action == actions::RESTORED {
            let revoked = entry.detail.get("revoked").and_then(Value::as_array);
            for name in revoked.into_iter().flatten().filter_map(Value::as_str) {
                let what = What::Revoked;
                self.agents.insert(name.to_owned(), Change { seq, at, what });
            }
            return;
        }
        let what = match entry.action.as_str() {
            actions::AGENT_ADDED => What::Added,
            actions::AGENT_REVOKED => What::Revoked,
            actions::TOKEN_ROTATED => {
                let end = entry.detail.get("oldTokensEnd").and_then(Value::as_str);
                let end = end.and_then(|end| end.parse::<Timestamp>().ok());
                What::Rotated(end.map_or(i64::MAX, nanos))
            }
            _ => return,
        };
        self.agents.insert(resource.clone(), Change { seq, at, what });
    }

    /// What does not stand as the trail tells it, in one view with its last rows.
    pub(super) fn compare(&self, conn: &Connection, keys: &StoreKeys) -> Result<Vec<Break>, Fault> {
        let compared = self.secrets(conn).and_then(|mut breaks| {
            breaks.extend(self.agents(conn, keys)?);
            breaks.extend(self.records.compare(conn, keys)?);
            breaks.extend(forged_records(conn, keys)?);
            Ok(breaks)
        });
        match compared {
            Ok(mut breaks) => {
                breaks.sort_by_key(|found| found.seq);
                Ok(breaks)
            }
            Err(error) if is_damage(&error) => {
                let problem = "the secrets, agents and records cannot be read: the database file is damaged there";
                Ok(vec![broken(0, problem.to_owned())])
            }
            Err(error) => Err(error.into()),
        }
    }

    fn secrets(&self, conn: &Connection) -> rusqlite::Result<Vec<Break>> {
        let mut breaks = Vec::new();
        let mut find = conn.prepare_cached("SELECT id, versions FROM secrets WHERE name = ?1")?;
        let mut version_of =
            conn.prepare_cached("SELECT version FROM secret_versions WHERE secret = ?1 AND token = ?2")?;
        for (name, told) in &self.secrets {
            let known: Option<(i64, i64)> = find
                .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            // One that is not there at all is not one that was put back.
            let Some((secret, versions)) = known else { continue };
            let last: Option<i64> = version_of
                .query_row(params![secret, told.version], |row| row.get(0))
                .optional()?;
            // A write that is not concluded yet may be ahead of the trail.
            if told.count > versions || last.is_none_or(|last| last > versions) {
                let problem = format!(
                    "the secret {name} is at version {versions}, which is older than the one that row {} tells of",
                    told.last
                );
                breaks.push(broken(told.last, problem));
            }
        }
        Ok(breaks)
    }

    fn agents(&self, conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<Vec<Break>> {
        let forged = register::forged(conn, keys)?.into_iter().map(|name| {
            let problem =
                format!("the row of agent {name} or of its token was not written by this store: it is refused");
            broken(0, problem)
        });
        let mut breaks: Vec<Break> = forged.collect();
        for row in register::agents(conn)? {
            if let Some(Change {
                seq,
                what: What::Revoked,
                ..
            }) = self.agents.get(&row.name)
                && row.revoked_at.is_none()
            {
                let problem = format!("agent {} was revoked, and stands as if it was not", row.name);
                breaks.push(broken(*seq, problem));
            }
        }
        for row in register::tokens(conn)? {
            if let Some(Change {
                seq,
                at,
                what: What::Rotated(end),
            }) = self.agents.get(&row.agent)
                && row.created_at < *at
                && row.ends_at.is_none_or(|ends| ends > *end)
            {
                let problem = format!(
                    "a token of agent {} was replaced, and stands as if it was not",
                    row.agent
                );
                breaks.push(broken(*seq, problem));
            }
        }
        Ok(breaks)
    }
}

/// What of the records this store did not write.
fn forged_records(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<Vec<Break>> {
    let forged = state::forged(conn, keys)?.into_iter().map(|(kind, names)| {
        let problem = format!(
            "{} record(s) of kind {kind} were not written by this store and are refused: {}",
            names.len(),
            names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ")
        );
        broken(0, problem)
    });
    Ok(forged.collect())
}

fn broken(seq: i64, problem: String) -> Break {
    Break {
        chain: None,
        seq,
        problem,
    }
}
