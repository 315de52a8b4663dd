//! The Dependabot file: what it says, and what of the tree it covers.

pub mod coverage;
pub mod ecosystems;
pub(super) mod yaml;

use serde::{Deserialize, Serialize};

use saphyr::MarkedYaml;

/// Where GitHub looks, in this order.
/// Source: <https://docs.github.com/en/code-security/concepts/supply-chain-security/about-the-dependabot-yml-file>.
pub const PATHS: [&str; 2] = [".github/dependabot.yml", ".github/dependabot.yaml"];

/// What a Dependabot file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// One that GitHub can use.
    Valid(Config),
    /// Nothing but white space and comments.
    Empty,
    /// In the form of Dependabot before GitHub, which GitHub does not read.
    Version1,
    /// One that GitHub refuses.
    Invalid(Vec<Mistake>),
}

/// Something GitHub refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// What a Dependabot file says, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Its entries.
    pub updates: Vec<Update>,
}

/// An entry of a Dependabot file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The package ecosystem, as Dependabot names it.
    pub ecosystem: String,
    /// The folders.
    pub directories: Directories,
    /// The branch whose manifests are read; `None` is the default branch.
    pub target_branch: Option<String>,
    /// The limit of open pull requests. 0 switches version updates off on purpose; the entry still counts.
    pub limit: Option<i64>,
}

/// The folders of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directories {
    /// `directory`, which is no pattern.
    One(String),
    /// `directories`, which may be patterns.
    Patterns(Vec<String>),
}

/// How often Dependabot may look.
/// Source: <https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference#interval>.
const INTERVALS: [&str; 7] = [
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "yearly",
    "cron",
];

/// Reads the text of a Dependabot file.
pub fn read(text: &str) -> Reading {
    let documents = match yaml::load(text) {
        Ok(documents) => documents,
        Err(mistake) => return Reading::Invalid(vec![mistake]),
    };
    let root = match documents.as_slice() {
        [] => return Reading::Empty,
        [root] if yaml::is_null(root) => return Reading::Empty,
        [root] => root,
        [_, second, ..] => {
            return Reading::Invalid(vec![mistake(second, "there is a second document; only one is allowed")]);
        }
    };
    if !root.data.is_mapping() {
        return Reading::Invalid(vec![mistake(
            root,
            "the file must have the keys `version` and `updates`",
        )]);
    }
    let version = yaml::get(root, "version");
    if version.and_then(|v| v.data.as_integer()) == Some(1) || yaml::get(root, "update_configs").is_some() {
        return Reading::Version1;
    }
    let mut mistakes = Vec::new();
    match version {
        None => mistakes.push(mistake(root, "the key `version` is missing; write `version: 2`")),
        Some(node) if node.data.as_integer() != Some(2) => {
            mistakes.push(mistake(node, "`version` must be the number 2"));
        }
        Some(_) => {}
    }
    let mut config = Config::default();
    match yaml::get(root, "updates") {
        None => mistakes.push(mistake(
            root,
            "the key `updates` is missing; it lists the ecosystems to update",
        )),
        Some(node) => match node.data.as_vec() {
            None => mistakes.push(mistake(node, "`updates` must be a list")),
            Some(entries) => {
                for entry in entries {
                    config.updates.extend(update(entry, &mut mistakes));
                }
                repeated(entries, &config.updates, &mut mistakes);
            }
        },
    }
    if mistakes.is_empty() {
        Reading::Valid(config)
    } else {
        Reading::Invalid(mistakes)
    }
}

fn mistake(node: &MarkedYaml<'_>, message: impl Into<String>) -> Mistake {
    Mistake {
        line: node.span.start.line().max(1),
        message: message.into(),
    }
}

