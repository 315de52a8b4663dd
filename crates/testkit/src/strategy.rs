//! Hostile input for proptest: arbitrary JSON, and request envelopes that are nearly valid.
//!
//! A nearly valid envelope is a valid one with a few mutations: something removed, renamed,
//! wrapped, doubled, blown up or replaced. That reaches far deeper than arbitrary JSON does.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::sample::{self, AGENT, OTHER_AGENT, PLANTED_SECRET, STACK_SUCCEEDS};

/// The parameters whose values are names that outcomes and refusals repeat; [`PLANTED_SECRET`] is
/// never put there.
const SHOWN_PARAMETERS: [&str; 2] = ["name", "stackName"];

/// Texts that parsers and storage trip over.
const NASTY_TEXTS: [&str; 18] = [
    "",
    " ",
    "\0",
    "\n",
    "null",
    "-1",
    "..",
    "/contentcraft/../x",
    "/contentcraft//x",
    "/other/x",
    "agent.",
    "agent.DevOpsAutomation",
    "\u{202e}dev",
    "\u{feff}putSecret",
    "é\u{1f511}",
    "'; DROP TABLE requests; --",
    "%00%n${jndi:x}",
    "2026-02-30T25:61:61Z",
];

/// Any JSON value, a few levels deep.
pub fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(text(), inner, 0..6).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// Any text, with a liking for what breaks things.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(NASTY_TEXTS.as_slice()).prop_map(str::to_owned),
        3 => any::<String>(),
        1 => (0_usize..70_000).prop_map(|length| "x".repeat(length)),
    ]
}

/// A valid event of [`AGENT`]. Where it holds a secret, that is [`PLANTED_SECRET`]; ids repeat now
/// and then.
pub fn valid_envelope() -> impl Strategy<Value = Value> {
    (0_u8..6, any::<bool>(), any::<bool>()).prop_map(|(number, put, rich)| {
        let id = format!("hostile-{number}");
        let mut event = if put {
            sample::put_secret_event(&id, "/contentcraft/contentorchestrator/key", PLANTED_SECRET)
        } else {
            sample::deploy_event(&id, STACK_SUCCEEDS)
        };
        let params = event
            .pointer_mut("/detail/params")
            .expect("a sample event has parameters");
        let more = match (put, rich) {
            (_, false) => json!({}),
            (true, true) => json!({"kmsKey": PLANTED_SECRET}),
            (false, true) => json!({
                "stage": "prod",
                "templateBody": PLANTED_SECRET,
                "parameters": {"ApiKey": PLANTED_SECRET, "Memory": 512},
                "capabilities": ["CAPABILITY_IAM"],
                "tags": {"team": PLANTED_SECRET},
            }),
        };
        if let (Value::Object(params), Value::Object(more)) = (params, more) {
            params.extend(more);
        }
        event
    })
}

/// An event that may be valid, but mostly is not quite. [`PLANTED_SECRET`] stands only in values
/// of parameters, never in a name that is shown on purpose.
pub fn nearly_valid_envelope() -> impl Strategy<Value = Value> {
    (valid_envelope(), vec(mutation(), 0..4)).prop_map(|(mut event, mutations)| {
        for mutation in &mutations {
            mutation.apply(&mut event);
        }
        event
    })
}

/// Whatever may come over the wire as JSON: nearly valid more often than not.
pub fn hostile_event() -> impl Strategy<Value = Value> {
    prop_oneof![4 => nearly_valid_envelope(), 1 => json_value()]
}

#[derive(Debug, Clone)]
enum Change {
    Remove,
    Replace(Value),
    Rename(String),
    Wrap,
    Add(String, Value),
    Grow(usize),
    Impersonate,
    OtherNameForParams(Option<Value>),
    Plant,
}

#[derive(Debug, Clone)]
struct Mutation {
    place: Index,
    change: Change,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let change = prop_oneof![
        3 => Just(Change::Remove),
        3 => json_value().prop_map(Change::Replace),
        2 => text().prop_map(Change::Rename),
        1 => Just(Change::Wrap),
        1 => (text(), json_value()).prop_map(|(name, value)| Change::Add(name, value)),
        1 => (100_usize..70_000).prop_map(Change::Grow),
        1 => Just(Change::Impersonate),
        1 => proptest::option::of(json_value()).prop_map(Change::OtherNameForParams),
        2 => Just(Change::Plant),
    ];
    (any::<Index>(), change).prop_map(|(place, change)| Mutation { place, change })
}

