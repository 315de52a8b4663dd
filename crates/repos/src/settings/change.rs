//! A change of one setting, with what it was planned against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Section;
use crate::diff::unified_json;

/// A change of one setting. It is carried out only where what stands is still what it was planned against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingChange {
    /// The section.
    pub section: Section,
    /// The item; none where the section is written at once ([`Section::is_whole`]).
    pub item: Option<String>,
    /// What stood when it was planned; null where there was none.
    pub before: Value,
    /// What stands afterwards; null where it is taken away.
    pub after: Value,
}

impl SettingChange {
    /// Where it is, such as `labels/bug`.
    pub fn place(&self) -> String {
        match &self.item {
            Some(item) => format!("{}/{item}", self.section),
            None => self.section.to_string(),
        }
    }

    /// The difference as a unified diff.
    pub fn diff(&self) -> String {
        unified_json(&self.place(), &sorted(&self.before), &sorted(&self.after))
    }

    /// Whether what stands now is what it was planned against.
    pub fn is_planned_against(&self, now: &Value) -> bool {
        alike(&self.before, now)
    }

    /// Whether it stands already.
    pub fn is_so_in(&self, now: &Value) -> bool {
        alike(&self.after, now)
    }
}

/// The same value with its keys in order, so that a diff shows what differs and nothing else.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            fields
                .into_iter()
                .map(|(key, value)| (key.clone(), value))
                .collect::<Map<_, _>>()
                .into()
        }
        value => value.clone(),
    }
}

/// Whether two values say the same: the order of a list is for nothing, how often something stands in it is not.
pub(super) fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let mut left: Vec<&Value> = other.iter().collect();
            let all = one.iter().all(|each| {
                let place = left.iter().position(|its| alike(each, its));
                place.map(|place| left.swap_remove(place)).is_some()
            });
            all && left.is_empty()
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|its| alike(value, its)))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_alike_in_any_order_with_as_many_of_each() {
        for (one, other, are) in [
            (json!(["a", "b"]), json!(["b", "a"]), true),
            (json!(["a", "a"]), json!(["a", "b"]), false),
            (json!(["a", "b"]), json!(["a", "a"]), false),
            (json!(["a", "b", "a"]), json!(["a", "a", "b"]), true),
            (json!(["a"]), json!(["a", "a"]), false),
            (json!([{"of": ["a", "b"]}, 1]), json!([1, {"of": ["b", "a"]}]), true),
        ] {
            assert_eq!(alike(&one, &other), are, "{one} {other}");
            assert_eq!(alike(&other, &one), are, "{other} {one}");
        }
    }
}
