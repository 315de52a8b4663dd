//! Forms: names with dots, as AWS's query protocol has them, read as the document that a shape asks for.

use std::collections::BTreeMap;

use serde_json::{Map as Object, Value};
use url::form_urlencoded;

use crate::model::{List, Map, Member, Shape};

/// How many parts a name may have.
const DEEPEST: usize = 32;

/// How many names and parts of names a form may have: more than a megabyte of any call has. Each takes up far more than what
/// it is written with.
const MOST_PARTS: usize = 50_000;

/// A form that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRead {
    /// A name has too many parts.
    TooDeep,
    /// It has too many names.
    TooMany,
}

impl NotRead {
    /// What is wrong with it.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::TooDeep => "a name in the form has more than 32 parts",
            Self::TooMany => "the form has more than 50,000 names and parts of names; send it in parts",
        }
    }
}

/// A form, by the parts of its names.
#[derive(Debug, Default)]
pub(crate) struct Form {
    value: Option<String>,
    below: BTreeMap<String, Form>,
}

impl Form {
    /// Reads a form; the query of an address is one, too.
    pub(crate) fn read(text: &[u8]) -> Result<Self, NotRead> {
        let mut form = Self::default();
        let mut parts = 0;
        for (name, value) in form_urlencoded::parse(text) {
            if name.split('.').count() > DEEPEST {
                return Err(NotRead::TooDeep);
            }
            let mut at = &mut form;
            for part in name.split('.') {
                if !at.below.contains_key(part) {
                    parts += 1;
                }
                if parts > MOST_PARTS {
                    return Err(NotRead::TooMany);
                }
                at = at.below.entry(part.to_owned()).or_default();
            }
            at.value = Some(value.into_owned());
        }
        Ok(form)
    }

