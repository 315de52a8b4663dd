//! The section of how long what is kept.

use cc_devops_requests::retention::{Rules, Said};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSection {
    /// How many days a request is remembered.
    #[schemars(range(min = 30, max = 36_500))]
    pub requests_days: u32,
    /// How many days an event can be fetched.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36_500))]
    pub events_days: Option<u32>,
    /// How many days of the audit trail are kept; all of it without.
    #[schemars(range(min = 1, max = 36_500))]
    pub audit_days: Option<u32>,
    /// The folder where audit rows are exported before they are cut off.
    pub audit_export_dir: Option<String>,
    /// How many days a dead letter is kept.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36_500))]
    pub dead_letters_days: Option<u32>,
    /// How many days what a deploy's command printed is kept.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36_500))]
    pub outputs_days: Option<u32>,
}

impl RetentionSection {
    /// For how many days what is kept.
    pub(crate) fn rules(&self) -> Rules {
        Rules::from(Said {
            requests_days: Some(self.requests_days),
            events_days: self.events_days,
            audit_days: self.audit_days,
            dead_letters_days: self.dead_letters_days,
            outputs_days: self.outputs_days,
        })
    }

    /// Fills in what is not written, which depends on what is.
    pub(crate) fn settle(&mut self) {
        *self = Self {
            audit_export_dir: self.audit_export_dir.take(),
            ..Self::from(self.rules())
        };
    }
}

impl From<Rules> for RetentionSection {
    fn from(rules: Rules) -> Self {
        let Rules {
            requests_days,
            events_days,
            audit_days,
            dead_letters_days,
            outputs_days,
        } = rules;
        Self {
            requests_days,
            events_days: Some(events_days),
            audit_days,
            audit_export_dir: None,
            dead_letters_days: Some(dead_letters_days),
            outputs_days: Some(outputs_days),
        }
    }
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self::from(Rules::default())
    }
}
