//! A plan as people read it: as a tree in a terminal, as Markdown in a pull request, and bounded in a chat
//! message. All of them say first, and in words, what data would be lost.
//!
//! What stands in the text is without control characters and marks of direction. Whoever puts it into a format of
//! its own (HTML, Slack's) escapes it for that format.

mod lines;
mod markdown;
mod values;

pub use lines::{Branch, Leaf, LeafValue, branches, carried_out_with, leaves};
pub use markdown::markdown;

use std::fmt::Write;

use cc_devops_kernel::text;
use lines::Line;

use crate::review::{About, Reviewed};
use crate::rows::{Replacement, Row, Summary};

/// What is shown of a plan.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its rows.
    pub rows: &'a [Row],
    /// Their sum.
    pub summary: &'a Summary,
    /// What a stack's command wrote, where it is of no known form.
    pub text: Option<&'a str>,
    /// What else the approver sees.
    pub about: Option<&'a About>,
    /// What else he is to know.
    pub notes: &'a [String],
}

impl<'a> View<'a> {
    /// Of rows and their sum alone.
    pub fn new(rows: &'a [Row], summary: &'a Summary) -> Self {
        Self {
            rows,
            summary,
            text: None,
            about: None,
            notes: &[],
        }
    }

    /// Of all that was read.
    pub fn of(reviewed: &'a Reviewed) -> Self {
        Self {
            rows: &reviewed.rows,
            summary: &reviewed.summary,
            text: reviewed.text.as_deref(),
            about: Some(&reviewed.about),
            notes: &reviewed.notes,
        }
    }
}

/// The whole plan for a terminal.
pub fn tree(view: &View<'_>) -> String {
    format!("{}\n{}", head(view).join("\n"), without_sum(view))
        .trim_end()
        .to_owned()
}

/// The same without what is lost and the sum: of what cannot be carried out there is none.
pub fn without_sum(view: &View<'_>) -> String {
    let mut told = Vec::new();
    let body = lines::of(view.rows, true);
    section(&mut told, None, body.iter().map(Line::written));
    if let Some(text) = view.text {
        section(
            &mut told,
            Some("What the stack's command wrote:"),
            text::lines(text).lines().map(|line| format!("  {line}")),
        );
    }
    if let Some(about) = view.about {
        section(&mut told, Some("Carried out with:"), lines::about(about).into_iter());
    }
    let notes = view.notes.iter().map(|note| format!("  {}", text::line(note)));
    section(&mut told, Some("To know:"), notes);
    told.join("\n")
}

/// The plan within so many characters: first what would be lost, then the tree, as far as it goes, and how much of it
/// is left out.
pub fn bounded(view: &View<'_>, max_chars: usize) -> String {
    let head = head(view);
    let written: Vec<String> = view
        .text
        .map(|text| text::lines(text).lines().map(ToOwned::to_owned).collect())
        .unwrap_or_default();
    let mut told = Vec::new();
    for with_values in [true, false] {
        told.clone_from(&head);
        let body = lines::of(view.rows, with_values);
        section(&mut told, None, body.iter().map(Line::written));
        if !with_values && view.rows.iter().any(|row| !row.properties.is_empty()) {
            told.push("(values are left out)".to_owned());
        }
        section(&mut told, None, written.iter().cloned());
        if told.iter().map(|line| line.chars().count() + 1).sum::<usize>() <= max_chars {
            return told.join("\n");
        }
    }
    first_of(&told, max_chars)
}

/// As many of the lines as fit, and how many do not.
fn first_of(lines: &[String], max_chars: usize) -> String {
    // Room for the sentence at the end, whose number has at most ten digits.
    let room = max_chars.saturating_sub(40);
    let mut shown = String::new();
    let mut used = 0;
    for (at, line) in lines.iter().enumerate() {
        let length = line.chars().count() + 1;
        if used + length > room {
            let left = u64::try_from(lines.len() - at).unwrap_or(u64::MAX);
            let _ = write!(shown, "… and {} more", text::counted(left, "line", "lines"));
            break;
        }
        used += length;
        shown.push_str(line);
        shown.push('\n');
    }
    shown.trim_end().chars().take(max_chars).collect()
}

