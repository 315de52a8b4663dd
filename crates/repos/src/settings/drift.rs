//! What must change so that a repository's settings are as they are wanted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::change::alike;
use super::values::{complete_rule, completed};
use super::{Items, Section, SettingChange, SettingsFacts, Wanted, WantedSection};
use crate::snapshot::{Fact, RepositoryId};

/// The difference between settings that are wanted and those that stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What must change, in the order of the sections.
    pub changes: Vec<SettingChange>,
    /// What could not be compared; nothing is proposed for it.
    pub unknown: Vec<UnknownSetting>,
}

/// A setting that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownSetting {
    /// The section, or the item in it, such as `rulesets/main`.
    pub setting: String,
    /// Why, and what a person can do: a fragment.
    pub why: String,
}

/// A secret of GitHub Actions as it was last set from here. Its value is nowhere in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSecret {
    /// The control plane's secret that it was set from.
    pub from: String,
    /// That secret's version.
    pub version: String,
    /// When GitHub says it was set.
    pub updated_at: String,
}

/// What is known of secrets beside that they are there: GitHub shows no value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownSecrets<'a> {
    /// Those that were set from here, by name; `None` where nothing is kept.
    pub set: Option<&'a SecretsOfRepository>,
    /// The newest versions of the control plane's secrets, by name; `None` where they are not looked at.
    pub versions: Option<&'a BTreeMap<String, String>>,
}

/// The secrets of a repository that were set from here, by name.
pub type SecretsOfRepository = BTreeMap<String, SetSecret>;

impl<'a> KnownSecrets<'a> {
    /// What is known of a repository's: `kept` is what was set from here in any, `None` where nothing is kept.
    pub(crate) fn of(
        id: RepositoryId,
        kept: Option<&'a BTreeMap<RepositoryId, SecretsOfRepository>>,
        versions: Option<&'a BTreeMap<String, String>>,
    ) -> Self {
        static NONE: SecretsOfRepository = BTreeMap::new();
        Self {
            set: kept.map(|kept| kept.get(&id).unwrap_or(&NONE)),
            versions,
        }
    }
}

/// Holds settings against those that are wanted. What could not be read is said, and nothing is proposed for it.
pub fn drift(wanted: &Wanted, facts: &SettingsFacts, secrets: KnownSecrets<'_>) -> Drift {
    let mut drift = Drift::default();
    for (section, wanted) in &wanted.sections {
        match facts.sections.get(section) {
            Some(Fact::Known(items)) => match section {
                Section::Secrets => of_secrets(wanted, items, secrets, &mut drift),
                Section::Topics => of_topics(wanted, items, &mut drift),
                Section::General | Section::Actions => of_options(*section, wanted, items, &mut drift),
                section => of_items(*section, wanted, items, &mut drift),
            },
            Some(Fact::Unknown(gap)) => drift.unknown(section.to_string(), gap.to_string()),
            Some(Fact::Unavailable(why)) => {
                drift.unknown(section.to_string(), format!("GitHub does not offer it here: {why}"));
            }
            None => drift.unknown(section.to_string(), "it was not read".to_owned()),
        }
    }
    drift
}

impl Drift {
    /// Whether everything is as it is wanted, and could be compared.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.unknown.is_empty()
    }

    fn unknown(&mut self, setting: String, why: String) {
        self.unknown.push(UnknownSetting { setting, why });
    }

    fn change(&mut self, section: Section, item: Option<&str>, before: Value, after: Value) {
        self.changes.push(SettingChange {
            section,
            item: item.map(ToOwned::to_owned),
            before,
            after,
        });
    }
}

/// Settings that are written in one request.
fn of_options(section: Section, wanted: &WantedSection, items: &Items, drift: &mut Drift) {
    let (mut before, mut after) = (Map::new(), Map::new());
    for (name, value) in &wanted.items {
        let standing = items.get(name).unwrap_or(&Value::Null);
        if hidden(standing, value) && items.contains_key(name) {
            let why = format!(
                "the credential may not see it; give it the permission `{}`",
                section.to_read()
            );
            drift.unknown(format!("{section}/{name}"), why);
            continue;
        }
        let merged = merged(standing, value, wanted.exact);
        if !alike(standing, &merged) {
            before.insert(name.clone(), standing.clone());
            after.insert(name.clone(), merged);
        }
    }
    if section == Section::Actions {
        let allowed = wanted
            .items
            .get("allowed_actions")
            .or_else(|| items.get("allowed_actions"));
        if allowed.is_some_and(|allowed| allowed != "selected") {
            for name in ["github_owned_allowed", "verified_allowed", "patterns_allowed"] {
                if after.remove(name).is_some() {
                    before.remove(name);
                    let why = "GitHub takes it only where allowed_actions is \"selected\"; say that in the policy too";
                    drift.unknown(format!("{section}/{name}"), why.to_owned());
                }
            }
        }
    }
    if !after.is_empty() {
        drift.change(section, None, Value::Object(before), Value::Object(after));
    }
}

fn of_topics(wanted: &WantedSection, items: &Items, drift: &mut Drift) {
    let list = |items: &Items| -> Value { items.keys().cloned().map(Value::String).collect() };
    let before = list(items);
    let after = merged(&before, &list(&wanted.items), wanted.exact);
    if !alike(&before, &after) {
        drift.change(Section::Topics, None, before, after);
    }
}

