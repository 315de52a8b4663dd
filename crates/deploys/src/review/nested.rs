//! The change sets of nested stacks.

use serde_json::Value;

/// How an ARN of a change set goes on behind its account.
const CHANGE_SET: &str = ":changeSet/";

/// The last part of a change set's ARN.
pub(super) fn last_part(arn: &str) -> Option<&str> {
    let last = arn.rsplit('/').next().unwrap_or_default();
    (!last.is_empty()).then_some(last)
}

/// By which names [`ChangeSetDocuments::nested`](crate::ChangeSetDocuments) must have the sets that this one speaks of:
/// the last parts of their ARNs. Those of a set that failed stand in its reason.
pub fn nested_ids(document: &Value) -> Vec<String> {
    let changes = document.get("Changes").and_then(Value::as_array);
    let named = changes.into_iter().flatten().filter_map(|change| {
        let arn = change.get("ResourceChange")?.get("ChangeSetId")?.as_str()?;
        last_part(arn)
    });
    let reason = document.get("StatusReason").and_then(Value::as_str);
    let blamed = reason.unwrap_or_default().split_whitespace().filter_map(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.contains(CHANGE_SET).then(|| last_part(word)).flatten()
    });
    let mut ids: Vec<String> = named.chain(blamed).map(ToOwned::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_are_found_by_what_names_them() {
        let arn = |id: &str| format!("arn:aws:cloudformation:eu-central-1:123456789012:changeSet/set/{id}");
        let document = json!({
            "StatusReason": format!("Nested change set {} was not successfully created: Currently in FAILED.", arn("c")),
            "Changes": [
                {"ResourceChange": {"ChangeSetId": arn("b")}},
                {"ResourceChange": {"ChangeSetId": null}},
                {"ResourceChange": {"ChangeSetId": arn("a")}},
                {"ResourceChange": {"ChangeSetId": arn("b")}},
                {"Type": "Hook"}, 5
            ]
        });
        assert_eq!(nested_ids(&document), ["a", "b", "c"]);
        assert!(nested_ids(&json!({"Changes": {}})).is_empty());
    }
}
