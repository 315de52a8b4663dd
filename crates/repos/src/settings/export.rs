//! Today's settings as a policy: what all repositories share among its defaults, the rest by repository.

use std::collections::BTreeMap;

use serde_json::Value;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::change::{alike, sorted};
use super::{Items, Section, SettingsFacts};
use crate::snapshot::Fact;

/// A policy that describes what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The policy.
    pub toml: String,
    /// How many repositories it describes.
    pub repositories: usize,
    /// What is not in it, and why: sentences, which stand in it as comments too.
    pub left_out: Vec<String>,
}

/// Settings by section.
type Described = BTreeMap<Section, Items>;

/// Describes settings. What all share stands among the defaults if these are `all` of an owner's repositories.
/// `left_alone` are those that are not described, by name, and why.
pub fn export(facts: &[SettingsFacts], left_alone: &[(String, String)], all: bool) -> Exported {
    let mut left_out = Vec::new();
    for (name, why) in left_alone {
        left_out.push(format!("{name} is left out: {why}."));
    }
    let mut described: Vec<Described> = Vec::with_capacity(facts.len());
    for of in facts {
        described.push(describe(of, &mut left_out));
    }
    let shared = if all && facts.len() > 1 {
        share(&mut described)
    } else {
        Described::new()
    };
    let mut document = DocumentMut::new();
    if !shared.is_empty() {
        let mut defaults = Table::new();
        defaults.set_implicit(true);
        defaults.insert("settings", Item::Table(settings(&shared)));
        document.insert("defaults", Item::Table(defaults));
    }
    let mut overrides: Vec<(Vec<&str>, Described)> = Vec::new();
    for (of, own) in facts.iter().zip(described) {
        if own.is_empty() {
            continue;
        }
        match overrides.iter_mut().find(|(_, others)| *others == own) {
            Some((names, _)) => names.push(&of.name),
            None => overrides.push((vec![&of.name], own)),
        }
    }
    let mut tables = ArrayOfTables::new();
    for (names, own) in overrides {
        let mut table = Table::new();
        table.insert("repositories", value(names.into_iter().collect::<Array>()));
        table.insert("settings", Item::Table(settings(&own)));
        tables.push(table);
    }
    if !tables.is_empty() {
        document.insert("overrides", Item::ArrayOfTables(tables));
    }
    let comments = left_out.iter().fold(String::new(), |comments, line| {
        comments + "# " + &cc_devops_kernel::text::line(line) + "\n"
    });
    let gap = if comments.is_empty() { "" } else { "\n" };
    Exported {
        toml: format!("{comments}{gap}{document}"),
        repositories: facts.len(),
        left_out,
    }
}

/// What is known of a repository's settings.
fn describe(of: &SettingsFacts, left_out: &mut Vec<String>) -> Described {
    let mut described = Described::new();
    for (section, fact) in &of.sections {
        let items = match fact {
            Fact::Known(items) => items,
            Fact::Unknown(gap) => {
                left_out.push(format!("The {section} of {} are left out: {gap}.", of.name));
                continue;
            }
            Fact::Unavailable(_) => continue,
        };
        if *section == Section::Secrets {
            if !items.is_empty() {
                let names: Vec<&str> = items.keys().map(String::as_str).collect();
                left_out.push(format!(
                    "The secrets of {} are left out, because GitHub shows no value: {}. Write each with the control \
                     plane's secret that holds it, such as {} = \"/contentcraft/github/...\".",
                    of.name,
                    names.join(", "),
                    names.first().copied().unwrap_or_default()
                ));
            }
            continue;
        }
        let mut known = Items::new();
        for (name, item) in items {
            if item.is_null() {
                left_out.push(format!(
                    "{section}/{name} of {} is left out: the credential may not see it.",
                    of.name
                ));
                continue;
            }
            if item
                .as_object()
                .is_some_and(|fields| fields.values().any(Value::is_null))
            {
                left_out.push(format!(
                    "Part of {section}/{name} of {} is left out: the credential may not see it.",
                    of.name
                ));
            }
            known.insert(name.clone(), sorted(item));
        }
        if !known.is_empty() {
            described.insert(*section, known);
        }
    }
    described
}

/// Takes out of all what all have.
fn share(described: &mut [Described]) -> Described {
    let mut shared = Described::new();
    let Some((first, others)) = described.split_first() else {
        return shared;
    };
    for (section, items) in first {
        let has = |of: &Described, name: &str, item: &Value| {
            of.get(section)
                .is_some_and(|its| its.get(name).is_some_and(|its| alike(its, item)))
        };
        let mut common = items.clone();
        common.retain(|name, item| others.iter().all(|of| has(of, name, item)));
        // A list is one value: a longer one elsewhere would stand in its place.
        let is_list = *section == Section::Topics;
        let same = |of: &Described| of.get(section).map(Items::len) == Some(common.len());
        if !common.is_empty() && (!is_list || (common.len() == items.len() && others.iter().all(same))) {
            shared.insert(*section, common);
        }
    }
    for of in described {
        for (section, common) in &shared {
            if let Some(items) = of.get_mut(section) {
                items.retain(|name, _| !common.contains_key(name));
            }
        }
        of.retain(|_, items| !items.is_empty());
    }
    shared
}

fn settings(described: &Described) -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    for (section, items) in described {
        let mut of = Table::new();
        if *section == Section::Topics {
            let names: Array = items.keys().map(String::as_str).collect();
            of.insert("names", value(names));
        }
        for (name, item) in items.iter().filter(|_| *section != Section::Topics) {
            let depth = if matches!(section, Section::Rulesets | Section::Environments) {
                2
            } else {
                0
            };
            of.insert(name, written(item, depth));
        }
        if matches!(section, Section::Rulesets | Section::Environments) {
            of.set_implicit(true);
        }
        table.insert(section.name(), Item::Table(of));
    }
    table
}

/// A value; down to `depth` tables have a head of their own.
fn written(item: &Value, depth: usize) -> Item {
    match (item, depth) {
        (Value::Object(fields), 1..) => {
            let mut table = Table::new();
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                let depth = if name == "rules" { depth - 1 } else { 0 };
                table.insert(name, written(field, depth));
            }
            Item::Table(table)
        }
        (item, _) => value(inline(item)),
    }
}

fn inline(item: &Value) -> toml_edit::Value {
    match item {
        Value::Null => toml_edit::Value::from(""),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => list.iter().map(inline).collect::<Array>().into(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, field)| !field.is_null());
            let fields: InlineTable = fields.map(|(name, field)| (name.as_str(), inline(field))).collect();
            fields.into()
        }
    }
}