    /// The text under a name of one part.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.below.get(name)?.value.as_deref()
    }

    /// The form as a document. What is no number where one is asked for stays a text, which the model refuses.
    pub(crate) fn document(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Text(_) | Shape::Timestamp | Shape::Blob { .. } => self.as_text(),
            Shape::Integer { .. } | Shape::Long { .. } => {
                self.said().parse::<i64>().map_or_else(|_| self.as_text(), Value::from)
            }
            Shape::Double => {
                let number = self.said().parse::<f64>().ok().filter(|number| number.is_finite());
                number.map_or_else(|| self.as_text(), Value::from)
            }
            Shape::Boolean => match self.said() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => self.as_text(),
            },
            Shape::List(list) => self.list(list),
            Shape::Map(map) => self.map(map),
            Shape::Structure(members) => self.structure(members),
        }
    }

    fn said(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    fn as_text(&self) -> Value {
        Value::String(self.said().to_owned())
    }

    /// Whether it says something where only names below it may.
    fn is_no_group(&self) -> bool {
        self.below.is_empty() && !self.said().is_empty()
    }

    fn structure(&self, members: &[Member]) -> Value {
        if self.is_no_group() {
            return self.as_text();
        }
        let mut document = Object::new();
        for member in members {
            let name = member.query_name.unwrap_or(member.name);
            // An empty flat list is written under the member's own name.
            let form = self.below.get(name).or_else(|| self.below.get(member.name));
            if let Some(form) = form {
                document.insert(member.name.to_owned(), form.document(&member.shape));
            }
        }
        Value::Object(document)
    }

    fn list(&self, list: &List) -> Value {
        if self.is_no_group() {
            return self.as_text();
        }
        let items = if list.flat {
            Some(self)
        } else {
            self.below.get(list.item)
        };
        let numbered = items.map(Self::numbered).unwrap_or_default();
        Value::Array(numbered.into_iter().map(|item| item.document(&list.of)).collect())
    }

    fn map(&self, map: &Map) -> Value {
        if self.is_no_group() {
            return self.as_text();
        }
        let entries = if map.flat {
            Some(self)
        } else {
            self.below.get(map.entry)
        };
        let mut document = Object::new();
        for entry in entries.map(Self::numbered).unwrap_or_default() {
            let key = entry.text(map.key_name).unwrap_or_default();
            let value = entry
                .below
                .get(map.value_name)
                .map_or(Value::Null, |value| value.document(&map.of));
            document.insert(key.to_owned(), value);
        }
        Value::Object(document)
    }

    /// What stands below by number, in order.
    fn numbered(&self) -> Vec<&Self> {
        let numbers = self.below.iter();
        let mut items: Vec<(u32, &Self)> = numbers
            .filter_map(|(number, item)| Some((number.parse().ok()?, item)))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Text;

    static DATUM: [Member; 3] = [
        Member::optional("MetricName", Text::ANY.shape()),
        Member::optional("Value", Shape::Double),
        Member::optional("On", Shape::Boolean),
    ];
    static DATA: List = List::of(Shape::Structure(&DATUM), 0, 1_000);
    static FLAT: List = List {
        of: Text::ANY.shape(),
        min: 0,
        max: 10,
        item: "AttributeName",
        flat: true,
    };
    static FLAT_MAP: Map = Map {
        key: Text::ANY,
        of: Text::ANY.shape(),
        max: 10,
        entry: "Attribute",
        key_name: "Name",
        value_name: "Value",
        flat: true,
    };
    static INPUT: [Member; 5] = [
        Member::optional("Namespace", Text::ANY.shape()),
        Member::optional("MetricData", Shape::List(&DATA)),
        Member::optional("AttributeNames", Shape::List(&FLAT)).called("AttributeName"),
        Member::optional("Attributes", Shape::Map(&FLAT_MAP)).called("Attribute"),
        Member::optional("Period", Shape::Integer { min: 0, max: 9 }),
    ];

    fn read(text: &str) -> Value {
        Form::read(text.as_bytes()).unwrap().document(&Shape::Structure(&INPUT))
    }

    #[test]
    fn names_with_dots_are_a_document() {
        let form = "Action=X&Namespace=Agent%2FA+b&MetricData.member.2.MetricName=second&MetricData.member.10.Value=1e2\
                    &MetricData.member.1.MetricName=first&MetricData.member.1.Value=-0.5&MetricData.member.1.On=true&Period=60";
        assert_eq!(
            read(form),
            json!({
                "Namespace": "Agent/A b",
                "MetricData": [
                    {"MetricName": "first", "Value": -0.5, "On": true}, {"MetricName": "second"}, {"Value": 100.0},
                ],
                "Period": 60,
            })
        );
    }

    #[test]
    fn flat_lists_and_maps_have_no_member() {
        let form = "AttributeName.1=All&AttributeName.2=Sent&Attribute.1.Name=a&Attribute.1.Value=b";
        assert_eq!(
            read(form),
            json!({"AttributeNames": ["All", "Sent"], "Attributes": {"a": "b"}})
        );
        assert_eq!(
            read("MetricData=&Namespace="),
            json!({"MetricData": [], "Namespace": ""})
        );
    }

    #[test]
    fn what_is_of_another_kind_stays_a_text() {
        assert_eq!(
            read("Period=six&MetricData=all"),
            json!({"Period": "six", "MetricData": "all"})
        );
        assert_eq!(
            read("MetricData.member.1.Value=NaN&MetricData.member.1.On=yes"),
            json!({"MetricData": [{"Value": "NaN", "On": "yes"}]})
        );
        assert_eq!(read("MetricData.member.x.Value=1"), json!({"MetricData": []}));
    }

    #[test]
    fn a_form_has_bounds() {
        let deep = format!("{}=1", vec!["a"; DEEPEST + 1].join("."));
        assert_eq!(Form::read(deep.as_bytes()).unwrap_err(), NotRead::TooDeep);
        let again = "a&".repeat(MOST_PARTS + 1);
        assert!(Form::read(again.as_bytes()).is_ok(), "the same again takes no room");
        let many: Vec<String> = (0..=MOST_PARTS).map(|number| number.to_string()).collect();
        let many = many.join("&");
        assert_eq!(Form::read(many.as_bytes()).unwrap_err(), NotRead::TooMany);
        let empty_parts: Vec<String> = (0..2_000).map(|number| number.to_string() + &".".repeat(31)).collect();
        let empty_parts = empty_parts.join("&");
        assert_eq!(Form::read(empty_parts.as_bytes()).unwrap_err(), NotRead::TooMany);
        assert!(Form::read(b"").unwrap().text("Action").is_none());
    }
}
