//! Holds a document against a model: what it gives is what handlers rely on, and what it refuses is told in AWS's words.
//! Texts are not repeated, because some are secret, but for the beginning of two: a map's key, which is part of the place, and
//! a word that is none of its list. Numbers are.

mod refused;
mod texts;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cc_devops_kernel::input::is_private_key;
use jiff::Timestamp;
use serde_json::{Map as Object, Value};

use crate::model::{List, Map, Member, Shape, Text};

pub(crate) use refused::{Refused, Violation};

/// How many violations are told at once.
const MOST_TOLD: usize = 10;

/// How a protocol writes a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moments {
    /// Seconds of 1970.
    Epoch,
    /// ISO 8601.
    Iso,
}

/// The document as its shape has it, without what the shape does not know.
pub(crate) fn conform(document: Value, shape: &Shape, moments: Moments) -> Result<Value, Refused> {
    let mut reading = Reading {
        moments,
        at: Vec::new(),
        violations: Vec::new(),
    };
    let document = reading.value(document, shape)?;
    if reading.violations.is_empty() {
        Ok(document)
    } else {
        Err(Refused::Violations(reading.violations))
    }
}

/// A step on the way to a value.
enum Step {
    Member(&'static str),
    Item(&'static str, usize),
    Key(String),
}

struct Reading {
    moments: Moments,
    /// The way to what is looked at.
    at: Vec<Step>,
    violations: Vec<Violation>,
}

impl Reading {
    fn value(&mut self, value: Value, shape: &Shape) -> Result<Value, Refused> {
        match shape {
            Shape::Text(text) => self.text(value, text),
            Shape::Integer { min, max } => self.whole(value, (*min).max(i32::MIN.into()), (*max).min(i32::MAX.into())),
            Shape::Long { min, max } => self.whole(value, *min, *max),
            Shape::Double => self.double(value),
            Shape::Boolean => match value {
                Value::Bool(_) => Ok(value),
                other => Err(self.not(&other, "a boolean")),
            },
            Shape::Blob { max } => self.blob(value, *max),
            Shape::Timestamp => self.moment(&value),
            Shape::List(list) => self.list(value, list),
            Shape::Map(map) => self.map(value, map),
            Shape::Structure(members) => self.structure(value, members),
        }
    }

    fn text(&mut self, value: Value, text: &Text) -> Result<Value, Refused> {
        let Value::String(string) = value else {
            return Err(self.not(&value, "a string"));
        };
        if let Some(constraint) = texts::broken(&string, text) {
            if text.among.is_empty() {
                self.broken(None, constraint);
            } else {
                self.unknown(&string, constraint);
            }
        }
        Ok(Value::String(string))
    }

    fn whole(&mut self, value: Value, min: i64, max: i64) -> Result<Value, Refused> {
        let Value::Number(number) = &value else {
            return Err(self.not(&value, "a whole number"));
        };
        let read = match (number.as_i64(), number.is_u64()) {
            (Some(read), _) => read,
            // More than 64 bits with a sign hold.
            (None, true) => i64::MAX,
            (None, false) => return Err(self.not(&value, "a whole number")),
        };
        if read < min {
            self.broken(
                Some(&number.to_string()),
                format!("Member must have value greater than or equal to {min}"),
            );
        } else if read > max || number.as_i64().is_none() {
            self.broken(
                Some(&number.to_string()),
                format!("Member must have value less than or equal to {max}"),
            );
        }
        Ok(value)
    }

    fn double(&self, value: Value) -> Result<Value, Refused> {
        match &value {
            Value::Number(_) => Ok(value),
            Value::String(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => {
                Err(Refused::NoNumber {
                    shown: text.clone(),
                    at: self.named(),
                })
            }
            other => Err(self.not(other, "a number")),
        }
    }

    fn blob(&mut self, value: Value, max: usize) -> Result<Value, Refused> {
        let Value::String(text) = value else {
            return Err(self.not(&value, "bytes in base64"));
        };
        let Ok(bytes) = STANDARD.decode(&text) else {
            return Err(Refused::Shape {
                at: self.path(),
                wanted: "bytes in base64",
                found: "another text",
            });
        };
        if bytes.len() > max {
            self.broken(None, format!("Member must have length less than or equal to {max}"));
        }
        Ok(Value::String(text))
    }

    /// A moment in the form that handlers read.
    fn moment(&self, value: &Value) -> Result<Value, Refused> {
        let (read, wanted) = match (self.moments, value) {
            (Moments::Epoch, Value::Number(seconds)) => (from_epoch(seconds), "a moment in seconds of 1970"),
            (Moments::Iso, Value::String(text)) => (text.parse().ok(), "a moment in ISO 8601"),
            (Moments::Epoch, _) => (None, "a moment in seconds of 1970"),
            (Moments::Iso, _) => (None, "a moment in ISO 8601"),
        };
        let read = read.ok_or_else(|| self.not(value, wanted))?;
        Ok(Value::String(read.to_string()))
    }

    fn list(&mut self, value: Value, list: &List) -> Result<Value, Refused> {
        let Value::Array(items) = value else {
            return Err(self.not(&value, "a list"));
        };
        self.counted(items.len(), list.min, list.max);
        if items.len() > list.max {
            // What is refused is not looked through.
            return Ok(Value::Array(Vec::new()));
        }
        let mut taken = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            self.at.push(Step::Item(list.item, place + 1));
            if item.is_null() {
                self.missing();
            } else {
                taken.push(self.value(item, &list.of)?);
            }
            self.at.pop();
        }
        Ok(Value::Array(taken))
    }

    fn map(&mut self, value: Value, map: &Map) -> Result<Value, Refused> {
        let Value::Object(entries) = value else {
            return Err(self.not(&value, "a map"));
        };
        self.counted(entries.len(), 0, map.max);
        if entries.len() > map.max {
            return Ok(Value::Object(Object::new()));
        }
        let mut taken = Object::new();
        for (key, item) in entries {
            if is_private_key(&key) {
                self.broken(
                    None,
                    "Map keys must not be names that a library keeps for itself".to_owned(),
                );
                continue;
            }
            if let Some(constraint) = texts::broken(&key, &map.key) {
                self.broken(None, format!("Map keys must satisfy constraint: [{constraint}]"));
            }
            self.at.push(Step::Key(key.chars().take(64).collect()));
            if item.is_null() {
                self.missing();
            } else {
                let item = self.value(item, &map.of)?;
                taken.insert(key, item);
            }
            self.at.pop();
        }
        Ok(Value::Object(taken))
    }

    fn structure(&mut self, value: Value, members: &[Member]) -> Result<Value, Refused> {
        let Value::Object(mut given) = value else {
            return Err(self.not(&value, "a structure"));
        };
        let mut taken = Object::new();
        for member in members {
            self.at.push(Step::Member(member.name));
            match given.remove(member.name) {
                None | Some(Value::Null) if member.required => self.missing(),
                None | Some(Value::Null) => {}
                Some(value) => {
                    let value = self.value(value, &member.shape)?;
                    taken.insert(member.name.to_owned(), value);
                }
            }
            self.at.pop();
        }
        Ok(Value::Object(taken))
    }

    fn counted(&mut self, count: usize, min: usize, max: usize) {
        if count < min {
            self.broken(None, format!("Member must have length greater than or equal to {min}"));
        } else if count > max {
            self.broken(None, format!("Member must have length less than or equal to {max}"));
        }
    }

    fn broken(&mut self, shown: Option<&str>, constraint: String) {
        self.violates(false, shown, constraint);
    }

    /// A word that is none of its list.
    fn unknown(&mut self, word: &str, constraint: String) {
        self.violates(true, Some(word), constraint);
    }

    fn violates(&mut self, is_unknown: bool, shown: Option<&str>, constraint: String) {
        if self.is_told_enough() {
            return;
        }
        self.violations.push(Violation {
            is_missing: false,
            is_unknown,
            at: self.path(),
            named: String::new(),
            shown: shown.map(|shown| shown.chars().take(64).collect()),
            constraint,
        });
    }

    fn missing(&mut self) {
        if self.is_told_enough() {
            return;
        }
        self.violations.push(Violation {
            is_missing: true,
            is_unknown: false,
            at: self.path(),
            named: self.named(),
            shown: None,
            constraint: "Member must not be null".to_owned(),
        });
    }

    /// What follows is not told, and nothing is made of it.
    fn is_told_enough(&self) -> bool {
        self.violations.len() >= MOST_TOLD
    }

    fn not(&self, found: &Value, wanted: &'static str) -> Refused {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "a structure",
        };
        Refused::Shape {
            at: self.path(),
            wanted,
            found,
        }
    }

    /// The way to what is looked at, as AWS writes it in constraints: `entries.1.member.detailType`.
    fn path(&self) -> String {
        let steps = self.at.iter().map(|step| match step {
            Step::Member(name) => lower_camel(name),
            Step::Item(_, place) => format!("{place}.member"),
            Step::Key(key) => format!("{key}.member"),
        });
        steps.collect::<Vec<_>>().join(".")
    }

    /// The same as a form has it: `MetricData.member.1.MetricName`.
    fn named(&self) -> String {
        let steps = self.at.iter().map(|step| match step {
            Step::Member(name) => (*name).to_owned(),
            Step::Item(item, place) => format!("{item}.{place}"),
            Step::Key(key) => key.clone(),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

/// A moment from seconds of 1970, to the millisecond as AWS reads it.
fn from_epoch(seconds: &serde_json::Number) -> Option<Timestamp> {
    if let Some(whole) = seconds.as_i64() {
        return Timestamp::from_second(whole).ok();
    }
    let millis = (seconds.as_f64()? * 1_000.0).round();
    // What is beyond these bounds is no year that anybody means.
    let is_within = millis.abs() < 1e15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "where it counts, it is whole and within bounds"
    )]
    let whole = millis as i64;
    Timestamp::from_millisecond(whole).ok().filter(|_| is_within)
}

fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
