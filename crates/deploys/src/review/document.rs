//! A change set and those of its nested stacks, as CloudFormation describes them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use serde_json::{Map, Value};

use super::about::{About, Parameter};
use super::known::{self, unlisted};
use super::masking::{NO_ECHO, holds, is_secret_parameter};
use super::nested::last_part;
use super::resource::{self, Place};
use super::signals::{given, text};
use super::{Reviewed, Standing, StatefulTypes, unread};
use crate::draft::ChangeSetDocuments;

/// How deep stacks may be nested to be read.
const MOST_LEVELS: usize = 64;

/// The type of a nested stack.
const STACK: &str = "AWS::CloudFormation::Stack";

/// How CloudFormation says that there is nothing to change.
const NO_CHANGES: [&str; 2] = [
    "The submitted information didn't contain changes",
    "No updates are to be performed",
];

/// What it says behind that.
const ANOTHER: &str = "Submit different information to create a change set";

/// What is said of a document that is none.
const NO_CHANGE_SET: &str = "this is no change set: give the JSON of `aws cloudformation describe-change-set \
                             --include-property-values`";

/// Whether an object looks like a change set.
pub(crate) fn is_change_set(object: &Map<String, Value>) -> bool {
    ["ChangeSetId", "ChangeSetName", "Changes"]
        .iter()
        .any(|name| object.contains_key(*name))
}

struct Reading<'a> {
    nested: &'a BTreeMap<String, Value>,
    stateful: &'a StatefulTypes,
    reviewed: Reviewed,
    /// The sets that were read.
    visited: HashSet<&'a str>,
    /// How often a path came.
    paths: HashMap<String, u32>,
    root_tags: BTreeMap<String, String>,
}

/// Reads the root, and what it names.
pub(super) fn read(documents: &ChangeSetDocuments, stateful: &StatefulTypes) -> Reviewed {
    let root = match documents.root.as_object() {
        Some(root) if is_change_set(root) => root,
        _ => return Reviewed::empty(Standing::NotAPlan(NO_CHANGE_SET.to_owned())),
    };
    let mut reading = Reading {
        nested: &documents.nested,
        stateful,
        reviewed: Reviewed::empty(Standing::Ready),
        visited: text(root, "ChangeSetId").and_then(last_part).into_iter().collect(),
        paths: HashMap::new(),
        root_tags: BTreeMap::new(),
    };
    reading.reviewed.about = about(root);
    reading.root_tags.clone_from(&reading.reviewed.about.tags);
    reading.set(root, "", 0);
    let mut reviewed = reading.reviewed;
    if text(root, "ExecutionStatus").is_none() {
        reviewed.unknown("the change set does not say its ExecutionStatus");
    }
    reviewed.standing = standing(root, &documents.nested);
    if reviewed.standing == Standing::NoChanges {
        reviewed.notes.push(UNPINNED.to_owned());
    } else if has_no_paths(root) {
        reviewed.notes.push(NO_VALUES.to_owned());
    }
    reviewed
}

/// What is said where there is nothing to change.
const UNPINNED: &str = "CloudFormation compares what is written: a value of the parameter store that is referred to \
                        without its version, as `{{resolve:ssm:NAME}}`, may have moved all the same";

/// What is said where a set was described without values.
const NO_VALUES: &str = "the change set was read without the properties' values: describe it with \
                         --include-property-values to see them";

/// Whether no detail says where it is, though there are details.
fn has_no_paths(root: &Map<String, Value>) -> bool {
    let details = list(root, "Changes").iter().flat_map(|change| {
        let details = change.get("ResourceChange").and_then(|change| change.get("Details"));
        details.and_then(Value::as_array).into_iter().flatten()
    });
    let mut paths = details.map(|detail| detail.get("Target").and_then(|target| target.get("Path")));
    paths
        .next()
        .is_some_and(|first| first.is_none() && paths.all(|path| path.is_none()))
}

fn list<'a>(object: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The names of the parameters that are shown as `****`.
fn secret_parameters(set: &Map<String, Value>) -> BTreeSet<&str> {
    let parameters = list(set, "Parameters").iter().filter_map(Value::as_object);
    let hidden = parameters.filter(|parameter| {
        let is_hidden = |name| text(parameter, name).is_some_and(is_no_echo);
        is_hidden("ParameterValue") || is_hidden("ResolvedValue")
    });
    hidden.filter_map(|parameter| text(parameter, "ParameterKey")).collect()
}

