//! Which conditions a route or a silence is for.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

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
