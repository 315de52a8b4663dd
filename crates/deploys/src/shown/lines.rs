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

/// A row in its place in the tree, as words of one line each, for whoever draws the tree otherwise than as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch<'a> {
    /// The row.
    pub row: &'a Row,
    /// How deep it is nested, from 0.
    pub level: usize,
    /// `+` is made, `-` leaves the stack, `~` is changed, `±` is or may be replaced, `?` is something else.
    pub sign: char,
    /// What it is called below the one that it is in.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What is to be known of it; what is lost first.
    pub facts: Vec<String>,
}

/// A property that changes, as words of one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Where it is.
    pub path: String,
    /// What becomes of its value.
    pub value: LeafValue,
}

/// What becomes of a property's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeafValue {
    /// It changes, and is or may be a secret.
    Hidden,
    /// It was this, and will be that.
    Becomes(String, String),
    /// It was this, and goes.
    Goes(String),
    /// It will be this.
    Comes(String),
    /// It changes, and nobody says how.
    Changes,
}

/// The rows as a tree: each below the stack that it is in, and what is lost first among those of one stack.
pub fn branches(rows: &[Row]) -> Vec<Branch<'_>> {
    let in_order = in_order(rows).into_iter();
    in_order
        .filter_map(|(at, level)| Some(branch(rows.get(at)?, level)))
        .collect()
}

/// The properties of a row that change.
pub fn leaves(row: &Row) -> impl Iterator<Item = Leaf> {
    row.properties.iter().map(leaf)
}

/// The rows as lines of text.
pub(super) fn of(rows: &[Row], with_values: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    for branch in branches(rows) {
        lines.push(line(&branch));
        if with_values {
            let property = |property: &PropertyChange| Line {
                sign: None,
                level: branch.level,
                text: said(property),
            };
            lines.extend(branch.row.properties.iter().map(property));
        }
    }
    lines
}

/// The places of the rows in the order of the tree, and how deep each is nested.
fn in_order(rows: &[Row]) -> Vec<(usize, usize)> {
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
    let mut places = Vec::with_capacity(rows.len());
    let mut ahead: Vec<(usize, usize)> = roots.into_iter().map(|at| (at, 0)).collect();
    while let Some((at, level)) = ahead.pop() {
        places.push((at, level));
        ahead.extend(below.get(at).into_iter().flatten().map(|at| (*at, level + 1)));
    }
    places
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

fn line(branch: &Branch<'_>) -> Line {
    let facts = if branch.facts.is_empty() {
        String::new()
    } else {
        format!("  {}", branch.facts.join(", "))
    };
    Line {
        sign: Some(branch.sign),
        level: branch.level,
        text: format!("{}  {}{facts}", branch.name, branch.kind),
    }
}

fn branch(row: &Row, level: usize) -> Branch<'_> {
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
    Branch {
        row,
        level,
        sign: sign(row),
        name: values::short(name, values::NAME),
        kind: values::short(&row.resource_type, values::NAME),
        facts,
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
    let Leaf { path, value } = leaf(property);
    match value {
        LeafValue::Hidden => format!("{path}: (hidden, changes)"),
        LeafValue::Becomes(before, after) => format!("{path}: {before} → {after}"),
        LeafValue::Goes(before) => format!("{path}: - {before}"),
        LeafValue::Comes(after) => format!("{path}: + {after}"),
        LeafValue::Changes => format!("{path}: changes"),
    }
}

fn leaf(property: &PropertyChange) -> Leaf {
    let path = property.path.strip_prefix("/Properties/").unwrap_or(&property.path);
    let value = match (&property.before, &property.after) {
        _ if property.masked => LeafValue::Hidden,
        (Some(before), Some(after)) => {
            let (before, after) = values::pair(before, after);
            LeafValue::Becomes(before, after)
        }
        (Some(before), None) => LeafValue::Goes(values::single(before)),
        (None, Some(after)) => LeafValue::Comes(values::single(after)),
        (None, None) => LeafValue::Changes,
    };
    Leaf {
        path: values::short(path, values::NAME),
        value,
    }
}

/// What a change set is carried out with.
pub(super) fn about(about: &About) -> Vec<String> {
    let told = carried_out_with(about).into_iter();
    told.map(|(what, value)| format!("  {what}: {value}")).collect()
}

/// What a change set is carried out with: what it is, and its value.
pub fn carried_out_with(about: &About) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let mut say = |what: &str, value: &str| {
        told.push((what.to_owned(), values::short(value, values::NAME)));
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
