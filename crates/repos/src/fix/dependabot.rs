//! The Dependabot file: a new one, or entries put into the one that stands.
//!
//! An edit inserts whole lines behind the last entry, found by the places of the parsed nodes; every line
//! that stood, comments too, stays. What came of it is parsed again before it is planned.

use std::collections::BTreeSet;

use saphyr::{MarkedYaml, YamlData};

use super::{Case, ChangeKind, Draft};
use crate::dependabot;
use crate::dependabot::coverage::{Missing, coverage};
use crate::dependabot::folders::{Folders, escaped, is_pattern, upwards};
use crate::dependabot::{Config, Directories, Judged, Mistake, PATHS, Reading, ecosystems, yaml};
use crate::diff::unified;
use crate::rules::Rule;
use crate::snapshot::Fact;

pub(super) fn plan(case: &Case<'_>, draft: &mut Draft) {
    for rule in [Rule::DependabotFile, Rule::DependabotCoverage] {
        if case.fails(rule) {
            match file(case) {
                Ok((kind, diff)) => draft.change(vec![rule], kind, diff),
                Err(why) => draft.refuse(rule, why),
            }
        }
    }
}

fn file(case: &Case<'_>) -> Result<(ChangeKind, String), String> {
    let (Some(files), Some(tree)) = (
        case.repository.files.known(),
        case.repository.files.known().and_then(|files| files.tree.known()),
    ) else {
        return Err("the tree is not known, so nobody knows which entries are needed".to_owned());
    };
    let mut standing = PATHS
        .iter()
        .filter_map(|path| files.dependabot.iter().find(|file| file.path == *path));
    let (first, second) = (standing.next(), standing.next());
    if second.is_some() && case.fails(Rule::DependabotFile) {
        return Err(format!(
            "there are `{}` and `{}`; which to keep is for a person to say",
            PATHS[0], PATHS[1]
        ));
    }
    let (path, before) = match first {
        None => (PATHS[0].to_owned(), None),
        Some(file) => match &file.text {
            Fact::Known(text) => (file.path.clone(), Some(text.clone())),
            _ => return Err(format!("the text of `{}` is not known", file.path)),
        },
    };
    let folders = Folders::in_tree(tree);
    let text = before.as_deref().unwrap_or_default();
    let standing = dependabot::judge(text, Some(&folders));
    let config = match &standing.reading {
        Reading::Empty => Config::default(),
        Reading::Valid(config) => config.clone(),
        Reading::Version1 => {
            return Err(format!(
                "`{path}` is in the form of version 1; a person must write it anew"
            ));
        }
        Reading::Invalid(_) => return Err(format!("`{path}` has mistakes a person must correct")),
    };
    let left_out = |config: &Config| {
        let demands = &case.settings.dependabot;
        coverage(&tree.paths, &folders, config, demands, &case.branch.name).missing
    };
    let entries = entries(&left_out(&config));
    if entries.is_empty() {
        return Err("no manifest of a package ecosystem was seen, so there is nothing to write".to_owned());
    }
    let after = match standing.reading {
        Reading::Empty => anew(text, &entries),
        _ => insert(text, &entries)?,
    };
    let proven = dependabot::judge(&after, Some(&folders));
    let Reading::Valid(read) = &proven.reading else {
        return Err(UNSAFE.to_owned());
    };
    let new: Vec<&Mistake> = new_warnings(&standing, &proven);
    if let Some(warning) = new.first() {
        return Err(format!(
            "it is not known what GitHub makes of the file with the entries that are missing: {}",
            warning.message
        ));
    }
    if !keeps(text, &after, &config, read, &entries) || !left_out(read).is_empty() {
        return Err(UNSAFE.to_owned());
    }
    let diff = unified(&path, text, &after);
    Ok((ChangeKind::WriteFile { path, before, after }, diff))
}

const UNSAFE: &str = "the file is written in a way that cannot be edited safely; a person must add the entries";

/// Warnings that the file did not have before. Their lines may have moved.
fn new_warnings<'a>(before: &Judged, after: &'a Judged) -> Vec<&'a Mistake> {
    let known: BTreeSet<&str> = before.warnings.iter().map(|warning| warning.message.as_str()).collect();
    after
        .warnings
        .iter()
        .filter(|warning| !known.contains(warning.message.as_str()))
        .collect()
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    ecosystem: String,
    directories: Vec<String>,
}