fn is_no_echo(value: &str) -> bool {
    value.starts_with(NO_ECHO) && value.bytes().all(|byte| byte == b'*')
}

impl<'a> Reading<'a> {
    /// Reads a set whose stack is at `path`; the root's is empty.
    fn set(&mut self, set: &'a Map<String, Value>, path: &str, level: usize) {
        let of = if path.is_empty() { "the change set" } else { path };
        let mut unknown: Vec<(&str, String)> = unlisted(set, known::OF_THE_SET).collect();
        if let Some(deployment) = set.get("DeploymentConfig").and_then(Value::as_object) {
            unknown.extend(unlisted(deployment, known::OF_THE_DEPLOYMENT));
            self.reviewed.summary.express |= text(deployment, "Mode") == Some("EXPRESS");
        }
        self.sealed(path, "set", unread::of_the_set(set));
        self.reviewed.summary.express |= text(set, "DeploymentMode") == Some("EXPRESS");
        for (name, value) in unknown {
            self.reviewed
                .unknown(format!("{of}: `{value}` is no {name} that is known"));
        }
        for name in unread::not_of_its_kind(set) {
            self.reviewed.unknown(format!("{of}: its {name} cannot be read"));
        }
        if given(set, "NextToken").is_some() {
            let note = format!("{of}: there are more changes than were read (NextToken); read every page");
            self.reviewed.unknown(note);
        }
        self.reviewed.summary.drifted |= text(set, "StackDriftStatus") == Some("DRIFTED");
        self.parameters(set, path);
        self.tags(set, path);
        let secret = secret_parameters(set);
        match given(set, "Changes") {
            Some(Value::Array(changes)) => {
                for change in changes {
                    self.change(change, path, &secret, level);
                }
            }
            _ => self.reviewed.unknown(format!("{of}: it has no list of Changes")),
        }
    }

    fn change(&mut self, change: &'a Value, path: &str, secret: &BTreeSet<&str>, level: usize) {
        let of = if path.is_empty() { "the change set" } else { path };
        if let Some(change) = change.as_object() {
            for (name, value) in unlisted(change, known::OF_A_CHANGE) {
                self.reviewed
                    .unknown(format!("{of}: `{value}` is no {name} of a change that is known"));
            }
        }
        let resource = change.get("ResourceChange").and_then(Value::as_object);
        let Some(resource) = resource.filter(|resource| !resource.is_empty()) else {
            self.reviewed
                .unknown(format!("{of}: one of its changes names no resource"));
            self.sealed(path, "change", Some(unread::of_no_resource(change)));
            return;
        };
        let below = self.below(resource, path);
        let secret_below = below
            .and_then(Value::as_object)
            .map(secret_parameters)
            .unwrap_or_default();
        let place = Place {
            path: self.path_of(resource, path),
            secret,
            secret_below: &secret_below,
        };
        self.sealed(&place.path, "change", unread::of_a_change(change));
        let row = resource::read(resource, &place, self.stateful, &mut self.reviewed);
        self.reviewed.count(&row);
        self.reviewed.rows.push(row);
        match below {
            None => {}
            Some(Value::Object(set)) if level < MOST_LEVELS => {
                self.check_nested(set, resource, &place.path);
                self.set(set, &place.path, level + 1);
            }
            Some(other) => {
                let note = format!("{}: its change set cannot be read", place.path);
                self.reviewed.unknown(note);
                self.sealed(&place.path, "set", Some(other.clone()));
            }
        }
    }

    /// Keeps what was not read for the digest.
    fn sealed(&mut self, path: &str, what: &str, unread: Option<Value>) {
        if let Some(unread) = unread {
            self.reviewed.hidden.add(format!("unread {what} of {path}"), unread);
        }
    }

