//! The doors by which people and agents come in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// By which door somebody came in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// The HTTP API, which the command line uses too.
    #[default]
    Api,
    /// A button in Slack.
    Slack,
    /// The dashboard.
    Dashboard,
    /// An AWS SDK.
    Aws,
}

impl Door {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Slack => "slack",
            Self::Dashboard => "dashboard",
            Self::Aws => "aws",
        }
    }

    /// The door, where it is mentioned: the API is the way that needs no mention.
    pub fn mentioned(self) -> Option<Self> {
        (self != Self::Api).then_some(self)
    }

    /// Puts it on record as `via`, where it is mentioned.
    pub fn mention(self, fields: &mut Map<String, Value>) {
        if let Some(door) = self.mentioned() {
            fields.insert("via".to_owned(), json!(door));
        }
    }
}
