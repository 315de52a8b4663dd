//! Which repositories' settings are left alone.

use std::collections::BTreeSet;

use crate::policy::PolicySettings;
use crate::snapshot::RepositoryFlag;

/// Why the settings of a repository with these traits are left alone; `None` if they are not. Those of an empty
/// repository can be set.
pub fn left_alone(traits: &BTreeSet<RepositoryFlag>, settings: &PolicySettings) -> Option<&'static str> {
    for (kind, why) in RepositoryFlag::READ_ONLY {
        if traits.contains(&kind) {
            return Some(why);
        }
    }
    for (kind, why) in [
        (RepositoryFlag::Fork, "it is a fork, and `include` does not name forks"),
        (
            RepositoryFlag::Mirror,
            "it is a mirror, and `include` does not name mirrors",
        ),
        (
            RepositoryFlag::Template,
            "it is a template, and `include` does not name templates",
        ),
    ] {
        if traits.contains(&kind) && !settings.include.contains(&kind) {
            return Some(why);
        }
    }
    None
}
