//! The shape of each setting, and the sentences about a value that does not have it. Every source says the same.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::ConfigFile;

/// The schema of all settings, as JSON.
pub(crate) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    generator.into_root_schema_for::<ConfigFile>().to_value()
}

/// Whether the key at `path` was set by what sets `set`, or lies within what it set.
pub(crate) fn covers(set: &str, path: &str) -> bool {
    path == set || path.strip_prefix(set).is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// The schema of the setting at `path`, as in `requests.lease_seconds`.
pub(crate) fn of<'s>(schema: &'s Value, path: &str) -> Option<&'s Value> {
    let mut found = schema;
    for key in path.split('.') {
        found = found.get("properties")?.get(key)?;
    }
    Some(found)
}

/// A text as the setting of that schema takes it.
///
/// # Errors
/// What must be written instead.
pub(crate) fn read(setting: &Value, text: &str) -> Result<Value, String> {
    let types = type_names(setting);
    if types.contains(&"integer") {
        let Ok(number) = text.trim().parse::<i64>() else {
            return Err(must_be(&type_of(setting)));
        };
        let limit = |name: &str| setting.get(name).and_then(Value::as_i64);
        if let Some(least) = limit("minimum").filter(|least| number < *least) {
            return Err(must_be_at_least(least));
        }
        if let Some(most) = limit("maximum").filter(|most| number > *most) {
            return Err(must_be_at_most(most));
        }
        return Ok(number.into());
    }
    let options = setting.get("oneOf").or_else(|| setting.get("anyOf"));
    let known = options.and_then(Value::as_array).map(|options| {
        let mut constants = options.iter().filter_map(|option| option.get("const"));
        constants.any(|constant| constant.as_str() == Some(text))
    });
    if known == Some(false) {
        return Err(must_be_one_of(&constants(options)));
    }
    Ok(text.into())
}

fn type_names(setting: &Value) -> Vec<&str> {
    match setting.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The type that a schema demands, in words.
pub(crate) fn type_of(setting: &Value) -> String {
    let words: Vec<&str> = type_names(setting)
        .into_iter()
        .filter(|name| *name != "null")
        .map(|name| match name {
            "string" => "a text in quotes",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "a section",
            other => other,
        })
        .collect();
    words.join(" or ")
}

/// The constants among alternatives, which is how documented enumerations are written, also where they may be left out.
pub(crate) fn constants(alternatives: Option<&Value>) -> String {
    let options = alternatives.and_then(Value::as_array).into_iter().flatten();
    let options = options.map(|option| match option.get("const") {
        Some(constant) => constant.to_string(),
        None => constants(option.get("oneOf").or_else(|| option.get("anyOf"))),
    });
    let options: Vec<String> = options.filter(|option| !option.is_empty()).collect();
    options.join(", ")
}

/// What must stand where one of several schemas is to hold.
pub(crate) fn must_be_alternative(alternatives: Option<&Value>) -> String {
    let constants = constants(alternatives);
    if !constants.is_empty() {
        return must_be_one_of(&constants);
    }
    let options = alternatives.and_then(Value::as_array).into_iter().flatten();
    let types: Vec<String> = options.map(type_of).filter(|words| !words.is_empty()).collect();
    must_be(&types.join(" or "))
}

pub(crate) fn required(key: &str) -> String {
    format!("the key `{key}` is required")
}

pub(crate) fn must_be(what: &str) -> String {
    format!("must be {what}")
}

pub(crate) fn must_be_one_of(options: &str) -> String {
    format!("must be one of {options}")
}

pub(crate) fn must_be_at_least(limit: impl std::fmt::Display) -> String {
    format!("must be at least {limit}")
}

pub(crate) fn must_be_at_most(limit: impl std::fmt::Display) -> String {
    format!("must be at most {limit}")
}