/// What is missing, by ecosystem. A folder whose manifests are all read from another that is proposed needs none of its
/// own: members of a workspace, requirements one folder deep.
fn entries(missing: &[Missing]) -> Vec<Entry> {
    let mut folders: Vec<&Missing> = missing.iter().collect();
    folders.sort_by_key(|one| (&one.uncovered.ecosystem, upwards(&one.uncovered.directory).count()));
    let mut chosen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for one in folders {
        let ecosystem = one.uncovered.ecosystem.as_str();
        let workspaces = ecosystems::ALL.iter().any(|e| e.name == ecosystem && e.workspaces);
        let inside = workspaces && upwards(&one.uncovered.directory).any(|above| chosen.contains(&(ecosystem, above)));
        let read = one
            .readers
            .iter()
            .all(|readers| readers.iter().any(|folder| chosen.contains(&(ecosystem, folder))));
        if !inside && !read {
            chosen.insert((ecosystem, &one.uncovered.directory));
        }
    }
    let mut entries: Vec<Entry> = Vec::new();
    for (ecosystem, folder) in chosen {
        match entries.last_mut() {
            Some(entry) if entry.ecosystem == ecosystem => entry.directories.push(escaped(folder)),
            _ => entries.push(Entry {
                ecosystem: ecosystem.to_owned(),
                directories: vec![escaped(folder)],
            }),
        }
    }
    entries
}

impl Entry {
    /// Its lines, the dash in this column.
    fn lines(&self, column: usize) -> Vec<String> {
        let dash = " ".repeat(column);
        // A JSON text is a double-quoted YAML scalar.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut lines = vec![format!("{dash}- package-ecosystem: {}", quoted(&self.ecosystem))];
        match self.directories.as_slice() {
            [one] if !is_pattern(one) => lines.push(format!("{dash}  directory: {}", quoted(one))),
            more => {
                lines.push(format!("{dash}  directories:"));
                lines.extend(more.iter().map(|folder| format!("{dash}    - {}", quoted(folder))));
            }
        }
        lines.push(format!("{dash}  schedule:"));
        lines.push(format!("{dash}    interval: \"weekly\""));
        lines
    }
}

