//! The form of a policy's TOML. What has the wrong type is told and cut out, so that the rest is read too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_path_to_error::Segment;
use toml::Value;

use super::security::{AccessTable, ActionsTable, DeploymentsTable};
use super::{Nested, PolicyProblem};
use crate::rules::Preset;
use cc_devops_kernel::text::nearest;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PolicyFile {
    pub(super) defaults: Table,
    pub(super) overrides: Vec<Override>,
    pub(super) exemptions: Vec<ExemptionTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Table {
    pub(super) include: Option<Vec<String>>,
    pub(super) rules: Option<Preset>,
    pub(super) rules_on: Option<Vec<String>>,
    pub(super) rules_off: Option<Vec<String>>,
    pub(super) severity: BTreeMap<String, String>,
    pub(super) tell: Option<BreachReportsTable>,
    pub(super) issues: IssuesTable,
    pub(super) protection: ProtectionTable,
    pub(super) dependabot: DependabotTable,
    pub(super) workflows: WorkflowsTable,
    pub(super) actions: ActionsTable,
    pub(super) access: AccessTable,
    pub(super) deployments: DeploymentsTable,
    pub(super) settings: toml::Table,
}

/// A [`Table`] for some repositories; written out, because a flattened one hides unknown keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Override {
    pub(super) repositories: Vec<String>,
    pub(super) include: Option<Vec<String>>,
    pub(super) rules: Option<Preset>,
    pub(super) rules_on: Option<Vec<String>>,
    pub(super) rules_off: Option<Vec<String>>,
    pub(super) severity: BTreeMap<String, String>,
    pub(super) tell: Option<BreachReportsTable>,
    pub(super) issues: IssuesTable,
    pub(super) protection: ProtectionTable,
    pub(super) dependabot: DependabotTable,
    pub(super) workflows: WorkflowsTable,
    pub(super) actions: ActionsTable,
    pub(super) access: AccessTable,
    pub(super) deployments: DeploymentsTable,
    pub(super) settings: toml::Table,
}

impl Override {
    /// The patterns, and the rest.
    pub(super) fn split(self) -> (Vec<String>, Table) {
        let table = Table {
            include: self.include,
            rules: self.rules,
            rules_on: self.rules_on,
            rules_off: self.rules_off,
            severity: self.severity,
            tell: self.tell,
            issues: self.issues,
            protection: self.protection,
            dependabot: self.dependabot,
            workflows: self.workflows,
            actions: self.actions,
            access: self.access,
            deployments: self.deployments,
            settings: self.settings,
        };
        (self.repositories, table)
    }
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "how breaches are told is written as \"issue\" or \"event\", or by rule as { force_push = \"issue\" }"
)]
pub(super) enum BreachReportsTable {
    All(String),
    ByRule(BTreeMap<String, String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct IssuesTable {
    pub(super) fallback_repository: Option<String>,
    pub(super) labels: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProtectionTable {
    pub(super) required_reviews: Option<i64>,
    pub(super) dismiss_stale_reviews: Option<bool>,
    pub(super) require_status_checks: Option<bool>,
    pub(super) status_checks: Option<Vec<Check>>,
    pub(super) allow_force_push: Option<bool>,
    pub(super) allow_deletion: Option<bool>,
    pub(super) allowed_bypass_actors: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a check is written as its name, or as { context = \"ci\", app = 15368 }"
)]
pub(super) enum Check {
    OfAnyApp(String),
    OfApp { context: String, app: u64 },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DependabotTable {
    pub(super) renovate_counts: Option<bool>,
    pub(super) nested: Option<Nested>,
    pub(super) ignored_ecosystems: Option<Vec<String>>,
    pub(super) ignored_paths: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowsTable {
    pub(super) ignored: Option<Vec<String>>,
    pub(super) fallback_repository: Option<String>,
    pub(super) labels: Option<Vec<String>>,
    pub(super) required: Option<BTreeSet<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExemptionTable {
    pub(super) repositories: Vec<String>,
    pub(super) rule: String,
    pub(super) owner: String,
    pub(super) reason: String,
    /// A TOML date or a text.
    pub(super) until: Option<Value>,
}

/// Every key there is, to guess what a misspelt one meant.
const KEYS: [&str; 42] = [
    "defaults",
    "overrides",
    "exemptions",
    "repositories",
    "include",
    "rules",
    "rules_on",
    "rules_off",
    "severity",
    "tell",
    "issues",
    "protection",
    "required_reviews",
    "dismiss_stale_reviews",
    "require_status_checks",
    "status_checks",
    "allow_force_push",
    "allow_deletion",
    "allowed_bypass_actors",
    "dependabot",
    "renovate_counts",
    "nested",
    "ignored_ecosystems",
    "ignored_paths",
    "workflows",
    "settings",
    "ignored",
    "fallback_repository",
    "labels",
    "required",
    "actions",
    "allowed",
    "trusted",
    "access",
    "writing_deploy_keys",
    "outside_admins",
    "trusted_webhook_hosts",
    "deployments",
    "protected",
    "require_reviewers",
    "release_tags",
    "until",
];

/// Reads the form, and tells what is not of it.
pub(super) fn shape(text: &str, problems: &mut Vec<PolicyProblem>) -> PolicyFile {
    let mut value = match text.parse::<toml::Table>() {
        Ok(table) => Value::Table(table),
        Err(error) => {
            problems.push(PolicyProblem {
                path: String::new(),
                message: format!("this is not TOML: {}", error.to_string().trim_end()),
            });
            return PolicyFile::default();
        }
    };
    loop {
        match serde_path_to_error::deserialize::<_, PolicyFile>(value.clone()) {
            Ok(_) => break,
            Err(error) => {
                problems.push(PolicyProblem {
                    path: dotted(error.path().iter()),
                    message: error.inner().message().to_owned(),
                });
                let segments: Vec<&Segment> = error.path().iter().collect();
                if !cut(&mut value, &segments) {
                    return PolicyFile::default();
                }
            }
        }
    }
    let unknown = |path: serde_ignored::Path<'_>| {
        let path = path.to_string().replace(".?", "");
        let key = path.rsplit('.').next().unwrap_or_default().to_owned();
        let hint = nearest(&key, &KEYS).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        problems.push(PolicyProblem {
            path,
            message: format!("there is no such key{hint}"),
        });
    };
    serde_ignored::deserialize(value, unknown).unwrap_or_default()
}

fn dotted<'s>(segments: impl Iterator<Item = &'s Segment>) -> String {
    let names: Vec<String> = segments
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    names.join(".")
}

/// Removes what stands at the end of the path, or the nearest thing above it that is in a table.
fn cut(value: &mut Value, path: &[&Segment]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    match (first, value) {
        (Segment::Map { key }, Value::Table(table)) => {
            if let Some(inner) = table.get_mut(key)
                && !cut(inner, rest)
            {
                table.remove(key);
                return true;
            }
            table.contains_key(key)
        }
        (Segment::Seq { index }, Value::Array(items)) => items.get_mut(*index).is_some_and(|item| cut(item, rest)),
        _ => false,
    }
}
