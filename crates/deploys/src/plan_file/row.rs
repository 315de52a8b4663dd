//! A row of our form.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::exact_values::sorted;
use crate::review::StatefulTypes;
use crate::review::masking::{holds_at, is_secret_path};
use crate::review::signals::{is_iam_type, is_lost, of_policy_action};
use crate::rows::{ChangeAction, PropertyChange, Replacement, Row};

/// What was read of a row.
pub(super) struct Read {
    pub(super) row: Row,
    /// What of it is not known, as sentences without their subject.
    pub(super) unknown: Vec<String>,
    /// What of it nobody sees.
    pub(super) hidden: Map<String, Value>,
}

/// The members that are known. `physicalId`, `why` and `masked` are what a plan shows of itself.
const MEMBERS: [&str; 14] = [
    "path",
    "action",
    "logicalId",
    "physicalId",
    "resourceType",
    "replacement",
    "why",
    "policyAction",
    "stateful",
    "lost",
    "iam",
    "drifted",
    "masked",
    "properties",
];

/// The members of a property.
const OF_PROPERTIES: [&str; 4] = ["path", "before", "after", "masked"];

/// What parts of a path are separated by.
const SEPARATORS: [char; 3] = ['/', '.', '['];

/// The words of `policyAction`.
const POLICY_ACTIONS: [&str; 6] = [
    "Delete",
    "Retain",
    "Snapshot",
    "ReplaceAndDelete",
    "ReplaceAndRetain",
    "ReplaceAndSnapshot",
];

/// Reads a row, or says why it is none.
pub(super) fn read(change: &Map<String, Value>, stateful: &StatefulTypes) -> Result<Read, String> {
    let mut unknown = Vec::new();
    let path = needed(change, "path")?;
    let action = ChangeAction::from(needed(change, "action")?);
    let resource_type = needed(change, "resourceType")?;
    let logical_id = text(change, "logicalId")?;
    let logical_id = logical_id.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned());
    let policy_action = text(change, "policyAction")?;
    if let ChangeAction::Other(word) = &action {
        unknown.push(format!("what `{}` does is not classified", short(word)));
    }
    let said = match text(change, "replacement")?.as_deref() {
        None | Some("no") => Replacement::No,
        Some("yes") => Replacement::Yes,
        Some("maybe") => Replacement::Maybe,
        Some(word) => {
            unknown.push(format!("`{}` is no replacement that is known", short(word)));
            Replacement::Maybe
        }
    };
    if let Some(word) = policy_action.as_deref().filter(|word| !POLICY_ACTIONS.contains(word)) {
        unknown.push(format!("`{}` is no policyAction that is known", short(word)));
    }
    let replacement = said.max(of_policy_action(change.get("policyAction")));
    let is_stateful = flag(change, "stateful")? || stateful.hold(&resource_type);
    let lost = flag(change, "lost")? || is_lost(is_stateful, &action, replacement, policy_action.as_deref());
    let mut hidden = beside(change, &MEMBERS, &mut unknown);
    let also_masked = texts(change, "masked")?;
    let properties = properties(change, &resource_type, &also_masked, &mut unknown, &mut hidden)?;
    let mut masked: Vec<String> = Vec::new();
    for property in properties.iter().filter(|property| property.masked) {
        if !masked.contains(&property.path) {
            masked.push(property.path.clone());
        }
    }
    let row = Row {
        action,
        logical_id,
        physical_id: text(change, "physicalId")?,
        replacement,
        why: texts(change, "why")?,
        policy_action,
        stateful: is_stateful,
        lost,
        iam: flag(change, "iam")? || is_iam_type(&resource_type),
        drifted: flag(change, "drifted")?,
        masked,
        properties,
        path,
        resource_type,
    };
    Ok(Read { row, unknown, hidden })
}

fn properties(
    change: &Map<String, Value>,
    resource_type: &str,
    also_masked: &[String],
    unknown: &mut Vec<String>,
    hidden: &mut Map<String, Value>,
) -> Result<Vec<PropertyChange>, String> {
    let listed = match change.get("properties") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err("`properties` is no list".to_owned()),
    };
    let mut read = Vec::with_capacity(listed.len());
    for property in listed {
        let property = property.as_object().ok_or("one of its properties is no object")?;
        let path = needed(property, "path")?;
        let values = [value(property, "before")?, value(property, "after")?];
        let is_said = flag(property, "masked")?;
        let is_secret = is_secret_path(&path, resource_type)
            || [property.get("before"), property.get("after")]
                .into_iter()
                .any(|value| holds_at(&path, value));
        read.push((
            path,
            values,
            is_said,
            is_secret,
            beside(property, &OF_PROPERTIES, unknown),
        ));
    }
    // What somebody said is hidden is so with all that is in it.
    let said = read
        .iter()
        .filter(|(_, _, is_said, ..)| *is_said)
        .map(|(path, ..)| path);
    let whole: BTreeSet<&str> = said.chain(also_masked).map(|path| path.trim_end_matches('/')).collect();
    let is_below = |path: &str| {
        let mut ends = path.match_indices(SEPARATORS).map(|(at, _)| at);
        ends.any(|at| path.get(..at).is_some_and(|above| whole.contains(above)))
    };
    let below: Vec<bool> = read.iter().map(|(path, ..)| is_below(path)).collect();
    let secret: BTreeSet<String> = read
        .iter()
        .zip(&below)
        .filter(|((_, _, is_said, is_secret, _), below)| *is_said || *is_secret || **below)
        .map(|((path, ..), _)| path.clone())
        .chain(also_masked.iter().cloned())
        .collect();
    let mut properties = Vec::with_capacity(read.len());
    let mut kept = Vec::new();
    for (path, [before, after], _, _, more) in read {
        let is_above = || {
            SEPARATORS.iter().any(|separator| {
                let below = format!("{path}{separator}");
                let next = secret.range(below.clone()..).next();
                next.is_some_and(|next| next.starts_with(&below))
            })
        };
        let masked = secret.contains(&path) || is_above();
        if (masked && (before.is_some() || after.is_some())) || !more.is_empty() {
            kept.push(serde_json::json!([path, before, after, more]));
        }
        let shown = |value: Option<String>| value.filter(|_| !masked);
        properties.push(PropertyChange {
            before: shown(before),
            after: shown(after),
            masked,
            path,
        });
    }
    if !kept.is_empty() {
        hidden.insert("properties".to_owned(), sorted(kept));
    }
    Ok(properties)
}

/// The members that nobody knows.
fn beside(object: &Map<String, Value>, known: &[&str], unknown: &mut Vec<String>) -> Map<String, Value> {
    let more = object.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    more.map(|(name, value)| {
        unknown.push(format!("what `{}` means is not known", short(name)));
        (format!("+{name}"), value.clone())
    })
    .collect()
}

fn short(word: &str) -> String {
    word.chars().take(64).collect()
}

fn needed(object: &Map<String, Value>, name: &str) -> Result<String, String> {
    let text = text(object, name)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("it has no `{name}`"))
}

fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` is no text")),
    }
}

/// A value of a property: text, or anything else as JSON.
fn value(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        Some(other) if !other.is_null() && !other.is_string() => Ok(Some(other.to_string())),
        _ => text(object, name),
    }
}

fn flag(object: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{name}` is neither true nor false")),
    }
}

fn texts(object: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let items = match object.get(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(format!("`{name}` is no list")),
    };
    let texts = items.iter().map(|item| item.as_str().map(ToOwned::to_owned));
    texts
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| format!("`{name}` holds something that is no text"))
}
