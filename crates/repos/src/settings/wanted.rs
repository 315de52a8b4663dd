//! What a policy says of settings: the tables `settings` of its defaults and overrides.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::text::nearest;
use serde_json::{Map, Value};
use toml::Table;

use super::values::{self, Keys, Kind};
use super::{Items, Section, Sections};
use crate::policy::PolicyProblem;

/// The key that lets a section take away what it does not name.
const EXACT: &str = "exact";

/// The key that a section's list of topics has.
const NAMES: &str = "names";

/// What is wanted of one repository's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By section; one that the policy does not name is not looked at.
    pub sections: BTreeMap<Section, WantedSection>,
}

/// What is wanted of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedSection {
    /// The items.
    pub items: Items,
    /// Whether what is not named is taken away.
    pub exact: bool,
}

/// What one table of the policy says; what it does not say is left to the one below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layer(BTreeMap<Section, LayerSection>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct LayerSection {
    items: Items,
    /// Whether `items` stands in the place of the one below: a list is one value.
    replaces: bool,
    exact: Option<bool>,
}

impl Wanted {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// What must be read to compare with it.
    pub fn needs(&self) -> Sections {
        let needed = |(section, wanted): (&Section, &WantedSection)| {
            let names: BTreeSet<String> = wanted.items.keys().cloned().collect();
            (*section, (!wanted.exact).then_some(names))
        };
        self.sections.iter().map(needed).collect()
    }