fn of_items(section: Section, wanted: &WantedSection, items: &Items, drift: &mut Drift) {
    for (name, value) in &wanted.items {
        let Some((name, standing)) = section.find(items, name) else {
            drift.change(section, Some(name), Value::Null, completed(section, value));
            continue;
        };
        if hidden(standing, value) {
            // GitHub shows who may bypass a ruleset to those who may write it.
            let why = format!(
                "part of it is hidden from the credential; give it the permission `{}`",
                section.to_write()
            );
            drift.unknown(format!("{section}/{name}"), why);
            continue;
        }
        let after = settled(section, (standing, value), merged(standing, value, wanted.exact));
        if !alike(standing, &after) {
            drift.change(section, Some(name), standing.clone(), after);
        }
    }
    superfluous(section, wanted, items, drift);
}

/// What an exact section takes away.
fn superfluous(section: Section, wanted: &WantedSection, items: &Items, drift: &mut Drift) {
    if wanted.exact {
        for (name, standing) in items {
            if section.find(&wanted.items, name).is_none() {
                drift.change(section, Some(name), standing.clone(), Value::Null);
            }
        }
    }
}

/// Of a value that GitHub does not show, what tells whether it is the wanted one: when it was set, and from which
/// version of which secret.
fn of_secrets(wanted: &WantedSection, items: &Items, known: KnownSecrets<'_>, drift: &mut Drift) {
    for (name, from) in &wanted.items {
        let from = from.as_str().unwrap_or_default();
        let version = match known.versions {
            None => None,
            Some(versions) => {
                let version = versions.get(from);
                if version.is_none() {
                    let why = format!(
                        "the control plane has no secret {from}; put it there with `cc-devops put-secret {from}`"
                    );
                    drift.unknown(format!("secrets/{name}"), why);
                    continue;
                }
                version
            }
        };
        let standing = Section::Secrets.find(items, name).map(|(_, value)| value);
        if standing.is_some() && known.set.is_none() {
            let why = "nothing is kept here, so what it was set from is not known";
            drift.unknown(format!("secrets/{name}"), why.to_owned());
            continue;
        }
        let set = known.set.and_then(|set| set.get(name)).filter(|set| set.from == from);
        let is_so = standing.is_some_and(|standing| {
            set.is_some_and(|set| {
                standing.get("updated_at").and_then(Value::as_str) == Some(&set.updated_at)
                    && version.is_none_or(|version| *version == set.version)
            })
        });
        if !is_so {
            let after = json!({"from": from, "version": version});
            drift.change(
                Section::Secrets,
                Some(name),
                standing.cloned().unwrap_or_default(),
                after,
            );
        }
    }
    superfluous(Section::Secrets, wanted, items, drift);
}

/// Whether something that is wanted cannot be compared, because what stands is hidden.
fn hidden(standing: &Value, wanted: &Value) -> bool {
    match (standing, wanted) {
        (Value::Object(standing), Value::Object(wanted)) => wanted
            .iter()
            .any(|(key, value)| standing.get(key).is_some_and(|standing| hidden(standing, value))),
        (Value::Null, _) => true,
        _ => false,
    }
}

/// What stands, with what is wanted put into it: tables key by key, lists by what they lack. Exact, a list is the
/// wanted one, and so are who may bypass a ruleset and its rules.
fn merged(standing: &Value, wanted: &Value, exact: bool) -> Value {
    match (standing, wanted) {
        (Value::Object(standing), Value::Object(wanted)) => {
            let mut fields = standing.clone();
            for (key, value) in wanted {
                let mut merged = merged(standing.get(key).unwrap_or(&Value::Null), value, exact);
                if exact
                    && matches!(key.as_str(), "bypass" | "rules")
                    && let (Some(fields), Some(named)) = (merged.as_object_mut(), value.as_object())
                {
                    fields.retain(|key, _| named.contains_key(key));
                }
                fields.insert(key.clone(), merged);
            }
            Value::Object(fields)
        }
        (Value::Array(standing), Value::Array(wanted)) => {
            let lacking = wanted.iter().filter(|each| !standing.iter().any(|its| fits(its, each)));
            let kept = standing
                .iter()
                .filter(|its| !exact || wanted.iter().any(|each| fits(its, each)));
            kept.chain(lacking).cloned().collect()
        }
        // A rule without parameters, that has some.
        (Value::Object(_), Value::Bool(true)) => standing.clone(),
        _ => wanted.clone(),
    }
}

/// Whether an entry of a list is the wanted one: it may say more.
fn fits(standing: &Value, wanted: &Value) -> bool {
    match (standing, wanted) {
        (Value::Object(standing), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| standing.get(key).is_some_and(|its| fits(its, value))),
        (Value::String(standing), Value::String(wanted)) => {
            standing == wanted || wanted.contains(':') && standing.eq_ignore_ascii_case(wanted)
        }
        (standing, wanted) => standing == wanted,
    }
}

/// What of an item cannot stand beside something else in it.
fn settled(section: Section, (standing, wanted): (&Value, &Value), mut after: Value) -> Value {
    let Some(fields) = after.as_object_mut() else {
        return after;
    };
    match section {
        Section::Environments => {
            let has_tags = fields
                .get("tags")
                .and_then(Value::as_array)
                .is_some_and(|tags| !tags.is_empty());
            if has_tags && fields.get("branches").is_some_and(Value::is_string) {
                let key = if wanted.get("branches").is_some() {
                    "tags"
                } else {
                    "branches"
                };
                fields.insert(key.to_owned(), json!([]));
            }
        }
        Section::Rulesets => {
            let there = |kind: &str| standing.get("rules").is_some_and(|rules| rules.get(kind).is_some());
            let rules = fields.get_mut("rules").and_then(Value::as_object_mut);
            for (kind, parameters) in rules.into_iter().flatten().filter(|(kind, _)| !there(kind)) {
                complete_rule(kind, parameters);
            }
        }
        _ => {}
    }
    after
}
