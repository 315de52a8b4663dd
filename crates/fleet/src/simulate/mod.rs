//! `fleet simulate`: what an agent's schedule and an alert policy would have made of what was heard. It is the state
//! machine of the watch and the decision of the alerts themselves, with a clock that jumps from one thing to the next.
//!
//! A case gives `id`, `class` (`timing` or `alerting`; others are passed over), the agent (`kind`, `schedule`,
//! `period_s`, `grace_s`, `max_runtime_s`, `timezone`, `sticky_pause`, `created`), for an alert policy `config`, then
//! `events` and `observe_until`. Where a case has several agents, `state`, `next_due` and `next_down` are objects by
//! agent, and each transition names its agent.

mod case;
mod form;
mod run;

use std::collections::BTreeMap;

use cc_devops_alerts::Message;
use cc_devops_kernel::input;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::watch::{Flip, Reason, Status};
use case::Case;

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The case's id.
    pub id: Value,
    /// What became of it, or what is wrong with it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a case, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// What became of it.
    Played(Played),
    /// It cannot be played.
    Refused {
        /// What is wrong, each with the key it is in.
        error: String,
    },
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// Every change of a state, in the order of their instants.
    pub transitions: Vec<Transition>,
    /// The state at the end.
    pub state: OneOrEach<Status>,
    /// When the next heartbeat is due then.
    pub next_due: OneOrEach<Option<Timestamp>>,
    /// When the agent is down then unless it is heard before.
    pub next_down: OneOrEach<Option<Timestamp>>,
    /// What was told, in its order; one for each channel.
    pub messages: Vec<Message>,
}

/// A change of an agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// The agent, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When: the deadline that passed, or the instant of what was heard or done.
    pub at: Timestamp,
    /// What it was.
    pub from: Status,
    /// What it is from then on.
    pub to: Status,
    /// Why.
    pub reason: Reason,
}

impl Transition {
    fn of(agent: Option<String>, flip: &Flip) -> Self {
        Self {
            agent,
            at: flip.at,
            from: flip.from,
            to: flip.to,
            reason: flip.reason,
        }
    }
}

/// Something of the only agent, or of each by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrEach<T> {
    /// Of the only one.
    One(T),
    /// Of each.
    Each(BTreeMap<String, T>),
}

/// The cases of a file: a list, or an object that has them as `cases`.
///
/// # Errors
/// It is no JSON that is taken ([`input::document`]), or has no list of cases.
pub fn read(text: &str) -> Result<Vec<Value>, String> {
    match input::document(text.as_bytes()).map_err(|error| error.to_string())? {
        Value::Array(cases) => Ok(cases),
        Value::Object(mut fields) => match fields.remove("cases") {
            Some(Value::Array(cases)) => Ok(cases),
            _ => Err("write a list of cases, or an object that has them as `cases`".to_owned()),
        },
        _ => Err("write a list of cases, or an object that has them as `cases`".to_owned()),
    }
}

/// Plays each case by itself. One that cannot be played says why, and stops no other.
pub async fn simulate(cases: &[Value]) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(cases.len());
    for (place, value) in cases.iter().enumerate() {
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        let error = match Case::of(value) {
            Ok(None) => continue,
            Ok(Some(case)) => match run::play(&case).await {
                Ok(played) => {
                    answers.push(Answer {
                        id,
                        outcome: Outcome::Played(played),
                    });
                    continue;
                }
                Err(error) => error.to_string(),
            },
            Err(problems) => problems.join("; "),
        };
        let which = id
            .as_str()
            .map_or_else(|| format!("case {}", place + 1), |id| format!("case {id}"));
        answers.push(Answer {
            id,
            outcome: Outcome::Refused {
                error: format!("{which}: {error}"),
            },
        });
    }
    answers
}
