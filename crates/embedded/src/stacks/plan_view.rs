//! What of a plan file is shown: all of it but the values of its stack's secrets.
//!
//! What is judged must not depend on them: whoever asks for a deploy chooses some of them, and could choose one that
//! blots out the type of a table. So in a file of our form only values of properties are replaced; a file that holds a
//! secret anywhere else is shown as a text, which nobody can judge. What takes a value's place tells it from another
//! value, and nothing else of it.

use cc_devops_kernel::input;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::redaction::{Secrets, Stream};

/// How often escapes are undone to look for a secret, as in a text of JSON in another. What is escaped more often nobody reads.
const MOST_ESCAPES: usize = 8;

/// Tells bytes apart that nobody may see: a MAC under a key of the store.
pub(super) type Mark<'a> = &'a dyn Fn(&[u8]) -> String;

/// A plan file of our form. What it has beside this is for others to judge; then it is none here.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    changes: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Row {
    path: Value,
    action: Value,
    resource_type: Value,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    logical_id: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    physical_id: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    replacement: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    why: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    policy_action: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    stateful: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    lost: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    iam: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    drifted: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    masked: Option<Value>,
    #[serde(default)]
    properties: Vec<Property>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Property {
    path: Value,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    masked: Option<Value>,
}

/// What is there, be it `null`.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What is shown of a plan file: the very file where it holds no secret.
pub(super) fn shown(file: &[u8], secrets: &Secrets, mark: Mark<'_>) -> Vec<u8> {
    let value = input::unambiguous(file).ok();
    let clean = without_secrets(file, secrets);
    // A number may be a secret that is written otherwise.
    let decoded = value.as_ref().is_some_and(|value| holds_secret(value, secrets));
    if clean.is_none() && !decoded {
        return file.to_vec();
    }
    if let Some(value) = &value
        && let Some(plan) = of_our_form(file, value)
        && let Some(replaced) = with_marks(plan, secrets, mark)
    {
        return replaced;
    }
    let text = clean.unwrap_or_else(|| blotted(format!("{:#}", value.unwrap_or_default()).as_bytes(), secrets));
    // With this line before it, it is of no form that anybody judges.
    let mut shown = format!("[secrets are left out of this plan: {}]\n", mark(file)).into_bytes();
    shown.extend_from_slice(&text);
    shown
}

/// The plan, if the file is of our form to the letter: a list where an object belongs would do for the structures. `value` is
/// what it says without ambiguity, for else it would be written anew as something else than it is.
fn of_our_form(file: &[u8], value: &Value) -> Option<Plan> {
    let rows = value.as_object()?.get("changes")?.as_array()?;
    let objects = rows.iter().all(|row| {
        let properties = row.as_object().map(|row| row.get("properties"));
        match properties {
            Some(None) => true,
            Some(Some(properties)) => properties
                .as_array()
                .is_some_and(|all| all.iter().all(Value::is_object)),
            None => false,
        }
    });
    if !objects {
        return None;
    }
    serde_json::from_slice(file).ok()
}

/// The plan with marks in the place of values that hold a secret; none where one is elsewhere.
fn with_marks(mut plan: Plan, secrets: &Secrets, mark: Mark<'_>) -> Option<Vec<u8>> {
    for property in plan.changes.iter_mut().flat_map(|row| &mut row.properties) {
        for value in [&mut property.before, &mut property.after].into_iter().flatten() {
            if holds_secret(value, secrets) {
                let hidden = value.to_string();
                *value = Value::String(format!("[redacted {}]", mark(hidden.as_bytes())));
            }
        }
    }
    let left = serde_json::to_value(&plan).ok()?;
    if holds_secret(&left, secrets) {
        return None;
    }
    serde_json::to_vec(&plan).ok()
}

/// Whether a text, a name or a number in a value is, or has in it, a secret.
fn holds_secret(value: &Value, secrets: &Secrets) -> bool {
    let hidden = |text: &str| without_secrets(text.as_bytes(), secrets).is_some();
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => hidden(&number.to_string()),
        Value::String(text) => hidden(text),
        Value::Array(values) => values.iter().any(|value| holds_secret(value, secrets)),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| hidden(name) || holds_secret(value, secrets)),
    }
}

/// A text without secrets, if it holds any. JSON may write one so that only its reader finds it: then the escapes are undone
/// in what is given.
fn without_secrets(text: &[u8], secrets: &Secrets) -> Option<Vec<u8>> {
    let mut plain = blotted(text, secrets);
    let mut clean = (plain != text).then(|| plain.clone());
    for _ in 0..MOST_ESCAPES {
        let next = unescaped(&plain);
        if next == plain {
            break;
        }
        plain = blotted(&next, secrets);
        if plain != next {
            clean = Some(plain.clone());
        }
    }
    clean
}

/// A text with JSON's escapes undone, wherever they stand: what is no JSON as a whole may have JSON in it.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        let escape = if *byte == b'\\' { escape(behind) } else { None };
        if let Some((c, length)) = escape {
            plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = behind.get(length..).unwrap_or_default();
        } else {
            plain.push(*byte);
            rest = behind;
        }
    }
    plain
}

/// What an escape stands for, and how long it is without its backslash.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text
            .get(at..at + 4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match *text.first()? {
        byte @ (b'"' | b'\\' | b'/') => Some((char::from(byte), 1)),
        b'b' => Some(('\u{8}', 1)),
        b'f' => Some(('\u{c}', 1)),
        b'n' => Some(('\n', 1)),
        b'r' => Some(('\r', 1)),
        b't' => Some(('\t', 1)),
        b'u' => {
            let goes_on = text.get(5..7) == Some(b"\\u".as_slice());
            let second = goes_on.then(|| unit(7)).flatten();
            match char::decode_utf16(std::iter::once(unit(1)?).chain(second)).next()? {
                Ok(c) if c.len_utf16() == 2 => Some((c, 11)),
                Ok(c) => Some((c, 5)),
                Err(_) => Some((char::REPLACEMENT_CHARACTER, 5)),
            }
        }
        _ => None,
    }
}

