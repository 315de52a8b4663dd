//! GitHub-flavoured Markdown, for an issue or a job's summary.

use cc_devops_kernel::text::{counted, is_hidden};
use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::report::Verdict;

use crate::addresses;
use crate::grouped::{Entry, OTHERS, closing, groups, headline, incomplete, minute};
use crate::heading::heading;

/// The longest text, in bytes. It fits into an issue, whose body has at most 65,536 characters (GitHub answers 422 "body
/// is too long" beyond), and into a job's summary, which has at most 1 MiB.
/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits>.
const LONGEST: usize = 64_000;

/// What of it is kept free for the end, which says what was left out.
const END: usize = 1_000;

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

/// A text that stays within its length.
#[derive(Default)]
struct Text {
    all: String,
    left_out: u64,
}

impl Text {
    /// Adds a part if it fits; whether it did.
    fn add(&mut self, part: &str) -> bool {
        let fits = self.all.len() + part.len() + END <= LONGEST;
        if fits {
            self.all.push_str(part);
        }
        fits
    }
}

/// An audit. Where it is longer than an issue or a job's summary may be, it says how much was left out, and what shows
/// it. `web` is where people see the server, such as `https://github.com`.
pub fn markdown(report: &ScanReport, web: &str) -> String {
    let mut text = Text::default();
    text.add(&format!(
        "# Repositories of {}\n\n{}.\n",
        inert(&report.owner),
        inert(&headline(report))
    ));
    if let Some(why) = incomplete(report) {
        let why: String = why.chars().take(LONGEST / 8).collect();
        text.add(&format!("\n> [!WARNING]\n> {}\n", inert(&why)));
    }
    for (verdict, title) in std::iter::once((Verdict::Fail, "Breaches")).chain(OTHERS) {
        let groups = groups(report, verdict);
        if !groups.is_empty() {
            text.add(&format!("\n## {title}\n"));
        }
        for group in groups {
            let head = format!(
                "\n### `{}` ({})\n\n{}\n\n| repository | what was seen | what to do |\n| --- | --- | --- |\n",
                group.rule.name(),
                group.severity,
                inert(heading(group.rule, verdict))
            );
            // A table without a row says nothing.
            let mut fits = text.add(&head);
            for entry in &group.entries {
                fits = fits && text.add(&row(report, entry, web));
                text.left_out += u64::from(!fits);
            }
        }
    }
    let left_out = match text.left_out {
        0 => String::new(),
        count => format!(
            "\n{} left out, because this would be too long: `cc-devops repos audit --format html` or `--json` has all.\n",
            counted(count, "row is", "rows are")
        ),
    };
    let end = format!("{left_out}\n{}, {}.\n", closing(report), minute(report.timestamp));
    text.all + &end
}

fn row(report: &ScanReport, entry: &Entry<'_>, web: &str) -> String {
    let new = if entry.new { " **new**" } else { "" };
    format!(
        "| [{}]({}){new} | {} | {} |\n",
        inert(&entry.repository.name),
        addresses::subject(web, report, entry.repository),
        inert(&entry.finding.evidence),
        inert(&entry.finding.fix)
    )
}