/// An entry; `None` if it cannot be used, and then a mistake says why.
fn update(entry: &MarkedYaml<'_>, mistakes: &mut Vec<Mistake>) -> Option<Update> {
    let before = mistakes.len();
    if !entry.data.is_mapping() {
        mistakes.push(mistake(
            entry,
            "an entry of `updates` must have keys such as `package-ecosystem`",
        ));
        return None;
    }
    let ecosystem = match yaml::get(entry, "package-ecosystem") {
        None => {
            mistakes.push(mistake(entry, "the entry has no `package-ecosystem`"));
            None
        }
        Some(node) => match node.data.as_str() {
            Some(name) if ecosystems::names().any(|known| known == name) => Some(name.to_owned()),
            Some(name) => {
                mistakes.push(mistake(node, format!("Dependabot has no package-ecosystem `{name}`")));
                None
            }
            None => {
                mistakes.push(mistake(node, "`package-ecosystem` must be a name such as `npm`"));
                None
            }
        },
    };
    let directories = directories(entry, mistakes);
    schedule(entry, mistakes);
    let limit = yaml::get(entry, "open-pull-requests-limit");
    if let Some(node) = limit
        && node.data.as_integer().is_none_or(|limit| limit < 0)
    {
        mistakes.push(mistake(
            node,
            "`open-pull-requests-limit` must be a whole number from 0",
        ));
    }
    let target_branch = yaml::get(entry, "target-branch");
    if let Some(node) = target_branch
        && node.data.as_str().is_none()
    {
        mistakes.push(mistake(node, "`target-branch` must be a branch's name"));
    }
    if mistakes.len() > before {
        return None;
    }
    Some(Update {
        ecosystem: ecosystem?,
        directories: directories?,
        target_branch: target_branch.and_then(|node| node.data.as_str()).map(str::to_owned),
        limit: limit.and_then(|node| node.data.as_integer()),
    })
}

fn directories(entry: &MarkedYaml<'_>, mistakes: &mut Vec<Mistake>) -> Option<Directories> {
    match (yaml::get(entry, "directory"), yaml::get(entry, "directories")) {
        (None, None) => {
            mistakes.push(mistake(entry, "the entry has neither `directory` nor `directories`"));
            None
        }
        (Some(_), Some(node)) => {
            mistakes.push(mistake(node, "`directory` and `directories` exclude each other"));
            None
        }
        (Some(node), None) => {
            let path = node.data.as_str().map(|path| Directories::One(path.to_owned()));
            if path.is_none() {
                mistakes.push(mistake(node, "`directory` must be a path such as `/`"));
            }
            path
        }
        (None, Some(node)) => {
            let paths: Option<Vec<String>> = node
                .data
                .as_vec()
                .and_then(|nodes| nodes.iter().map(|node| node.data.as_str().map(str::to_owned)).collect());
            let paths = paths.filter(|paths| !paths.is_empty()).map(Directories::Patterns);
            if paths.is_none() {
                mistakes.push(mistake(node, "`directories` must be a list of paths"));
            }
            paths
        }
    }
}

fn schedule(entry: &MarkedYaml<'_>, mistakes: &mut Vec<Mistake>) {
    let Some(node) = yaml::get(entry, "schedule") else {
        // The group brings its own.
        if yaml::get(entry, "multi-ecosystem-group").is_none() {
            mistakes.push(mistake(entry, "the entry has no `schedule`"));
        }
        return;
    };
    match yaml::get(node, "interval").and_then(|interval| interval.data.as_str()) {
        Some("cron") if yaml::get(node, "cronjob").is_none() => {
            mistakes.push(mistake(node, "the interval `cron` needs a `cronjob`"));
        }
        Some(interval) if INTERVALS.contains(&interval) => {}
        _ => mistakes.push(mistake(
            node,
            format!("`schedule` needs an `interval`: {}", INTERVALS.join(", ")),
        )),
    }
}

/// GitHub refuses two entries for the same ecosystem, folder and branch.
fn repeated(entries: &[MarkedYaml<'_>], updates: &[Update], mistakes: &mut Vec<Mistake>) {
    // Otherwise the lines would not be those of the entries.
    if entries.len() != updates.len() {
        return;
    }
    let mut seen = std::collections::HashSet::new();
    for (entry, update) in entries.iter().zip(updates) {
        let folders = match &update.directories {
            Directories::One(path) => std::slice::from_ref(path),
            Directories::Patterns(paths) => paths.as_slice(),
        };
        for folder in folders {
            let folder = folder.trim_matches('/');
            if !seen.insert((&update.ecosystem, folder, &update.target_branch)) {
                let message = format!("there is another entry for `{}` in `/{folder}`", update.ecosystem);
                mistakes.push(mistake(entry, message));
            }
        }
    }
}

impl Update {
    /// Whether it is for this folder, with a leading `/`.
    pub fn covers(&self, directory: &str) -> bool {
        match &self.directories {
            Directories::One(path) => path.trim_matches('/') == directory.trim_matches('/'),
            Directories::Patterns(patterns) => patterns
                .iter()
                .any(|pattern| super::patterns::fits_directory(pattern, directory)),
        }
    }
}

#[cfg(test)]
mod tests;