/// What would be lost, and the sum.
fn head(view: &View<'_>) -> Vec<String> {
    let mut told: Vec<String> = view.rows.iter().filter(|row| row.lost).map(loss).collect();
    if !told.is_empty() {
        told.push(String::new());
    }
    told.push(sum(view.rows.len(), view.summary));
    told
}

/// What is lost with a row, as a sentence.
pub fn loss(row: &Row) -> String {
    let path = values::short(&row.path, values::NAME);
    let kind = values::short(&row.resource_type, values::NAME);
    let what = if row.action == crate::ChangeAction::Remove {
        "is removed, and the data in it is lost".to_owned()
    } else {
        let because = because(row);
        match row.replacement {
            Replacement::Yes => format!("is replaced{because}, and the data in it is lost"),
            Replacement::Maybe => format!("may be replaced{because}, and the data in it would be lost"),
            Replacement::No => "loses data, as the plan itself says".to_owned(),
        }
    };
    let perhaps = row.action != crate::ChangeAction::Remove && row.replacement == Replacement::Maybe;
    let loses = if perhaps { "MAY LOSE DATA" } else { "LOSES DATA" };
    format!("{loses}: {path} ({kind}) {what}")
}

fn because(row: &Row) -> String {
    if row.why.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = row
        .why
        .iter()
        .take(5)
        .map(|name| values::short(name, values::NAME))
        .collect();
    if row.why.len() > 5 {
        names.push("…".to_owned());
    }
    format!(" because of {}", names.join(", "))
}

/// The sum as a line: `2 to add, 3 to change, 1 to remove; 1 replaced or may be; …`.
pub fn sum(rows: usize, summary: &Summary) -> String {
    let mut told = format!(
        "{} to add, {} to change, {} to remove",
        summary.adds, summary.modifies, summary.removes
    );
    let counted = u64::from(summary.adds) + u64::from(summary.modifies) + u64::from(summary.removes);
    let others = u64::try_from(rows).unwrap_or(u64::MAX).saturating_sub(counted);
    if others > 0 {
        let _ = write!(told, ", {others} otherwise");
    }
    let facts = [
        (
            summary.replacements > 0,
            format!("{} replaced or may be", summary.replacements),
        ),
        (summary.loses_stateful, "DATA IS LOST or may be".to_owned()),
        (summary.changes_iam, "rights change".to_owned()),
        (summary.drifted, "drifted".to_owned()),
        (summary.express, "EXPRESS: a failure is not rolled back".to_owned()),
        (summary.unknown_change, "not everything is known".to_owned()),
    ];
    for (_, fact) in facts.into_iter().filter(|(holds, _)| *holds) {
        told.push_str("; ");
        told.push_str(&fact);
    }
    told
}

/// What of a plan somebody may have to be asked about, in words. The rows say what is or may be replaced.
pub fn facts(rows: &[Row], summary: &Summary) -> Vec<String> {
    let resources = |count: usize, one: &str, more: &str| match count {
        0 => None,
        1 => Some(format!("1 resource {one}")),
        many => Some(format!("{many} resources {more}")),
    };
    let replaced = |how: Replacement| rows.iter().filter(|row| row.replacement == how).count();
    let removed = usize::try_from(summary.removes).unwrap_or(usize::MAX);
    let said = |holds: bool, words: &str| holds.then(|| words.to_owned());
    [
        said(summary.loses_stateful, "data is lost or may be"),
        resources(replaced(Replacement::Yes), "is replaced", "are replaced"),
        resources(replaced(Replacement::Maybe), "may be replaced", "may be replaced"),
        resources(removed, "is removed", "are removed"),
        said(summary.changes_iam, "rights change"),
        said(summary.drifted, "something was changed past its template"),
        said(summary.express, "a failure is not rolled back (EXPRESS)"),
        said(summary.unknown_change, "not everything is known"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn section(told: &mut Vec<String>, title: Option<&str>, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    told.push(String::new());
    told.extend(title.map(ToOwned::to_owned));
    told.extend(lines);
}

#[cfg(test)]
mod tests;
