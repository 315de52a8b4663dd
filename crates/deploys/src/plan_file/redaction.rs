//! A plan file of any other form as text, without what looks like a secret.

use std::borrow::Cow;

use cc_devops_kernel::input;
use serde_json::{Map, Value};

use crate::review::masking::{HIDDEN, holds_secret, is_secret_name, is_secret_path, looks_cut};

/// The text to show, and whether anything was left out.
pub(super) fn redacted(bytes: &[u8]) -> (String, bool) {
    match input::unambiguous(bytes) {
        Ok(document) if document.is_object() || document.is_array() => {
            let mut hides = false;
            let shown = without_secrets(document, &mut hides);
            let text = if hides {
                format!("{shown:#}")
            } else {
                String::from_utf8_lossy(bytes).into_owned()
            };
            (text, hides)
        }
        _ => {
            let text = String::from_utf8_lossy(bytes);
            // JSON that is cut, or says one thing twice: what of it is a secret nobody can tell.
            let trimmed = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            let is_json =
                trimmed.starts_with(['{', '[', '"']) && (input::document(bytes).is_ok() || looks_cut(trimmed));
            if is_json {
                (HIDDEN.to_owned(), true)
            } else {
                lines(&text)
            }
        }
    }
}

/// What the names of values end in.
const VALUES: [&str; 12] = [
    "after", "before", "content", "current", "default", "desired", "new", "old", "planned", "previous", "value",
    "values",
];

/// What says of a secret where and what it is, in lower case.
const DESCRIBING: [&str; 18] = [
    "action",
    "actions",
    "address",
    "drifted",
    "iam",
    "key",
    "logicalid",
    "lost",
    "masked",
    "name",
    "optionname",
    "parameterkey",
    "parametername",
    "path",
    "policyaction",
    "replacement",
    "resourcetype",
    "type",
];

fn without_secrets(value: Value, hides: &mut bool) -> Value {
    match value {
        Value::Object(members) => Value::Object(members_without(members, hides)),
        Value::Array(items) => items.into_iter().map(|item| without_secrets(item, hides)).collect(),
        Value::String(text) if holds_secret(&text) => {
            *hides = true;
            HIDDEN.into()
        }
        other => other,
    }
}

fn members_without(members: Map<String, Value>, hides: &mut bool) -> Map<String, Value> {
    let called = |names: &[&str]| {
        let names = names.iter().find_map(|name| members.get(*name).and_then(Value::as_str));
        names.unwrap_or_default().to_owned()
    };
    let path = called(&[
        "path",
        "Path",
        "address",
        "name",
        "Name",
        "key",
        "Key",
        "ParameterKey",
        "ParameterName",
        "OptionName",
    ]);
    let of = called(&["resourceType", "type", "Type"]);
    // What stands beside the path of a secret is its values.
    let beside = !path.is_empty() && path != "/" && is_secret_path(&path, &of);
    let masked = members.get("masked") == Some(&Value::Bool(true));
    let shown = members.into_iter().map(|(name, value)| {
        let lower = name.to_lowercase();
        // What a value is by rule depends on rows that could not be read, so none is shown.
        let is_value = VALUES.iter().any(|value| lower.ends_with(value))
            || ((beside || masked) && !DESCRIBING.contains(&lower.as_str()));
        let is_path = name.contains(['/', '.']) && is_secret_path(&name, &of);
        if !value.is_null() && (is_secret_name(&name) || is_path || is_value) {
            *hides = true;
            (name, HIDDEN.into())
        } else {
            let value = without_secrets(value, hides);
            (name, value)
        }
    });
    shown.collect()
}

/// Text: what stands behind a secret's name on its line is left out, and so is a line with a dynamic reference.
fn lines(text: &str) -> (String, bool) {
    let mut hides = false;
    let shown: Vec<Cow<'_, str>> = text
        .split('\n')
        .map(|line| {
            let kept = line_without(line);
            hides |= matches!(kept, Cow::Owned(_));
            kept
        })
        .collect();
    (shown.join("\n"), hides)
}

fn line_without(line: &str) -> Cow<'_, str> {
    if let Some(at) = line.find("{{resolve:") {
        return Cow::Owned(format!("{}{HIDDEN}", line.get(..at).unwrap_or_default()));
    }
    let mut from = 0;
    for (at, mark) in line.match_indices(['=', ':']) {
        let before = line.get(from..at).unwrap_or_default();
        let mut words = before.rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
        let last = words.find(|word| !word.is_empty());
        let behind = line.get(at + mark.len()..).unwrap_or_default();
        // What opens a block has its secrets on the lines that follow, each with a name of its own.
        let is_said = !behind
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, '{' | '[' | '('))
            .is_empty();
        if is_said && last.is_some_and(is_secret_name) {
            let shown = line.get(..at + mark.len()).unwrap_or_default();
            return Cow::Owned(format!("{shown} {HIDDEN}"));
        }
        from = at + mark.len();
    }
    Cow::Borrowed(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_shape_and_loses_its_secrets() {
        for (text, shown) in [
            ("~ password = \"a\" -> \"b\"", "~ password = (hidden)"),
            ("  master_password: x", "  master_password: (hidden)"),
            ("size = 1, auth_token=x", "size = 1, auth_token= (hidden)"),
            ("url = {{resolve:ssm:x}}", "url = (hidden)"),
            ("environment = {", "environment = {"),
            ("size = 10", "size = 10"),
            ("\u{65e5}\u{672c}: 5\r\nok", "\u{65e5}\u{672c}: 5\r\nok"),
        ] {
            let (told, hides) = redacted(text.as_bytes());
            assert_eq!((told.as_str(), hides), (shown, text != shown));
        }
    }

    #[test]
    fn json_of_another_form_loses_its_secrets() {
        let text = r#"{"rows":[{"path":"/a/Password","before":"canary-1","after":"canary-2"},
            {"path":"/b","masked":true,"after":"canary-3"},
            {"Environment":{"A":"canary-4"},"size":7,"config":"{\"UserData\":\"canary-5\"}"}]}"#;
        let (told, hides) = redacted(text.as_bytes());
        assert!(hides && !told.contains("canary"), "{told}");
        assert!(told.contains("\"size\": 7"), "{told}");
        let plain = br#"[ {"a": 1} ]"#;
        assert_eq!(redacted(plain), (r#"[ {"a": 1} ]"#.to_owned(), false));
    }
}
