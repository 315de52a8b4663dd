//! One resource's change: its row, and what of it is for the digest alone.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use cc_devops_kernel::input;
use serde_json::{Map, Value, json};

use super::known::{self, unlisted};
use super::masking::{Masked, holds_at, is_secret_path};
use super::signals::{Signals, given, is_iam_property, is_iam_type, is_lost, of_detail, text};
use super::{Reviewed, StatefulTypes};
use crate::exact_values::sorted;
use crate::rows::{ChangeAction, PropertyChange, Replacement, Row};

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// Where a change stands.
pub(super) struct Place<'a> {
    /// The path of its row.
    pub(super) path: String,
    /// The names of its stack's parameters whose values are hidden.
    pub(super) secret: &'a BTreeSet<&'a str>,
    /// The same of the stack that it is, where it is a nested one.
    pub(super) secret_below: &'a BTreeSet<&'a str>,
}

/// A detail of a change.
struct Detail<'a> {
    said: &'a Map<String, Value>,
    target: &'a Map<String, Value>,
    path: Cow<'a, str>,
    /// Whether the document says where it is.
    has_path: bool,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    drift: Option<&'a Value>,
}

impl Detail<'_> {
    fn has_values(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }
}

/// Reads a `ResourceChange`.
pub(super) fn read(
    change: &Map<String, Value>,
    place: &Place<'_>,
    stateful: &StatefulTypes,
    reviewed: &mut Reviewed,
) -> Row {
    let resource_type = text(change, "ResourceType").unwrap_or_default();
    let action = ChangeAction::from(text(change, "Action").unwrap_or_default().to_owned());
    let details = details(change, place, reviewed);
    check(change, &action, place, reviewed);
    let signals = Signals {
        details: details.iter().map(|detail| (detail.said, detail.target)).collect(),
    };
    let replacement = signals.replacement(change, resource_type);
    let policy_action = text(change, "PolicyAction");
    let is_stateful = stateful.hold(resource_type);
    let masked = masked(&details, resource_type, place);
    let is_hidden = |detail: &Detail<'_>| {
        let own = detail.has_path || detail.has_values();
        own && (masked.names(&detail.path) || (detail.has_values() && masked.hide(&detail.path)))
    };
    let hidden: Vec<bool> = details.iter().map(is_hidden).collect();
    set_apart(change, &details, &hidden, place, reviewed);
    let mut row = Row {
        path: place.path.clone(),
        logical_id: text(change, "LogicalResourceId").unwrap_or_default().to_owned(),
        physical_id: text(change, "PhysicalResourceId").map(ToOwned::to_owned),
        resource_type: resource_type.to_owned(),
        replacement,
        why: why(&details, replacement),
        policy_action: policy_action.map(ToOwned::to_owned),
        stateful: is_stateful,
        lost: is_lost(is_stateful, &action, replacement, policy_action),
        iam: is_iam_type(resource_type) || details.iter().any(|detail| is_iam_property(&detail.path)),
        drifted: is_drifted(change, &details),
        masked: Vec::new(),
        properties: Vec::with_capacity(details.len()),
        action,
    };
    let mut seen = BTreeSet::new();
    for (detail, hidden) in details.iter().zip(hidden) {
        let property = PropertyChange {
            path: detail.path.clone().into_owned(),
            before: detail.before.filter(|_| !hidden).map(shown),
            after: detail.after.filter(|_| !hidden).map(shown),
            masked: hidden,
        };
        if seen.insert((property.path.clone(), property.before.clone(), property.after.clone())) {
            if hidden {
                row.masked.push(property.path.clone());
            }
            row.properties.push(property);
        }
    }
    row
}

/// The details, as far as they are ones.
fn details<'a>(change: &'a Map<String, Value>, place: &Place<'_>, reviewed: &mut Reviewed) -> Vec<Detail<'a>> {
    let path = &place.path;
    let listed = match given(change, "Details") {
        None => &[],
        Some(Value::Array(details)) => details.as_slice(),
        Some(_) => {
            reviewed.unknown(format!("{path}: its Details are no list"));
            &[]
        }
    };
    let mut details = Vec::with_capacity(listed.len());
    for detail in listed {
        let Some(detail) = detail.as_object() else {
            reviewed.unknown(format!("{path}: one of its Details is no object"));
            continue;
        };
        let target = given(detail, "Target").and_then(Value::as_object).unwrap_or_else(|| {
            reviewed.unknown(format!("{path}: one of its Details does not say what it is about"));
            &NOTHING
        });
        let told = text(target, "Path").filter(|path| !path.is_empty());
        details.push(Detail {
            said: detail,
            target,
            path: told.map_or_else(|| Cow::Owned(named(target)), Cow::Borrowed),
            has_path: told.is_some(),
            before: given(target, "BeforeValue"),
            after: given(target, "AfterValue"),
            drift: given(target, "Drift").or_else(|| given(detail, "Drift")),
        });
    }
    details
}

