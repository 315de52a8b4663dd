//! Every repository, the worst first, in pages.

use cc_devops_http::access::ReadRepositories;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::text::counted;
use cc_devops_repos::hygiene::{Filter, Register, RegisterRow};
use cc_devops_repos::rules::{Rule, Severity};
use cc_devops_repos::snapshot::RepositoryId;
use maud::{Markup, html};
use serde::Deserialize;

use super::{badness, name, score};
use crate::components::{Column, Tone, empty, field, filter, pager, select, status, table};
use crate::gate::Visit;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many stand on a page.
const ROWS: usize = 50;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    rule: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    name: String,
    after: Option<u64>,
}

const SEVERITIES: [(&str, &str); 5] = [
    ("", "Any severity"),
    ("critical", "critical"),
    ("high", "high"),
    ("medium", "medium"),
    ("low", "low"),
];

/// Which repositories are asked for.
pub(super) struct Asked {
    filter: Filter,
    after: Option<RepositoryId>,
}

impl Wanted {
    /// What is asked for. A field that was left empty asks for nothing.
    pub(super) fn asked(&self) -> Result<Asked, Refusal> {
        let rule = match self.rule.trim() {
            "" => None,
            name => Some(Rule::named(name).ok_or_else(|| Problem::invalid("there is no such rule"))?),
        };
        let severity = match self.severity.trim() {
            "" => None,
            name => Some(Severity::named(name).ok_or_else(|| Problem::invalid("there is no such severity"))?),
        };
        let name: String = self.name.trim().chars().take(100).collect();
        Ok(Asked {
            filter: Filter {
                rule,
                severity,
                unknown: self.verdict == "unknown",
                name,
            },
            after: self.after.map(RepositoryId),
        })
    }
}

pub(super) fn shown(visit: &Visit<ReadRepositories>, register: &Register, asked: &Asked) -> Markup {
    let page = register.page(&asked.filter, asked.after, ROWS);
    let here = |after: &str| format!("{}#repositories", visit.link_with("after", after));
    let first = asked.after.map(|_| here(""));
    let next = page.next.map(|next| here(&next.to_string()));
    html! {
        (filters(&asked.filter))
        p { (counted(page.total as u64, "repository", "repositories")) ", the worst first." }
        @if page.rows.is_empty() {
            (empty("None of these", &html! { "No repository matches what you chose." }))
        } @else {
            (rows(&page.rows))
            (pager(first.as_deref(), next.as_deref()))
        }
    }
}

fn filters(asked: &Filter) -> Markup {
    let mut rules = vec![("", "Any rule")];
    rules.extend(Rule::ALL.map(|rule| (rule.name(), rule.name())));
    let severity = asked.severity.map(|severity| severity.to_string()).unwrap_or_default();
    let verdict = if asked.unknown { "unknown" } else { "" };
    let fields = html! {
        (field("Name has", "name", "search", &asked.name, None))
        (select("Rule", "rule", asked.rule.map_or("", Rule::name), &rules))
        (select("Severity", "severity", &severity, &SEVERITIES))
        (select("Finding", "verdict", verdict, &[("", "Broken"), ("unknown", "Not known")]))
    };
    filter(Section::Repositories.path(), &fields)
}

fn rows(rows: &[&RegisterRow]) -> Markup {
    let columns = [
        Column::text("Repository"),
        Column::text("Worst"),
        Column::number("Score"),
        Column::text("Broken rules"),
        Column::number("Not known"),
    ];
    let rows = rows.iter().map(|row| {
        let broken: Vec<&str> = row.broken().map(|(rule, _)| rule.name()).collect();
        let worst = match (row.skipped, row.worst()) {
            (Some(why), _) => status(Tone::Quiet, why.name()),
            (None, Some(worst)) => badness(worst),
            (None, None) => status(Tone::Good, "nothing broken"),
        };
        let cells = vec![
            name(row),
            worst,
            score(row.score),
            html! { (first_of(&broken)) },
            html! { (row.unknown()) },
        ];
        (row.id.to_string(), cells)
    });
    table("Every repository, the worst first", &columns, rows)
}

/// The first of these names, and how many more there are.
fn first_of(names: &[&str]) -> String {
    const FIRST: usize = 4;
    let first = names.get(..FIRST.min(names.len())).unwrap_or_default().join(", ");
    match names.len().saturating_sub(FIRST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
