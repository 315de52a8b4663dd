//! Pages of what was searched for: where a search was cut, and how it goes on.

use cc_devops_http::access::{Privilege, Searched};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{moment, pager};
use crate::gate::Visit;

/// Says where a search was cut.
pub(crate) fn cut(looked_back_to: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @if let Some(at) = looked_back_to {
            p.notice role="status" {
                span {
                    "The search looked back to " (moment(at, now)) " and stopped there, so that it stays quick. There may \
                     be more before."
                }
            }
        }
    }
}

/// Links to the first page and to what comes behind this one.
pub(crate) fn more<P: Privilege, T>(visit: &Visit<P>, found: &Searched<T>, is_first: bool) -> Markup {
    let first = (!is_first).then(|| visit.link_with("cursor", ""));
    let next = found
        .page
        .next
        .map(|next| visit.link_with("cursor", &next.0.to_string()));
    html! {
        @if let (Some(next), Some(_)) = (&next, found.looked_back_to) {
            nav.pager aria-label="Pages" {
                @if let Some(first) = first { a href=(first) { "First page" } }
                a href=(next) rel="next" { "Search further back" }
            }
        } @else {
            (pager(first.as_deref(), next.as_deref()))
        }
    }
}
