//! What SchemaStore's schema says of a Dependabot file: which keys there are, and which lists and types their values have.
//!
//! The schema is the one source of these; here its answers get lines and sentences. It demands more than is known of
//! GitHub in places: what must not be empty or named twice is told as a warning, and the patterns of a multi-ecosystem
//! group are left to [`super::meaning`]. Source: `data/README.md`.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use saphyr::MarkedYaml;
use serde_json::Value;

use super::yaml::{self, Place};
use super::{Mistake, Notes, ecosystems};

const TEXT: &str = include_str!("../../data/dependabot-2.0.json");

/// A key of an entry that GitHub has retired in favour of code owners.
/// Source: <https://github.blog/changelog/2025-04-29-dependabot-reviewers-configuration-option-being-replaced-by-code-owners/>.
pub(super) const RETIRED: &str = "reviewers";

static SCHEMA: LazyLock<Value> = LazyLock::new(parsed);
static VALIDATOR: LazyLock<Validator> = LazyLock::new(compiled);

#[expect(
    clippy::expect_used,
    reason = "the text is part of the program, and every test of files reads it"
)]
fn parsed() -> Value {
    serde_json::from_str(TEXT).expect("the schema is JSON")
}

#[expect(
    clippy::expect_used,
    reason = "the text is part of the program, and every test of files reads it"
)]
fn compiled() -> Validator {
    jsonschema::validator_for(&SCHEMA).expect("the schema is one")
}

/// Other tools' names, and the ecosystem that reads their files.
const TOOLS: [(&str, &str); 12] = [
    ("pnpm", "npm"),
    ("yarn", "npm"),
    ("javascript", "npm"),
    ("poetry", "pip"),
    ("pipenv", "pip"),
    ("python", "pip"),
    ("go", "gomod"),
    ("go-modules", "gomod"),
    ("rust", "cargo"),
    ("actions", "github-actions"),
    ("ruby", "bundler"),
    ("submodules", "gitsubmodule"),
];

/// Holds a file against the schema. `value` is `root` as JSON.
pub(super) fn check(root: &MarkedYaml<'_>, value: &Value, notes: &mut Notes) {
    for error in VALIDATOR.iter_errors(value) {
        explain(root, value, &error, notes);
    }
    // The schema leaves sections open whose keys depend on others; GitHub does not.
    for (name, key, _) in schedules(root).into_iter().flat_map(yaml::pairs) {
        if !is_key_of(&name, "/definitions/update/properties/schedule/properties") && name != "cronjob" {
            notes.mistake(yaml::line(key), unknown_key(&name, &["schedule"]));
        }
    }
}

/// Every `schedule`: those of entries and those of groups across ecosystems.
pub(super) fn schedules<'n, 'y>(root: &'n MarkedYaml<'y>) -> Vec<&'n MarkedYaml<'y>> {
    let entries = yaml::get(root, "updates").and_then(|updates| updates.data.as_vec());
    let groups = yaml::get(root, "multi-ecosystem-groups");
    let of_entries = entries.into_iter().flatten();
    let of_groups = groups.into_iter().flat_map(yaml::pairs).map(|(.., group)| group);
    of_entries
        .chain(of_groups)
        .filter_map(|holder| yaml::get(holder, "schedule"))
        .collect()
}

/// How often Dependabot may look.
fn intervals() -> Vec<&'static str> {
    listed(SCHEMA.pointer("/definitions/schedule-interval/enum"))
}

fn listed(list: Option<&'static Value>) -> Vec<&'static str> {
    let items = list.and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_key_of(name: &str, properties: &str) -> bool {
    SCHEMA
        .pointer(properties)
        .and_then(Value::as_object)
        .is_some_and(|properties| properties.contains_key(name))
}

fn unknown_key(name: &str, at: &[&str]) -> String {
    let (holder, hint) = match at {
        [] => ("the file".to_owned(), elsewhere(name)),
        ["updates", _] => ("an entry".to_owned(), ""),
        ["registries", _] => ("a registry".to_owned(), elsewhere(name)),
        ["multi-ecosystem-groups", _] => ("a multi-ecosystem group".to_owned(), elsewhere(name)),
        [.., "groups", _] => ("a group".to_owned(), elsewhere(name)),
        _ => (subject(at), elsewhere(name)),
    };
    format!("{holder} has no key `{name}`{hint}")
}

fn elsewhere(name: &str) -> &'static str {
    if is_key_of(name, "/definitions/update/properties") {
        "; it is a key of an entry"
    } else {
        ""
    }
}

fn is_index(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())
}

