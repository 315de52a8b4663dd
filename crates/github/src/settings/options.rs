//! What belongs to the repository itself: options, topics, labels.

use cc_devops_repos::settings::Items;
use serde_json::{Map, Value, json};

use super::listing::Label;
use crate::client::{Error, delete, get, post, put};
use crate::place::Place;

/// Options of which GitHub takes one only with the other.
const PAIRS: [[&str; 2]; 2] = [
    ["merge_commit_title", "merge_commit_message"],
    ["squash_merge_commit_title", "squash_merge_commit_message"],
];

/// Sets options; `items` are those that stand.
pub(super) async fn write_general(place: &Place<'_>, after: &Value, items: &Items) -> Result<(), Error> {
    let mut body: Map<String, Value> = after.as_object().cloned().unwrap_or_default();
    for pair in PAIRS {
        if pair.iter().any(|name| body.contains_key(*name)) {
            for name in pair {
                if let Some(value) = items.get(name).filter(|value| !value.is_null()) {
                    body.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
    }
    let ask = place.ask(put, &[], "change the settings of").patch();
    place.client.done(&ask.body(Value::Object(body))).await
}

/// Sets the topics: these and no others.
pub(super) async fn write_topics(place: &Place<'_>, after: &Value) -> Result<(), Error> {
    let ask = place.ask(put, &["topics"], "set the topics of");
    place.client.done(&ask.body(json!({"names": after}))).await
}

/// Every label, where they are more than GraphQL listed.
pub(super) async fn labels(place: &Place<'_>) -> Result<Items, Error> {
    let ask = place.ask(get, &["labels"], "read the labels of");
    let labels = place.client.pages(&ask, 100, |page: Vec<Label>| page).await?;
    Ok(labels.into_iter().map(Label::item).collect())
}

/// Makes, changes or deletes a label.
pub(super) async fn write_label(place: &Place<'_>, name: &str, before: &Value, after: &Value) -> Result<(), Error> {
    let mut body = after.clone();
    let ask = match (before, after) {
        (_, Value::Null) => place.ask(delete, &["labels", name], "delete a label of"),
        (Value::Null, _) => {
            if let Some(fields) = body.as_object_mut() {
                fields.insert("name".to_owned(), Value::from(name));
            }
            place.ask(post, &["labels"], "make a label in").body(body)
        }
        _ => place
            .ask(put, &["labels", name], "change a label of")
            .patch()
            .body(body),
    };
    place.client.done(&ask).await
}
