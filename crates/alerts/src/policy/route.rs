//! Routes: which channels, how grouped, how often.

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::matching::Match;
use crate::condition::Condition;

/// A way to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The same for the same `match` and grouping, whatever stands before it in the file.
    pub id: String,
    /// Its place in the file, from 0; none where the file has no routes.
    pub place: Option<usize>,
    /// What takes it.
    pub matches: Match,
    /// Who is told; nobody where it is empty.
    pub channels: Vec<String>,
    /// Whether the routes behind it are looked at too.
    pub goes_on: bool,
    /// What is told together.
    pub group_by: Grouping,
    /// How long a new group waits for more.
    pub group_wait: SignedDuration,
    /// How long until a group that was told is told of again.
    pub group_interval: SignedDuration,
    /// How often what is open is told again until it is acknowledged.
    pub remind: Option<SignedDuration>,
    /// Failures in a row before a failure is told.
    pub failures: u32,
    /// When something comes and goes too often to be told each time.
    pub flap: Option<Flap>,
    /// Who else is told of what nobody acknowledged, the earliest first.
    pub escalate: Vec<Step>,
}

/// What is told together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing: each condition alone.
    Alone,
    /// What has the same values of these labels; with none of them, everything.
    Labels(Vec<String>),
}

/// Flap damping: from so many flips within a time on, one message says so, and the next comes at calm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flap {
    /// How many flips.
    pub flips: u32,
    /// Within which time.
    pub within: SignedDuration,
    /// How long nothing may flip before it counts as calm.
    pub calm: SignedDuration,
}

/// A step of escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How long after it was told nobody acknowledged it.
    pub after: SignedDuration,
    /// Who is told then as well.
    pub channels: Vec<String>,
}

impl Route {
    /// Everything to these channels, one by one and at once.
    pub fn plain(channels: Vec<String>) -> Self {
        Self {
            id: "plain".to_owned(),
            place: None,
            matches: Match::default(),
            channels,
            goes_on: false,
            group_by: Grouping::Alone,
            group_wait: SignedDuration::ZERO,
            group_interval: SignedDuration::ZERO,
            remind: None,
            failures: 1,
            flap: None,
            escalate: Vec::new(),
        }
    }

    /// A route that the configuration has no more: nobody new is told, but who was told is told the end.
    pub(crate) fn gone(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..Self::plain(Vec::new())
        }
    }

    /// The list in which the open conditions of a group stand; [`ALONE`] where each is told alone.
    pub fn list_of(&self, condition: &Condition) -> String {
        let Grouping::Labels(labels) = &self.group_by else {
            return ALONE.to_owned();
        };
        let mut hash = Sha256::new();
        hash.update(&self.id);
        for label in labels {
            let value = condition.label(label).unwrap_or_default();
            hash.update(format!("\n{}:{label}={}:{value}", label.len(), value.len()));
        }
        let mut name = hex::encode(hash.finalize());
        name.truncate(32);
        format!("g-{name}")
    }

    /// The labels by which a condition is grouped, with their values.
    pub fn group_labels(&self, condition: &Condition) -> Vec<(String, String)> {
        match &self.group_by {
            Grouping::Alone => vec![("key".to_owned(), condition.key.clone())],
            Grouping::Labels(labels) => labels
                .iter()
                .filter_map(|label| Some((label.clone(), condition.label(label)?.to_owned())))
                .collect(),
        }
    }

    /// What it is called among people: `route 2`, `the only route`.
    pub fn title(&self) -> String {
        self.place
            .map_or_else(|| "the only route".to_owned(), |place| format!("route {}", place + 1))
    }
}

/// The list of open conditions that are told alone.
pub const ALONE: &str = "alone";

/// The list of conditions that are over.
pub const OVER: &str = "over";
