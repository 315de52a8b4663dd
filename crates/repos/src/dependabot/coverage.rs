//! What of a tree a Dependabot file covers.

use serde::{Deserialize, Serialize};

use super::ecosystems::{self, Ecosystem, Manifests};
use super::{Config, Update};
use crate::policy::{Dependabot, Nested};

/// Manifests that no entry looks after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Uncovered {
    /// The ecosystem, as Dependabot names it.
    pub ecosystem: String,
    /// Their folder, with a leading `/`.
    pub directory: String,
    /// One of them.
    pub manifest: String,
}

/// What `config` leaves uncovered of these paths, on a default branch of this name.
///
/// An entry for another branch looks after that branch's manifests, so it does not count. One with a
/// limit of 0 does: somebody meant it.
pub fn uncovered(paths: &[String], config: &Config, demands: &Dependabot, default_branch: &str) -> Vec<Uncovered> {
    let manifests = ecosystems::find(paths, &demands.ignored_paths);
    let entries: Vec<&Update> = config
        .updates
        .iter()
        .filter(|entry| {
            entry
                .target_branch
                .as_deref()
                .is_none_or(|branch| branch == default_branch)
        })
        .collect();
    manifests
        .iter()
        .filter(|((ecosystem, directory), _)| {
            !demands.ignored_ecosystems.contains(ecosystem.name)
                && !covered(ecosystem, directory, &entries, &manifests, demands.nested)
        })
        .map(|((ecosystem, directory), manifest)| Uncovered {
            ecosystem: ecosystem.name.to_owned(),
            directory: directory.clone(),
            manifest: manifest.clone(),
        })
        .collect()
}

fn covered(
    ecosystem: &'static Ecosystem,
    directory: &str,
    entries: &[&Update],
    manifests: &Manifests,
    nested: Nested,
) -> bool {
    let mut entries = entries
        .iter()
        .filter(|entry| ecosystems::stands_in(ecosystem.name, &entry.ecosystem));
    match nested {
        Nested::AnyEntry => entries.next().is_some(),
        Nested::Every => entries.any(|entry| entry.covers(directory)),
        Nested::Workspaces => entries.any(|entry| {
            entry.covers(directory)
                || (ecosystem.workspaces
                    && manifests.keys().any(|(other, above)| {
                        *other == ecosystem && ecosystems::within(directory, above) && entry.covers(above)
                    }))
        }),
    }
}
