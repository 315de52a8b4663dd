//! Whether a resource is replaced, and whether its data goes: of all signals the worst counts.

use serde_json::{Map, Value};

use crate::rows::{ChangeAction, Replacement};

/// What CloudFormation writes for a value that is known only when it is done.
const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// A type that stands for no resource, though the CDK puts it into nearly every stack.
pub(crate) const CDK_METADATA: &str = "AWS::CDK::Metadata";

/// A text member of an object.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// A member that is there: `null` is not.
pub(super) fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A detail's object, and that of its target.
pub(super) type WithTarget<'a> = (&'a Map<String, Value>, &'a Map<String, Value>);

/// What a resource's details say of its replacement, each with its object and that of its target.
pub(super) struct Signals<'a> {
    /// The details with their targets.
    pub(super) details: Vec<WithTarget<'a>>,
}

impl Signals<'_> {
    /// Whether the resource is replaced.
    pub(super) fn replacement(&self, change: &Map<String, Value>, resource_type: &str) -> Replacement {
        if resource_type == CDK_METADATA {
            return Replacement::No;
        }
        let mut worst = match given(change, "Replacement").map(Value::as_str) {
            None | Some(Some("False")) => Replacement::No,
            Some(Some("True")) => Replacement::Yes,
            Some(_) => Replacement::Maybe,
        };
        worst = worst.max(of_policy_action(given(change, "PolicyAction")));
        let mut always = 0_usize;
        let mut known_later = 0_usize;
        for (detail, target) in &self.details {
            worst = worst.max(of_detail(detail, target));
            if text(target, "RequiresRecreation") == Some("Always") {
                always += 1;
                let later = text(target, "AfterValue").is_some_and(|value| value.ends_with(KNOWN_AFTER_APPLY));
                known_later += usize::from(later);
            }
        }
        if worst == Replacement::Yes && always > 0 && always == known_later {
            Replacement::Maybe
        } else {
            worst
        }
    }
}

/// Whether a detail asks for another resource.
pub(super) fn of_detail(detail: &Map<String, Value>, target: &Map<String, Value>) -> Replacement {
    match given(target, "RequiresRecreation").map(Value::as_str) {
        None | Some(Some("Never")) => Replacement::No,
        Some(Some("Always")) if text(detail, "Evaluation") == Some("Static") => Replacement::Yes,
        Some(_) => Replacement::Maybe,
    }
}

/// Whether a policy action tells of another resource. One that nobody knows may, whatever is done.
pub(crate) fn of_policy_action(value: Option<&Value>) -> Replacement {
    match value.map(Value::as_str) {
        None | Some(Some("Delete" | "Retain" | "Snapshot")) => Replacement::No,
        Some(Some(word)) if word.starts_with("ReplaceAnd") => Replacement::Yes,
        Some(_) => Replacement::Maybe,
    }
}

/// Whether data goes or may go. A policy action that is absent or unknown keeps nothing.
pub(crate) fn is_lost(
    stateful: bool,
    action: &ChangeAction,
    replacement: Replacement,
    policy_action: Option<&str>,
) -> bool {
    let removed = *action == ChangeAction::Remove && !matches!(policy_action, Some("Retain" | "Snapshot"));
    let replaced =
        replacement != Replacement::No && !matches!(policy_action, Some("ReplaceAndRetain" | "ReplaceAndSnapshot"));
    stateful && (removed || replaced)
}

/// Whether a type is one of IAM's.
pub(crate) fn is_iam_type(resource_type: &str) -> bool {
    resource_type.starts_with("AWS::IAM::")
}

/// Whether a property says whose rights something runs with: by the last part of its path that is a name.
pub(super) fn is_iam_property(path: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let last = path.rsplit('/').find(|part| !is_number(part));
    last.is_some_and(|name| {
        matches!(
            name,
            "Role" | "ServiceRole" | "IamInstanceProfile" | "PermissionsBoundary" | "ManagedPolicyArns"
        ) || name.ends_with("RoleArn")
            || name.ends_with("RoleARN")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_told_by_the_last_name_of_a_path() {
        for path in [
            "/Properties/Role",
            "/Properties/ServiceRole",
            "/Properties/ManagedPolicyArns/0",
            "/Properties/TaskRoleArn",
            "/Properties/Targets/3/RoleArn",
            "/Properties/S3DestinationConfiguration/RoleARN",
            "/Properties/LaunchTemplateData/IamInstanceProfile",
            "/Properties/PermissionsBoundary",
        ] {
            assert!(is_iam_property(path), "{path}");
        }
        for path in [
            "/Properties/RoleName",
            "/Properties/Roles/0",
            "/Properties/Role/Name",
            "",
            "/",
            "/0/1",
        ] {
            assert!(!is_iam_property(path), "{path}");
        }
    }

    #[test]
    fn data_goes_where_nothing_is_said_to_keep_it() {
        let policies = [
            None,
            Some("Delete"),
            Some("Retain"),
            Some("Snapshot"),
            Some("ReplaceAndDelete"),
            Some("ReplaceAndRetain"),
            Some("ReplaceAndSnapshot"),
            Some("ReplaceAndArchive"),
            Some("Archive"),
        ];
        for policy in policies {
            let removed = is_lost(true, &ChangeAction::Remove, Replacement::No, policy);
            assert_eq!(removed, !matches!(policy, Some("Retain" | "Snapshot")), "{policy:?}");
            for replacement in [Replacement::Maybe, Replacement::Yes] {
                let replaced = is_lost(true, &ChangeAction::Modify, replacement, policy);
                let kept = matches!(policy, Some("ReplaceAndRetain" | "ReplaceAndSnapshot"));
                assert_eq!(replaced, !kept, "{policy:?}");
                assert!(!is_lost(false, &ChangeAction::Modify, replacement, policy));
            }
            assert!(!is_lost(true, &ChangeAction::Modify, Replacement::No, policy));
            assert!(!is_lost(false, &ChangeAction::Remove, Replacement::No, policy));
        }
    }
}