/// Where a detail without a path is.
fn named(target: &Map<String, Value>) -> String {
    let attribute = text(target, "Attribute").unwrap_or("Properties");
    match text(target, "Name") {
        Some(name) if !name.is_empty() => format!("/{attribute}/{name}"),
        _ => format!("/{attribute}"),
    }
}

/// Says what of it the model does not list.
fn check(change: &Map<String, Value>, action: &ChangeAction, place: &Place<'_>, reviewed: &mut Reviewed) {
    let path = &place.path;
    let mut unknown: Vec<(&str, String)> = unlisted(change, known::OF_A_RESOURCE).collect();
    for detail in objects(change, "Details") {
        unknown.extend(unlisted(detail, known::OF_A_DETAIL));
        if let Some(target) = given(detail, "Target").and_then(Value::as_object) {
            unknown.extend(unlisted(target, known::OF_A_TARGET));
        }
    }
    for ignored in objects(change, "ResourceDriftIgnoredAttributes") {
        unknown.extend(unlisted(ignored, known::OF_AN_IGNORED));
    }
    for (name, value) in unknown {
        reviewed.unknown(format!("{path}: `{value}` is no {name} that is known"));
    }
    let mut not_text = |object: &Map<String, Value>, names: &[&str]| {
        for name in names {
            if given(object, name).is_some_and(|value| !value.is_string()) {
                reviewed.unknown(format!("{path}: its {name} is no text"));
            }
        }
    };
    not_text(change, &["ChangeSetId", "PhysicalResourceId"]);
    for detail in objects(change, "Details") {
        not_text(detail, &["CausingEntity"]);
        if let Some(target) = given(detail, "Target").and_then(Value::as_object) {
            not_text(target, &["Name", "Path"]);
        }
    }
    for name in ["LogicalResourceId", "ResourceType", "Action"] {
        if text(change, name).is_none_or(str::is_empty) {
            reviewed.unknown(format!("{path}: it has no {name}"));
        }
    }
    if let ChangeAction::Other(word) = action
        && !word.is_empty()
    {
        reviewed.unknown(format!("{path}: what `{word}` does is not classified"));
    }
}

fn objects<'a>(object: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    let items = object
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_object)
}

/// The paths whose values are hidden.
fn masked<'a>(details: &'a [Detail<'_>], resource_type: &str, place: &Place<'_>) -> Masked<'a> {
    let mut masked = Masked::default();
    for detail in details {
        let path = &*detail.path;
        let caused = given(detail.said, "CausingEntity").is_some_and(|cause| match cause.as_str() {
            Some(cause) => place.secret.contains(cause),
            None => !place.secret.is_empty(),
        });
        let passed = || {
            if path == "/Properties/Parameters" {
                return !place.secret_below.is_empty();
            }
            let name = path.strip_prefix("/Properties/Parameters/");
            name.and_then(|name| name.split('/').next())
                .is_some_and(|name| place.secret_below.contains(name))
        };
        if caused || passed() {
            masked.add(path, true);
        } else if is_secret_path(path, resource_type)
            || [detail.before, detail.after, detail.drift]
                .into_iter()
                .any(|value| holds_at(path, value))
        {
            masked.add(path, false);
        }
    }
    masked
}

