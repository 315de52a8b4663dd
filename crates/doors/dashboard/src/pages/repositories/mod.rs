//! Repositories: how they stand to the policy, as the last audits saw it. Nothing here asks GitHub.

mod list;
mod one;
mod overview;
mod plan;

use std::sync::Arc;

use cc_devops_http::config::CodeHostPlace;
use cc_devops_kernel::text;
use cc_devops_repos::hygiene::{FailingWorkflow, RegisterRow};
use cc_devops_repos::issues::IssueRef;
use cc_devops_repos::rules::Severity;
use cc_devops_repos::snapshot::RepositoryId;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Column, Tone, code, empty, moment, status, table};
use crate::links;
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

const ONE: &str = "/ui/repositories/{name}";

/// How the organisation itself is named in an address: no repository may be called so.
const ORGANIZATION: &str = "@organization";

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Repositories.path(), overview::show),
        page(shared, ONE, one::show),
    ]
}

/// What stands where nobody's repositories are looked after.
fn nobodys() -> Markup {
    empty(
        "No repositories are looked after",
        &html! {
            "Set " (code("github.owner")) " in the configuration, keep a token as the secret " (code("github/token"))
            ", and audit: " (code("cc-devops repos audit"))
        },
    )
}

/// What stands where no audit was ever kept.
fn never_audited(place: &CodeHostPlace) -> Markup {
    empty(
        "No audit yet",
        &html! {
            "The repositories of " (text::line(&place.owner)) " are held against the policy every day at 07:00 UTC. Do it now: "
            (code("cc-devops repos audit"))
        },
    )
}

/// A link away from here, to where repositories are.
fn outward(href: &str, word: &str) -> Markup {
    html! { a href=(href) rel="noreferrer noopener" { (word) } }
}

/// The page of a repository.
fn own_page(row: &RegisterRow) -> String {
    if row.id == RepositoryId::ORGANIZATION {
        return format!("/ui/repositories/{ORGANIZATION}");
    }
    links::repository(&row.name)
}

/// A repository's name, as a link to its page.
fn name(row: &RegisterRow) -> Markup {
    let shown = text::line(&row.name);
    html! {
        a href=(own_page(row)) { (shown) }
        @if row.id == RepositoryId::ORGANIZATION { " (the organisation)" }
    }
}

/// Where an issue is.
fn issue(place: &CodeHostPlace, issue: &IssueRef) -> Markup {
    let href = format!(
        "{}/{}/issues/{}",
        place.web,
        links::segments(&issue.repository),
        issue.number
    );
    outward(&href, &format!("#{}", issue.number))
}

/// How bad a breach is, as a status.
fn badness(severity: Severity) -> Markup {
    let tone = match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium | Severity::Low => Tone::Warning,
    };
    status(tone, &severity.to_string())
}

/// A score, in words where there is none.
fn score(score: Option<u8>) -> Markup {
    html! { @match score { Some(score) => { (score) } None => { "-" } } }
}

/// Workflows that fail, with the issues about them.
fn workflows(place: &CodeHostPlace, failing: &[&FailingWorkflow], now: Timestamp) -> Markup {
    let columns = [
        Column::text("Workflow"),
        Column::text("Repository"),
        Column::text("Fails since"),
        Column::text("Issue"),
    ];
    let rows = failing.iter().enumerate().map(|(number, workflow)| {
        let repository = workflow.repository.as_deref();
        let cells = vec![
            html! { (text::line(&workflow.path)) },
            html! {
                @match repository {
                    Some(name) => { a href=(links::repository(name)) { (text::line(name)) } }
                    None => { "not known" }
                }
            },
            moment(workflow.since, now),
            html! {
                @match &workflow.issue { Some(found) => { (issue(place, found)) } None => { "none" } }
            },
        ];
        (format!("workflow-{number}"), cells)
    });
    table("Workflows that fail on the default branch", &columns, rows)
}

/// A repository's name as a word of a shell.
fn shell_word(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}
