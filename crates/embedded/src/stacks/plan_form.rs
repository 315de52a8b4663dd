//! The one thing of a plan file's form that this backend must know: whether it says that nothing changes.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A plan file of our form, as far as it is read here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    changes: Vec<IgnoredAny>,
}

/// Whether a plan file is of our form and has no changes. What is of another form may change anything.
pub(super) fn changes_nothing(file: &[u8]) -> bool {
    // A list would do for the structure, too.
    let is_object = file.trim_ascii_start().starts_with(b"{");
    is_object && serde_json::from_slice::<Changes>(file).is_ok_and(|plan| plan.changes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_form_says_that_nothing_changes() {
        for nothing in [r#"{"changes": []}"#, " {\n\"changes\" : [ ] }\n"] {
            assert!(changes_nothing(nothing.as_bytes()), "{nothing}");
        }
        for something in [
            "",
            "no changes",
            "[]",
            "[[]]",
            "{}",
            r#"{"changes": null}"#,
            r#"{"changes": {}}"#,
            r#"{"changes": [], "more": 1}"#,
            r#"{"changes": [{}], "changes": []}"#,
            r#"{"changes": []} {}"#,
            r#"{"changes": [{"path": "a", "action": "Add", "resourceType": "AWS::S3::Bucket"}]}"#,
        ] {
            assert!(!changes_nothing(something.as_bytes()), "{something}");
        }
    }
}
