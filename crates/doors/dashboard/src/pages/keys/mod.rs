//! The keys: a page for everybody, and a list that the script opens on every page.

use std::sync::Arc;

use axum::response::Response;
use maud::{Markup, html};

use crate::gate::{AnyVisitor, Visit};
use crate::layout::Section;
use crate::refusal::Refusal;
use crate::routes::{Row, page};
use crate::state::DashboardState;

/// Where the page is.
pub(crate) const PATH: &str = "/ui/keys";

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![page(shared, PATH, show)]
}

async fn show(visit: Visit<AnyVisitor>) -> Result<Response, Refusal> {
    let content = html! {
        p { "With scripts switched on, these keys work on every page, unless you are typing in a field." }
        (list())
        (switch())
    };
    Ok(visit.page_of_none("Keys", &content))
}

/// The key that leads to a section, after `g`.
fn letter(section: Section) -> &'static str {
    match section {
        Section::Overview => "o",
        Section::Agents => "a",
        Section::Requests => "r",
        Section::Deploys => "d",
        Section::Alerts => "l",
        Section::Secrets => "s",
        Section::Revenue => "m",
        Section::Repositories => "p",
        Section::Audit => "t",
        Section::Policies => "c",
        Section::Webhooks => "w",
        Section::Settings => "e",
        Section::Health => "h",
    }
}

/// The keys and what they do.
pub(crate) fn list() -> Markup {
    html! {
        dl.facts.keys {
            div { dt { kbd { "/" } } dd { "search" } }
            div { dt { kbd { "?" } } dd { "show these keys" } }
            div { dt { kbd { "Esc" } } dd { "leave a field, close this list" } }
            @for section in Section::ALL {
                div {
                    dt { kbd { "g" } " " kbd { (letter(section)) } }
                    dd { "go to " a href=(section.path()) data-go=(letter(section)) { (section.word()) } }
                }
            }
        }
    }
}

/// Switches the keys off and on; only the script shows it.
pub(crate) fn switch() -> Markup {
    html! { button type="button" data-keys hidden { "Switch the keys off" } }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_section_has_a_key_of_its_own() {
        let letters: BTreeSet<_> = Section::ALL.map(letter).into_iter().collect();
        assert_eq!(letters.len(), Section::ALL.len());
    }
}
