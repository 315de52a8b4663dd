//! What GitHub Actions may do: three endpoints, read as far as they are asked for.

use cc_devops_repos::settings::Items;
use serde_json::{Map, Value, json};

use super::Names;
use crate::client::{Error, get, put};
use crate::place::Place;

const PERMISSIONS: [&str; 3] = ["enabled", "allowed_actions", "sha_pinning_required"];
const SELECTED: [&str; 3] = ["github_owned_allowed", "verified_allowed", "patterns_allowed"];
const WORKFLOW: [&str; 2] = ["default_workflow_permissions", "can_approve_pull_request_reviews"];

pub(super) async fn read(place: &Place<'_>, names: Names<'_>) -> Result<Items, Error> {
    let wanted = |of: &[&str]| names.is_none_or(|names| of.iter().any(|name| names.contains(*name)));
    let mut items = Items::new();
    if wanted(&PERMISSIONS) || wanted(&SELECTED) {
        items.extend(part(place, &["actions", "permissions"], &PERMISSIONS).await?);
    }
    let selected = items
        .get("allowed_actions")
        .is_some_and(|allowed| allowed == "selected");
    if selected && wanted(&SELECTED) {
        items.extend(part(place, &["actions", "permissions", "selected-actions"], &SELECTED).await?);
    }
    if wanted(&WORKFLOW) {
        items.extend(part(place, &["actions", "permissions", "workflow"], &WORKFLOW).await?);
    }
    Ok(items)
}

async fn part(place: &Place<'_>, path: &[&str], keys: &[&str]) -> Result<Items, Error> {
    let ask = place.ask(get, path, "read what Actions may do in");
    let all: Map<String, Value> = place.client.json(&ask).await?;
    // What is switched off altogether says nothing of the rest.
    let known = |(key, value): &(String, Value)| keys.contains(&key.as_str()) && !value.is_null();
    Ok(all.into_iter().filter(known).collect())
}

/// Sets what Actions may do; `items` is what stands, because GitHub replaces what it is sent.
pub(super) async fn write(place: &Place<'_>, after: &Value, items: &Items) -> Result<(), Error> {
    let changed = |of: &[&str]| of.iter().any(|name| after.get(*name).is_some());
    let merged = |of: &[&str]| -> Map<String, Value> {
        let value = |name: &str| after.get(name).or_else(|| items.get(name)).cloned();
        of.iter()
            .filter_map(|name| Some(((*name).to_owned(), value(name)?)))
            .collect()
    };
    if changed(&PERMISSIONS) {
        let mut body = merged(&PERMISSIONS);
        body.entry("enabled").or_insert(json!(true));
        set(place, &["actions", "permissions"], body).await?;
    }
    if changed(&SELECTED) {
        set(
            place,
            &["actions", "permissions", "selected-actions"],
            merged(&SELECTED),
        )
        .await?;
    }
    if changed(&WORKFLOW) {
        set(place, &["actions", "permissions", "workflow"], merged(&WORKFLOW)).await?;
    }
    Ok(())
}

async fn set(place: &Place<'_>, path: &[&str], body: Map<String, Value>) -> Result<(), Error> {
    let ask = place.ask(put, path, "set what Actions may do in");
    place.client.done(&ask.body(Value::Object(body))).await
}
