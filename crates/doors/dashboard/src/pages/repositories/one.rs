//! One repository: what each rule came to, and what would put it right.

use axum::response::Response;
use cc_devops_http::access::{ReadRepositories, RepositoryLook};
use cc_devops_http::config::CodeHostPlace;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::text;
use cc_devops_repos::hygiene::{AuditDays, FailingWorkflow, KeptFinding, RepositoryRecord};
use cc_devops_repos::report::Verdict;
use cc_devops_repos::snapshot::RepositoryId;
use maud::{Markup, html};

use super::{ORGANIZATION, badness, nobodys, outward, plan, score, workflows};
use crate::components::{Column, Tone, code, facts, moment, section, status, table};
use crate::extract::Path;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::segment;
use crate::refusal::Refusal;
use crate::section::Section;

pub(super) async fn show(visit: Visit<ReadRepositories>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let Some(place) = visit.permitted.code_host() else {
        return Ok(visit.page(Section::Repositories, "Repositories", &[Kind::Repositories], nobodys()));
    };
    let found = if name == ORGANIZATION {
        visit.permitted.organization().await?
    } else {
        visit.permitted.repository(&name).await?
    };
    let Some(look) = found else {
        return Err(Problem::not_found("no audit has seen a repository of this name").into());
    };
    let days = visit.permitted.audit_days().await?;
    let record = &look.record;
    let title = text::line(&record.name);
    let failing: Vec<&FailingWorkflow> = look.failing.iter().collect();
    let content = html! {
        (about(&visit, place, &look, &days))
        @if record.skipped.is_none() {
            (section("rules", "Rules", &rules(&visit, &look)))
            (section("plan", "What would put it right", &plan::fixes(record)))
            (section("drift", "Settings", &plan::drift(record)))
        }
        @if !failing.is_empty() {
            (section("workflows", "Failing workflows", &workflows(place, &failing, visit.now())))
        }
    };
    Ok(visit.page(Section::Repositories, &title, &[Kind::Repositories], content))
}

fn is_organization(record: &RepositoryRecord) -> bool {
    record.id == RepositoryId::ORGANIZATION
}

fn about(visit: &Visit<ReadRepositories>, place: &CodeHostPlace, look: &RepositoryLook, days: &AuditDays) -> Markup {
    let record = &look.record;
    let owner = segment(&place.owner);
    let there = if is_organization(record) {
        format!("{}/{owner}", place.web)
    } else {
        format!("{}/{owner}/{}", place.web, segment(&record.name))
    };
    let unread: Vec<&str> = days
        .gaps
        .first
        .iter()
        .filter(|(name, _)| name.as_deref() == Some(record.name.as_str()))
        .map(|(_, why)| why.as_str())
        .collect();
    let mut rows = vec![("Score of 100", score(look.row.score))];
    if let Some(branch) = &record.default_branch {
        rows.push(("Default branch", code(&text::line(branch))));
    }
    if let Some(why) = record.skipped {
        rows.push(("Not looked at", status(Tone::Quiet, why.name())));
    }
    if let Some(latest) = days.latest() {
        rows.push(("Last audit of all", moment(latest.at, visit.now())));
    }
    rows.push(("On GitHub", outward(&there, &there)));
    rows.push(("Look again", code(&again(record))));
    html! {
        nav.ways aria-label="Repositories" {
            ul { li { a href=(Section::Repositories.path()) { "All repositories" } } }
        }
        (facts(&rows))
        @for why in unread {
            p { "The last audit could not read all of it, and what it did not see is of an earlier one: " (text::line(why)) "." }
        }
    }
}

/// The command that audits it.
fn again(record: &RepositoryRecord) -> String {
    if is_organization(record) {
        "cc-devops repos audit".to_owned()
    } else {
        format!("cc-devops repos explain {}", super::shell_word(&record.name))
    }
}

fn rules(visit: &Visit<ReadRepositories>, look: &RepositoryLook) -> Markup {
    let record = &look.record;
    let mut findings: Vec<KeptFinding<'_>> = record.findings().collect();
    findings.sort_by_key(|finding| {
        (
            place(finding.verdict),
            std::cmp::Reverse(finding.severity),
            finding.rule,
        )
    });
    let columns = [
        Column::text("Rule"),
        Column::text("State"),
        Column::text("Severity"),
        Column::text("What was seen"),
        Column::text("Broken since"),
    ];
    let rows = findings.into_iter().map(|finding| {
        let is_broken = finding.verdict == Verdict::Fail;
        let since = look.kept.breaches.get(&finding.rule);
        let cells = vec![
            html! { (finding.rule.demand()) " " (code(finding.rule.name())) },
            state(finding.verdict),
            html! { @if is_broken { (badness(finding.severity)) } },
            html! {
                (text::line(finding.evidence))
                @if !finding.fix.is_empty() { p.hint { (text::line(finding.fix)) } }
            },
            html! { @if let (true, Some(since)) = (is_broken, since) { (moment(since.since, visit.now())) } },
        ];
        (finding.rule.name().to_owned(), cells)
    });
    table("What each rule came to", &columns, rows)
}

/// Where a verdict stands in the list: what needs somebody first.
fn place(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Exempt => 2,
        Verdict::Pass => 3,
        Verdict::Unavailable => 4,
        Verdict::NotApplicable => 5,
    }
}

fn state(verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Fail => status(Tone::Bad, "broken"),
        Verdict::Unknown => status(Tone::Waiting, "not known"),
        Verdict::Exempt => status(Tone::Quiet, "waived"),
        Verdict::Pass => status(Tone::Good, "held"),
        Verdict::Unavailable => status(Tone::Quiet, "not offered by GitHub"),
        Verdict::NotApplicable => status(Tone::Quiet, "says nothing here"),
    }
}
