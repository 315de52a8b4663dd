//! SARIF 2.1.0, which GitHub and others read as code scanning results.
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::report::{Finding, Verdict};
use cc_devops_repos::rules::{Rule, Severity};
use serde_json::{Value, json};

use crate::addresses::{self, GITHUB};
use crate::grouped::{Entry, groups};

/// Where the rules are described.
const DOCS: &str = "/deepfoundai/cc-agent-devops-automation/blob/main/docs/REPOS.md";

/// The most results of a run that code scanning takes.
/// Source: <https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support#validating-your-sarif-file>.
const MOST_RESULTS: usize = 25_000;

/// Where a result is that is in no file.
const NO_FILE: &str = "README.md";

/// An audit's breaches, one result for each, the worst first; `version` is the program's own, `web` where people see the
/// server, such as `https://github.com`.
pub fn sarif(report: &ScanReport, web: &str, version: &str) -> Value {
    let help = help_address(report, web);
    let rules: Vec<Value> = Rule::ALL.into_iter().map(|each| rule(each, &help)).collect();
    let groups = groups(report, Verdict::Fail);
    let broken: usize = groups.iter().map(|group| group.entries.len()).sum();
    let results: Vec<Value> = groups
        .iter()
        .flat_map(|group| group.entries.iter())
        .take(MOST_RESULTS)
        .map(|entry| result(report, entry, web))
        .collect();
    let mut notifications: Vec<Value> = report
        .gaps
        .iter()
        .map(|gap| {
            let about = gap.repository.as_deref().unwrap_or("the list of repositories");
            json!({"level": "error", "message": {"text": format!("{about}: {}", gap.why)}})
        })
        .collect();
    if broken > MOST_RESULTS {
        let text = format!("code scanning takes {MOST_RESULTS} results of {broken}; `--json` has all");
        notifications.push(json!({"level": "warning", "message": {"text": text}}));
    }
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "cc-devops", "version": version, "informationUri": help, "rules": rules,
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

/// Where a reader is sent for more: the description of the rules where it stands, and else the owner's page. Another
/// server's readers may not reach GitHub's.
fn help_address(report: &ScanReport, web: &str) -> String {
    if web == GITHUB {
        format!("{GITHUB}{DOCS}")
    } else {
        addresses::owner(web, &report.owner)
    }
}

fn rule(rule: Rule, help: &str) -> Value {
    json!({
        "id": rule.name(),
        "shortDescription": {"text": rule.demand()},
        "fullDescription": {"text": format!("{} It needs: {}.", rule.demand(), rule.permission())},
        "helpUri": help,
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

fn result(report: &ScanReport, entry: &Entry<'_>, web: &str) -> Value {
    let repository = entry.repository;
    let finding = entry.finding;
    let full_name = repository.full_name(&report.owner);
    let text = if finding.fix.is_empty() {
        finding.evidence.to_string()
    } else {
        format!("{} {}", finding.evidence, finding.fix)
    };
    // A result of another repository than the one the file is uploaded to says whose it is.
    let text = format!("{full_name}: {text}");
    let fingerprint = format!("{}/{}", repository.id, finding.rule.name());
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
        // The first is the one that GitHub tells alerts apart by; many results are at the same line of the same file.
        "partialFingerprints": {"primaryLocationLineHash": fingerprint, "repositoryAndRule/v1": fingerprint},
        "hostedViewerUri": addresses::subject(web, report, repository),
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": file(finding), "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": line(finding)},
            },
            "logicalLocations": [{"fullyQualifiedName": full_name, "kind": kind}],
        }],
    })
}

/// The file that a finding is about, as it names it: below `.github`, and else the first that a reader sees. Code scanning
/// takes paths from the root of a repository alone, and refuses the whole file for one address.
fn file(finding: &Finding) -> &str {
    let names = finding.evidence.split('`').skip(1).step_by(2);
    let mut files =
        names.filter(|name| name.starts_with(".github/") && !name.contains([':', ' ']) && !name.ends_with('/'));
    files.next().unwrap_or(NO_FILE)
}

/// The line of that file, from 1.
fn line(finding: &Finding) -> u64 {
    let first = |name: &str| finding.data.get(name)?.get(0)?.get("line")?.as_u64();
    let line = finding.data.get("line").and_then(Value::as_u64);
    let line = line.or_else(|| first("mistakes")).or_else(|| first("errors"));
    line.filter(|_| file(finding) != NO_FILE).unwrap_or(1).max(1)
}
