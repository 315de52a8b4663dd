//! SARIF 2.1.0, which GitHub and others read as code scanning results.
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::report::Verdict;
use cc_devops_repos::rules::{Rule, Severity};
use serde_json::{Value, json};

use crate::grouped::{Entry, groups};

/// Where a repository is described, for those who follow a result.
const DOCS: &str = "https://github.com/deepfoundai/cc-agent-devops-automation/blob/main/docs/REPOS.md";

/// An audit's breaches, one result for each; `version` is the program's own.
pub fn sarif(report: &ScanReport, version: &str) -> Value {
    let rules: Vec<Value> = Rule::ALL.into_iter().map(rule).collect();
    let results: Vec<Value> = groups(report, Verdict::Fail)
        .iter()
        .flat_map(|group| group.entries.iter())
        .map(|entry| result(report, entry))
        .collect();
    let notifications: Vec<Value> = report
        .gaps
        .iter()
        .map(|gap| {
            let about = gap.repository.as_deref().unwrap_or("the list of repositories");
            json!({"level": "error", "message": {"text": format!("{about}: {}", gap.why)}})
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "cc-devops", "version": version, "informationUri": DOCS, "rules": rules,
            }},
            "automationDetails": {"id": format!("repos/{}/", report.owner)},
            "invocations": [{
                "executionSuccessful": report.complete,
                "endTimeUtc": report.timestamp.to_string(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

fn rule(rule: Rule) -> Value {
    json!({
        "id": rule.name(),
        "shortDescription": {"text": rule.demand()},
        "helpUri": DOCS,
        "defaultConfiguration": {"level": level(rule.severity())},
        "properties": {"security-severity": score(rule.severity()), "tags": ["security", "repository"]},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The middle of the range that GitHub calls by the same name.
/// Source: <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn result(report: &ScanReport, entry: &Entry<'_>) -> Value {
    let repository = entry.repository;
    let finding = entry.finding;
    let full_name = repository.full_name(&report.owner);
    let text = if finding.fix.is_empty() {
        finding.evidence.to_string()
    } else {
        format!("{} {}", finding.evidence, finding.fix)
    };
    let kind = if repository.is_of_the_organization() {
        "organization"
    } else {
        "repository"
    };
    json!({
        "ruleId": finding.rule.name(),
        "level": level(finding.severity),
        "message": {"text": text},
        "baselineState": if entry.new { "new" } else { "unchanged" },
        "partialFingerprints": {"repositoryAndRule/v1": format!("{}/{}", repository.id, finding.rule.name())},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": format!("https://github.com/{full_name}")}},
            "logicalLocations": [{"fullyQualifiedName": full_name, "kind": kind}],
        }],
    })
}
