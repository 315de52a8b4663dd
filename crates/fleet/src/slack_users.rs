//! Which Slack user an operator is, so that a click in Slack is the operator's own.
//!
//! Two records say it, written together: one by the Slack user, which makes the id the only one, and one by the operator.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{
    AuditTrail, Clock, Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange,
    StateStore,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ports::Agents;
use crate::rows::of_agent;

/// The list of the records by operator.
const OPERATORS: &str = "operators";

/// How often it is tried where others write at the same time.
const TRIES: usize = 5;

/// How many records are read at once.
const PAGE: usize = 200;

/// A Slack user's id, as Slack shows it in a profile: `U` or `W` and 2 to 20 capitals and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlackUserId(String);

impl SlackUserId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SlackUserId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(['U', 'W']).unwrap_or_default();
        let good = (2..=20).contains(&rest.len()) && rest.chars().all(|c| matches!(c, 'A'..='Z' | '0'..='9'));
        good.then(|| Self(text.to_owned())).ok_or_else(|| {
            "is no id of a Slack user: it is U or W and capitals and digits, as in U024BE7LH; in Slack, a profile's menu \
             has \"Copy member ID\""
                .to_owned()
        })
    }
}

impl fmt::Display for SlackUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which Slack users are operators.
#[derive(Clone, Copy)]
pub struct SlackUsers<'a> {
    /// Where it is kept.
    pub state: &'a dyn StateStore,
    /// Which agents there are.
    pub agents: &'a dyn Agents,
    /// The audit trail.
    pub audit: &'a dyn AuditTrail,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// What a record says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    agent: AgentName,
    slack_user: SlackUserId,
}

impl Kept {
    fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the record of the Slack user {:?} cannot be read", record.key.name);
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })
    }
}

/// Which Slack user a record of the kind [`RecordKind::SlackUser`] says that an operator is.
///
/// # Errors
/// `Corrupt` where it cannot be read.
pub fn who_is_who(record: &Record) -> PortResult<(AgentName, SlackUserId)> {
    Kept::of(record).map(|kept| (kept.agent, kept.slack_user))
}

fn by_user(user: &SlackUserId) -> RecordKey {
    RecordKey::new(RecordKind::SlackUser, user.as_str())
}

fn by_agent(agent: &AgentName) -> RecordKey {
    RecordKey::new(RecordKind::SlackUser, format!("@{agent}"))
}