/// A text without what is a secret to the letter.
fn blotted(text: &[u8], secrets: &Secrets) -> Vec<u8> {
    let (mut stream, mut clean) = (Stream::default(), Vec::with_capacity(text.len()));
    stream.push(secrets, text, &mut clean);
    // The text is whole: what only begins like a secret is none.
    stream.push(secrets, b"\n", &mut clean);
    stream.finish(secrets, &mut clean);
    clean.pop();
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hunter2-hunter2";

    fn show(file: &str, secret: &str) -> String {
        let mark = |bytes: &[u8]| format!("#{}", bytes.len());
        String::from_utf8(shown(file.as_bytes(), &Secrets::new([secret.as_bytes()]), &mark)).unwrap()
    }

    fn plan(value: &str) -> String {
        format!(
            r#"{{"changes": [{{"path": "orders", "action": "Modify", "resourceType": "AWS::DynamoDB::Table", "lost": null,
               "properties": [{{"path": "/Key", "before": "a", "after": {value}}}]}}]}}"#
        )
    }

    #[test]
    fn what_holds_no_secret_is_shown_to_the_letter() {
        for file in [
            plan("\"b\"").as_str(),
            "a text\nhunt",
            "",
            "{\"changes\": [], \"changes\": []}",
        ] {
            assert_eq!(show(file, SECRET), file);
        }
    }

    #[test]
    fn a_propertys_value_is_replaced_and_nothing_else_of_the_plan() {
        for value in [
            format!("\"{SECRET}\""),
            format!("\"postgres://user:{SECRET}@host\""),
            "\"\\u0068unter2-hunter2\"".to_owned(),
            format!("{{\"deep\": [\"{SECRET}\"]}}"),
            r#""{\"a\": \"\\u0068unter2-hunter2\"}""#.to_owned(),
        ] {
            let shown = show(&plan(&value), SECRET);
            assert!(!shown.contains("hunter2"), "{shown}");
            let read: Value = serde_json::from_str(&shown).unwrap();
            let mut expected: Value = serde_json::from_str(&plan("\"b\"")).unwrap();
            let after = &read["changes"][0]["properties"][0]["after"];
            assert!(after.as_str().unwrap().starts_with("[redacted #"), "{shown}");
            expected["changes"][0]["properties"][0]["after"] = after.clone();
            assert_eq!(read, expected, "`null` is still there, too");
        }
        let number = show(&plan("12345678"), "12345678");
        assert!(!number.contains("12345678"), "{number}");
    }

    #[test]
    fn nobody_can_choose_a_secret_that_makes_a_plan_look_better() {
        let whole = plan("\"b\"");
        for chosen in ["AWS::DynamoDB::Table", "Modify", "orders", "DynamoDB", "resourceType"] {
            let shown = show(&whole, chosen);
            assert!(!shown.contains(chosen), "{shown}");
            assert!(
                serde_json::from_str::<Value>(&shown).is_err(),
                "nobody judges it: {shown}"
            );
        }
        let doubled = format!(r#"{{"changes": [{{"path": "{SECRET}"}}], "changes": []}}"#);
        let listed = format!(r#"[[["a", "Modify", "{SECRET}"]]]"#);
        let row_listed = format!(r#"{{"changes": [["a", "Modify", "T", "{SECRET}"]]}}"#);
        let more = format!(r#"{{"changes": [], "more": "{SECRET}"}}"#);
        let hidden = r#"{"more": "\u0068unter2-hunter2"}"#.to_owned();
        let doubled_below = plan(&format!(r#"{{"a": "{SECRET}", "b": "seen", "b": "done"}}"#));
        let obeyed = plan(&format!(
            r#"[{{"$serde_json::private::RawValue": "{{}}"}}, "{SECRET}"]"#
        ));
        for file in [
            doubled,
            listed,
            row_listed,
            more,
            hidden,
            doubled_below,
            obeyed,
            r#"{"more": "\u0068unter2-hunter2", "more": 1}"#.to_owned(),
            r#"{"changes": [{"path": "\u0068unter2-hunter2", "path": "a"}]}"#.to_owned(),
            format!("{{\"line\": 1}}\n{{\"line\": \"hunter2\\u002dhunter2 {SECRET}\"}}"),
            format!("a text with {SECRET}."),
        ] {
            let shown = show(&file, SECRET);
            assert!(!shown.contains("hunter2"), "{shown}");
            let first = format!("[secrets are left out of this plan: #{}]\n", file.len());
            assert!(shown.starts_with(&first), "{shown}");
            assert!(serde_json::from_str::<Value>(&shown).is_err());
        }
    }

    #[test]
    fn escapes_are_undone_as_a_reader_of_json_undoes_them() {
        let text = r#"a\"b\\c\/d\b\f\n\r\t\u00e9\u20AC\ud83d\ude00z"#;
        let read: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        assert_eq!(String::from_utf8(unescaped(text.as_bytes())).unwrap(), read);
        for odd in [r"\", r"\x", r"\u12", r"\u+123", "\u{e9}"] {
            assert_eq!(unescaped(odd.as_bytes()), odd.as_bytes(), "{odd}");
        }
        assert_eq!(unescaped(br"\ud83dx\ud83d\u0041"), "\u{fffd}x\u{fffd}A".as_bytes());
    }
}