fn explain(root: &MarkedYaml<'_>, value: &Value, error: &ValidationError<'_>, notes: &mut Notes) {
    let pointer = error.instance_path().as_str();
    let (Some(place), Some(instance)) = (Place::at(root, pointer), value.pointer(pointer)) else {
        return;
    };
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let at = parts.as_slice();
    let line = place.line();
    // Told by `read`, in the words for what is there instead.
    if matches!(at, ["version"]) {
        return;
    }
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for (name, key, _) in yaml::pairs(place.value) {
                let retired = matches!(at, ["updates", _]) && name == RETIRED;
                if unexpected.contains(&name) && !retired {
                    notes.mistake(yaml::line(key), unknown_key(&name, at));
                }
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            if let Some(message) = required(name, instance, at) {
                notes.mistake(line, message);
            }
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. }
            if matches!(at, ["updates", _]) =>
        {
            folders(place.value, notes);
        }
        ValidationErrorKind::AnyOf { .. } if instance.is_object() => {
            let keys = alternatives(error);
            let known = holder(error).and_then(|holder| holder.get("properties"));
            let strange =
                yaml::pairs(place.value).any(|(name, ..)| known.is_some_and(|known| known.get(&name).is_none()));
            // What else is wrong is told by itself.
            if !strange && !keys.iter().any(|key| instance.get(key).is_some()) {
                notes.mistake(line, format!("{} needs one of the keys {}", subject(at), quoted(&keys)));
            }
        }
        // The list says more than the type.
        ValidationErrorKind::Type { .. } if holder(error).is_some_and(|holder| holder.get("enum").is_some()) => {}
        kind => match special(at, instance) {
            Some(Special::Says(message)) => notes.mistake(line, message),
            Some(Special::ToldElsewhere) => {}
            None => general(kind, at, instance, line, notes),
        },
    }
}