impl SlackUsers<'_> {
    /// Says which Slack user an operator is; none says that it is none any more. No other one is it then. The same again
    /// changes nothing.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there, `invalid_parameter` for one that is no operator, `Exists` where the
    /// Slack user is another operator; what no policy permits.
    pub async fn set(&self, name: &AgentName, user: Option<&SlackUserId>, actor: Actor<'_>) -> Result<(), ActError> {
        let (now, action) = (self.clock.now(), actions::SLACK_USER_SET);
        let author = actor.author(&Access::ManageAgents, action, self.audit, now).await?;
        if user.is_some() {
            match self.agents.find(name).await? {
                Some(agent) if agent.role == Role::Admin => {}
                Some(_) => {
                    let message = format!("{name} is no operator, and only operators decide in Slack: see --admin");
                    return Err(Failure::new(Reason::InvalidParameter, message).into());
                }
                None => {
                    return Err(PortError::new(PortErrorKind::NotFound, format!("there is no agent {name}")).into());
                }
            }
        }
        let entry = of_agent(&author, now, action, name, json!({ "slackUser": user }));
        for _ in 0..TRIES {
            let Some(changes) = self.changes(name, user).await? else {
                return Ok(());
            };
            match self.state.write(&changes, Some(&entry)).await {
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                written => return Ok(written?),
            }
        }
        let message = "others change which Slack user is whom at the same time; try again";
        Err(PortError::new(PortErrorKind::Unavailable, message).into())
    }

    /// What is to be written; none where nothing changes.
    async fn changes(&self, name: &AgentName, user: Option<&SlackUserId>) -> PortResult<Option<Vec<StateChange>>> {
        let mine = self.state.read_one(&by_agent(name)).await?;
        let before = mine.as_ref().map(Kept::of).transpose()?.map(|kept| kept.slack_user);
        let mut changes = self.strays(name, [before.as_ref(), user]).await?;
        if before.as_ref() == user {
            return Ok((!changes.is_empty()).then_some(changes));
        }
        if let Some(before) = &before {
            let old = self.state.read_one(&by_user(before)).await?;
            changes.extend(old.map(Record::removal));
        }
        match user {
            None => changes.extend(mine.map(Record::removal)),
            Some(user) => {
                let theirs = self.state.read_one(&by_user(user)).await?;
                if let Some(theirs) = theirs.as_ref().map(Kept::of).transpose()?
                    && theirs.agent != *name
                {
                    let message = format!(
                        "the Slack user {user} is {0}: take it from there first, with `cc-devops agents set {0} \
                         --slack-user \"\"`",
                        theirs.agent
                    );
                    return Err(PortError::new(PortErrorKind::Exists, message));
                }
                let kept = Kept {
                    agent: name.clone(),
                    slack_user: user.clone(),
                };
                let body = serde_json::to_string(&kept).map_err(|error| {
                    PortError::new(PortErrorKind::Corrupt, "a Slack user cannot be written as JSON").because(error)
                })?;
                let change = |key, before: Option<Record>, list: Option<&str>| StateChange {
                    key,
                    version: before.map_or(0, |record| record.version),
                    content: Some(Content {
                        due_at: None,
                        list: list.map(str::to_owned),
                        body: body.clone(),
                    }),
                };
                changes.push(change(by_user(user), theirs, None));
                changes.push(change(by_agent(name), mine, Some(OPERATORS)));
            }
        }
        Ok(Some(changes))
    }

    /// Takes away what says that other Slack users than these are the operator: a record that was put back stands alone.
    async fn strays(&self, name: &AgentName, known: [Option<&SlackUserId>; 2]) -> PortResult<Vec<StateChange>> {
        let mine = by_agent(name);
        let is_known = |key: &RecordKey| known.into_iter().flatten().any(|user| key.name == user.as_str());
        let (mut strays, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .state
                .list(RecordKind::SlackUser, None, after.as_deref(), PAGE)
                .await?;
            let is_full = page.len() >= PAGE;
            after = page.last().filter(|_| is_full).map(|last| last.key.name.clone());
            for record in page {
                let is_of_it = Kept::of(&record).is_ok_and(|kept| kept.agent == *name);
                if is_of_it && record.key != mine && !is_known(&record.key) {
                    strays.push(record.removal());
                }
            }
            if after.is_none() {
                return Ok(strays);
            }
        }
    }

    /// The operator that a Slack user is; none where it is none, or one who is an operator no more.
    pub async fn operator(&self, user: &SlackUserId) -> PortResult<Option<Agent>> {
        let Some(record) = self.state.read_one(&by_user(user)).await? else {
            return Ok(None);
        };
        let agent = self.agents.find(&Kept::of(&record)?.agent).await?;
        Ok(agent.filter(|agent| agent.role == Role::Admin))
    }

    /// The Slack user that an operator is.
    pub async fn of(&self, name: &AgentName) -> PortResult<Option<SlackUserId>> {
        let record = self.state.read_one(&by_agent(name)).await?;
        Ok(record.as_ref().map(Kept::of).transpose()?.map(|kept| kept.slack_user))
    }

    /// The Slack users that operators are.
    pub async fn all(&self) -> PortResult<BTreeMap<AgentName, SlackUserId>> {
        let mut all = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .state
                .list(RecordKind::SlackUser, Some(OPERATORS), after.as_deref(), PAGE)
                .await?;
            for record in &page {
                let kept = Kept::of(record)?;
                all.insert(kept.agent, kept.slack_user);
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = Some(last.key.name.clone()),
                _ => return Ok(all),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_as_slack_shows_it() {
        for good in ["U024BE7LH", "W012A3CDE", "U01"] {
            assert_eq!(good.parse::<SlackUserId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "U",
            "u024be7lh",
            "B024BE7LH",
            "@ana",
            "U024 BE7",
            "U0<!channel>",
            &format!("U{}", "A".repeat(21)),
        ] {
            assert!(bad.parse::<SlackUserId>().is_err(), "{bad}");
        }
    }
}
