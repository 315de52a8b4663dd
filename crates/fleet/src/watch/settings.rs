//! How an agent is watched.

use std::collections::BTreeMap;

use cc_devops_alerts::Severity;
use cc_devops_alerts::condition::OWN_LABELS;
use cc_devops_kernel::names::Stage;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Signal;
use crate::schedule::Schedule;

/// The longest grace: a year of 365 days.
pub const MAX_GRACE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The longest time limit of a run: a year of 365 days.
pub const MAX_RUNTIME: SignedDuration = MAX_GRACE;

/// How many tags an agent has at most.
pub const MAX_TAGS: usize = 20;

/// How long a tag's name and its value are at most, in characters.
const MAX_TAG_CHARS: usize = 100;

/// How many keywords an agent has at most, and how long they are, in characters.
const MAX_KEYWORDS: usize = 50;
const MAX_KEYWORD_CHARS: usize = 200;

/// How an agent is watched. As it is stored, what is as by default is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchSettings {
    /// When heartbeats are due.
    pub schedule: Schedule,
    /// How much later than due one may come before the agent counts as down. Whole seconds, 0 to [`MAX_GRACE`].
    #[serde(rename = "grace_s", with = "seconds")]
    pub grace: SignedDuration,
    /// How long a run may take, where that is another time than the grace. Whole seconds, 1 to [`MAX_RUNTIME`].
    #[serde(
        rename = "max_runtime_s",
        with = "maybe_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_runtime: Option<SignedDuration>,
    /// Whether only a resume ends a pause.
    #[serde(skip_serializing_if = "is_false")]
    pub sticky_pause: bool,
    /// Whether a ping counts only where it was posted.
    #[serde(skip_serializing_if = "is_false")]
    pub post_only: bool,
    /// What a ping's body says, where it decides.
    #[serde(skip_serializing_if = "Keywords::is_empty")]
    pub keywords: Keywords,
    /// How much it matters when the agent is down.
    #[serde(skip_serializing_if = "is_warning")]
    pub severity: Severity,
    /// The stage it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Its tags, labels of its alerts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Default for WatchSettings {
    /// A heartbeat every five minutes (section 5 of the wire contract), and five minutes of grace.
    fn default() -> Self {
        Self {
            schedule: Schedule::Period(SignedDuration::from_mins(5)),
            grace: SignedDuration::from_mins(5),
            max_runtime: None,
            sticky_pause: false,
            post_only: false,
            keywords: Keywords::default(),
            severity: Severity::Warning,
            stage: None,
            tags: BTreeMap::new(),
        }
    }
}

impl WatchSettings {
    /// Whether an agent can be watched so. (A [`Schedule`] was checked when it was made.)
    ///
    /// # Errors
    /// A sentence for each thing that cannot be.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        let whole = |time: SignedDuration| time.subsec_nanos() == 0;
        if !whole(self.grace) || self.grace.is_negative() || self.grace > MAX_GRACE {
            wrong.push("the grace must be a whole number of seconds, 0 to a year".to_owned());
        }
        if let Some(limit) = self.max_runtime
            && (!whole(limit) || limit < SignedDuration::from_secs(1) || limit > MAX_RUNTIME)
        {
            wrong.push("the time limit of a run must be a whole number of seconds, 1 to a year".to_owned());
        }
        if self.tags.len() > MAX_TAGS {
            wrong.push(format!("an agent has {MAX_TAGS} tags at most"));
        }
        for (name, value) in &self.tags {
            if OWN_LABELS.contains(&name.as_str()) {
                wrong.push(format!(
                    "a tag cannot be called {name}: every alert has a label of that name already"
                ));
            } else if !is_label(name) {
                wrong.push(format!(
                    "a tag is called with 1 to {MAX_TAG_CHARS} letters, digits, `_`, `-` and `.`; {name:?} is not"
                ));
            }
            if value.is_empty() || value.chars().count() > MAX_TAG_CHARS || value.contains(char::is_control) {
                wrong.push(format!(
                    "the tag {name} needs a value of 1 to {MAX_TAG_CHARS} characters without control characters"
                ));
            }
        }
        wrong.extend(self.keywords.wrong());
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

fn is_label(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= MAX_TAG_CHARS && name.chars().all(allowed)
}

/// Words by which the body of a ping decides what it says, where any are set: a success is then what the body makes of
/// it, and a body with none of the words is kept and changes nothing. Upper and lower case differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Keywords {
    /// A body with one of them is a start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// A body with one of them is a success.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub success: Vec<String>,
    /// A body with one of them is a failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failure: Vec<String>,
}

impl Keywords {
    /// Whether none is set, so that bodies decide nothing.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty() && self.success.is_empty() && self.failure.is_empty()
    }

    /// What a body says; none where it has none of the words. A failure counts before a success, and that before a start.
    pub fn signal(&self, body: &[u8]) -> Option<Signal> {
        let body = String::from_utf8_lossy(body);
        let has = |words: &[String]| words.iter().any(|word| body.contains(word.as_str()));
        [
            (&self.failure, Signal::Failure),
            (&self.success, Signal::Success),
            (&self.start, Signal::Start),
        ]
        .into_iter()
        .find(|(words, _)| has(words))
        .map(|(_, signal)| signal)
    }

    fn wrong(&self) -> Option<String> {
        let all = || self.start.iter().chain(&self.success).chain(&self.failure);
        let bad = |word: &String| word.is_empty() || word.chars().count() > MAX_KEYWORD_CHARS;
        (all().count() > MAX_KEYWORDS || all().any(bad)).then(|| {
            format!("an agent has {MAX_KEYWORDS} keywords at most, each of 1 to {MAX_KEYWORD_CHARS} characters")
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_warning(severity: &Severity) -> bool {
    *severity == Severity::Warning
}

/// A time as a number of seconds.
mod seconds {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
        i64::deserialize(deserializer).map(SignedDuration::from_secs)
    }
}

/// A time as a number of seconds, or none.
mod maybe_seconds {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(time: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(SignedDuration::from_secs))
    }
}
