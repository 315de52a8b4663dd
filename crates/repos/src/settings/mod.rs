//! Settings as code: what a policy wants a repository's settings to be, what they are, the difference, and today's
//! state as a policy. Nothing here but `reconciling` reads or writes a repository.
//!
//! Every section is a set of named values in one form: what the policy's TOML says, what the code host answers and
//! what a plan holds are alike, so that one comparison serves all of them.

mod change;
mod drift;
mod export;
mod left_alone;
pub mod reconciling;
pub mod saved;
#[cfg(test)]
mod tests;
mod values;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use change::SettingChange;
pub use drift::{Drift, KnownSecrets, SecretsOfRepository, SetSecret, UnknownSetting, drift};
pub use export::{Exported, export};
pub use left_alone::left_alone;
pub(super) use wanted::{Layer, read};
pub use wanted::{Wanted, WantedSection};

use super::snapshot::{Fact, RepositoryFlag, RepositoryId};

/// A part of a repository's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What `PATCH /repos/{owner}/{repo}` sets: merge methods, texts, features.
    General,
    /// Topics.
    Topics,
    /// Labels of issues and pull requests.
    Labels,
    /// Teams that were given the repository.
    Teams,
    /// People who were given the repository themselves, invited ones too.
    Collaborators,
    /// Deployment environments.
    Environments,
    /// What GitHub Actions may do.
    Actions,
    /// The repository's own rulesets.
    Rulesets,
    /// Variables of GitHub Actions.
    Variables,
    /// Secrets of GitHub Actions, by reference to the control plane's.
    Secrets,
}

/// The settings of a section by their names.
pub type Items = BTreeMap<String, Value>;

/// The sections that are asked for, and the items of each; all of them where it is `None`.
pub type Sections = BTreeMap<Section, Option<BTreeSet<String>>>;

impl Section {
    /// Every section, in the order they are written.
    pub const ALL: [Self; 10] = [
        Self::General,
        Self::Topics,
        Self::Labels,
        Self::Teams,
        Self::Collaborators,
        Self::Environments,
        Self::Actions,
        Self::Rulesets,
        Self::Variables,
        Self::Secrets,
    ];

    /// Its key in the policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Topics => "topics",
            Self::Labels => "labels",
            Self::Teams => "teams",
            Self::Collaborators => "collaborators",
            Self::Environments => "environments",
            Self::Actions => "actions",
            Self::Rulesets => "rulesets",
            Self::Variables => "variables",
            Self::Secrets => "secrets",
        }
    }

    /// The section of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }

    /// What a credential must be allowed to do to see it, in GitHub's words.
    pub fn to_read(self) -> &'static str {
        match self {
            Self::General | Self::Topics | Self::Rulesets => "Metadata: read",
            Self::Labels => "Issues: read",
            Self::Teams | Self::Collaborators | Self::Actions => "Administration: read",
            Self::Environments => "Actions: read",
            Self::Variables => "Variables: read",
            Self::Secrets => "Secrets: read",
        }
    }

    /// What a credential must be allowed to do to change it, in GitHub's words.
    pub fn to_write(self) -> &'static str {
        match self {
            Self::Labels => "Issues: write",
            Self::Teams => "Administration: write, and Members: read of the organisation",
            Self::General
            | Self::Topics
            | Self::Collaborators
            | Self::Environments
            | Self::Actions
            | Self::Rulesets => "Administration: write",
            Self::Variables => "Variables: write",
            Self::Secrets => "Secrets: write",
        }
    }

    /// Where GitHub describes it.
    pub fn source(self) -> &'static str {
        match self {
            Self::General => "https://docs.github.com/en/rest/repos/repos#update-a-repository",
            Self::Topics => "https://docs.github.com/en/rest/repos/repos#replace-all-repository-topics",
            Self::Labels => "https://docs.github.com/en/rest/issues/labels",
            Self::Teams => "https://docs.github.com/en/rest/teams/teams#add-or-update-team-repository-permissions",
            Self::Collaborators => "https://docs.github.com/en/rest/collaborators/collaborators",
            Self::Environments => "https://docs.github.com/en/rest/deployments/environments",
            Self::Actions => "https://docs.github.com/en/rest/actions/permissions",
            Self::Rulesets => "https://docs.github.com/en/rest/repos/rules",
            Self::Variables => "https://docs.github.com/en/rest/actions/variables",
            Self::Secrets => "https://docs.github.com/en/rest/actions/secrets",
        }
    }

    /// Whether it is written at once and not item by item.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::General | Self::Topics | Self::Actions)
    }

    /// Whether names that differ in case alone are one to GitHub.
    fn folds_case(self) -> bool {
        !matches!(self, Self::Rulesets | Self::General | Self::Actions)
    }

    /// Whether two names are one item of it.
    pub fn same(self, one: &str, other: &str) -> bool {
        one == other || self.folds_case() && one.to_lowercase() == other.to_lowercase()
    }

    /// The item of this name, with the name it has.
    pub fn find<'i>(self, items: &'i Items, name: &str) -> Option<(&'i String, &'i Value)> {
        items
            .get_key_value(name)
            .or_else(|| items.iter().find(|(key, _)| self.same(key, name)))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a repository's settings are, as far as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFacts {
    /// Its id.
    pub id: RepositoryId,
    /// The login of its owner.
    pub owner: String,
    /// Its name, without the owner.
    pub name: String,
    /// What it is besides.
    pub traits: BTreeSet<RepositoryFlag>,
    /// Its settings. Null within an item is what the credential may not see.
    pub sections: BTreeMap<Section, Fact<Items>>,
}

impl SettingsFacts {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// What a reading of settings comes upon.
#[derive(Debug)]
pub enum FoundSettings {
    /// How many repositories there are. Comes first, if it is known.
    Total(u64),
    /// A repository's settings.
    Repository(Box<SettingsFacts>),
    /// A repository that is there and could not be read.
    Missing {
        /// Its name, without the owner.
        name: String,
        /// Why, as a fragment.
        why: String,
    },
    /// The listing ended early: there may be more.
    BrokeOff {
        /// Why, as a fragment.
        why: String,
    },
}

/// Takes settings, as they are found.
pub type TakeSettings<'t> = dyn FnMut(FoundSettings) + Send + 't;

/// Which settings are read.
#[derive(Clone, Copy)]
pub struct SettingsAsked<'a> {
    /// The owner of the repositories.
    pub owner: &'a str,
    /// Repositories, without their owner; all where none is named.
    pub names: &'a [String],
    /// Every section that some repository may need.
    pub any: &'a BTreeSet<Section>,
    /// What a repository needs, by its name and what it is besides.
    pub of: &'a (dyn Fn(&str, &BTreeSet<RepositoryFlag>) -> Sections + Send + Sync),
}