/// The names of what makes it another resource.
fn why(details: &[Detail<'_>], replacement: Replacement) -> Vec<String> {
    if replacement == Replacement::No {
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    for detail in details {
        if of_detail(detail.said, detail.target) != Replacement::No {
            let name = text(detail.target, "Name").unwrap_or(&detail.path);
            names.insert(name.to_owned());
        }
    }
    names.into_iter().collect()
}

fn is_drifted(change: &Map<String, Value>, details: &[Detail<'_>]) -> bool {
    matches!(text(change, "ResourceDriftStatus"), Some("MODIFIED" | "DELETED"))
        || details.iter().any(|detail| detail.drift.is_some())
}

/// A value as it is shown: text as it is, anything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// What a `ResourceChange` consists of, beside what is read by name.
const MEMBERS: [&str; 15] = [
    "Action",
    "AfterContext",
    "BeforeContext",
    "ChangeSetId",
    "Details",
    "LogicalResourceId",
    "ModuleInfo",
    "PhysicalResourceId",
    "PolicyAction",
    "PreviousDeploymentContext",
    "Replacement",
    "ResourceDriftIgnoredAttributes",
    "ResourceDriftStatus",
    "ResourceType",
    "Scope",
];

/// What a target has that is no value of a property.
const OF_TARGETS: [&str; 7] = [
    "AfterValueFrom",
    "Attribute",
    "AttributeChangeType",
    "BeforeValueFrom",
    "Name",
    "Path",
    "RequiresRecreation",
];

/// What a detail has beside its target.
const OF_DETAILS: [&str; 3] = ["CausingEntity", "ChangeSource", "Evaluation"];

/// Puts aside what nobody sees, for the digest: what is harmless as it is, what may be a secret under a key.
fn set_apart(
    change: &Map<String, Value>,
    details: &[Detail<'_>],
    hidden: &[bool],
    place: &Place<'_>,
    reviewed: &mut Reviewed,
) {
    let mut open = Vec::with_capacity(details.len());
    let mut closed = Vec::new();
    for (detail, is_hidden) in details.iter().zip(hidden) {
        let mut told = chosen(detail.target, |name| OF_TARGETS.contains(&name));
        told.extend(chosen(detail.said, |name| OF_DETAILS.contains(&name)));
        open.push(Value::Object(told));
        let mut kept = chosen(detail.said, |name| name != "Target" && !OF_DETAILS.contains(&name));
        kept.extend(chosen(detail.target, |name| {
            let is_value = matches!(name, "BeforeValue" | "AfterValue");
            !OF_TARGETS.contains(&name) && (*is_hidden || !is_value)
        }));
        if !kept.is_empty() {
            kept.insert("at".to_owned(), json!(detail.path));
            closed.push(Value::Object(kept));
        }
    }
    let mut told = chosen(change, |name| {
        matches!(name, "ModuleInfo" | "Replacement" | "ResourceDriftStatus")
    });
    for name in ["Scope", "ResourceDriftIgnoredAttributes"] {
        if let Some(Value::Array(items)) = given(change, name) {
            told.insert(name.to_owned(), sorted(items.clone()));
        }
    }
    told.insert("details".to_owned(), sorted(open));
    reviewed.unseen.push((place.path.clone(), Value::Object(told)));
    let mut kept = Map::new();
    for (name, value) in change {
        let is_context = name.ends_with("Context");
        if !value.is_null() && (is_context || !MEMBERS.contains(&name.as_str())) {
            kept.insert(name.clone(), context(value));
        }
    }
    for name in [
        "Action",
        "ChangeSetId",
        "LogicalResourceId",
        "PhysicalResourceId",
        "PolicyAction",
        "ResourceType",
    ] {
        if let Some(value) = given(change, name).filter(|value| !value.is_string()) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    for name in ["Scope", "ResourceDriftIgnoredAttributes", "Details"] {
        if let Some(value) = given(change, name).filter(|value| !value.is_array()) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    let listed = change.get("Details").and_then(Value::as_array);
    let odd = listed
        .into_iter()
        .flatten()
        .filter_map(|detail| match detail.as_object() {
            Some(detail) => given(detail, "Target").filter(|target| !target.is_object()),
            None => Some(detail),
        });
    let odd: Vec<Value> = odd.cloned().collect();
    if !odd.is_empty() {
        kept.insert("odd details".to_owned(), sorted(odd));
    }
    if !closed.is_empty() {
        kept.insert("details".to_owned(), sorted(closed));
    }
    if !kept.is_empty() {
        reviewed.hidden.add(place.path.clone(), Value::Object(kept));
    }
}

/// The members of these names, without times.
fn chosen(object: &Map<String, Value>, want: impl Fn(&str) -> bool) -> Map<String, Value> {
    let members = object.iter().filter(|(name, value)| !value.is_null() && want(name));
    members.map(|(name, value)| (name.clone(), timeless(value))).collect()
}

/// When a drift was found does not count.
fn timeless(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove("DriftDetectionTimestamp");
    }
    value
}

/// A context is JSON in a text; how it is written is for nothing.
fn context(value: &Value) -> Value {
    let read = value.as_str().and_then(|text| input::unambiguous(text.as_bytes()).ok());
    read.unwrap_or_else(|| value.clone())
}
