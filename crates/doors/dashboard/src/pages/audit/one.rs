//! One row: all that is on record, and its proof.

use axum::response::Response;
use cc_devops_http::access::ReadAudit;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::audit::{AuditRow, Canonical, ChainHash, link};
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::text;
use maud::{Markup, html};
use serde::Deserialize;

use super::{in_chain, outcome};
use crate::components::{code, facts, fields, moment, notice, section};
use crate::extract::{Path, Query};
use crate::gate::Visit;
use crate::links::{to_agent_or, to_request};
use crate::refusal::Refusal;
use crate::section::Section;

/// The chain that a row stands in, where there are several.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chain {
    chain: Option<String>,
}

impl Chain {
    /// The row of a place.
    ///
    /// # Errors
    /// There is none, or the trail cannot be read.
    pub(super) async fn row(&self, visit: &Visit<ReadAudit>, seq: i64) -> Result<AuditRow, Refusal> {
        let found = visit.permitted.row(self.chain.as_deref(), seq).await?;
        let missing = || Problem::not_found("there is no such row; it may have been cut off and exported");
        Ok(found.ok_or_else(missing)?)
    }
}

pub(super) async fn show(
    visit: Visit<ReadAudit>,
    Path(seq): Path<i64>,
    Query(chain): Query<Chain>,
) -> Result<Response, Refusal> {
    let row = chain.row(&visit, seq).await?;
    let before = match seq.checked_sub(1).filter(|before| *before > 0) {
        Some(before) => visit.permitted.row(chain.chain.as_deref(), before).await?,
        None => None,
    };
    let content = html! {
        (on_record(&row, &visit))
        (section("detail", "More that was written down", &fields(&row.entry.detail)))
        (section("proof", "The proof", &proof(&row, before.as_ref())))
    };
    Ok(visit.page(Section::Audit, &format!("Audit row {seq}"), &[], content))
}

fn on_record(row: &AuditRow, visit: &Visit<ReadAudit>) -> Markup {
    let entry = &row.entry;
    let said = |value: Option<&str>| html! { (text::line(value.unwrap_or("-"))) };
    let mut rows = vec![
        ("When", moment(entry.at, visit.now())),
        (
            "Who",
            to_agent_or(entry.principal.as_ref(), "The control plane, or nobody who was proven"),
        ),
        ("For", to_agent_or(entry.agent.as_ref(), "-")),
        ("Action", said(Some(&entry.action))),
        ("Status", outcome(entry)),
        ("About", said(entry.resource.as_deref())),
        ("Stage", said(entry.stage.as_deref())),
        (
            "Request",
            html! {
                @if let Some(id) = &entry.request_id { (to_request(id)) } @else { "-" }
            },
        ),
    ];
    if let Some(chain) = &row.chain {
        rows.push(("Chain", html! { (text::line(chain)) }));
    }
    facts(&rows)
}

/// Whether the row holds, and how anybody can see that.
fn proof(row: &AuditRow, before: Option<&AuditRow>) -> Markup {
    let holds = link(row.prev_hash, row.seq, &row.entry) == row.hash;
    let start = (row.seq == 1).then(|| ChainHash::start_of(row.chain.as_deref()));
    let expected = before.map(|before| before.hash).or(start);
    let follows = expected.map(|hash| hash == row.prev_hash);
    let canonical = String::from_utf8(Canonical::of(&row.entry).at(row.seq)).unwrap_or_default();
    let file = in_chain(row.chain.as_deref(), row.seq, "/row.json");
    let before_it = in_chain(row.chain.as_deref(), row.seq.saturating_sub(1), "");
    html! {
        @match (holds, follows) {
            (false, _) => { (notice(Condition::Degraded, "This row was changed: its hash is not that of what it says. Run cc-devops audit verify, and see the runbook.")) }
            (true, Some(false)) => { (notice(Condition::Degraded, "This row does not follow from the one before it. Run cc-devops audit verify, and see the runbook.")) }
            (true, Some(true)) => { (notice(Condition::Healthy, "This row holds: its hash is that of what it says, and it follows from the one before.")) }
            (true, None) => { (notice(Condition::Healthy, "This row holds: its hash is that of what it says. The row before it was cut off, so it cannot be compared with that.")) }
        }
        (facts(&[
            ("Hash of the row before", html! {
                @if before.is_some() { a href=(before_it) { (code(&row.prev_hash.to_string())) } }
                @else { (code(&row.prev_hash.to_string())) }
            }),
            ("Hash of this row", code(&row.hash.to_string())),
            ("As a file", html! { a href=(file) download { "This row as a line of JSON" } }),
        ]))
        h3 { "Check it by hand" }
        p {
            "The hash is the SHA-256 of the hash of the row before, a line feed, and this row as canonical JSON (RFC 8785). \
             Any machine tells whether that is so; it must print the hash above:"
        }
        @if text::line(&canonical) == canonical.as_str() {
            pre tabindex="0" aria-label="The command" { (by_shell(row, &canonical)) }
            p { "The row as canonical JSON:" }
            pre tabindex="0" aria-label="The row as canonical JSON" { (canonical) }
        } @else {
            p { "This row holds characters that show nothing of themselves, so it is not written out here. With the file:" }
            pre tabindex="0" aria-label="The command" { (BY_PYTHON) }
        }
    }
}

/// The check as one line of shell.
fn by_shell(row: &AuditRow, canonical: &str) -> String {
    let quoted = canonical.replace('\'', r"'\''");
    format!("printf '%s\\n%s' {} '{quoted}' | sha256sum", row.prev_hash)
}

/// The check as one line of Python over the file.
const BY_PYTHON: &str = "python3 -c 'import hashlib, json; row = json.load(open(\"row.json\")); row.pop(\"chain\", 0); \
row.pop(\"hash\"); text = row.pop(\"prevHash\") + \"\\n\" + json.dumps(row, sort_keys=True, separators=(\",\", \":\"), \
ensure_ascii=False); print(hashlib.sha256(text.encode()).hexdigest())'";
