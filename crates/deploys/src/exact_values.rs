//! Values of JSON in the form in which they go into a digest.

use cc_devops_kernel::canonical::canonical;
use serde_json::{Map, Value, json};

/// A list whose order is for nothing. Neither is that of members within it.
pub(crate) fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(|item| canonical(&exact(item)));
    Value::Array(items)
}

/// A value with its numbers as texts, because canonical JSON has no more of them than a double does.
pub(crate) fn exact(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!({"number": number.to_string()}),
        Value::Array(items) => Value::Array(items.iter().map(exact).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), exact(value)));
            // So that no text can be taken for a number.
            json!({"object": members.collect::<Map<_, _>>()})
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}
