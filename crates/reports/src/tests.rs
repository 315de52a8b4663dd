//! Every format says the same, and nothing from outside is markup in any.

use cc_devops_repos::report::Verdict;
use cc_devops_repos::rules::Rule;
use insta::assert_snapshot;

use super::samples::{after, audit, mixed, repository};
use super::*;
use cc_devops_repos::audit::State;
use cc_devops_repos::snapshot::{Fact, Gap};

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
fn markdown_fits_into_a_jobs_summary_whatever_is_in_it() {
    // Names of many bytes, many groups, many repositories, and gaps without an end.
    let name = "\u{6f22}".repeat(30);
    let gap = "because ".repeat(20_000);
    let many: Vec<_> = (0..5_000)
        .map(|n| repository(n, &format!("{name}{n}"), Fact::Known(None)))
        .collect();
    let report = audit(&many, Some(&gap));
    let mark = markdown(&report, GITHUB);
    assert!(
        mark.len() <= 1 << 20 && mark.chars().count() < 65_536,
        "{} bytes",
        mark.len()
    );
    let shown = mark.lines().filter(|line| line.starts_with("| [")).count();
    let breaches: u64 = report.summary.breaches.values().sum();
    let left_out = format!("{} rows are left out", usize::try_from(breaches).unwrap() - shown);
    assert!(shown > 10 && mark.contains(&left_out), "{left_out}");
    assert!(
        mark.contains("--format html") && mark.contains("--json"),
        "it says what shows them"
    );
}

#[test]
fn the_first_audit_says_so_and_the_next_what_is_new() {
    let web = repository(1, "web", Fact::Known(None));
    let first = after(&State::default(), std::slice::from_ref(&web), None);
    let next = after(&first.state, &[web, repository(2, "api", Fact::Known(None))], None).report;
    for text in [
        table(&first.report, SHOWN),
        html(&first.report, GITHUB),
        markdown(&first.report, GITHUB),
    ] {
        assert!(text.contains("This is the first audit"), "{text}");
        assert!(
            !text.contains("since the last audit") && !text.contains("**new**"),
            "{text}"
        );
    }
    let text = table(&next, SHOWN);
    assert!(
        text.contains("* new since the last audit") && text.contains("api*"),
        "{text}"
    );
    assert!(!text.contains("web*") && !text.contains("first audit"), "{text}");
}

#[test]
fn what_a_line_cuts_off_is_shown_by_something_that_it_names() {
    let mut unseen: Vec<_> = (0..40)
        .map(|n| {
            repository(
                n,
                &format!("r{n}"),
                Fact::Unknown(Gap::Permission("Administration: read".to_owned())),
            )
        })
        .collect();
    for each in &mut unseen {
        each.default_branch.as_mut().unwrap().protected = Fact::Known(true);
    }
    let shown = Shown {
        verbose: false,
        width: 80,
    };
    let text = table(&audit(&unseen, None), shown);
    let mut cut = 0;
    for (at, _) in text.match_indices(" more") {
        cut += 1;
        assert!(text[at..].chars().take(40).collect::<String>().contains("--"), "{text}");
    }
    assert!(cut > 2, "{text}");
    for line in wrap(&text, 80).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn code_scanning_takes_every_location() {
    let report = mixed();
    let log = sarif(&report, "https://ghe.example", "1");
    let run = &log["runs"][0];
    let mut lines = std::collections::BTreeSet::new();
    for result in run["results"].as_array().unwrap() {
        let place = &result["locations"][0]["physicalLocation"];
        let file = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(file == "README.md" || file.starts_with(".github/"), "{result}");
        assert_eq!(place["region"]["startLine"], 1);
        assert!(
            lines.insert(result["partialFingerprints"]["primaryLocationLineHash"].to_string()),
            "many results are at one line, and each is an alert of its own: {result}"
        );
    }
    // Nothing leads to another server than the one that was asked.
    for address in log.to_string().split('"').filter(|text| text.starts_with("http")) {
        let of_the_format = address.starts_with("https://docs.oasis-open.org/");
        assert!(
            of_the_format || address.starts_with("https://ghe.example/"),
            "{address}"
        );
    }
}

#[test]
fn a_page_links_repositories_and_shows_code_as_code() {
    let page = html(&mixed(), "https://ghe.example");
    assert!(
        page.contains("<a href=\"https://ghe.example/acme/let-off\">let-off</a>"),
        "{page}"
    );
    assert!(!page.contains('`') && page.contains("<code>main</code>"), "{page}");
    assert!(
        page.contains("1970-01-01 00:00 UTC") && !page.contains("00:00:00"),
        "{page}"
    );
}

#[test]
fn one_repository_is_explained_rule_by_rule() {
    let report = mixed();
    let text = explain(&report.repositories[0]);
    for finding in &report.repositories[0].findings {
        assert!(text.contains(finding.rule.name()), "{}", finding.rule);
    }
}
