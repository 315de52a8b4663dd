//! GitHub-flavoured Markdown, for an issue or a job's summary.

use cc_devops_kernel::text::is_hidden;
use cc_devops_repos::audit::{ChangeKind, ScanReport};
use cc_devops_repos::report::Verdict;

use crate::grouped::{changed, groups, headline, incomplete};

/// The longest body of an issue, in characters, less some for what stands around it.
/// Source: GitHub answers 422 "body is too long (maximum is 65536 characters)" beyond it.
const LONGEST: usize = 64_000;

/// A text from outside, in which nothing is markup.
fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_hidden(c) => safe.push(' '),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            // A mention would tell people.
            '@' => safe.push_str("@\u{200b}"),
            c => safe.push(c),
        }
    }
    safe
}

/// A text that knows how long it is.
#[derive(Default)]
struct Text {
    parts: Vec<String>,
    length: usize,
}

impl Text {
    fn add(&mut self, part: String) {
        self.length += part.len();
        self.parts.push(part);
    }
}

/// An audit. Where it is longer than an issue may be, it says how much was left out.
pub fn markdown(report: &ScanReport) -> String {
    let mut text = Text::default();
    text.add(format!(
        "# Repositories of {}\n\n{}.\n",
        inert(&report.owner),
        inert(&headline(report))
    ));
    if let Some(why) = incomplete(report) {
        text.add(format!("\n> [!WARNING]\n> {}\n", inert(&why)));
    }
    let mut left_out = 0;
    for (verdict, title) in [
        (Verdict::Fail, "Breaches"),
        (Verdict::Unknown, "Not known"),
        (Verdict::Unavailable, "Not offered by GitHub here"),
        (Verdict::Exempt, "Exempt"),
    ] {
        let groups = groups(report, verdict);
        if groups.is_empty() {
            continue;
        }
        text.add(format!("\n## {title}\n"));
        for group in groups {
            let demand = inert(group.rule.demand());
            let rule = group.rule.name();
            text.add(format!("\n### `{rule}` ({})\n\n{demand}\n\n", group.severity));
            text.add("| repository | what was seen | what to do |\n| --- | --- | --- |\n".to_owned());
            for entry in &group.entries {
                let new = if entry.new { " **new**" } else { "" };
                let row = format!(
                    "| {}{new} | {} | {} |\n",
                    inert(&entry.repository.name),
                    inert(&entry.finding.evidence),
                    inert(&entry.finding.fix)
                );
                if text.length + row.len() > LONGEST {
                    left_out += 1;
                } else {
                    text.add(row);
                }
            }
        }
    }
    if left_out > 0 {
        text.add(format!(
            "\n{left_out} rows are left out: see `cc-devops repos audit --verbose`.\n"
        ));
    }
    let (new, fixed) = (changed(report, ChangeKind::New), changed(report, ChangeKind::Fixed));
    text.add(format!(
        "\n{new} new and {fixed} fixed since the last audit. {} requests, {} points, {}.\n",
        report.requests, report.points, report.timestamp
    ));
    text.parts.concat()
}
