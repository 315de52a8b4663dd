//! Which conditions a route or a silence is for.

use std::collections::BTreeMap;
use std::fmt;

use cc_devops_kernel::names::Stage;
use serde::{Deserialize, Serialize};

use crate::condition::{ConditionKind, Severity};

/// Labels, each with the values that it may have. All must hold; none matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Match(pub BTreeMap<String, Vec<String>>);

impl Match {
    /// One value for each label.
    pub fn of(labels: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (label, value) in labels {
            all.entry(label).or_default().push(value);
        }
        Self(all)
    }

    /// The first value that no condition can have, with its label and what there is instead; none where all can be.
    pub fn wrong(&self) -> Option<(&str, String)> {
        self.0.iter().find_map(|(label, values)| {
            let wrong = values.iter().find_map(|value| wrong_value(label, value));
            wrong.map(|message| (label.as_str(), message))
        })
    }

    /// Whether labels hold. A condition that has a label not at all matches no value of it, but the empty one.
    pub fn holds(&self, label: &impl Fn(&str) -> Option<String>) -> bool {
        self.misses(label).is_none()
    }

    /// The first label that does not hold, with the value there is of it.
    pub fn misses(&self, label: &impl Fn(&str) -> Option<String>) -> Option<(&str, Option<String>)> {
        self.0.iter().find_map(|(name, values)| {
            let value = label(name);
            let holds = values
                .iter()
                .any(|allowed| allowed == value.as_deref().unwrap_or_default());
            (!holds).then_some((name.as_str(), value))
        })
    }

    /// Whether it matches everything.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why no condition can have this value of a label; none where one can.
pub(super) fn wrong_value(label: &str, value: &str) -> Option<String> {
    match label {
        "kind" => ConditionKind::named(value).is_none().then(|| {
            let kinds = ConditionKind::ALL.map(ConditionKind::as_str);
            format!("there is no kind {value:?}; there are: {}", kinds.join(", "))
        }),
        "severity" => Severity::named(value)
            .is_none()
            .then(|| format!("there is no severity {value:?}; there are: critical, warning, info")),
        "stage" if !value.is_empty() => Stage::new(value).err().map(|error| error.to_string()),
        _ => None,
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("everything");
        }
        for (place, (name, values)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={}", values.join("|"))?;
        }
        Ok(())
    }
}
