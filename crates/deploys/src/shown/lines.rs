//! The tree, line by line.

use std::collections::HashMap;

use cc_devops_kernel::text;

use super::{because, values};
use crate::review::masking::HIDDEN;
use crate::review::signals::CDK_METADATA;
use crate::review::{About, Parameter};
use crate::rows::{ChangeAction, PropertyChange, Replacement, Row};

/// How deep lines are indented at most.
const MOST_INDENT: usize = 20;

/// A line of the tree.
pub(super) struct Line {
    /// The sign of a row; none before a property.
    pub(super) sign: Option<char>,
    /// How deep it is nested.
    pub(super) level: usize,
    /// What it says.
    pub(super) text: String,
}

impl Line {
    /// As it stands in a terminal.
    pub(super) fn written(&self) -> String {
        let indent = "  ".repeat(self.level.min(MOST_INDENT));
        match self.sign {
            Some(sign) => format!("{indent}{sign} {}", self.text),
            None => format!("{indent}    {}", self.text),
        }
    }
}

/// The rows as a tree: each below the stack that it is in, and what is lost first among those of one stack.
pub(super) fn of(rows: &[Row], with_values: bool) -> Vec<Line> {
    let places: HashMap<&str, usize> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row.path.as_str(), at))
        .collect();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    let mut roots = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let above = row.path.rsplit_once('/').and_then(|(above, _)| places.get(above));
        match above
            .and_then(|above| below.get_mut(*above))
            .filter(|_| above != Some(&at))
        {
            Some(siblings) => siblings.push(at),
            None => roots.push(at),
        }
    }
    let loses = losing(rows, &places);
    let in_order = |siblings: &mut Vec<usize>| {
        siblings.sort_by_key(|at| !loses.get(*at).copied().unwrap_or_default());
        siblings.reverse();
    };
    in_order(&mut roots);
    below.iter_mut().for_each(in_order);
    let mut lines = Vec::new();
    let mut ahead: Vec<(usize, usize)> = roots.into_iter().map(|at| (at, 0)).collect();
    while let Some((at, level)) = ahead.pop() {
        let Some(row) = rows.get(at) else { continue };
        lines.push(line(row, level));
        if with_values {
            let property = |property: &PropertyChange| Line {
                sign: None,
                level,
                text: said(property),
            };
            lines.extend(row.properties.iter().map(property));
        }
        ahead.extend(below.get(at).into_iter().flatten().map(|at| (*at, level + 1)));
    }
    lines
}

/// For each row whether it, or one in it, loses data.
fn losing(rows: &[Row], places: &HashMap<&str, usize>) -> Vec<bool> {
    let mut loses = vec![false; rows.len()];
    for row in rows.iter().filter(|row| row.lost) {
        let mut path = Some(row.path.as_str());
        while let Some(at) = path {
            match places.get(at).and_then(|place| loses.get_mut(*place)) {
                Some(known) if *known => break,
                Some(unknown) => *unknown = true,
                None => {}
            }
            path = at.rsplit_once('/').map(|(above, _)| above);
        }
    }
    loses
}

/// The sign of a row.
pub(super) fn sign(row: &Row) -> char {
    match (&row.action, row.replacement) {
        (ChangeAction::Add, _) => '+',
        (ChangeAction::Remove, _) => '-',
        (ChangeAction::Modify, Replacement::No) => '~',
        (ChangeAction::Modify, _) => '±',
        (ChangeAction::Other(_), _) => '?',
    }
}

