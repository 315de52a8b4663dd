//! What is kept between two scans.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rules::{Rule, Severity};
use crate::snapshot::RepositoryId;

/// The form this program writes.
const VERSION: u32 = 1;

/// The breaches that are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version of this form.
    pub version: u32,
    /// When a scan of the owner was last complete.
    #[serde(default)]
    pub last_complete: Option<Timestamp>,
    /// The last scan whose breaches people were told of; those that were seen after it are still to be told.
    #[serde(default)]
    pub told: Option<Timestamp>,
    /// Repositories with open breaches, by id.
    #[serde(default)]
    pub repositories: BTreeMap<RepositoryId, KeptRepository>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            last_complete: None,
            told: None,
            repositories: BTreeMap::new(),
        }
    }
}

impl State {
    /// Whether no audit left anything here.
    pub fn is_empty(&self) -> bool {
        self.last_complete.is_none() && self.told.is_none() && self.repositories.is_empty()
    }
}

/// A repository with open breaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRepository {
    /// Its name when it was last seen.
    pub name: String,
    /// Its breaches.
    #[serde(default)]
    pub breaches: BTreeMap<Rule, Breach>,
}

/// A breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// The first scan that saw it.
    pub since: Timestamp,
    /// How bad it was when it was last seen.
    pub severity: Severity,
}
