//! The Dependabot file: what it says, and what of the tree it covers.

pub mod coverage;
pub mod ecosystems;
mod folder_paths;
pub mod folders;
mod meaning;
mod renovate;
mod schema;
pub(super) mod yaml;

use serde::{Deserialize, Serialize};

use saphyr::MarkedYaml;

use folders::Folders;
pub(crate) use renovate::RENOVATE;

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

/// Something GitHub refuses, or a warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it is.
    pub reading: Reading,
    /// What is odd about it while it is not known that GitHub refuses it.
    pub warnings: Vec<Mistake>,
}

/// What is found while a file is looked at.
#[derive(Debug, Default)]
struct Notes {
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

/// An entry and where it begins.
#[derive(Debug)]
struct Entry {
    update: Update,
    line: usize,
}

/// Reads the text of a Dependabot file, without a tree to hold its patterns against.
pub fn read(text: &str) -> Reading {
    judge(text, None).reading
}

/// Reads the text of a Dependabot file as GitHub does. In a tree with `folders`, entries whose patterns reach one folder
/// overlap too.
pub fn judge(text: &str, folders: Option<&Folders>) -> Judged {
    let mut notes = Notes::default();
    let reading = look(text, folders, &mut notes);
    let ordered = |mut found: Vec<Mistake>| {
        found.sort();
        found.dedup();
        found
    };
    let mistakes = ordered(notes.mistakes);
    Judged {
        reading: if mistakes.is_empty() {
            reading
        } else {
            Reading::Invalid(mistakes)
        },
        warnings: ordered(notes.warnings),
    }
}

/// What the file is if there are no mistakes.
fn look(text: &str, folders: Option<&Folders>, notes: &mut Notes) -> Reading {
    let documents = match yaml::load(text) {
        Ok(documents) => documents,
        Err(mistake) => {
            notes.mistakes.push(mistake);
            return Reading::Empty;
        }
    };
    let root = match documents.as_slice() {
        [] => return Reading::Empty,
        [root] if yaml::is_null(root) => return Reading::Empty,
        [root] => root,
        [_, second, ..] => {
            let why = "there is a second document; only one is allowed";
            notes.mistake(yaml::line(second), why.to_owned());
            return Reading::Empty;
        }
    };
    let version = yaml::get(root, "version");
    if version.and_then(|v| v.data.as_integer()) == Some(1) || yaml::get(root, "update_configs").is_some() {
        return Reading::Version1;
    }
    match version {
        None if root.data.is_mapping() => {
            let why = "the key `version` is missing; write `version: 2`";
            notes.mistake(yaml::line(root), why.to_owned());
        }
        Some(node) if node.data.as_integer() != Some(2) => {
            notes.mistake(yaml::line(node), "`version` must be the number 2".to_owned());
        }
        _ => {}
    }
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    schema::check(root, &yaml::json(root, &lines), notes);
    meaning::check(root, notes);
    let entries: Vec<Entry> = yaml::get(root, "updates")
        .and_then(|updates| updates.data.as_vec())
        .into_iter()
        .flatten()
        .filter_map(Entry::new)
        .collect();
    meaning::overlaps(&entries, folders, notes);
    Reading::Valid(Config {
        updates: entries.into_iter().map(|entry| entry.update).collect(),
    })
}

impl Entry {
    /// `None` if it has no ecosystem or no folder; that is told as a mistake.
    fn new(node: &MarkedYaml<'_>) -> Option<Self> {
        let text = |key: &str| Some(yaml::get(node, key)?.data.as_str()?.to_owned());
        let directories = if let Some(folder) = text("directory") {
            Directories::One(folder)
        } else {
            let list = yaml::get(node, "directories")?.data.as_vec()?;
            let folders: Option<Vec<String>> = list.iter().map(|item| item.data.as_str().map(str::to_owned)).collect();
            Directories::Patterns(folders?)
        };
        Some(Self {
            update: Update {
                ecosystem: text("package-ecosystem").filter(|name| !name.is_empty())?,
                directories,
                target_branch: text("target-branch"),
                limit: yaml::get(node, "open-pull-requests-limit").and_then(|node| node.data.as_integer()),
            },
            line: yaml::line(node),
        })
    }
}

impl Update {
    /// Its folders and patterns as they are written, in the form in which folders are compared.
    fn named(&self) -> Vec<String> {
        match &self.directories {
            Directories::One(folder) => vec![folders::normal(folder)],
            Directories::Patterns(folders) => folders.iter().map(|folder| folders::normal(folder)).collect(),
        }
    }

    /// Those of its folders that are patterns.
    fn patterns(&self) -> impl Iterator<Item = &str> {
        let folders: &[String] = match &self.directories {
            Directories::One(_) => &[],
            Directories::Patterns(folders) => folders,
        };
        folders
            .iter()
            .map(String::as_str)
            .filter(|folder| folders::is_pattern(folder))
    }
}

#[cfg(test)]
mod tests;
