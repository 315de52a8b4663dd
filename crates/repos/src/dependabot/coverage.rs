//! What of a tree a Dependabot file covers.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::ecosystems::{self, Manifest};
use super::folders::{Folders, upwards};
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

/// What a file leaves uncovered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By ecosystem and folder.
    pub missing: Vec<Missing>,
    /// What an entry reaches if a manifest that it covers names the folder, which the tree does not say.
    pub unknown: Vec<Uncovered>,
}

/// A folder's manifests that no entry looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is told of them.
    pub uncovered: Uncovered,
    /// For each of them the folders from which Dependabot would read it.
    pub readers: Vec<Vec<String>>,
}

/// An entry that counts for the default branch.
struct Entry<'c> {
    ecosystem: &'c str,
    reached: BTreeSet<String>,
}

/// What `config` leaves uncovered of these paths, on a default branch of this name.
///
/// An entry for another branch looks after that branch's manifests, so it does not count. One with a
/// limit of 0 does: somebody meant it.
pub fn coverage(
    paths: &[String],
    folders: &Folders,
    config: &Config,
    demands: &Dependabot,
    default_branch: &str,
) -> Coverage {
    let mut manifests = ecosystems::find(paths, &demands.ignored_paths);
    manifests.retain(|manifest| !demands.ignored_ecosystems.contains(manifest.ecosystem.name));
    let entries: Vec<Entry<'_>> = config
        .updates
        .iter()
        .filter(|entry| {
            entry
                .target_branch
                .as_deref()
                .is_none_or(|branch| branch == default_branch)
        })
        .map(|entry| Entry {
            ecosystem: &entry.ecosystem,
            reached: entry.reached(Some(folders)),
        })
        .collect();
    let direct = |manifest: &Manifest<'_>| {
        entries.iter().any(|entry| {
            manifest.is_read_by(entry.ecosystem) && manifest.readers.iter().any(|folder| entry.reached.contains(folder))
        })
    };
    // Where a manifest that an entry covers may take in those below it, and which ecosystems have one at all.
    let mut roots: HashSet<(&str, &str)> = HashSet::new();
    let mut some: HashSet<&str> = HashSet::new();
    let mut left: Vec<&Manifest<'_>> = Vec::new();
    for manifest in &manifests {
        if direct(manifest) {
            some.insert(manifest.ecosystem.name);
            if manifest.ecosystem.workspaces && demands.nested == Nested::Workspaces {
                roots.insert((manifest.ecosystem.name, &manifest.folder));
            }
        } else {
            left.push(manifest);
        }
    }
    left.retain(|manifest| match demands.nested {
        Nested::AnyEntry => !entries.iter().any(|entry| manifest.is_read_by(entry.ecosystem)),
        Nested::Every | Nested::Workspaces => {
            !upwards(&manifest.folder).any(|above| roots.contains(&(manifest.ecosystem.name, above)))
        }
    });
    let mut found = Coverage::default();
    let mut grouped: BTreeMap<(&str, &str), Missing> = BTreeMap::new();
    for manifest in left {
        let missing = grouped
            .entry((manifest.ecosystem.name, &manifest.folder))
            .or_insert_with(|| Missing {
                uncovered: Uncovered {
                    ecosystem: manifest.ecosystem.name.to_owned(),
                    directory: manifest.folder.clone(),
                    manifest: manifest.path.to_owned(),
                },
                readers: Vec::new(),
            });
        if manifest.path < missing.uncovered.manifest.as_str() {
            manifest.path.clone_into(&mut missing.uncovered.manifest);
        }
        missing.readers.push(manifest.readers.clone());
    }
    for ((ecosystem, _), missing) in grouped {
        if ecosystems::names_folders(ecosystem) && some.contains(ecosystem) {
            found.unknown.push(missing.uncovered);
        } else {
            found.missing.push(missing);
        }
    }
    found
}

impl Update {
    /// The folders it names and, of these, those that its patterns reach. A pattern is among them as it is written.
    pub fn reached(&self, folders: Option<&Folders>) -> BTreeSet<String> {
        let mut reached: BTreeSet<String> = self.named().into_iter().collect();
        for pattern in self.patterns() {
            let found = folders.map(|folders| folders.reached(pattern)).unwrap_or_default();
            reached.extend(found.into_iter().map(str::to_owned));
        }
        reached
    }
}
