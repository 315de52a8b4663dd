//! A plan in a pull request.

use cc_devops_kernel::text;

use super::{View, first_of, lines, loss, sum};

/// How many characters the tree may have: a comment on GitHub has 65,536 at most.
const MOST_CHARS: usize = 48_000;

/// How many losses are listed before the tree, which has them all.
const MOST_LOSSES: usize = 40;

/// The plan as Markdown. Whatever others wrote stands in code, where nothing of it is obeyed.
pub fn markdown(view: &View<'_>) -> String {
    let mut told = vec![format!("**{}**", sum(view.rows.len(), view.summary)), String::new()];
    let losses: Vec<&crate::Row> = view.rows.iter().filter(|row| row.lost).collect();
    if !losses.is_empty() {
        for row in losses.iter().take(MOST_LOSSES) {
            told.push(format!("- ⚠️ {}", code(&loss(row))));
        }
        if let Some(more) = losses.len().checked_sub(MOST_LOSSES).filter(|more| *more > 0) {
            told.push(format!("- ⚠️ and {more} more"));
        }
        told.push(String::new());
    }
    let tree = lines::of(view.rows, true);
    if !tree.is_empty() {
        let tree: Vec<String> = tree.iter().map(of_diff).collect();
        told.push(fenced("diff", &first_of(&tree, MOST_CHARS)));
    }
    if let Some(written) = view.text {
        let written: String = text::lines(written).chars().take(MOST_CHARS).collect();
        told.push(fenced("", &written));
    }
    if let Some(about) = view.about.map(lines::about).filter(|about| !about.is_empty()) {
        told.push(folded(
            "Carried out with",
            &fenced("", &first_of(&about, MOST_CHARS / 8)),
        ));
    }
    if !view.notes.is_empty() {
        let notes: Vec<String> = view.notes.iter().map(|note| text::line(note).into_owned()).collect();
        told.push(folded("To know", &fenced("", &first_of(&notes, MOST_CHARS / 8))));
    }
    told.join("\n").trim_end().to_owned()
}

/// A line whose sign stands first, where a diff is coloured by it.
fn of_diff(line: &lines::Line) -> String {
    let sign = line.sign.unwrap_or(' ');
    let indent = "  ".repeat(line.level.min(20) + usize::from(line.sign.is_none()));
    format!("{sign} {indent}{}", line.text)
}

/// Text as code within a line.
fn code(text: &str) -> String {
    let text = text::line(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    if fence.len() == 1 {
        format!("`{text}`")
    } else {
        format!("{fence} {text} {fence}")
    }
}

/// Text as a block of code.
fn fenced(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

fn folded(title: &str, body: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{body}\n</details>\n")
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}