    /// The set of the nested stack that a change is of.
    fn below(&mut self, resource: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
        let id = text(resource, "LogicalResourceId").unwrap_or_default();
        let at = if path.is_empty() {
            id.to_owned()
        } else {
            format!("{path}/{id}")
        };
        let named = text(resource, "ChangeSetId").and_then(last_part);
        let Some(named) = named else {
            if text(resource, "ResourceType") == Some(STACK) {
                let note = format!(
                    "{at}: what changes in this nested stack is not told; make the change set with IncludeNestedStacks"
                );
                self.reviewed.unknown(note);
            }
            return None;
        };
        if !self.visited.insert(named) {
            self.reviewed.unknown(format!("{at}: its change set comes round again"));
            return None;
        }
        let found = self.nested.get(named);
        if found.is_none() {
            self.reviewed.unknown(format!(
                "{at}: its change set {named} is not there, so what it changes is not known"
            ));
        }
        found
    }

    /// A nested set is to be the one that was named, and one that can be carried out.
    fn check_nested(&mut self, set: &Map<String, Value>, resource: &Map<String, Value>, path: &str) {
        let named = text(resource, "ChangeSetId").and_then(last_part);
        if text(set, "ChangeSetId").and_then(last_part) != named {
            self.reviewed
                .unknown(format!("{path}: what was read as its change set is another one"));
        }
        match standing(set, &BTreeMap::new()) {
            Standing::Ready | Standing::NoChanges => {}
            Standing::Obsolete => self.reviewed.unknown(format!("{path}: its change set is obsolete")),
            Standing::Failed(why) | Standing::NotAPlan(why) => self.reviewed.unknown(format!("{path}: {why}")),
        }
    }

    /// The row's path, which no other has.
    fn path_of(&mut self, resource: &Map<String, Value>, path: &str) -> String {
        let id = text(resource, "LogicalResourceId").filter(|id| !id.is_empty());
        let id = id.unwrap_or("(no name)");
        let mut at = if path.is_empty() {
            id.to_owned()
        } else {
            format!("{path}/{id}")
        };
        if id.contains('/') {
            self.reviewed.unknown(format!("{at}: no resource is called so"));
        }
        let count = self.paths.entry(at.clone()).or_default();
        *count += 1;
        if *count > 1 {
            let note = format!("{at}: it is there more than once");
            at = format!("{at} ({count})");
            self.reviewed.unknown(note);
        }
        at
    }

    fn parameters(&mut self, set: &Map<String, Value>, path: &str) {
        for parameter in list(set, "Parameters").iter().filter_map(Value::as_object) {
            let key = text(parameter, "ParameterKey").unwrap_or_default();
            let name = if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}/{key}")
            };
            let value = given(parameter, "ParameterValue");
            let resolved = given(parameter, "ResolvedValue");
            let is_no_echo = [value, resolved]
                .into_iter()
                .flatten()
                .any(|v| v.as_str().is_some_and(is_no_echo));
            let masked = is_no_echo || is_secret_parameter(key) || holds(value) || holds(resolved);
            if masked && !is_no_echo {
                let both = serde_json::json!([value, resolved]);
                self.reviewed.hidden.add(format!("parameter {name}"), both);
            }
            let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let parameter = Parameter {
                value: value.filter(|_| !masked).map(as_text),
                resolved: resolved.filter(|_| !masked).map(as_text),
                masked,
                unchanged: parameter.get("UsePreviousValue") == Some(&Value::Bool(true)),
            };
            let of = name.clone();
            if self.reviewed.about.parameters.insert(name, parameter).is_some() {
                self.reviewed
                    .unknown(format!("parameter {of}: it is there more than once"));
            }
        }
    }

    fn tags(&mut self, set: &Map<String, Value>, path: &str) {
        if path.is_empty() {
            return;
        }
        let own = tags(set);
        if own != self.root_tags {
            let own = own.into_iter().map(|(name, value)| (format!("{path}/{name}"), value));
            self.reviewed.about.tags.extend(own);
        }
    }
}

fn tags(set: &Map<String, Value>) -> BTreeMap<String, String> {
    let tags = list(set, "Tags").iter().filter_map(Value::as_object);
    tags.map(|tag| {
        let of = |name| text(tag, name).unwrap_or_default().to_owned();
        (of("Key"), of("Value"))
    })
    .collect()
}