/// The part of the schema whose keyword failed.
fn holder(error: &ValidationError<'_>) -> Option<&'static Value> {
    let (place, _) = error.schema_path().as_str().rsplit_once('/')?;
    SCHEMA.pointer(place)
}

/// The keys of which one must be there.
fn alternatives(error: &ValidationError<'_>) -> Vec<&'static str> {
    let list = SCHEMA.pointer(error.schema_path().as_str()).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .flat_map(|one| listed(one.get("required")))
        .collect()
}

fn required(name: &str, instance: &Value, at: &[&str]) -> Option<String> {
    match (at, name) {
        ([], "updates") => Some("the key `updates` is missing; it lists the ecosystems to update".to_owned()),
        // The version is looked at before; whether GitHub asks for patterns is not known.
        ([], "version") | (_, "patterns") => None,
        ([.., "schedule"], "cronjob") => (instance.get("interval").and_then(Value::as_str) == Some("cron"))
            .then(|| "the interval `cron` needs a `cronjob`".to_owned()),
        ([.., "schedule"], "interval") => Some(needs_interval()),
        (["updates", _], _) => Some(format!("the entry has no `{name}`")),
        // An organisation of hex.pm has a name and no address.
        // Source: <https://docs.github.com/en/code-security/dependabot/working-with-dependabot/configuring-access-to-private-registries-for-dependabot#hex-organization>.
        (["registries", _], "url") if instance.get("type").and_then(Value::as_str) == Some("hex-organization") => None,
        (["registries", registry], _) => Some(format!("the registry `{registry}` has no `{name}`")),
        _ => Some(format!("{} has no `{name}`", subject(at))),
    }
}

fn needs_interval() -> String {
    format!("`schedule` needs an `interval`: {}", intervals().join(", "))
}

fn folders(entry: &MarkedYaml<'_>, notes: &mut Notes) {
    if !entry.data.is_mapping() {
        return;
    }
    match (yaml::get(entry, "directory"), yaml::get(entry, "directories")) {
        (None, None) => notes.mistake(
            yaml::line(entry),
            "the entry has neither `directory` nor `directories`".to_owned(),
        ),
        (Some(_), Some(both)) => notes.mistake(
            yaml::line(both),
            "`directory` and `directories` exclude each other".to_owned(),
        ),
        _ => {}
    }
}

/// What is said of some keys whatever is wrong with them.
enum Special {
    Says(String),
    /// Another check tells it.
    ToldElsewhere,
}

fn special(at: &[&str], instance: &Value) -> Option<Special> {
    let told = match at {
        [] => "the file must have the keys `version` and `updates`".to_owned(),
        ["updates"] => "`updates` must be a list".to_owned(),
        ["updates", _] => "an entry of `updates` must have keys such as `package-ecosystem`".to_owned(),
        ["updates", _, "package-ecosystem"] => match instance.as_str() {
            Some("") => "`package-ecosystem` is empty; write one such as `npm`".to_owned(),
            Some(name) => {
                let hint = TOOLS
                    .iter()
                    .find(|(tool, _)| *tool == name)
                    .map(|(_, ecosystem)| format!("; write `{ecosystem}`"))
                    .or_else(|| {
                        let lower = name.to_ascii_lowercase().replace('_', "-");
                        let known = ecosystems::names().find(|known| *known == lower)?;
                        Some(format!("; write `{known}`"))
                    });
                format!(
                    "Dependabot has no package-ecosystem `{name}`{}",
                    hint.unwrap_or_default()
                )
            }
            None if instance.is_null() => "`package-ecosystem` is empty; write one such as `npm`".to_owned(),
            None => "`package-ecosystem` must be a name such as `npm`".to_owned(),
        },
        ["updates", _, "directory"] => "`directory` must be a path such as `/`".to_owned(),
        ["updates", _, "directories"] if instance.as_array().is_none_or(Vec::is_empty) => {
            "`directories` must be a list of paths".to_owned()
        }
        ["updates", _, "directories", _] => "`directories` must be a list of paths".to_owned(),
        ["updates", _, "open-pull-requests-limit"] => {
            "`open-pull-requests-limit` must be a whole number from 0".to_owned()
        }
        ["updates", _, "target-branch"] => "`target-branch` must be a branch's name".to_owned(),
        ["updates", _, "registries"] if !instance.is_array() => {
            "`registries` must be a list of names, or `\"*\"`".to_owned()
        }
        // A group without any key.
        ["updates", _, "groups", _] if instance.is_null() => return Some(Special::ToldElsewhere),
        [.., "schedule"] | [.., "schedule", "interval"] => needs_interval(),
        [.., "schedule", "timezone"] if instance.is_string() => return Some(Special::ToldElsewhere),
        _ => return None,
    };
    Some(Special::Says(told))
}

fn general(kind: &ValidationErrorKind, at: &[&str], instance: &Value, line: usize, notes: &mut Notes) {
    let subject = subject(at);
    let message = match kind {
        ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinProperties { .. } => {
            notes.warning(
                line,
                format!("{subject} is empty; what GitHub makes of that is not known"),
            );
            return;
        }
        ValidationErrorKind::UniqueItems => {
            notes.warning(line, format!("{subject} says the same thing twice"));
            return;
        }
        ValidationErrorKind::Type {
            kind: TypeKind::Single(wanted),
        } => {
            let must = match wanted.as_str() {
                "array" => "a list",
                "object" => "a section with keys",
                "integer" => "a whole number",
                "boolean" => "`true` or `false`",
                _ => "a text",
            };
            let hint = match instance {
                Value::Null => "; nothing is written there",
                Value::Number(_) | Value::Bool(_) if must == "a text" => {
                    "; without quotes GitHub does not read it as one"
                }
                _ => "",
            };
            format!("{subject} must be {must}{hint}")
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            format!("{subject} must be one of {}", options.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => {
            format!("{subject} must be `{}`", expected_value.as_str().unwrap_or_default())
        }
        ValidationErrorKind::Pattern { .. } => {
            format!("{subject} must be hours and minutes with two digits each, such as `05:30`")
        }
        ValidationErrorKind::Minimum { limit } => format!("{subject} must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("{subject} must be at most {limit}"),
        ValidationErrorKind::MaxItems { limit } => format!("{subject} has more than {limit} items"),
        ValidationErrorKind::MinLength { limit: 1 } => format!("{subject} is empty"),
        ValidationErrorKind::MinLength { limit } => format!("{subject} is shorter than {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("{subject} is longer than {limit} characters"),
        ValidationErrorKind::OneOfNotValid { .. } => format!("{subject} must be a text or a list of texts"),
        other => format!("{subject} is not as the schema has it (`{}`)", other.keyword()),
    };
    notes.mistake(line, message);
}

fn subject(at: &[&str]) -> String {
    match at {
        [.., list, item] if is_index(item) => format!("an item of `{list}`"),
        [.., name] => format!("`{}`", name.replace("~1", "/").replace("~0", "~")),
        [] => "the file".to_owned(),
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl Notes {
    pub(super) fn mistake(&mut self, line: usize, message: String) {
        self.mistakes.push(Mistake { line, message });
    }

    pub(super) fn warning(&mut self, line: usize, message: String) {
        self.warnings.push(Mistake { line, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_ecosystems_is_the_schemas() {
        let known: Vec<&str> = ecosystems::names().collect();
        assert_eq!(
            listed(SCHEMA.pointer("/definitions/package-ecosystem-values/enum")),
            known
        );
        assert!(intervals().contains(&"cron"));
        assert!(
            TOOLS
                .iter()
                .all(|(tool, ecosystem)| !known.contains(tool) && known.contains(ecosystem))
        );
    }

    /// A zone that IANA has added is one before the schema lists it, so the zones of the library count.
    #[test]
    fn every_timezone_of_the_schema_is_known() {
        let zones = listed(SCHEMA.pointer("/definitions/timezone/enum"));
        assert!(zones.len() > 400);
        let missing: Vec<&&str> = zones
            .iter()
            .filter(|zone| !super::super::meaning::is_timezone(zone))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