    /// Lays a table over what is wanted so far: the later wins, key by key.
    pub(crate) fn lay(&mut self, layer: &Layer) {
        for (section, said) in &layer.0 {
            let wanted = self.sections.entry(*section).or_default();
            wanted.exact = said.exact.unwrap_or(wanted.exact);
            if said.replaces {
                wanted.items.clone_from(&said.items);
                continue;
            }
            for (name, value) in &said.items {
                let standing = section.find(&wanted.items, name).map(|(key, _)| key.clone());
                let key = standing.unwrap_or_else(|| name.clone());
                laid(wanted.items.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

/// Lays a value over another: tables key by key, anything else as a whole.
fn laid(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                laid(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => above.clone_into(below),
    }
}

impl Layer {
    /// The sections it names.
    pub(crate) fn sections(&self) -> impl Iterator<Item = Section> {
        self.0.keys().copied()
    }

    /// The control plane's secrets that it names.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let named = self
            .0
            .get(&Section::Secrets)
            .into_iter()
            .flat_map(|said| said.items.values());
        named.filter_map(Value::as_str)
    }
}

/// Reads a table `settings`, whose place in the policy is `path`; everything wrong with it is told.
pub(crate) fn read(path: &str, table: &Table, problems: &mut Vec<PolicyProblem>) -> Layer {
    let mut reading = Reading { problems };
    let mut layer = Layer::default();
    for (key, value) in table {
        let at = format!("{path}.{key}");
        let Some(section) = Section::named(key) else {
            let hint = match key.as_str() {
                "visibility" | "archived" | "default_branch" => {
                    "; it is left out on purpose, because one mistaken pattern would publish or lock repositories"
                        .to_owned()
                }
                key => known(key, &Section::ALL.map(Section::name)),
            };
            reading.add(at, format!("there is no such section of settings{hint}"));
            continue;
        };
        if let Some(said) = reading.section(&at, section, value) {
            layer.0.insert(section, said);
        }
    }
    layer
}

/// What a key that does not exist may have meant.
fn known(key: &str, keys: &[&str]) -> String {
    match nearest(key, keys) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; there are {}", keys.join(", ")),
    }
}

struct Reading<'p> {
    problems: &'p mut Vec<PolicyProblem>,
}

impl Reading<'_> {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(PolicyProblem {
            path: path.into(),
            message: message.into(),
        });
    }

    fn section(&mut self, at: &str, section: Section, value: &toml::Value) -> Option<LayerSection> {
        if let (Section::Topics, toml::Value::Array(_)) = (section, value) {
            return Some(LayerSection {
                items: self.topics(at, value),
                replaces: true,
                exact: None,
            });
        }
        let toml::Value::Table(table) = value else {
            self.add(at, "a section of settings is a table");
            return None;
        };
        let mut said = LayerSection::default();
        for (key, value) in table {
            let at = format!("{at}.{key}");
            match (section, value) {
                (Section::General, toml::Value::Boolean(_)) if key == EXACT => {
                    self.add(at, "this section has no list that `exact` could take something from");
                }
                (_, toml::Value::Boolean(exact)) if key == EXACT => said.exact = Some(*exact),
                (Section::Topics, value) if key == NAMES => {
                    said.items = self.topics(&at, value);
                    said.replaces = true;
                }
                (Section::Topics, _) => self.add(at, "there is no such key; topics have `names` and `exact`"),
                (Section::General | Section::Actions, value) => {
                    let keys = values::keys(section).unwrap_or_default();
                    if let Some(value) = self.field(&at, key, keys, value) {
                        said.items.insert(key.clone(), value);
                    }
                }
                (section, value) => {
                    if let Some((name, value)) = self.item(&at, section, key, value) {
                        said.items.insert(name, value);
                    }
                }
            }
        }
        self.fits_together(at, section, &said);
        Some(said)
    }

    /// What single values cannot show.
    fn fits_together(&mut self, at: &str, section: Section, said: &LayerSection) {
        let mut names: Vec<&String> = said.items.keys().collect();
        while let Some(name) = names.pop() {
            if names.iter().any(|other| section.same(other, name)) {
                self.add(
                    format!("{at}.{name}"),
                    "it is named twice: GitHub takes capitals for small letters here",
                );
            }
        }
        if section == Section::Actions
            && said
                .items
                .get("allowed_actions")
                .is_some_and(|allowed| allowed != "selected")
        {
            for key in ["github_owned_allowed", "verified_allowed", "patterns_allowed"] {
                if said.items.contains_key(key) {
                    self.add(
                        format!("{at}.{key}"),
                        "GitHub takes it only with allowed_actions = \"selected\"",
                    );
                }
            }
        }
    }

    fn topics(&mut self, at: &str, value: &toml::Value) -> Items {
        let names = self.texts(at, value, values::topic).unwrap_or_default();
        if names.len() > 20 {
            self.add(at, format!("{} topics; GitHub takes 20", names.len()));
        }
        names.into_iter().map(|name| (name, Value::Bool(true))).collect()
    }

    /// An item of a section that has items by name.
    fn item(&mut self, at: &str, section: Section, key: &str, value: &toml::Value) -> Option<(String, Value)> {
        let name = match values::item_name(section, key) {
            Ok(name) => name,
            Err(why) => {
                self.add(at, why);
                return None;
            }
        };
        let value = match (values::keys(section), value) {
            (None, toml::Value::String(text)) => match values::item_text(section, text) {
                Ok(text) => Value::String(text),
                Err(why) => {
                    self.add(at, why);
                    return None;
                }
            },
            (None, _) => {
                let hint = match section {
                    Section::Variables => "a variable is a text; write it in quotes",
                    Section::Secrets => "name the control plane's secret that holds the value, in quotes",
                    _ => "name the role, in quotes",
                };
                self.add(at, hint);
                return None;
            }
            (Some(keys), toml::Value::Table(table)) => {
                let mut fields = Map::new();
                for (key, value) in table {
                    let at = format!("{at}.{key}");
                    if let Some(value) = self.field(&at, key, keys, value) {
                        fields.insert(key.clone(), value);
                    }
                }
                if section == Section::Environments {
                    self.deployments(at, &fields);
                }
                Value::Object(fields)
            }
            (Some(keys), _) => {
                let keys: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
                self.add(at, format!("write a table with {}", keys.join(", ")));
                return None;
            }
        };
        Some((name, value))
    }

    fn deployments(&mut self, at: &str, fields: &Map<String, Value>) {
        let everywhere = fields.get("branches").is_some_and(Value::is_string);
        let tags = fields.get("tags").and_then(Value::as_array);
        if everywhere && tags.is_some_and(|tags| !tags.is_empty()) {
            self.add(
                format!("{at}.tags"),
                "GitHub takes patterns on tags only where branches are a list of patterns too",
            );
        }
        if fields
            .get("reviewers")
            .and_then(Value::as_array)
            .is_some_and(|list| list.len() > 6)
        {
            self.add(format!("{at}.reviewers"), "GitHub takes up to six reviewers");
        }
    }

    fn field(&mut self, at: &str, key: &str, keys: Keys, value: &toml::Value) -> Option<Value> {
        let Some((_, kind)) = keys.iter().find(|(name, _)| *name == key) else {
            let hint = match key {
                "visibility" | "private" | "archived" | "default_branch" => {
                    "; it is left out on purpose, because one mistaken pattern would publish or lock repositories"
                        .to_owned()
                }
                key => known(key, &keys.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
            };
            self.add(at, format!("there is no such key{hint}"));
            return None;
        };
        let read = match (kind, value) {
            (Kind::Flag, toml::Value::Boolean(flag)) => Ok(Value::Bool(*flag)),
            (Kind::Flag, _) => Err("write true or false".to_owned()),
            (Kind::Text, toml::Value::String(text)) => Ok(Value::String(text.clone())),
            (Kind::Text, _) => Err("write a text, in quotes".to_owned()),
            (Kind::OneOf(allowed), toml::Value::String(text)) if allowed.contains(&text.as_str()) => {
                Ok(Value::String(text.clone()))
            }
            (Kind::OneOf(allowed), _) => Err(format!("write one of \"{}\"", allowed.join("\", \""))),
            (Kind::UpTo(most), toml::Value::Integer(number)) if (0..=*most).contains(number) => {
                Ok(Value::from(*number))
            }
            (Kind::UpTo(most), _) => Err(format!("write a number from 0 to {most}")),
            (Kind::Colour, toml::Value::String(text)) => colour(text),
            (Kind::Colour, _) => Err("write six hexadecimal digits, such as \"d73a4a\"".to_owned()),
            (Kind::Branches, toml::Value::String(text)) if matches!(text.as_str(), "any" | "protected") => {
                Ok(Value::String(text.clone()))
            }
            (Kind::Branches, toml::Value::String(_)) => {
                Err("write \"any\", \"protected\", or a list of patterns".to_owned())
            }
            (Kind::List(fits), value) => return self.texts(at, value, *fits).map(Value::from),
            (Kind::Branches, value) => {
                let fits = |text: &str| Ok(text.to_owned());
                return self.texts(at, value, fits).map(Value::from);
            }
            (Kind::Bypass, toml::Value::Table(table)) => return Some(self.bypass(at, table)),
            (Kind::Bypass, _) => Err("write a table, such as { \"team:platform\" = \"always\" }".to_owned()),
            (Kind::Rules, toml::Value::Table(table)) => return Some(self.rules(at, table)),
            (Kind::Rules, _) => Err("write a table, such as { deletion = true }".to_owned()),
        };
        match read {
            Ok(value) => Some(value),
            Err(why) => {
                self.add(at, why);
                None
            }
        }
    }

    fn texts(
        &mut self,
        at: &str,
        value: &toml::Value,
        fits: fn(&str) -> Result<String, String>,
    ) -> Option<Vec<String>> {
        let toml::Value::Array(list) = value else {
            self.add(at, "write a list of texts");
            return None;
        };
        let mut texts = Vec::with_capacity(list.len());
        for (index, each) in list.iter().enumerate() {
            let read = match each {
                toml::Value::String(text) => fits(text),
                _ => Err("write a text, in quotes".to_owned()),
            };
            match read {
                Ok(text) => texts.push(text),
                Err(why) => self.add(format!("{at}.{index}"), why),
            }
        }
        Some(texts)
    }

    fn bypass(&mut self, at: &str, table: &Table) -> Value {
        let mut actors = Map::new();
        for (name, mode) in table {
            let at = format!("{at}.{name}");
            if let Err(why) = values::actor(name) {
                self.add(at.clone(), why);
            }
            match mode {
                toml::Value::String(mode) if values::BYPASS_MODES.contains(&mode.as_str()) => {
                    actors.insert(name.clone(), Value::String(mode.clone()));
                }
                _ => self.add(at, format!("write one of \"{}\"", values::BYPASS_MODES.join("\", \""))),
            }
        }
        Value::Object(actors)
    }

    /// A type of rule that we do not know may be one that GitHub added since.
    fn rules(&mut self, at: &str, table: &Table) -> Value {
        let mut rules = Map::new();
        for (kind, parameters) in table {
            let at = format!("{at}.{kind}");
            if !values::RULE_TYPES.contains(&kind.as_str())
                && let Some(near) = nearest(kind, &values::RULE_TYPES)
            {
                self.add(
                    at.clone(),
                    format!("there is no such type of rule; did you mean `{near}`?"),
                );
            }
            match parameters {
                toml::Value::Boolean(true) | toml::Value::Table(_) => {
                    rules.insert(kind.clone(), values::json(parameters));
                }
                _ => self.add(at, "write true, or a table of parameters as in GitHub's REST API"),
            }
        }
        Value::Object(rules)
    }
}

fn colour(text: &str) -> Result<Value, String> {
    let digits = text.trim_start_matches('#');
    if digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(Value::String(digits.to_ascii_lowercase()))
    } else {
        Err(format!(
            "`{text}` is no colour; write six hexadecimal digits, such as \"d73a4a\""
        ))
    }
}