/// What else the approver sees of the root, but for its parameters.
fn about(set: &Map<String, Value>) -> About {
    let texts = |name: &str| {
        list(set, name)
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect()
    };
    let rollback = set.get("RollbackConfiguration").and_then(Value::as_object);
    let triggers = rollback
        .map(|rollback| list(rollback, "RollbackTriggers"))
        .unwrap_or_default();
    let trigger = |trigger: &Value| {
        let of = |name| trigger.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}", of("Type"), of("Arn")).trim().to_owned()
    };
    let mut modes = BTreeMap::new();
    let mut mode = |object: &Map<String, Value>, name: &str, called: &str| {
        let said = match given(object, name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(true)) => "true".to_owned(),
            // Of another kind it is not read, and sealed.
            None | Some(_) => return,
        };
        modes.insert(called.to_owned(), said);
    };
    mode(set, "OnStackFailure", "OnStackFailure");
    mode(set, "ImportExistingResources", "ImportExistingResources");
    mode(set, "DeploymentMode", "DeploymentMode");
    mode(set, "StackDriftStatus", "StackDriftStatus");
    if let Some(deployment) = set.get("DeploymentConfig").and_then(Value::as_object) {
        mode(deployment, "Mode", "DeploymentConfig.Mode");
        mode(deployment, "DisableRollback", "DeploymentConfig.DisableRollback");
    }
    About {
        stack: text(set, "StackName").map(ToOwned::to_owned),
        parameters: BTreeMap::new(),
        tags: tags(set),
        capabilities: texts("Capabilities"),
        role: text(set, "RoleARN").map(ToOwned::to_owned),
        notifications: texts("NotificationARNs"),
        rollback_triggers: triggers.iter().map(trigger).collect(),
        monitoring_minutes: rollback.and_then(|rollback| rollback.get("MonitoringTimeInMinutes")?.as_u64()),
        modes,
    }
}

/// Whether a set can be carried out. Where it cannot, why: what a nested one failed by is said too.
fn standing(set: &Map<String, Value>, nested: &BTreeMap<String, Value>) -> Standing {
    let execution = text(set, "ExecutionStatus");
    if execution == Some("OBSOLETE") {
        return Standing::Obsolete;
    }
    match text(set, "Status") {
        Some("CREATE_COMPLETE") => match execution {
            None | Some("AVAILABLE") => Standing::Ready,
            Some("EXECUTE_IN_PROGRESS" | "EXECUTE_COMPLETE" | "EXECUTE_FAILED") => Standing::NotAPlan(
                "the change set was executed already: make another to see what would change now".to_owned(),
            ),
            Some(other) => Standing::NotAPlan(format!("the change set cannot be executed: it is {other}")),
        },
        Some("FAILED") if says_no_changes(set) => Standing::NoChanges,
        Some("FAILED") => Standing::Failed(reasons(set, nested)),
        Some(status @ ("CREATE_PENDING" | "CREATE_IN_PROGRESS")) => Standing::NotAPlan(format!(
            "the change set is still being made ({status}): read it again when its Status is CREATE_COMPLETE"
        )),
        Some(status) => Standing::NotAPlan(format!(
            "the change set's Status is {status}: only one that is CREATE_COMPLETE can be carried out"
        )),
        None => Standing::NotAPlan("the change set does not say its Status".to_owned()),
    }
}

fn says_no_changes(set: &Map<String, Value>) -> bool {
    let reason = text(set, "StatusReason").unwrap_or_default().trim();
    let behind = NO_CHANGES.iter().find_map(|sentence| reason.strip_prefix(sentence));
    let is_said = behind.is_some_and(|behind| {
        let more = behind.strip_prefix('.').unwrap_or(behind);
        let appended = more.trim_start().trim_end_matches('.');
        more.is_empty() || (behind.starts_with('.') && appended == ANOTHER)
    });
    is_said && list(set, "Changes").is_empty() && given(set, "NextToken").is_none()
}

/// Why a set failed.
fn reasons(set: &Map<String, Value>, nested: &BTreeMap<String, Value>) -> String {
    let reason = text(set, "StatusReason").unwrap_or("CloudFormation does not say why");
    let mut told = format!("the change set failed: {reason}");
    let failed = nested.values().filter_map(Value::as_object);
    for set in failed.filter(|set| text(set, "Status") == Some("FAILED") && !says_no_changes(set)) {
        if let Some(reason) = text(set, "StatusReason") {
            let stack = text(set, "StackName").unwrap_or("a nested stack");
            let _ = write!(told, "; {stack}: {reason}");
        }
    }
    told
}
