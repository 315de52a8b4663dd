//! One HTML file that needs nothing else.

use cc_devops_repos::audit::{ChangeKind, ScanReport};
use cc_devops_repos::report::{Standing, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html as page};

use crate::grouped::{Group, changed, groups, headline, incomplete};

/// Light and dark, on a screen and on paper.
const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--bad:#b42318;--good:#067647;--dim:#667085}\
@media(prefers-color-scheme:dark){:root{--bad:#f97066;--good:#47cd89;--dim:#98a2b3}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
h1{margin-bottom:0}table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}\
caption{text-align:left;color:var(--dim);padding-bottom:.3rem}\
.bar{display:flex;height:1.6rem;border:1px solid var(--line);margin:.5rem 0}\
.bar span{overflow:hidden;white-space:nowrap;padding:0 .3rem}\
.protected{background:#06764733}.unprotected{background:#b4231855}.rest{background:#98a2b333}\
summary{cursor:pointer;padding:.3rem 0}.critical,.high{color:var(--bad);font-weight:600}\
.warn{border-left:4px solid var(--bad);padding:.3rem .8rem}.dim{color:var(--dim)}\
@media print{details{break-inside:avoid}}";

/// An audit as a page.
pub fn html(report: &ScanReport) -> String {
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
                p.dim { (report.timestamp) }
                p { (headline(report)) "." }
                @if let Some(why) = incomplete(report) {
                    p.warn role="alert" { (why) }
                }
                (picture(report))
                h2 { "Breaches" }
                @if broken.is_empty() {
                    p { "Nothing that was looked at breaks the policy." }
                }
                @for group in &broken { (section(group, true)) }
                @for (verdict, title) in [
                    (Verdict::Unknown, "Not known"),
                    (Verdict::Unavailable, "Not offered by GitHub here"),
                    (Verdict::Exempt, "Exempt"),
                ] {
                    @let others = groups(report, verdict);
                    @if !others.is_empty() {
                        h2 { (title) }
                        @for group in &others { (section(group, false)) }
                    }
                }
                h2 { "Repositories" }
                (repositories(report))
                p.dim {
                    (changed(report, ChangeKind::New)) " new and " (changed(report, ChangeKind::Fixed))
                    " fixed since the last audit. " (report.requests) " requests, " (report.points) " points."
                }
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
                    @for (class, number, label) in parts {
                        @if number > 0 {
                            span class=(class) style=(format!("flex:{number}")) title=(label) { (number) " " (label) }
                        }
                    }
                }
            }
        }
    }
}

fn section(group: &Group<'_>, open: bool) -> Markup {
    let class = group.severity.to_string();
    page! {
        details open[open && group.entries.len() <= 50] {
            summary {
                span class=(class) { (group.severity) } " "
                code { (group.rule.name()) } " "
                "in " (group.entries.len())
            }
            table {
                caption { (group.rule.demand()) }
                thead { tr { th { "repository" } th { "what was seen" } th { "what to do" } } }
                tbody {
                    @for entry in &group.entries {
                        tr {
                            td { (entry.repository.name) @if entry.new { " " strong { "new" } } }
                            td { (entry.finding.evidence) }
                            td { (entry.finding.fix) }
                        }
                    }
                }
            }
        }
    }
}

fn repositories(report: &ScanReport) -> Markup {
    page! {
        table {
            caption { "Every repository, and how its default branch stands" }
            thead { tr { th { "repository" } th { "default branch" } th { "protection" } th { "breaches" } } }
            tbody {
                @for repository in &report.repositories {
                    @let breaches = repository.findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
                    tr {
                        td { (repository.name) }
                        td { (repository.default_branch.as_deref().unwrap_or("none")) }
                        td {
                            @match repository.skipped {
                                Some(why) => { "not looked at: " (format!("{why:?}").to_lowercase()) }
                                None => { (standing(repository.protection.verdict)) }
                            }
                        }
                        td { (breaches) }
                    }
                }
            }
        }
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Protected => "protected",
        Standing::Unprotected => "unprotected",
        Standing::Unknown => "unknown",
        Standing::Unavailable => "unavailable",
        Standing::NotApplicable => "not applicable",
    }
}
