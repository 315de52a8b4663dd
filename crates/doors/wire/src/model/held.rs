//! The table held against AWS's own models, as `tests/wire/cut_models.py` cuts them from botocore: what is required, bounds, patterns,
//! words, names in forms and in XML. Nothing is invented, nothing is taken that AWS refuses, and nothing is dropped in silence.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{List, Map, Member, Shape, Text};
use crate::operation::Operation;
use crate::services;

const MODELS: &str = include_str!("../../tests/data/models.json");

/// How deep is looked: a value of `DynamoDB` may hold itself without end.
const DEPTH: usize = 8;

/// Places where AWS takes more words than its model has, as its documents say and its SDKs send.
const MORE_WORDS: [&str; 1] = ["ReceiveMessage, asked.AttributeNames[]"];

/// A service's model.
struct Model<'m> {
    service: &'m Value,
    /// Whether its members have other names in forms.
    has_forms: bool,
    differs: Vec<String>,
}

/// Which way a shape goes: what is asked may be held more strictly, what is answered may say less.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    In,
    Out,
}

fn models() -> Value {
    serde_json::from_str(MODELS).unwrap()
}

fn count(shape: &Value, name: &str) -> Option<i64> {
    shape[name].as_i64()
}

fn strings(shape: &Value, name: &str) -> BTreeSet<String> {
    let list = shape[name].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn size(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text(_) => "string",
        Shape::Integer { .. } => "integer",
        Shape::Long { .. } => "long",
        Shape::Double => "double",
        Shape::Boolean => "boolean",
        Shape::Blob { .. } => "blob",
        Shape::Timestamp => "timestamp",
        Shape::List(_) => "list",
        Shape::Map(_) => "map",
        Shape::Structure(_) => "structure",
    }
}

impl<'m> Model<'m> {
    fn shape(&self, name: &str) -> &'m Value {
        &self.service["shapes"][name]
    }

    fn say(&mut self, at: &str, what: &str) {
        self.differs.push(format!("{at}: {what}"));
    }

    fn hold(&mut self, ours: &Shape, named: &str, direction: Direction, at: &str, depth: usize) {
        let theirs = self.shape(named);
        let (own, wanted) = (kind(ours), theirs["type"].as_str().unwrap_or("nothing"));
        if own != wanted {
            return self.say(at, &format!("it is a {own}, and AWS's {named} is a {wanted}"));
        }
        if depth == DEPTH {
            return;
        }
        match ours {
            Shape::Text(text) if direction == Direction::In => self.text(text, theirs, at),
            Shape::Integer { min, max } | Shape::Long { min, max } if direction == Direction::In => {
                self.bounds((*min, *max), theirs, at);
            }
            Shape::Blob { max } if direction == Direction::In => self.bounds((i64::MAX, size(*max)), theirs, at),
            Shape::List(list) => self.list(list, theirs, direction, at, depth),
            Shape::Map(map) => self.map(map, theirs, direction, at, depth),
            Shape::Structure(members) => self.members(members, named, direction, at, depth),
            Shape::Text(_)
            | Shape::Integer { .. }
            | Shape::Long { .. }
            | Shape::Double
            | Shape::Boolean
            | Shape::Blob { .. }
            | Shape::Timestamp => {}
        }
    }

    fn bounds(&mut self, (min, max): (i64, i64), theirs: &Value, at: &str) {
        if let Some(least) = count(theirs, "min").filter(|least| min < *least) {
            self.say(at, &format!("{min} is taken, and {least} is the least"));
        }
        if let Some(most) = count(theirs, "max").filter(|most| max > *most) {
            self.say(at, &format!("{max} is taken, and {most} is the most"));
        }
    }

    fn text(&mut self, text: &Text, theirs: &Value, at: &str) {
        if text.among.is_empty() {
            self.bounds((size(text.min), size(text.max)), theirs, at);
            if let Some(pattern) = theirs["pattern"]
                .as_str()
                .filter(|pattern| text.pattern != Some(*pattern))
            {
                self.say(
                    at,
                    &format!("the pattern is {:?}, and AWS's is {pattern:?}", text.pattern),
                );
            }
        }
        let words = strings(theirs, "enum");
        if !words.is_empty() && text.among.is_empty() {
            self.say(at, &format!("any word is taken, and AWS has {words:?}"));
        }
        let unknown = text.among.iter().filter(|word| !words.contains(**word));
        for word in unknown.filter(|_| !MORE_WORDS.contains(&at)) {
            self.say(at, &format!("AWS has no word {word}"));
        }
    }

    fn list(&mut self, list: &List, theirs: &Value, direction: Direction, at: &str, depth: usize) {
        if direction == Direction::In {
            self.bounds((size(list.min), size(list.max)), theirs, at);
        }
        let item = theirs["member"]["locationName"].as_str().unwrap_or("member");
        if self.has_forms && !list.flat && list.item != item {
            self.say(at, &format!("its items are {}, and AWS's are {item}", list.item));
        }
        if self.has_forms && list.flat != (theirs["flattened"] == Value::Bool(true)) {
            self.say(at, "it is flat on one side alone");
        }
        if let Some(of) = theirs["member"]["shape"].as_str() {
            self.hold(&list.of, of, direction, &format!("{at}[]"), depth + 1);
        }
    }

    fn map(&mut self, map: &Map, theirs: &Value, direction: Direction, at: &str, depth: usize) {
        if direction == Direction::In {
            self.bounds((i64::MAX, size(map.max)), theirs, at);
        }
        let (key, value) = (theirs["key"]["shape"].as_str(), theirs["value"]["shape"].as_str());
        if let (Some(key), Direction::In) = (key, direction) {
            self.text(&map.key, self.shape(key), &format!("{at}, its keys"));
        }
        if let Some(value) = value {
            self.hold(&map.of, value, direction, &format!("{at}{{}}"), depth + 1);
        }
    }

    fn members(&mut self, members: &[Member], named: &str, direction: Direction, at: &str, depth: usize) {
        let theirs = self.shape(named);
        let required = strings(theirs, "required");
        for name in &required {
            match members.iter().find(|member| member.name == name) {
                None => self.say(at, &format!("{name} is required by AWS and is not there")),
                Some(member) if direction == Direction::In && !member.required => {
                    self.say(at, &format!("{name} is required by AWS, and may be left out"));
                }
                Some(_) => {}
            }
        }
        if let (Direction::In, Some(known)) = (direction, theirs["members"].as_object()) {
            let dropped = known
                .keys()
                .filter(|name| members.iter().all(|member| member.name != **name));
            let dropped: Vec<&str> = dropped.map(String::as_str).collect();
            if !dropped.is_empty() {
                self.say(at, &format!("{} would be dropped in silence", dropped.join(", ")));
            }
        }
        for member in members {
            let at = format!("{at}.{}", member.name);
            let reference = &theirs["members"][member.name];
            let Some(named) = reference["shape"].as_str() else {
                self.say(&at, "AWS has no such member");
                continue;
            };
            if self.has_forms && reference["locationName"].as_str() != member.query_name {
                let called = reference["locationName"].as_str();
                self.say(
                    &at,
                    &format!("in forms it is {:?}, and AWS's is {called:?}", member.query_name),
                );
            }
            self.hold(&member.shape, named, direction, &at, depth + 1);
        }
    }
}

