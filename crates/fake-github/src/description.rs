//! GitHub's own description of its REST API. Requests are held against it, so that a client's mistake is seen;
//! so are the fake's answers, so that the fake says nothing that GitHub does not.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{LazyLock, OnceLock};

use flate2::read::GzDecoder;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::answer::Answer;

/// The operations that the fake serves; `data/cut_rest.py` writes it.
const PACKED: &[u8] = include_bytes!("../data/rest.json.gz");

static DESCRIPTION: LazyLock<Description> = LazyLock::new(Description::load);

struct Description {
    /// What the schemas refer to.
    shared: Map<String, Value>,
    operations: Vec<Operation>,
}

/// What a client may ask, and what GitHub answers.
pub(super) struct Operation {
    method: String,
    path: String,
    query: BTreeMap<String, Described>,
    body: Option<Described>,
    body_required: bool,
    /// By status; none where nothing is described of what it holds.
    answers: BTreeMap<u16, Option<Described>>,
}

/// A schema, read when something is first held against it: a process asks for few of them, and all are large.
struct Described {
    schema: Value,
    validator: OnceLock<Validator>,
}

impl Description {
    fn load() -> Self {
        let mut text = String::new();
        GzDecoder::new(PACKED)
            .read_to_string(&mut text)
            .expect("the description is packed text");
        let mut all: Value = serde_json::from_str(&text).expect("the description is JSON");
        let operations = all["operations"].take();
        let operations = operations.as_array().expect("there are operations").iter();
        Self {
            operations: operations.map(Operation::read).collect(),
            shared: serde_json::from_value(all["$defs"].take()).expect("there are schemas that others refer to"),
        }
    }

    /// What a schema refers to, and what that refers to.
    fn reached(&self, schema: &Value) -> Map<String, Value> {
        let mut reached = Map::new();
        let mut to_see = vec![schema];
        while let Some(value) = to_see.pop() {
            match value {
                Value::Array(items) => to_see.extend(items),
                Value::Object(members) => {
                    to_see.extend(members.values());
                    let name = members.get("$ref").and_then(Value::as_str);
                    let Some(name) = name.and_then(|name| name.strip_prefix("#/$defs/")) else {
                        continue;
                    };
                    if let (false, Some(shared)) = (reached.contains_key(name), self.shared.get(name)) {
                        reached.insert(name.to_owned(), shared.clone());
                        to_see.push(shared);
                    }
                }
                _ => {}
            }
        }
        reached
    }
}

impl Described {
    fn new(schema: &Value) -> Self {
        Self {
            schema: schema.clone(),
            validator: OnceLock::new(),
        }
    }

    /// The words of the schema about a value that does not fit.
    fn fault(&self, value: &Value) -> Option<String> {
        let validator = self.validator.get_or_init(|| {
            let whole = json!({"allOf": [self.schema], "$defs": DESCRIPTION.reached(&self.schema)});
            jsonschema::options()
                .should_validate_formats(true)
                .build(&whole)
                .expect("the description holds schemas")
        });
        let errors = validator.iter_errors(value);
        let words: Vec<String> = errors
            .map(|error| format!("at \"{}\": {error}", error.instance_path()))
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// What is described for such a request.
pub(super) fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    let all = &DESCRIPTION.operations;
    all.iter().find(|each| each.method == method && each.fits(path))
}

impl Operation {
    fn read(described: &Value) -> Self {
        let text = |name: &str| described[name].as_str().expect("it is text").to_owned();
        let object = |name: &str| described[name].as_object().expect("it is an object").clone();
        Self {
            method: text("method"),
            path: text("path"),
            query: object("query")
                .iter()
                .map(|(name, schema)| (name.clone(), Described::new(schema)))
                .collect(),
            body: described.get("body").map(Described::new),
            body_required: described["body_required"].as_bool().unwrap_or_default(),
            answers: object("answers")
                .iter()
                .map(|(status, schema)| {
                    let described = (!schema.is_null()).then(|| Described::new(schema));
                    (status.parse().expect("a status is a number"), described)
                })
                .collect(),
        }
    }

    fn fits(&self, path: &str) -> bool {
        let mut given = path.split('/');
        let mut segments = self.path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let Some(part) = given.next() else { return false };
            // A path in a repository and a ref are several segments.
            if matches!(segment, "{path}" | "{ref}") && segments.peek().is_none() {
                return true;
            }
            if !segment.starts_with('{') && segment != part {
                return false;
            }
        }
        given.next().is_none()
    }

