//! Forms: filters that are addresses, and acts that are confirmed.

use maud::{Markup, html};

/// A field with its label, and a hint below it where one helps.
pub(crate) fn field(label: &str, name: &str, kind: &str, value: &str, hint: Option<&str>) -> Markup {
    let id = format!("field-{name}");
    let about = format!("{id}-hint");
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name=(name) type=(kind) value=(value) autocomplete="off"
                aria-describedby=[hint.map(|_| about.clone())];
            @if let Some(hint) = hint { p.hint id=(about) { (hint) } }
        }
    }
}

/// A choice: pairs of a value and what people read, the first of which may be empty for all.
pub(crate) fn select(label: &str, name: &str, chosen: &str, choices: &[(&str, &str)]) -> Markup {
    let id = format!("field-{name}");
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (value, word) in choices {
                    option value=(value) selected[*value == chosen] { (word) }
                }
            }
        }
    }
}

/// A filter over a list: what is chosen stands in the address.
pub(crate) fn filter(action: &str, fields: &Markup) -> Markup {
    html! {
        form.filter method="get" action=(action) role="search" aria-label="Filter" {
            (fields)
            button type="submit" { "Show" }
            a href=(action) { "Reset" }
        }
    }
}

/// An act that does no harm, as a button.
pub(crate) fn button(action: &str, word: &str) -> Markup {
    html! { form.act method="post" action=(action) { button type="submit" { (word) } } }
}

/// An act that is confirmed on a page of its own: what it does, what it needs to know, and the way back.
pub(crate) fn confirm(action: &str, sentence: &str, fields: &Markup, word: &str, back: &str) -> Markup {
    html! {
        form.confirm method="post" action=(action) {
            p { (sentence) }
            (fields)
            div.choices {
                button.danger type="submit" { (word) }
                a href=(back) { "Cancel" }
            }
        }
    }
}
