//! The settings in force as rows for people: section, key, value, without what may be a secret.

use serde_json::Value;

use super::file::ConfigFile;

/// A section and its rows: keys with their values.
pub type ShownSection = (String, Vec<(String, String)>);

/// What holds for everything has no section.
const GENERAL: &str = "general";

/// Every section of a file with every key, as `config show` shows them. What is not set has an empty value.
pub(crate) fn sections(file: &ConfigFile) -> Vec<ShownSection> {
    let Ok(Value::Object(sections)) = serde_json::to_value(file.shown()) else {
        return Vec::new();
    };
    let mut general = Vec::new();
    let mut all = Vec::new();
    for (name, value) in sections {
        if let Value::Object(_) = &value {
            let mut rows = Vec::new();
            add(String::new(), &value, &mut rows);
            all.push((name, rows));
        } else {
            add(name, &value, &mut general);
        }
    }
    all.insert(0, (GENERAL.to_owned(), general));
    all.retain(|(_, rows)| !rows.is_empty());
    all
}

/// Adds what stands under a key; tables and lists of tables are written out.
fn add(key: String, value: &Value, rows: &mut Vec<(String, String)>) {
    let below = |name: &str| {
        if key.is_empty() {
            name.to_owned()
        } else {
            format!("{key}.{name}")
        }
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                add(below(name), value, rows);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                add(format!("{key}[{at}]"), item, rows);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            rows.push((key, items.join(", ")));
        }
        value => rows.push((key, text(value))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
