//! Differences, as people read them.

use diffy::PatchFormatter;
use serde_json::Value;

/// The difference between two texts under one name.
pub(crate) fn unified(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let patch = diffy::create_patch(before, after);
    let text = PatchFormatter::new()
        .suppress_blank_empty(false)
        .fmt_patch(&patch)
        .to_string();
    // Its first two lines name the texts, and would quote a name with a quotation mark.
    let hunks = text.splitn(3, '\n').nth(2).unwrap_or_default();
    format!("--- a/{name}\n+++ b/{name}\n{hunks}")
}

/// The difference between two documents.
pub(crate) fn unified_json(name: &str, before: &Value, after: &Value) -> String {
    let text = |value: &Value| {
        if value.is_null() {
            String::new()
        } else {
            format!("{value:#}\n")
        }
    };
    unified(name, &text(before), &text(after))
}