/// The model of an operation's service, and the operation in it.
fn found<'m>(models: &'m Value, operation: &Operation) -> Option<(&'m Value, &'m Value)> {
    let mut services = models["services"].as_object()?.values();
    let service = services.find(|service| service["scope"] == operation.service.scope())?;
    Some((service, service["operations"].get(operation.name)?))
}

#[test]
fn the_table_is_what_the_document_says_is_served() {
    let models = models();
    let services = models["services"].as_object().unwrap().values();
    let said = services.flat_map(|service| {
        let operations = service["operations"].as_object().unwrap().keys();
        operations.map(move |name| format!("{}:{name}", service["scope"].as_str().unwrap()))
    });
    let said: BTreeSet<String> = said.collect();
    let table = services::table();
    let served = table
        .iter()
        .map(|operation| format!("{}:{}", operation.service.scope(), operation.name));
    let served: BTreeSet<String> = served.collect();
    assert_eq!(served.len(), table.len(), "an operation stands twice in the table");
    assert_eq!(
        served, said,
        "docs/AWS-SDK.md names what is served; then run tests/wire/cut_models.py"
    );
}

#[test]
fn every_operation_takes_and_gives_what_awss_model_says() {
    let models = models();
    let mut differs = Vec::new();
    for operation in services::table() {
        let Some((service, theirs)) = found(&models, &operation) else {
            differs.push(format!(
                "{}: AWS has no such operation, or it was not cut",
                operation.name
            ));
            continue;
        };
        let has_forms = service["protocols"].as_array().unwrap().contains(&Value::from("query"));
        let mut model = Model {
            service,
            has_forms,
            differs: Vec::new(),
        };
        for (ours, named, direction, word) in [
            (&operation.input, &theirs["input"], Direction::In, "asked"),
            (&operation.output, &theirs["output"], Direction::Out, "answered"),
        ] {
            let at = format!("{}, {word}", operation.name);
            match (named.as_str(), ours) {
                (Some(named), ours) => model.hold(ours, named, direction, &at, 0),
                (None, Shape::Structure([])) => {}
                (None, _) => model.say(&at, "AWS has nothing there"),
            }
        }
        differs.append(&mut model.differs);
    }
    assert!(
        differs.is_empty(),
        "{} differences:\n{}",
        differs.len(),
        differs.join("\n")
    );
}

/// Looser than AWS's model in each way.
const LOOSER: &[Member] = &[
    Member::optional("Name", Text::of(0, 600).shape()),
    Member::optional("Invented", Shape::Boolean),
    Member::optional("SecretString", Shape::Double),
];

#[test]
fn what_is_looser_than_awss_model_is_seen() {
    let models = models();
    let service = &models["services"]["secretsmanager"];
    let mut model = Model {
        service,
        has_forms: false,
        differs: Vec::new(),
    };
    model.hold(&Shape::Structure(LOOSER), "CreateSecretRequest", Direction::In, "it", 0);
    let said = model.differs.join("\n");
    for part in [
        "Name is required by AWS, and may be left out",
        "0 is taken, and 1 is the least",
        "600 is taken, and 512 is the most",
        "AWS has no such member",
        "it is a double",
        "ClientRequestToken, ",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}
