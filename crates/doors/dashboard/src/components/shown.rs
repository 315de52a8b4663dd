//! What pages show that is neither a table nor a form.

use cc_devops_kernel::health::Condition;
use cc_devops_kernel::text;
use cc_devops_reports::charts::Unit;
use maud::{Markup, html};
use serde_json::Value;

use super::status::{Tone, shape};

/// A part of a page under a heading. `id` makes a link to it.
pub(crate) fn section(id: &str, title: &str, content: &Markup) -> Markup {
    panel(id, title, false, content)
}

/// A part of a page that stands beside others in a `div.panels`; a wide one has a row for itself.
pub(crate) fn panel(id: &str, title: &str, is_wide: bool, content: &Markup) -> Markup {
    let heading = format!("{id}-heading");
    html! {
        section id=(id) aria-labelledby=(heading) class=[is_wide.then_some("wide")] {
            h2 id=(heading) { (title) }
            (content)
        }
    }
}

/// One number that people come for, with what it means below it. Several stand in one `dl.stats`.
pub(crate) fn stat(label: &str, value: &Markup, note: &Markup) -> Markup {
    html! {
        div.stat {
            dt { (label) }
            dd { span.value { (value) } span.note { (note) } }
        }
    }
}

/// Names and values.
pub(crate) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in rows {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// What a JSON value says, by its fields where it has any.
pub(crate) fn fields(value: &Value) -> Markup {
    let said = |value: &Value| match value {
        Value::String(text) => text::line(text).into_owned(),
        other => text::json(&other.to_string()).into_owned(),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let rows: Vec<(&str, Markup)> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), html! { (said(value)) }))
                .collect();
            facts(&rows)
        }
        Value::Object(_) | Value::Null => html! { p { "Nothing." } },
        other => html! { p { (said(other)) } },
    }
}

/// What stands where there is nothing yet: what would be here, and how it comes about.
pub(crate) fn empty(title: &str, how: &Markup) -> Markup {
    html! {
        div.empty {
            p.title { (title) }
            p { (how) }
        }
    }
}

/// A sentence that matters, where it is seen first.
pub(crate) fn notice(condition: Condition, sentence: &str) -> Markup {
    let tone = match condition {
        Condition::Healthy => Tone::Good,
        Condition::Degraded => Tone::Bad,
    };
    html! { p class=(format!("notice {}", tone.class())) role="status" { (shape(tone)) span { (sentence) } } }
}

/// A chart with the sentence that says the same, and the table of its numbers behind a fold.
pub(crate) fn figure(chart: &Markup, caption: &str, numbers: Option<&Markup>) -> Markup {
    html! {
        figure {
            (chart)
            @if let Some(numbers) = numbers {
                details { summary { "The numbers" } (numbers) }
            }
            figcaption { (caption) }
        }
    }
}

/// A number of things: `1,234`.
pub(crate) fn written(number: u64) -> String {
    Unit::Count.exact(i128::from(number))
}

/// Text of a machine, in one line or several.
pub(crate) fn code(text: &str) -> Markup {
    html! { code { (text) } }
}
