//! Audit: who did what to what, and the proof of it.

mod export;
mod filter;
mod list;
mod one;

use std::sync::Arc;

use cc_devops_kernel::audit::{AuditEntry, AuditRow};
use cc_devops_kernel::outcome::Status;
use maud::{Markup, html};

use crate::components::{Tone, status};
use crate::links::segment;
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Audit.path(), list::show),
        page(shared, "/ui/audit/export", export::file),
        page(shared, "/ui/audit/{seq}", one::show),
        page(shared, "/ui/audit/{seq}/row.json", export::row),
    ]
}

/// A row's page.
pub(crate) fn address(row: &AuditRow) -> String {
    in_chain(row.chain.as_deref(), row.seq, "")
}

/// What belongs to a row, under its page.
fn in_chain(chain: Option<&str>, seq: i64, file: &str) -> String {
    let chain = chain
        .map(|chain| format!("?chain={}", segment(chain)))
        .unwrap_or_default();
    format!("/ui/audit/{seq}{file}{chain}")
}

/// How what is on record ended.
pub(crate) fn outcome(entry: &AuditEntry) -> Markup {
    match entry.status {
        Status::Success => status(Tone::Good, "success"),
        Status::Error => html! {
            (status(Tone::Bad, "error"))
            @if let Some(reason) = entry.reason { " " span.note { (reason.as_str()) } }
        },
    }
}
