//! The keys: a page shows them, and the script opens their list on every page.

use maud::{Markup, html};

use crate::section::Section;

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