impl Mutation {
    fn apply(&self, event: &mut Value) {
        let mut all = Vec::new();
        places(event, &mut Vec::new(), &mut all);
        if all.is_empty() {
            return;
        }
        let place = &all[self.place.index(all.len())];
        match &self.change {
            Change::Remove => {
                take(event, place);
            }
            Change::Replace(value) => put(event, place, value.clone()),
            Change::Rename(name) => {
                if let (Some(value), Some((_, parent))) = (take(event, place), place.split_last()) {
                    put(event, &[parent, std::slice::from_ref(name)].concat(), value);
                }
            }
            Change::Wrap => {
                if let Some(value) = take(event, place) {
                    put(event, place, json!([value]));
                }
            }
            Change::Add(name, value) => {
                put(
                    event,
                    &[place.as_slice(), std::slice::from_ref(name)].concat(),
                    value.clone(),
                );
            }
            Change::Grow(length) => {
                if !holds_secret(event, place) {
                    put(event, place, json!("x".repeat(*length)));
                }
            }
            Change::Impersonate => {
                let name = if self.place.index(2) == 0 { OTHER_AGENT } else { AGENT };
                put(event, &["source".to_owned()], json!(format!("agent.{name}")));
            }
            Change::OtherNameForParams(payload) => {
                let params = event.pointer("/detail/params").cloned().unwrap_or_default();
                let payload = payload.clone().unwrap_or(params);
                put(event, &["detail".to_owned(), "payload".to_owned()], payload);
            }
            Change::Plant => {
                let in_params: Vec<&Vec<String>> = all.iter().filter(|place| may_hold_secret(place)).collect();
                if !in_params.is_empty() {
                    let place = in_params[self.place.index(in_params.len())];
                    put(event, place, json!(PLANTED_SECRET));
                }
            }
        }
    }
}

/// Whether a secret may be planted there: in a parameter's value that is not shown on purpose.
fn may_hold_secret(place: &[String]) -> bool {
    match place {
        [detail, params, name, ..] => {
            detail == "detail" && params == "params" && !SHOWN_PARAMETERS.contains(&name.as_str())
        }
        _ => false,
    }
}

fn holds_secret(event: &Value, place: &[String]) -> bool {
    find(event, place).is_some_and(|value| value.to_string().contains(PLANTED_SECRET))
}

/// The place of every value within `value`, by the keys that lead there. Arrays count as leaves.
fn places(value: &Value, here: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        here.push(name.clone());
        all.push(here.clone());
        places(field, here, all);
        here.pop();
    }
}

fn find<'a>(value: &'a Value, place: &[String]) -> Option<&'a Value> {
    place.iter().try_fold(value, |value, name| value.get(name))
}

fn take(event: &mut Value, place: &[String]) -> Option<Value> {
    let (name, parent) = place.split_last()?;
    let parent = parent.iter().try_fold(event, |value, name| value.get_mut(name))?;
    parent.as_object_mut()?.remove(name)
}

/// Puts a value where its parent is an object; elsewhere nothing happens.
fn put(event: &mut Value, place: &[String], value: Value) {
    let Some((name, parent)) = place.split_last() else {
        return;
    };
    let parent = parent.iter().try_fold(event, |value, name| value.get_mut(name));
    if let Some(Value::Object(fields)) = parent {
        fields.insert(name.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    fn some<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        (0..count)
            .map(|_| strategy.new_tree(&mut runner).unwrap().current())
            .collect()
    }

    #[test]
    fn some_envelopes_stay_valid_and_most_do_not() {
        let valid = some(valid_envelope(), 50);
        let events = some(nearly_valid_envelope(), 400);
        let unchanged = events.iter().filter(|event| valid.contains(event)).count();
        assert!((20..300).contains(&unchanged), "{unchanged} of 400 are unchanged");
    }

    #[test]
    fn the_planted_secret_stands_only_in_values_of_parameters() {
        for mut event in some(nearly_valid_envelope(), 400) {
            for name in SHOWN_PARAMETERS {
                let shown = event.pointer(&format!("/detail/params/{name}")).map(Value::to_string);
                assert!(
                    !shown.unwrap_or_default().contains(PLANTED_SECRET),
                    "a name holds the secret"
                );
            }
            assert!(
                !event["source"].to_string().contains(PLANTED_SECRET),
                "the source holds the secret"
            );
            if let Some(detail) = event.get_mut("detail").filter(|detail| detail.is_object()) {
                for field in ["requestId", "action", "stage", "requestedBy"] {
                    assert!(
                        !detail[field].to_string().contains(PLANTED_SECRET),
                        "{field} holds the secret"
                    );
                }
            }
        }
    }
}
