//! What a template names without saying which: references that move, code without a version. CloudFormation compares
//! the names alone, and what is deployed is whatever they stand for then.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::Parameter;
use cc_devops_kernel::input::{self, InputError};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use saphyr_parser::{Event, Parser, ScanError};
use serde_json::{Map, Value};

/// How many of a kind are named.
const NAMED: usize = 20;

/// The length from which hexadecimal digits in a file's name are taken for its digest, as packaging tools write it.
const DIGEST_DIGITS: usize = 32;

/// What an approver is to know of a template to come, as sentences.
pub(super) fn notes(template: &str, parameters: &[Parameter]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let moving = moving(template);
    if !moving.is_empty() {
        notes.push(format!(
            "unpinned: {} without a version, so their values may differ from those that the stack has now, and no \
             change set shows it",
            listed(&moving)
        ));
    }
    match code(template, parameters) {
        Ok(code) if code.is_empty() => {}
        Ok(code) => notes.push(format!(
            "unpinned: the code of {} without a version or digest: what is deployed is what lies there then",
            listed(&code)
        )),
        Err(why) => notes.push(format!(
            "unpinned: whether code is named without a version or digest is not known, look at the template yourself: \
             {why}"
        )),
    }
    notes
}

/// What is to be said where nothing changes and references may have moved.
pub(super) fn no_changes(moving: &BTreeSet<String>) -> String {
    format!(
        "CloudFormation compares what the template says, which is as before. The values of {} may have moved all the \
         same: they name no version, and the stack keeps the values that it has.\n",
        listed(moving)
    )
}

fn listed(items: &BTreeSet<String>) -> String {
    let more = items.len().saturating_sub(NAMED);
    let named: Vec<&str> = items.iter().take(NAMED).map(String::as_str).collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The dynamic references without a version.
pub(super) fn moving(template: &str) -> BTreeSet<String> {
    const BEGINS: &str = "{{resolve:";
    let mut found = BTreeSet::new();
    for rest in template.split(BEGINS).skip(1) {
        let Some((reference, _)) = rest.split_once("}}") else {
            continue;
        };
        let parts: Vec<&str> = reference.split(':').map(str::trim).collect();
        let is_pinned = match parts.as_slice() {
            ["ssm" | "ssm-secure", _, .., last] => !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()),
            ["secretsmanager", rest @ ..] => {
                // secret-id:SecretString:json-key:version-stage:version-id; an id may be an ARN.
                let kind = rest.iter().position(|part| part.eq_ignore_ascii_case("SecretString"));
                kind.and_then(|kind| rest.get(kind + 3))
                    .is_some_and(|version| !version.is_empty())
            }
            _ => false,
        };
        if !is_pinned {
            found.insert(format!("{BEGINS}{reference}}}}}"));
        }
    }
    found
}

/// The resources whose code is named without a version or digest; or why the template cannot be read, as a sentence's end.
fn code(template: &str, parameters: &[Parameter]) -> Result<BTreeSet<String>, String> {
    let template = parsed(template)?;
    let resources = template.get("Resources").and_then(Value::as_object);
    let mut found = BTreeSet::new();
    for (name, resource) in resources.into_iter().flatten() {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        for place in places(kind, properties) {
            if let Some(place) = unpinned(place, parameters) {
                found.insert(format!("{name} ({place})"));
            }
        }
    }
    Ok(found)
}

/// Where a resource of a type says what its code is.
fn places<'a>(kind: &str, properties: &'a Value) -> Vec<&'a Value> {
    match kind {
        "AWS::Lambda::Function" => properties.get("Code").into_iter().collect(),
        "AWS::Lambda::LayerVersion" => properties.get("Content").into_iter().collect(),
        "AWS::Serverless::Function" => {
            let uris = [properties.get("CodeUri"), properties.get("ImageUri")];
            uris.into_iter().flatten().collect()
        }
        "AWS::Serverless::LayerVersion" => properties.get("ContentUri").into_iter().collect(),
        "AWS::ECS::TaskDefinition" => {
            let containers = properties.get("ContainerDefinitions").and_then(Value::as_array);
            let images = containers.into_iter().flatten().map(|container| container.get("Image"));
            images.flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// The place of code that has neither version nor digest; none where it has, or is in the template itself.
fn unpinned(place: &Value, parameters: &[Parameter]) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(|value| resolved(value, parameters));
    let member = |names: [&str; 2]| names.iter().find_map(|name| place.get(name));
    let key = text(member(["S3Key", "Key"]));
    if let Some(key) = key {
        let is_versioned = member(["S3ObjectVersion", "Version"]).is_some();
        let bucket = text(member(["S3Bucket", "Bucket"])).unwrap_or_else(|| "…".to_owned());
        return (!is_versioned && !names_its_digest(&key)).then(|| format!("s3://{bucket}/{key}"));
    }
    let whole = text(place.get("ImageUri").or(Some(place)))?;
    if let Some(rest) = whole.strip_prefix("s3://") {
        return (!rest.contains("versionId=") && !names_its_digest(rest)).then_some(whole);
    }
    // A path is packaged before it is deployed; an image has a registry or a tag.
    let is_image = place.get("ImageUri").is_some() || whole.contains(':') || whole.contains('/');
    (is_image && !whole.contains("@sha256:") && !whole.starts_with('.')).then_some(whole)
}

/// A text, or the value of the parameter that is meant.
fn resolved(value: &Value, parameters: &[Parameter]) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    if let Some(name) = value.get("Ref").and_then(Value::as_str) {
        let parameter = parameters
            .iter()
            .find(|parameter| parameter.parameter_key() == Some(name))?;
        return parameter
            .resolved_value()
            .or(parameter.parameter_value())
            .map(str::to_owned);
    }
    value.get("Fn::Sub").and_then(Value::as_str).map(str::to_owned)
}