fn line(row: &Row, level: usize) -> Line {
    let name = if level == 0 {
        row.path.as_str()
    } else {
        row.path.rsplit('/').next().unwrap_or_default()
    };
    let mut facts = Vec::new();
    if row.lost {
        let perhaps = row.action != ChangeAction::Remove && row.replacement == Replacement::Maybe;
        facts.push(if perhaps { "MAY LOSE DATA" } else { "LOSES DATA" }.to_owned());
    }
    match row.replacement {
        Replacement::No => {}
        Replacement::Maybe => facts.push(format!("may be replaced{}", because(row))),
        Replacement::Yes => facts.push(format!("replaced{}", because(row))),
    }
    facts.extend(kept(row));
    if let ChangeAction::Other(word) = &row.action {
        facts.push(if word.is_empty() {
            "no action is told".to_owned()
        } else {
            values::short(word, 64)
        });
    }
    if row.iam {
        facts.push("changes rights".to_owned());
    }
    if row.drifted {
        facts.push("drifted".to_owned());
    }
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!("  {}", facts.join(", "))
    };
    Line {
        sign: Some(sign(row)),
        level,
        text: format!(
            "{}  {}{facts}",
            values::short(name, values::NAME),
            values::short(&row.resource_type, values::NAME)
        ),
    }
}

/// What stays of the one that goes.
fn kept(row: &Row) -> Option<String> {
    if row.resource_type == CDK_METADATA {
        // It stands for no resource.
        return None;
    }
    let Some(policy_action) = row.policy_action.as_deref() else {
        return (row.action == ChangeAction::Remove).then(|| "removed".to_owned());
    };
    Some(match policy_action {
        "Retain" => "leaves the stack and stays".to_owned(),
        "Snapshot" => "deleted, and a snapshot stays".to_owned(),
        "ReplaceAndRetain" => "the old one stays".to_owned(),
        "ReplaceAndSnapshot" => "the old one is deleted, and a snapshot of it stays".to_owned(),
        "Delete" => "deleted".to_owned(),
        "ReplaceAndDelete" => "the old one is deleted".to_owned(),
        other => values::short(other, 64),
    })
}

/// A property before and after.
pub(super) fn said(property: &PropertyChange) -> String {
    let path = property.path.strip_prefix("/Properties/").unwrap_or(&property.path);
    let path = values::short(path, values::NAME);
    if property.masked {
        return format!("{path}: (hidden, changes)");
    }
    match (&property.before, &property.after) {
        (Some(before), Some(after)) => {
            let (before, after) = values::pair(before, after);
            format!("{path}: {before} → {after}")
        }
        (Some(before), None) => format!("{path}: - {}", values::single(before)),
        (None, Some(after)) => format!("{path}: + {}", values::single(after)),
        (None, None) => format!("{path}: changes"),
    }
}

/// What a change set is carried out with.
pub(super) fn about(about: &About) -> Vec<String> {
    let mut told = Vec::new();
    let mut say = |what: &str, value: &str| {
        told.push(format!("  {what}: {}", values::short(value, values::NAME)));
    };
    if let Some(role) = &about.role {
        say("role", role);
    }
    // How the stack drifted is said with what changes.
    for (name, mode) in about.modes.iter().filter(|(name, _)| *name != "StackDriftStatus") {
        say(name, mode);
    }
    for capability in &about.capabilities {
        say("capability", capability);
    }
    for trigger in &about.rollback_triggers {
        say("rolled back by", trigger);
    }
    if let Some(minutes) = about.monitoring_minutes {
        say(
            "watched after the change for",
            &text::counted(minutes, "minute", "minutes"),
        );
    }
    for topic in &about.notifications {
        say("events go to", topic);
    }
    for (name, parameter) in &about.parameters {
        say(
            &format!("parameter {}", values::short(name, values::NAME)),
            &parameter_said(parameter),
        );
    }
    for (name, value) in &about.tags {
        say(&format!("tag {}", values::short(name, values::NAME)), value);
    }
    told
}

fn parameter_said(parameter: &Parameter) -> String {
    let value = match (&parameter.value, &parameter.resolved) {
        _ if parameter.masked => HIDDEN.to_owned(),
        (Some(value), Some(resolved)) => format!("{value} ({resolved})"),
        (Some(value), None) => value.clone(),
        (None, Some(resolved)) => resolved.clone(),
        (None, None) => String::new(),
    };
    if parameter.unchanged {
        format!("{value} (as before)").trim().to_owned()
    } else {
        value
    }
}
