//! What observers may see, where the policies say nothing of them.

use cedar_policy::PolicySet as CedarSet;
use serde_json::Value;

/// The shipped rules for observers, as Cedar: part of every shipped set, and added to policies none of which speaks of
/// observers.
pub const OBSERVER_RULES: &str = include_str!("observers.cedar");

/// What the rules are called among policies' files. No file is called so.
pub(super) const FILE: &str = "cc-devops/observers";

/// Whether a policy speaks of observers: of one by name, or of all.
pub(super) fn are_spoken_of(policies: &CedarSet) -> bool {
    // A policy that was parsed has a form in JSON.
    policies
        .policies()
        .filter_map(|policy| policy.to_json().ok())
        .any(|form| speaks(&form))
}

fn speaks(form: &Value) -> bool {
    match form {
        Value::Object(members) => members.iter().any(|(key, value)| match value {
            // `principal is Observer`, and `Observer::"ana"`.
            Value::String(kind) => matches!(key.as_str(), "entity_type" | "type") && kind == "Observer",
            _ => speaks(value),
        }),
        Value::Array(items) => items.iter().any(speaks),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn policies_speak_of_observers_by_name_or_of_all_of_them() {
        let speaks = |text: &str| are_spoken_of(&CedarSet::from_str(text).unwrap());
        assert!(speaks(OBSERVER_RULES));
        assert!(speaks(r#"forbid (principal == Observer::"ana", action, resource);"#));
        assert!(speaks(
            "permit (principal, action, resource) when { principal is Observer };"
        ));
        assert!(!speaks(
            r#"permit (principal is Admin, action, resource) when { principal.name == "Observer" };"#
        ));
    }
}
