//! What of a change set was not read. It goes into the digest under a key, so that an approval of one unknown thing opens
//! no other.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::known::{self, unlisted};
use crate::exact_values::sorted;

/// What a change has beside its resource that is read, or for nothing.
const OF_A_CHANGE: [&str; 2] = ["HookInvocationCount", "ResourceChange"];

/// What is in lists of objects: its list, and the members that are read, all of them texts but the last of parameters.
const LISTS: [(&str, &[&str]); 2] = [
    (
        "Parameters",
        &["ParameterKey", "ParameterValue", "ResolvedValue", "UsePreviousValue"],
    ),
    ("Tags", &["Key", "Value"]),
];

/// The members of a set that are texts, and read as such.
const TEXTS: [&str; 8] = [
    "ChangeSetId",
    "DeploymentMode",
    "ExecutionStatus",
    "OnStackFailure",
    "RoleARN",
    "StackDriftStatus",
    "StackName",
    "Status",
];

/// The members of a set that are not what the model says they are.
pub(super) fn not_of_its_kind(set: &Map<String, Value>) -> Vec<&'static str> {
    let is = |name: &str, fits: fn(&Value) -> bool| set.get(name).is_none_or(|value| value.is_null() || fits(value));
    let texts = TEXTS.into_iter().filter(|name| !is(name, Value::is_string));
    let lists = ["NotificationARNs", "Parameters", "Tags"];
    let lists = lists.into_iter().filter(|name| !is(name, Value::is_array));
    let flags = ["ImportExistingResources"];
    let flags = flags.into_iter().filter(|name| !is(name, Value::is_boolean));
    let objects = ["DeploymentConfig", "RollbackConfiguration"];
    let objects = objects.into_iter().filter(|name| !is(name, Value::is_object));
    texts.chain(flags).chain(lists).chain(objects).collect()
}

/// What is not read of a set.
pub(super) fn of_the_set(set: &Map<String, Value>) -> Option<Value> {
    let mut unread = Map::new();
    let mut odd: BTreeSet<&str> = unlisted(set, known::OF_THE_SET).map(|(name, _)| name).collect();
    odd.extend(not_of_its_kind(set));
    if set.get("Changes").is_some_and(|changes| !changes.is_array()) {
        odd.insert("Changes");
    }
    for (name, value) in set.iter().filter(|(_, value)| !value.is_null()) {
        if odd.contains(name.as_str()) || !known::MEMBERS_OF_THE_SET.contains(&name.as_str()) {
            unread.insert(name.clone(), value.clone());
        }
    }
    for (name, members) in LISTS {
        let items = set.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut keys = BTreeSet::new();
        let mut plain = true;
        for item in items {
            let key = members.first().and_then(|key| item.get(*key)?.as_str());
            plain &= key.is_some_and(|key| keys.insert(key)) && has_only(item, members);
        }
        if !plain {
            unread.insert(name.to_owned(), sorted(items.to_vec()));
        }
    }
    if let Some(Value::Array(topics)) = set.get("NotificationARNs")
        && !topics.iter().all(Value::is_string)
    {
        unread.insert("NotificationARNs".to_owned(), sorted(topics.clone()));
    }
    if let Some(deployment) = set.get("DeploymentConfig").filter(|value| value.is_object()) {
        let is_odd = deployment
            .as_object()
            .is_some_and(|it| unlisted(it, known::OF_THE_DEPLOYMENT).next().is_some());
        if is_odd || !has_only(deployment, &["Mode", "DisableRollback"]) {
            unread.insert("DeploymentConfig".to_owned(), deployment.clone());
        }
    }
    if let Some(rollback) = set.get("RollbackConfiguration").filter(|value| value.is_object()) {
        let triggers = rollback.get("RollbackTriggers").filter(|value| !value.is_null());
        let minutes = rollback.get("MonitoringTimeInMinutes").filter(|value| !value.is_null());
        let plain = has_only_names(rollback, &["RollbackTriggers", "MonitoringTimeInMinutes"])
            && minutes.is_none_or(Value::is_u64)
            && triggers.is_none_or(|triggers| {
                let items = triggers.as_array();
                items.is_some_and(|items| items.iter().all(|item| has_only(item, &["Arn", "Type"])))
            });
        if !plain {
            unread.insert("RollbackConfiguration".to_owned(), rollback.clone());
        }
    }
    (!unread.is_empty()).then_some(Value::Object(unread))
}

/// Whether this is an object with no other members.
fn has_only_names(value: &Value, names: &[&str]) -> bool {
    value
        .as_object()
        .is_some_and(|members| members.keys().all(|name| names.contains(&name.as_str())))
}

/// Whether this is an object with no other members, all of them plain: no list and no object.
fn has_only(value: &Value, names: &[&str]) -> bool {
    let plain = |(name, value): (&String, &Value)| match value {
        Value::Null | Value::String(_) => true,
        Value::Bool(_) => matches!(name.as_str(), "DisableRollback" | "UsePreviousValue"),
        _ => false,
    };
    has_only_names(value, names) && value.as_object().is_some_and(|members| members.iter().all(plain))
}

/// What is not read of a change that names no resource.
pub(super) fn of_no_resource(change: &Value) -> Value {
    let mut change = change.clone();
    if let Some(members) = change.as_object_mut() {
        members.remove("HookInvocationCount");
    }
    change
}

/// What is not read of a change of a resource, beside the resource.
pub(super) fn of_a_change(change: &Value) -> Option<Value> {
    let members = change.as_object()?.iter().filter(|(name, value)| {
        let is_known = OF_A_CHANGE.contains(&name.as_str()) || (*name == "Type" && value.as_str() == Some("Resource"));
        !is_known && !value.is_null()
    });
    let unread: Map<String, Value> = members.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!unread.is_empty()).then_some(Value::Object(unread))
}