/// A new file, behind the comments of one that says nothing.
fn anew(text: &str, entries: &[Entry]) -> String {
    let comments = text.trim_end().trim_end_matches("---").trim_end();
    let mut lines: Vec<String> = Vec::new();
    if !comments.is_empty() {
        lines.push(comments.to_owned());
    }
    lines.push("version: 2".to_owned());
    lines.push("updates:".to_owned());
    lines.extend(entries.iter().flat_map(|entry| entry.lines(2)));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// The text with entries behind the last one.
fn insert(text: &str, entries: &[Entry]) -> Result<String, String> {
    // Places are those of the text behind it.
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let documents = yaml::load(text).map_err(|mistake| mistake.message)?;
    let updates = documents
        .first()
        .and_then(|root| yaml::get(root, "updates"))
        .ok_or("the key `updates` is missing")?;
    let items = updates.data.as_vec().ok_or("`updates` is no list")?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let flow = || "`updates` is written in brackets; a person must add the entries".to_owned();
    let (Some(first), Some(last)) = (items.first(), items.last()) else {
        let filled = empty_list(&lines, updates, entries, ending).ok_or_else(flow)?;
        return Ok([mark, &filled].concat());
    };
    // The dash of the first entry; in brackets there is none.
    let line = lines.get(first.span.start.line() - 1).ok_or_else(flow)?;
    let column = line.len() - line.trim_start().len();
    if !line.trim_start().starts_with('-') {
        return Err(flow());
    }
    let mut at = last_line(last, text);
    // Comments within the entry belong to it.
    while lines
        .get(at)
        .is_some_and(|line| line.trim_start().starts_with('#') && line.len() - line.trim_start().len() > column)
    {
        at += 1;
    }
    let spaced = items
        .get(1)
        .and_then(|second| lines.get(second.span.start.line().checked_sub(2)?))
        .is_some_and(|line| line.trim().is_empty());
    let mut inserted = String::new();
    if lines.get(at - 1).is_some_and(|line| !line.ends_with('\n')) {
        inserted.push_str(ending);
    }
    for entry in entries {
        if spaced {
            inserted.push_str(ending);
        }
        for line in entry.lines(column) {
            inserted.push_str(&line);
            inserted.push_str(ending);
        }
    }
    let (before, after) = lines.split_at_checked(at).ok_or_else(flow)?;
    Ok([mark, &before.concat(), &inserted, &after.concat()].concat())
}

/// `updates: []` becomes a list with entries; `None` if it is written in some other way.
fn empty_list(lines: &[&str], updates: &MarkedYaml<'_>, entries: &[Entry], ending: &str) -> Option<String> {
    let number = updates.span.start.line().checked_sub(1)?;
    let line = lines.get(number)?;
    let (before, after) = line.split_once("[]")?;
    let mut text = lines.get(..number)?.concat();
    text.push_str(before.trim_end());
    text.push_str(after.trim_end());
    text.push_str(ending);
    for line in entries.iter().flat_map(|entry| entry.lines(2)) {
        text.push_str(&line);
        text.push_str(ending);
    }
    text.push_str(&lines.get(number + 1..)?.concat());
    Some(text)
}

/// The last line a node takes up, from 1. The end of a list or mapping without brackets is where the next
/// thing begins, so that of its last part is taken.
fn last_line(node: &MarkedYaml<'_>, text: &str) -> usize {
    let own = node.span.start.line();
    let in_brackets = text
        .chars()
        .nth(node.span.start.index())
        .is_some_and(|c| c == '[' || c == '{');
    let end = |node: &MarkedYaml<'_>| {
        let end = node.span.end;
        // A block of text ends where the line after it begins.
        if end.col() == 0 && end.line() > own {
            end.line() - 1
        } else {
            end.line()
        }
    };
    match &node.data {
        YamlData::Sequence(_) | YamlData::Mapping(_) if in_brackets => end(node),
        YamlData::Sequence(items) => items.iter().map(|item| last_line(item, text)).max().unwrap_or(own),
        YamlData::Mapping(pairs) => pairs
            .iter()
            .flat_map(|(key, value)| [last_line(key, text), last_line(value, text)])
            .max()
            .unwrap_or(own),
        _ => end(node).max(own),
    }
}

/// Whether the new text says what the old one said and the entries besides, and has lost no line.
fn keeps(before: &str, after: &str, config: &Config, read: &Config, entries: &[Entry]) -> bool {
    let Some((old, new)) = read.updates.split_at_checked(config.updates.len()) else {
        return false;
    };
    let added = new.iter().map(|update| Entry {
        ecosystem: update.ecosystem.clone(),
        directories: match &update.directories {
            Directories::One(folder) => vec![folder.clone()],
            Directories::Patterns(folders) => folders.clone(),
        },
    });
    let line = |text: &str| text.trim_end_matches('\n').to_owned();
    let mut rest = after.split_inclusive('\n').map(line);
    // The last line may have got an end, and that of an empty list its brackets taken away.
    let kept = before
        .split_inclusive('\n')
        .map(line)
        .filter(|line| line.trim() != "---" && !(config.updates.is_empty() && line.contains("[]")))
        .all(|line| rest.any(|other| other.trim_end_matches('\r') == line || other == line));
    old == config.updates.as_slice() && added.eq(entries.iter().cloned()) && kept && says_more(before, after, entries)
}

/// Whether every other value is what it was, texts of several lines among them.
fn says_more(before: &str, after: &str, entries: &[Entry]) -> bool {
    let value = |text: &str| {
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        let documents = yaml::load(text).ok()?;
        Some(documents.first().map(|root| yaml::json(root, &lines)))
    };
    let (Some(before), Some(Some(mut after))) = (value(before), value(after)) else {
        return false;
    };
    let Some(Some(updates)) = after.get_mut("updates").map(|updates| updates.as_array_mut()) else {
        return false;
    };
    updates.truncate(updates.len().saturating_sub(entries.len()));
    before.is_none_or(|before| before.is_null() || before == after)
}
