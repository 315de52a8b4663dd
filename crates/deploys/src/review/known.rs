//! The values that CloudFormation's published model of `DescribeChangeSet` lists. Any other is unknown.

use serde_json::{Map, Value};

/// A member whose values are listed: its name and the list.
pub(super) type Listed = (&'static str, &'static [&'static str]);

const ATTRIBUTES: &[&str] = &[
    "Properties",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Tags",
];

/// Those that are lists; the others are texts.
const LISTS: [&str; 2] = ["Capabilities", "Scope"];

/// The members of a set. What any other means is not known.
pub(super) const MEMBERS_OF_THE_SET: &[&str] = &[
    "Capabilities",
    "ChangeSetId",
    "ChangeSetName",
    "Changes",
    "CreationTime",
    "DeploymentConfig",
    "DeploymentMode",
    "Description",
    "ExecutionStatus",
    "ImportExistingResources",
    "IncludeNestedStacks",
    "NotificationARNs",
    "OnStackFailure",
    "Parameters",
    "ParentChangeSetId",
    "ResponseMetadata",
    "RoleARN",
    "RollbackConfiguration",
    "RootChangeSetId",
    "StackDriftStatus",
    "StackId",
    "StackName",
    "Status",
    "StatusReason",
    "Tags",
];

/// Of the whole set.
pub(super) const OF_THE_SET: &[Listed] = &[
    ("StackDriftStatus", &["DRIFTED", "IN_SYNC", "UNKNOWN", "NOT_CHECKED"]),
    (
        "Capabilities",
        &["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    ),
    ("OnStackFailure", &["DO_NOTHING", "ROLLBACK", "DELETE"]),
    ("DeploymentMode", &["REVERT_DRIFT"]),
];

/// Of `DeploymentConfig`.
pub(super) const OF_THE_DEPLOYMENT: &[Listed] = &[("Mode", &["STANDARD", "EXPRESS"])];

/// Of a change.
pub(super) const OF_A_CHANGE: &[Listed] = &[("Type", &["Resource"])];

/// Of a resource's change.
pub(super) const OF_A_RESOURCE: &[Listed] = &[
    (
        "Action",
        &["Add", "Modify", "Remove", "Import", "Dynamic", "SyncWithActual"],
    ),
    (
        "PolicyAction",
        &[
            "Delete",
            "Retain",
            "Snapshot",
            "ReplaceAndDelete",
            "ReplaceAndRetain",
            "ReplaceAndSnapshot",
        ],
    ),
    ("Replacement", &["True", "False", "Conditional"]),
    ("Scope", ATTRIBUTES),
    (
        "ResourceDriftStatus",
        &[
            "IN_SYNC",
            "MODIFIED",
            "DELETED",
            "NOT_CHECKED",
            "UNKNOWN",
            "UNSUPPORTED",
        ],
    ),
];

/// Of an attribute of a resource whose drift is passed over.
pub(super) const OF_AN_IGNORED: &[Listed] = &[(
    "Reason",
    &["MANAGED_BY_AWS", "WRITE_ONLY_PROPERTY", "SENSITIVE_PROPERTY"],
)];

/// Of a detail.
pub(super) const OF_A_DETAIL: &[Listed] = &[
    ("Evaluation", &["Static", "Dynamic"]),
    (
        "ChangeSource",
        &[
            "ResourceReference",
            "ParameterReference",
            "ResourceAttribute",
            "DirectModification",
            "Automatic",
            "NoModification",
        ],
    ),
];

/// Of what a detail is about.
pub(super) const OF_A_TARGET: &[Listed] = &[
    ("Attribute", ATTRIBUTES),
    ("RequiresRecreation", &["Never", "Conditionally", "Always"]),
    ("BeforeValueFrom", &["PREVIOUS_DEPLOYMENT_STATE", "ACTUAL_STATE"]),
    ("AfterValueFrom", &["TEMPLATE"]),
    ("AttributeChangeType", &["Add", "Remove", "Modify", "SyncWithActual"]),
];

/// The members of these whose value is not listed, with the value.
pub(super) fn unlisted<'a>(
    object: &'a Map<String, Value>,
    listed: &'a [Listed],
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    listed.iter().flat_map(|(name, values)| {
        let is_list = LISTS.contains(name);
        let bad: Vec<String> = match object.get(*name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) if is_list => items.iter().filter_map(|item| odd(item, values)).collect(),
            Some(_) if is_list => vec!["something that is no list".to_owned()],
            Some(value) => odd(value, values).into_iter().collect(),
        };
        bad.into_iter().map(move |value| (*name, value))
    })
}

fn odd(value: &Value, values: &[&str]) -> Option<String> {
    match value.as_str() {
        Some(text) if values.contains(&text) => None,
        Some(text) => Some(text.chars().take(64).collect()),
        None => Some("something that is no text".to_owned()),
    }
}
