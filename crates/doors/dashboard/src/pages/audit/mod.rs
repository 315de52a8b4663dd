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
use crate::house::House;
use crate::layout::Section;
use crate::links::segment;
use crate::routes::{Row, page};

pub(crate) fn rows(house: &Arc<House>) -> Vec<Row> {
    vec![
        page(house, Section::Audit.path(), list::show),
        page(house, "/ui/audit/export", export::file),
        page(house, "/ui/audit/{seq}", one::show),
        page(house, "/ui/audit/{seq}/row.json", export::row),
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
