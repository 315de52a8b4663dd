//! Whom to tell of what, when: routes, quiet hours and silences, as `[alerts]` of the configuration has them.
//!
//! [`file`] is the section as it is written; [`AlertPolicy::of`] checks all of it and names the key of everything that
//! is wrong. The words are Alertmanager's and Healthchecks'.

mod check;
mod conditions;
pub mod file;
mod matching;
mod route;
mod window;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

pub use check::PolicyProblem;
pub use conditions::{ConditionsForm, SecretAgeForm};
pub use file::AlertsFile;
pub use matching::Match;
pub use route::{ALONE, Flap, Grouping, OVER, Route, Step};
pub use window::Window;

use crate::condition::{Condition, Severity};

/// What is told to whom, and when.
#[derive(Debug, Clone)]
pub struct AlertPolicy {
    /// The routes in their order; where the file has none, one that leads to every channel.
    pub routes: Vec<Route>,
    /// When nobody is to be woken.
    pub quiet_hours: Vec<QuietHours>,
    /// The silences of the file; those that people make are kept in the store.
    pub silences: Vec<FixedSilence>,
    /// The channels there are: nothing is told to one that was there before.
    pub channels: Vec<String>,
}

/// Hours in which only what is severe enough is told; the rest waits for their end.
#[derive(Debug, Clone)]
pub struct QuietHours {
    /// When.
    pub window: Window,
    /// Severities that are told all the same.
    pub passes: Vec<Severity>,
}

/// A silence of the configuration.
#[derive(Debug, Clone)]
pub struct FixedSilence {
    /// Of what.
    pub matches: Match,
    /// When.
    pub window: Window,
    /// Why; empty where nobody said.
    pub reason: String,
}

impl AlertPolicy {
    /// Everything to these channels, one by one and at once: no grouping, no reminders, no flap damping.
    pub fn plain(channels: Vec<String>) -> Self {
        Self {
            routes: vec![Route::plain(channels.clone())],
            quiet_hours: Vec::new(),
            silences: Vec::new(),
            channels,
        }
    }

    /// The routes that a condition takes: the first that matches, and those behind it for as long as each that
    /// matched says `continue`.
    pub fn routes_of(&self, condition: &Condition) -> Vec<&Route> {
        self.routes_matching(|name| condition.label(name).map(str::to_owned))
    }

    /// The same for labels of which no condition is known.
    pub fn routes_matching(&self, label: impl Fn(&str) -> Option<String>) -> Vec<&Route> {
        let mut taken = Vec::new();
        for route in &self.routes {
            if route.matches.holds(&label) {
                taken.push(route);
                if !route.goes_on {
                    break;
                }
            }
        }
        taken
    }

    /// The route of that id.
    pub fn route(&self, id: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.id == id)
    }

    /// The latest end of the quiet hours that hold something of that severity back at `at`, with what they are called;
    /// none where it is told.
    pub fn quiet(&self, severity: Severity, at: Timestamp) -> Option<(Timestamp, String)> {
        let held = self
            .quiet_hours
            .iter()
            .filter(|hours| !hours.passes.contains(&severity));
        held.filter_map(|hours| Some((hours.window.covers(at)?, hours.window.to_string())))
            .max_by_key(|(until, _)| *until)
    }

    /// What tells two policies apart.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{:?}\n{:?}", self.routes, self.channels));
        for hours in &self.quiet_hours {
            hash.update(format!("\n{} {:?}", hours.window.fingerprint(), hours.passes));
        }
        for silence in &self.silences {
            hash.update(format!("\n{} {}", silence.window.fingerprint(), silence.matches));
        }
        hex::encode(hash.finalize())
    }
}

/// What a route does where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteDefaults {
    pub(crate) group_by: Grouping,
    pub(crate) group_wait: SignedDuration,
    pub(crate) group_interval: SignedDuration,
    pub(crate) remind: Option<SignedDuration>,
    pub(crate) failures: u32,
    pub(crate) flap: Option<Flap>,
}

impl Default for RouteDefaults {
    fn default() -> Self {
        Self {
            group_by: Grouping::Labels(vec!["kind".to_owned(), "stage".to_owned()]),
            group_wait: SignedDuration::from_secs(10),
            group_interval: SignedDuration::from_mins(5),
            remind: None,
            failures: 1,
            flap: Some(Flap {
                flips: 6,
                within: SignedDuration::from_mins(30),
                calm: SignedDuration::from_mins(30),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn other_days_are_another_policy() {
        let of = |days: Value| {
            let hours = json!({"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin", "days": days});
            let file: AlertsFile<Value> = serde_json::from_value(json!({"quiet_hours": [hours]})).unwrap();
            AlertPolicy::of(&file, &["mail".to_owned()]).unwrap().fingerprint()
        };
        assert_eq!(of(json!(["sat"])), of(json!(["sat"])));
        assert_ne!(of(json!(["sat"])), of(json!(["sat", "sun"])));
    }
}