    /// What is wrong with a request.
    pub(super) fn request(&self, query: &str, body: &Value) -> Result<(), String> {
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let Some(described) = self.query.get(name.as_ref()) else {
                return Err(format!("there is no parameter {name}"));
            };
            let as_text = Value::from(text.as_ref());
            let as_json = serde_json::from_str(&text).unwrap_or_default();
            if let (Some(words), Some(_)) = (described.fault(&as_text), described.fault(&as_json)) {
                return Err(format!("the parameter {name} is wrong: {words}"));
            }
        }
        match &self.body {
            None if body.is_null() => Ok(()),
            None => Err("it takes no body".to_owned()),
            Some(_) if body.is_null() && !self.body_required => Ok(()),
            Some(described) => match described.fault(body) {
                Some(words) => Err(format!("its body is wrong, {words}")),
                None => Ok(()),
            },
        }
    }

    /// What is wrong with an answer.
    pub(super) fn answer(&self, answer: &Answer) -> Result<(), String> {
        let known = self.answers.get(&answer.status);
        if let Some(Some(described)) = known {
            return match described.fault(&answer.body) {
                Some(words) => Err(format!("the fake's answer {} is wrong, {words}", answer.status)),
                None => Ok(()),
            };
        }
        match answer.status {
            200..300 if known.is_none() => Err(format!("the fake answers {}", answer.status)),
            204 if !answer.body.is_null() => Err("the fake's answer 204 has a body".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &str, path: &str, query: &str, body: &Value) -> Result<(), String> {
        let operation = operation(method, path).unwrap_or_else(|| panic!("{method} {path} is not described"));
        operation.request(query, body)
    }

    #[test]
    fn a_request_that_github_does_not_take_is_seen() {
        let issues = "/repos/acme/web/issues";
        checked("POST", issues, "", &json!({"title": "It fails", "labels": ["ci"]})).unwrap();
        checked("GET", issues, "state=all&per_page=100", &Value::Null).unwrap();
        for (method, path, query, body, says) in [
            ("POST", issues, "", json!({"body": "no title"}), "title"),
            ("POST", issues, "", json!({"title": "It fails", "label": "ci"}), "label"),
            ("POST", issues, "", Value::Null, "null"),
            ("GET", issues, "per_page=many", Value::Null, "per_page"),
            ("GET", issues, "pages=1", Value::Null, "no parameter pages"),
            ("GET", issues, "", json!({}), "no body"),
        ] {
            let words = checked(method, path, query, &body).unwrap_err();
            assert!(words.contains(says), "{words}");
        }
    }

    #[test]
    fn required_checks_go_by_one_list() {
        let path = "/repos/acme/web/branches/feature%2Fx/protection";
        let body = |checks: Value| {
            json!({
                "required_status_checks": checks, "enforce_admins": true, "required_pull_request_reviews": null,
                "restrictions": null,
            })
        };
        let (old, new) = (json!(["ci"]), json!([{"context": "ci", "app_id": -1}]));
        checked("PUT", path, "", &body(Value::Null)).unwrap();
        checked("PUT", path, "", &body(json!({"strict": true, "checks": new}))).unwrap();
        checked("PUT", path, "", &body(json!({"strict": true, "contexts": old}))).unwrap();
        for wrong in [
            json!({"strict": true}),
            json!({"strict": true, "contexts": old, "checks": new}),
        ] {
            assert!(checked("PUT", path, "", &body(wrong)).is_err());
        }
    }

    #[test]
    fn an_answer_that_github_does_not_give_is_seen() {
        let operation = operation("GET", "/repos/acme/web/contents/.github/dependabot.yml").unwrap();
        let answered = |status, body| operation.answer(&Answer::new(status, body));
        answered(
            200,
            json!({"type": "file", "path": "x", "sha": "1", "encoding": "base64", "content": ""}),
        )
        .unwrap();
        answered(404, json!({"message": "Not Found"})).unwrap();
        assert!(
            answered(200, json!({"type": "file", "oid": "1"}))
                .unwrap_err()
                .contains("oid")
        );
        assert!(answered(200, json!({"type": "file", "sha": 1})).is_err());
        assert!(answered(204, Value::Null).is_err());
    }
}
