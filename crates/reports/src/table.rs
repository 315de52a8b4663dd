//! For a terminal.

use std::collections::BTreeMap;

use cc_devops_kernel::text::counted;
use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::report::{RepositoryReport, Standing, Verdict};
use comfy_table::{ContentArrangement, Table, presets};

use crate::Shown;
use crate::grouped::{Group, OTHERS, closing, groups, headline, incomplete};

/// How many names a line gives, unless all are wanted.
const NAMES: usize = 8;

/// The widest bar, in columns.
const BAR: u64 = 30;

/// An audit, grouped by what was found.
pub fn table(report: &ScanReport, shown: Shown) -> String {
    let mut parts = vec![headline(report)];
    parts.extend(incomplete(report));
    parts.push(bars(report));
    let broken = groups(report, Verdict::Fail);
    if broken.is_empty() && report.summary.repositories > 0 {
        parts.push("Nothing that was looked at breaks the policy.".to_owned());
    }
    if !broken.is_empty() {
        parts.push(breaches(&broken, shown));
    }
    for (verdict, title) in OTHERS {
        parts.extend(others(&groups(report, verdict), title, shown));
    }
    parts.extend(skipped(report));
    parts.push(format!("{}.", closing(report)));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn breaches(broken: &[Group<'_>], shown: Shown) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(shown.width)
        .set_header(["severity", "finding", "repositories"]);
    for group in broken {
        let finding = format!("{}\n{}", group.rule.name(), group.rule.breach());
        table.add_row([group.severity.to_string(), finding, names(group, shown)]);
    }
    let new = broken.iter().flat_map(|group| &group.entries).any(|entry| entry.new);
    let legend = if new { "\n* new since the last audit" } else { "" };
    format!("{table}{legend}")
}

fn names(group: &Group<'_>, shown: Shown) -> String {
    let all = group.entries.iter().map(|entry| {
        let mark = if entry.new { "*" } else { "" };
        format!("{}{mark}", entry.repository.name)
    });
    let limit = if shown.verbose { usize::MAX } else { NAMES };
    let mut names: Vec<String> = all.take(limit).collect();
    let more = group.entries.len() - names.len();
    if more > 0 {
        names.push(format!("and {more} more (--verbose)"));
    }
    let total = group.entries.len() as u64;
    format!("{}: {}", counted(total, "repository", "repositories"), names.join(", "))
}

/// What is neither a pass nor a breach, each reason once.
fn others(groups: &[Group<'_>], title: &str, shown: Shown) -> Option<String> {
    let mut by_reason: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for group in groups {
        for entry in &group.entries {
            let key = (group.rule.name(), &*entry.finding.evidence);
            by_reason.entry(key).or_default().push(&entry.repository.name);
        }
    }
    if by_reason.is_empty() {
        return None;
    }
    let lines = by_reason.into_iter().map(|((rule, why), names)| {
        let limit = if shown.verbose {
            names.len()
        } else {
            NAMES.min(names.len())
        };
        let listed = names.get(..limit).unwrap_or_default().join(", ");
        let more = names.len() - limit;
        let more = if more > 0 {
            format!(" and {more} more, see --verbose")
        } else {
            String::new()
        };
        format!("  {rule}: {why} ({listed}{more})")
    });
    let lines: Vec<String> = lines.collect();
    Some(format!("{title}:\n{}", lines.join("\n")))
}

/// How branches are protected, as a picture.
fn bars(report: &ScanReport) -> String {
    let total = report.summary.repositories;
    if total == 0 {
        return String::new();
    }
    let line = |standing: Standing| {
        let label = standing.name();
        let number = report.summary.protection.get(&standing).copied().unwrap_or_default();
        let length = usize::try_from((number * BAR).div_ceil(total)).unwrap_or_default();
        (number > 0).then(|| format!("  {label:<14} {} {number}", "\u{2588}".repeat(length)))
    };
    let lines: Vec<String> = Standing::ALL.into_iter().filter_map(line).collect();
    format!("Default branches:\n{}", lines.join("\n"))
}

fn skipped(report: &ScanReport) -> Option<String> {
    let parts: Vec<String> = report
        .summary
        .skipped
        .iter()
        .map(|(why, count)| format!("{count} {}", why.name()))
        .collect();
    (!parts.is_empty()).then(|| format!("Not looked at: {}.", parts.join(", ")))
}

/// One repository, every rule with what it came to.
pub fn explain(report: &RepositoryReport) -> String {
    let branch = report.default_branch.as_deref().unwrap_or("none");
    let mut lines = vec![format!("{}, default branch {branch}", report.name)];
    if let Some(why) = report.skipped {
        lines.push(format!("Not looked at: it is {}.", why.name()));
    }
    for finding in &report.findings {
        let verdict = match finding.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Unknown => "unknown",
            Verdict::Unavailable => "unavailable",
            Verdict::NotApplicable => "n/a",
            Verdict::Exempt => "exempt",
        };
        lines.push(format!(
            "\n{verdict:<11} {} ({})",
            finding.rule.name(),
            finding.severity
        ));
        lines.push(format!("            {}", finding.evidence));
        if !finding.fix.is_empty() {
            lines.push(format!("            To do: {}", finding.fix));
        }
    }
    lines.join("\n")
}
