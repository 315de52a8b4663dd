//! What a request sees of an object: references as ids and large parts left out, unless expanded.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::model::Model;

/// How deep an expansion may go.
const DEEPEST: usize = 4;

/// Parts that are sent only when they are asked for.
const ON_DEMAND: [&str; 3] = ["tiers", "applies_to", "currency_options"];

/// The expansions of one request, as a tree of keys.
#[derive(Debug, Default, Clone)]
pub(super) struct Expansions(BTreeMap<String, Expansions>);

impl Expansions {
    /// Reads the paths of `expand[]`; a list's begin with `data`.
    pub(super) fn read(paths: &[String], list: bool) -> Result<Self, Refusal> {
        let mut tree = Self::default();
        for path in paths {
            let mut keys = path.split('.');
            if keys.clone().count() > DEEPEST {
                return Err(Refusal::bad_request(
                    &format!("You cannot expand more than 4 levels of a property. Property: {path}"),
                    Some("property_expansion_max_depth"),
                    None,
                ));
            }
            if list && keys.next() != Some("data") {
                return Err(cannot_expand(path));
            }
            let mut node = &mut tree;
            for key in keys {
                node = node.0.entry(key.to_owned()).or_default();
            }
        }
        Ok(tree)
    }

    fn get(&self, key: &str) -> Option<&Self> {
        self.0.get(key)
    }
}

/// Takes out of a full object what was not asked for, and puts in what was.
pub(super) fn present(model: &Model, value: &mut Value, tree: &Expansions) -> Result<(), Refusal> {
    match value {
        Value::Array(values) => {
            for value in values {
                present(model, value, tree)?;
            }
            Ok(())
        }
        Value::Object(object) => present_object(model, object, tree),
        _ => Ok(()),
    }
}

fn present_object(model: &Model, object: &mut Map<String, Value>, tree: &Expansions) -> Result<(), Refusal> {
    for key in ON_DEMAND {
        if tree.get(key).is_none() {
            object.remove(key);
        }
    }
    for key in tree.0.keys() {
        // The oldest shapes know no schedules, and Stripe does not mind.
        if !object.contains_key(key) && key != "schedule" && !ON_DEMAND.contains(&key.as_str()) {
            return Err(cannot_expand(key));
        }
    }
    let nothing = Expansions::default();
    for (key, value) in object.iter_mut() {
        let asked = tree.get(key);
        if key == "discounts" && asked.is_none() {
            for discount in value.as_array_mut().into_iter().flatten() {
                if let Some(id) = discount.get("id") {
                    *discount = id.clone();
                }
            }
            continue;
        }
        if key == "schedule" && asked.is_none() {
            if let Some(id) = value.get("id").cloned() {
                *value = id;
            }
            continue;
        }
        if let (Some(asked), Some(id)) = (asked, value.as_str()) {
            let Some(found) = model.look_up(key, id) else {
                return Err(cannot_expand(key));
            };
            *value = found;
            present(model, value, asked)?;
            continue;
        }
        present(model, value, asked.unwrap_or(&nothing))?;
    }
    Ok(())
}

fn cannot_expand(property: &str) -> Refusal {
    Refusal::bad_request(&format!("This property cannot be expanded ({property})."), None, None)
}
