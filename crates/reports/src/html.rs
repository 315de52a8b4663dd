//! One HTML file that needs nothing else.

use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::report::{RepositoryReport, Standing, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html as page};

use crate::addresses;
use crate::grouped::{Group, OTHERS, closing, groups, headline, incomplete, minute};
use crate::heading::heading;

/// Light and dark, on a screen and on paper.
const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--bad:#b42318;--good:#067647;--dim:#667085;--rest:#98a2b3}\
@media(prefers-color-scheme:dark){:root{--bad:#f97066;--good:#47cd89;--dim:#98a2b3;--rest:#667085}}\
*{box-sizing:border-box}\
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\
h1{margin-bottom:0;line-height:1.2}table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}\
caption{text-align:left;color:var(--dim);padding-bottom:.3rem}a{color:inherit}\
code{font:.9em ui-monospace,monospace;background:#8882;border-radius:.2rem;padding:0 .2rem}\
.bar{display:flex;height:1rem;margin:.4rem 0}.bar span{min-width:2px}\
.protected{background:var(--good)}.unprotected{background:var(--bad)}.rest{background:var(--rest)}\
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:0;padding:0;list-style:none}\
.key span{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem}\
summary{cursor:pointer;padding:.3rem 0}.critical,.high{color:var(--bad);font-weight:600}\
.warn{border-left:4px solid var(--bad);padding:.3rem .8rem}.dim{color:var(--dim)}\
@media(max-width:40rem){thead{display:none}table,caption,tbody,tr,td{display:block}\
tr{padding:.5rem 0;border-bottom:1px solid var(--line)}td{border:0;padding:.1rem 0}td:empty{display:none}\
td[data-of]::before{content:attr(data-of) ': ';color:var(--dim)}}\
@media(min-width:40.01rem){th{overflow-wrap:normal}th:first-child{min-width:9rem}}\
@media print{details{break-inside:avoid}}";

/// An audit as a page; `web` is where people see the server, such as `https://github.com`.
pub fn html(report: &ScanReport, web: &str) -> String {
    let broken = groups(report, Verdict::Fail);
    page! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Repositories of " (report.owner) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Repositories of " (report.owner) }
                p.dim { (minute(report.timestamp)) }
                p { (headline(report)) "." }
                @if let Some(why) = incomplete(report) {
                    p.warn role="alert" { (words(&why)) }
                }
                (picture(report))
                h2 { "Breaches" }
                @if broken.is_empty() {
                    p { "Nothing that was looked at breaks the policy." }
                }
                @for group in &broken { (section(report, group, Verdict::Fail, web)) }
                @for (verdict, title) in OTHERS {
                    @let others = groups(report, verdict);
                    @if !others.is_empty() {
                        h2 { (title) }
                        @for group in &others { (section(report, group, verdict, web)) }
                    }
                }
                h2 { "Repositories" }
                (repositories(report, web))
                p.dim { (closing(report)) "." }
            }
        }
    }
    .into_string()
}

/// How many default branches are protected.
fn picture(report: &ScanReport) -> Markup {
    let of = |standing| report.summary.protection.get(&standing).copied().unwrap_or_default();
    let (protected, unprotected) = (of(Standing::Protected), of(Standing::Unprotected));
    let rest = report.summary.repositories - protected - unprotected;
    let parts = [
        ("protected", protected, "protected"),
        ("unprotected", unprotected, "unprotected"),
        ("rest", rest, "neither is known, or there is nothing to protect"),
    ];
    page! {
        @if report.summary.repositories > 0 {
            figure style="margin:0" {
                figcaption.dim { "Default branches" }
                div.bar role="img" aria-label=(format!("{protected} protected, {unprotected} unprotected, {rest} neither")) {
                    @for (class, number, _) in parts {
                        @if number > 0 { span class=(class) style=(format!("flex:{number}")) {} }
                    }
                }
                ul.key {
                    @for (class, number, label) in parts {
                        @if number > 0 { li { span class=(class) {} (number) " " (label) } }
                    }
                }
            }
        }
    }
}

/// A sentence, with what stands between backticks as code.
fn words(text: &str) -> Markup {
    // Where one of a pair is missing, none of them means anything.
    let is_paired = text.matches('`').count().is_multiple_of(2);
    page! {
        @if is_paired {
            @for (place, part) in text.split('`').enumerate() {
                @if place % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text.replace('`', "'")) }
    }
}

fn link(report: &ScanReport, about: &RepositoryReport, web: &str) -> Markup {
    page! { a href=(addresses::subject(web, report, about)) { (about.name) } }
}

fn section(report: &ScanReport, group: &Group<'_>, verdict: Verdict, web: &str) -> Markup {
    let class = group.severity.to_string();
    let open = verdict == Verdict::Fail;
    page! {
        details open[open && group.entries.len() <= 50] {
            summary {
                span class=(class) { (group.severity) } " "
                code { (group.rule.name()) } " "
                "in " (group.entries.len())
            }
            table {
                caption { (words(heading(group.rule, verdict))) }
                thead { tr { th { "repository" } th { "what was seen" } th { "what to do" } } }
                tbody {
                    @for entry in &group.entries {
                        tr {
                            td {
                                (link(report, entry.repository, web))
                                @if entry.new { " " strong { "new" } }
                            }
                            td { (words(&entry.finding.evidence)) }
                            td data-of=[(!entry.finding.fix.is_empty()).then_some("To do")] {
                                (words(&entry.finding.fix))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn repositories(report: &ScanReport, web: &str) -> Markup {
    page! {
        table {
            caption { "Every repository, and how its default branch stands" }
            thead { tr { th { "repository" } th { "default branch" } th { "protection" } th { "breaches" } } }
            tbody {
                @for repository in &report.repositories {
                    @let breaches = repository.findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
                    tr {
                        td { (link(report, repository, web)) }
                        td data-of="default branch" { (repository.default_branch.as_deref().unwrap_or("none")) }
                        td data-of="protection" {
                            @match repository.skipped {
                                Some(why) => { "not looked at: " (why.name()) }
                                None => { (repository.protection.verdict.name()) }
                            }
                        }
                        td data-of="breaches" { (breaches) }
                    }
                }
            }
        }
    }
}