/// Whether a file is called after its content.
fn names_its_digest(key: &str) -> bool {
    let file = key.rsplit('/').next().unwrap_or(key);
    let digits = file.chars().take_while(char::is_ascii_hexdigit).count();
    digits >= DIGEST_DIGITS
}

/// A template as JSON, nested no deeper than any other input; or why it cannot be read, as a sentence's end.
fn parsed(template: &str) -> Result<Value, String> {
    match input::document(template.as_bytes()) {
        Ok(value) => return Ok(value),
        Err(refused @ InputError::Refused(_)) => return Err(refused.to_string()),
        Err(InputError::NotJson(_)) => {}
    }
    let not_yaml = |error: ScanError| format!("it is neither JSON nor YAML: {}", error.info());
    let mut depth = 0_usize;
    // The events come one by one, whereas the loader goes as deep as the text does.
    for event in Parser::new_from_str(template) {
        let (event, _) = event.map_err(not_yaml)?;
        match event {
            // It may stand for many others, each of which stands for many.
            Event::Alias(_) => return Err("it has an alias, which CloudFormation does not take either".to_owned()),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                depth += 1;
                if depth > input::MAX_DEPTH {
                    return Err(format!("it is nested more than {} levels deep", input::MAX_DEPTH));
                }
            }
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let documents = Yaml::load_from_str(template).map_err(not_yaml)?;
    Ok(documents.first().map_or(Value::Null, json))
}

/// YAML as JSON, with CloudFormation's short forms as their long ones. What is no text is no name here, and neither is what
/// a library keeps for itself.
fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Value(Scalar::Boolean(is)) => Value::from(*is),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect()),
        Yaml::Mapping(members) => {
            let members = members
                .iter()
                .filter_map(|(name, value)| Some((name.as_str()?, value)))
                .filter(|(name, _)| !input::is_private_key(name))
                .map(|(name, value)| (name.to_owned(), json(value)));
            Value::Object(members.collect())
        }
        Yaml::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                "Ref" => "Ref".to_owned(),
                function => format!("Fn::{function}"),
            };
            Value::Object(Map::from_iter([(name, json(value))]))
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_without_a_version_are_found_and_others_are_not() {
        let template = r"
            A: '{{resolve:ssm:/shop/price}}'
            B: '{{resolve:ssm:/shop/price:3}}'
            C: '{{resolve:ssm-secure:/shop/key}}'
            D: '{{resolve:secretsmanager:shop:SecretString:password}}'
            E: '{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:shop-1:SecretString:password::v1}}'
            F: '{{resolve:ssm:/shop/price}} again'
            G: '{{resolve:ssm:open";
        let moving: Vec<String> = moving(template).into_iter().collect();
        let expected = [
            "{{resolve:secretsmanager:shop:SecretString:password}}",
            "{{resolve:ssm-secure:/shop/key}}",
            "{{resolve:ssm:/shop/price}}",
        ];
        assert_eq!(moving, expected);
    }

    #[test]
    fn code_without_version_or_digest_is_found_in_json_and_yaml() {
        let parameter = Parameter::builder()
            .parameter_key("Image")
            .parameter_value("shop:latest");
        let parameters = [parameter.build()];
        let yaml = r"
Resources:
  Plain: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b, S3Key: shop.zip}}}
  Versioned: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: b, S3Key: shop.zip, S3ObjectVersion: '3'}}}
  Inline: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: 'a: b/c'}}}
  Packaged: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://b/0123456789abcdef0123456789abcdef}}
  Loose: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://b/shop}}
  Local: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src}}
  Tagged:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Image: !Ref Image
        - Image: 1.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:0123
";
        let found: Vec<String> = code(yaml, &parameters).unwrap().into_iter().collect();
        assert_eq!(
            found,
            ["Loose (s3://b/shop)", "Plain (s3://b/shop.zip)", "Tagged (shop:latest)"]
        );
        let json = serde_json::to_string(&parsed(yaml).unwrap()).unwrap();
        let found: Vec<String> = code(&json, &parameters).unwrap().into_iter().collect();
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_template_that_is_not_read_is_told_whatever_its_form() {
        let block = "- ".repeat(20_000);
        let flow = format!("Deep: {}1{}", "[".repeat(64), "]".repeat(64));
        let deep = format!("{{\"Deep\": {}1{}}}", "[".repeat(64), "]".repeat(64));
        let obeyed = r#"{"$serde_json::private::RawValue": "{\"Resources\": {}}"}"#;
        for (template, why) in [
            (block.as_str(), "64 levels deep"),
            (flow.as_str(), "64 levels deep"),
            (deep.as_str(), "64 levels deep"),
            (obeyed, "keeps for itself"),
            ("a: &a [1]\nb: *a", "an alias"),
            ("a: [", "neither JSON nor YAML"),
        ] {
            let notes = notes(template, &[]);
            assert!(notes.len() == 1 && notes[0].contains(why), "{notes:?}");
        }
        for nothing in ["", "{}", "a: b"] {
            assert!(notes(nothing, &[]).is_empty(), "{nothing}");
        }
        let levels = format!("a: {}1{}", "[".repeat(63), "]".repeat(63));
        assert!(notes(&levels, &[]).is_empty());
    }
}
