//! The registry as people and programs read it: the tables of the documents, and JSON schemas.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::action::Action;
use super::params::Kind;
use super::registry::Registry;

impl Registry {
    /// The names, as a sentence has them: `` `a`, `b` or `c` ``.
    pub fn names_in_words(&self) -> String {
        let quoted: Vec<String> = self.actions().map(|action| format!("`{}`", action.name)).collect();
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => quoted.concat(),
        }
    }

    /// The documents' table of actions, as Markdown.
    pub fn table(&self) -> String {
        let mut table = "| action | what it does | in policies, on | carried out |\n|---|---|---|---|\n".to_owned();
        for action in self.actions() {
            let on = action.on.as_str().replace('*', "`*`");
            line(
                &mut table,
                &[
                    &format!("`{}`", action.name),
                    action.summary,
                    &on,
                    action.carrying.as_str(),
                ],
            );
        }
        table
    }
}

impl Registry {
    /// The documents' table of the parameters of several actions, as Markdown.
    pub fn params_table<'a>(actions: impl IntoIterator<Item = &'a Action>) -> String {
        let mut table = "| action | parameter | rule |\n|---|---|---|\n".to_owned();
        for action in actions {
            let mut name = format!("`{}`", action.name);
            if action.params.is_empty() {
                line(&mut table, &[&name, "", "none"]);
            }
            for param in action.params {
                line(&mut table, &[&name, &format!("`{}`", param.name), param.rule]);
                name.clear();
            }
        }
        table
    }
}

impl Action {
    /// The documents' table of its parameters, as Markdown.
    pub fn params_table(&self) -> String {
        let mut table = "| parameter | rule |\n|---|---|\n".to_owned();
        for param in self.params {
            line(&mut table, &[&format!("`{}`", param.name), param.rule]);
        }
        table
    }

    /// Its parameters as a JSON schema. Values are held to [`Action::read`], which knows more.
    pub fn params_schema(&self) -> Value {
        let properties: Map<String, Value> = self
            .params
            .iter()
            .map(|param| (param.name.to_owned(), schema(param.kind, param.rule)))
            .collect();
        json!({
            "description": self.summary,
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

fn schema(kind: Kind, rule: &str) -> Value {
    let text = json!({"type": "string"});
    let (of, more) = match kind {
        Kind::Text => ("string", None),
        Kind::Flag => ("boolean", None),
        Kind::Texts => ("array", Some(("items", text))),
        Kind::Named => (
            "object",
            Some(("additionalProperties", json!({"type": ["string", "number", "boolean"]}))),
        ),
    };
    // JSON null is an absent parameter.
    let mut schema = json!({"description": rule, "type": [of, "null"]});
    if let (Some((name, value)), Some(fields)) = (more, schema.as_object_mut()) {
        fields.insert(name.to_owned(), value);
    }
    schema
}

fn line(table: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    // Writing to a string does not fail.
    let _ = writeln!(table, "| {} |", cells.join(" | "));
}
