//! The audit by what was found, the worst first.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::text::counted;
use cc_devops_repos::audit::{ChangeKind, ScanReport};
use cc_devops_repos::report::{Finding, RepositoryReport, Verdict};
use cc_devops_repos::rules::{Rule, Severity};
use cc_devops_repos::snapshot::RepositoryId;
use jiff::Timestamp;

/// What is neither a pass nor a breach, and what it stands under.
pub(crate) const OTHERS: [(Verdict, &str); 3] = [
    (Verdict::Unknown, "Not known"),
    (Verdict::Unavailable, "Not offered by GitHub here"),
    (Verdict::Exempt, "Exempt"),
];

/// A rule and those for whom it came to the same.
pub(crate) struct Group<'r> {
    pub(crate) rule: Rule,
    pub(crate) severity: Severity,
    pub(crate) entries: Vec<Entry<'r>>,
}

/// A repository in a group, or the organisation itself.
pub(crate) struct Entry<'r> {
    pub(crate) repository: &'r RepositoryReport,
    pub(crate) finding: &'r Finding,
    /// Whether it was not so at the audit before.
    pub(crate) new: bool,
}

/// Everything that came to this, by rule and severity.
pub(crate) fn groups(report: &ScanReport, verdict: Verdict) -> Vec<Group<'_>> {
    let is_new = |kind| !report.first && kind == ChangeKind::New;
    let new: BTreeSet<(RepositoryId, Rule)> = report
        .changes
        .iter()
        .filter(|change| is_new(change.kind))
        .map(|change| (change.id, change.rule))
        .collect();
    let mut by: BTreeMap<(std::cmp::Reverse<Severity>, Rule), Vec<Entry<'_>>> = BTreeMap::new();
    for repository in report.organization.iter().chain(&report.repositories) {
        for finding in repository.findings.iter().filter(|finding| finding.verdict == verdict) {
            let key = (std::cmp::Reverse(finding.severity), finding.rule);
            by.entry(key).or_default().push(Entry {
                repository,
                finding,
                new: new.contains(&(repository.id, finding.rule)),
            });
        }
    }
    let group = |((severity, rule), entries): ((std::cmp::Reverse<Severity>, Rule), _)| Group {
        rule,
        severity: severity.0,
        entries,
    };
    by.into_iter().map(group).collect()
}

/// How many changes of this kind.
fn changed(report: &ScanReport, kind: ChangeKind) -> usize {
    report.changes.iter().filter(|change| change.kind == kind).count()
}

/// The headline: who, how many, how complete.
pub(crate) fn headline(report: &ScanReport) -> String {
    let breaches: u64 = report.summary.breaches.values().sum();
    let skipped: u64 = report.summary.skipped.values().sum();
    let mut text = format!(
        "{} of {}, {} looked at: {}",
        counted(report.summary.repositories, "repository", "repositories"),
        report.owner,
        report.summary.repositories - skipped,
        counted(breaches, "breach", "breaches")
    );
    let severities: Vec<String> = report
        .summary
        .breaches
        .iter()
        .rev()
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    if !severities.is_empty() {
        text = format!("{text} ({})", severities.join(", "));
    }
    text
}

/// What the audit did not see; nothing if it is complete.
pub(crate) fn incomplete(report: &ScanReport) -> Option<String> {
    if report.complete {
        return None;
    }
    let gaps: Vec<String> = report
        .gaps
        .iter()
        .take(5)
        .map(|gap| match &gap.repository {
            Some(name) => format!("{name}: {}", gap.why),
            None => gap.why.clone(),
        })
        .collect();
    let more = report.gaps.len().saturating_sub(5);
    let rest = if more > 0 {
        format!("; and {more} more (--json has all)")
    } else {
        String::new()
    };
    Some(format!(
        "This audit is incomplete, so nothing counts as fixed. {}{rest}",
        gaps.join("; ")
    ))
}

/// The end: what is different from the audit before, and what this one took, without a full stop.
pub(crate) fn closing(report: &ScanReport) -> String {
    format!(
        "{} {}, {}",
        since(report),
        counted(report.requests, "request", "requests"),
        counted(report.points, "point", "points")
    )
}

/// What is different from the audit before; of the first, that it is the first.
fn since(report: &ScanReport) -> String {
    if report.first {
        return "This is the first audit, so there is none to compare it with.".to_owned();
    }
    let (new, fixed) = (changed(report, ChangeKind::New), changed(report, ChangeKind::Fixed));
    format!("{new} new and {fixed} fixed since the last audit.")
}

/// A time to the minute.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
