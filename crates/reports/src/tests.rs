//! Every format says the same, and nothing from outside is markup in any.

use cc_devops_repos::report::Verdict;
use cc_devops_repos::rules::Rule;
use insta::assert_snapshot;

use super::samples::{audit, mixed, repository};
use super::*;
use cc_devops_repos::snapshot::Fact;

const SHOWN: Shown = Shown {
    verbose: true,
    width: 100,
};

#[test]
fn every_breach_is_in_every_format() {
    let report = mixed();
    let (text, page, mark) = (table(&report, SHOWN), html(&report, GITHUB), markdown(&report, GITHUB));
    let log = sarif(&report, GITHUB, "1.2.3");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let mut breaches = 0;
    for each in &report.repositories {
        for finding in each.findings.iter().filter(|finding| finding.verdict == Verdict::Fail) {
            breaches += 1;
            let rule = finding.rule.name();
            assert!(
                text.contains(rule) && page.contains(rule) && mark.contains(rule),
                "{rule}"
            );
            let fingerprint = format!("{}/{rule}", each.id);
            let found = results
                .iter()
                .filter(|result| result["partialFingerprints"]["repositoryAndRule/v1"] == fingerprint);
            assert_eq!(found.count(), 1, "{fingerprint}");
        }
    }
    assert_eq!(results.len(), breaches);
    assert!(breaches > 5);
}

#[test]
fn every_format_reads_like_this() {
    let report = mixed();
    assert_snapshot!("table", table(&report, SHOWN));
    assert_snapshot!("markdown", markdown(&report, GITHUB));
    // A line for each element, so that a difference is seen.
    assert_snapshot!("html", html(&report, GITHUB).replace("><", ">\n<"));
    // The order of an object's keys depends on what else is built with it.
    let mut log = sarif(&report, GITHUB, "1.2.3");
    log.sort_all_objects();
    assert_snapshot!("sarif", format!("{log:#}"));
    assert_snapshot!("explained", explain(&report.repositories[0]));
}

#[test]
fn names_are_no_markup() {
    let report = mixed();
    let page = html(&report, GITHUB);
    assert!(!page.contains("<b>web") && page.contains("&lt;b&gt;web"), "{page}");
    let mark = markdown(&report, GITHUB);
    assert!(
        !mark.contains("<b>") && !mark.contains("@ada") && mark.contains("web\\|"),
        "{mark}"
    );
}

#[test]
fn what_is_not_known_or_not_offered_is_told_apart() {
    let text = table(&mixed(), SHOWN);
    for part in [
        "Not known:",
        "Administration: read",
        "Not offered by GitHub here:",
        "Exempt:",
        "1 archived",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn an_incomplete_audit_says_so_in_every_format() {
    let report = audit(&[repository(1, "web", Fact::Known(None))], Some("GitHub answers 502"));
    for text in [table(&report, SHOWN), html(&report, GITHUB), markdown(&report, GITHUB)] {
        assert!(
            text.contains("incomplete") && text.contains("GitHub answers 502"),
            "{text}"
        );
    }
    let log = sarif(&report, GITHUB, "1");
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn an_owner_without_repositories_is_a_report_too() {
    let report = audit(&[], None);
    assert!(table(&report, SHOWN).starts_with("0 repositories of acme"));
    assert!(html(&report, GITHUB).contains("Nothing that was looked at breaks the policy"));
    assert!(markdown(&report, GITHUB).contains("0 repositories"));
    let log = sarif(&report, GITHUB, "1");
    assert_eq!(log["runs"][0]["results"].as_array().map(Vec::len), Some(0));
    assert_eq!(
        log["runs"][0]["tool"]["driver"]["rules"].as_array().map(Vec::len),
        Some(Rule::ALL.len())
    );
}

#[test]
fn markdown_fits_into_an_issue_and_says_what_is_missing() {
    let many: Vec<_> = (0..2_000)
        .map(|n| repository(n, &format!("r{n}"), Fact::Known(None)))
        .collect();
    let mark = markdown(&audit(&many, None), GITHUB);
    assert!(mark.chars().count() < 65_536);
    assert!(mark.contains("rows are left out"));
}

#[test]
fn one_repository_is_explained_rule_by_rule() {
    let report = mixed();
    let text = explain(&report.repositories[0]);
    for finding in &report.repositories[0].findings {
        assert!(text.contains(finding.rule.name()), "{}", finding.rule);
    }
}
