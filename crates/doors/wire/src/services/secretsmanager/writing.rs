//! PutSecretValue, CreateSecret and UpdateSecret.

use std::collections::BTreeMap;

use cc_devops_http::access::UseSecrets;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::SecretTarget;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::secret_edits::{EditSecretError, SecretEdit};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{CURRENT, faults, ids, label};
use crate::fault::{Failed, Fault};
use crate::operation::Call;

/// How many tags a secret may have, as in Secrets Manager.
const MOST_TAGS: usize = 50;

/// Why bytes are refused.
const TEXT_ALONE: &str = "a secret is text here. Put it in SecretString, bytes as base64";

/// A tag of a secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    key: Option<String>,
    value: Option<String>,
}

impl From<(String, String)> for Tag {
    fn from((key, value): (String, String)) -> Self {
        Self {
            key: Some(key),
            value: Some(value),
        }
    }
}

/// A value as it came; it is nowhere but in a [`SecretValue`] from here on.
fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretValue>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretValue::new))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    #[serde(default, deserialize_with = "value")]
    secret_binary: Option<SecretValue>,
    #[serde(default, deserialize_with = "value")]
    secret_string: Option<SecretValue>,
    version_stages: Option<Vec<String>>,
    #[serde(default, deserialize_with = "value")]
    rotation_token: Option<SecretValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateSecret {
    name: String,
    client_request_token: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default, deserialize_with = "value")]
    secret_binary: Option<SecretValue>,
    #[serde(default, deserialize_with = "value")]
    secret_string: Option<SecretValue>,
    tags: Option<Vec<Tag>>,
    add_replica_regions: Option<Vec<serde_json::Value>>,
    r#type: Option<String>,
    #[serde(rename = "CrossAccountPrimaryARN")]
    cross_account_primary_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateSecret {
    secret_id: String,
    client_request_token: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default, deserialize_with = "value")]
    secret_binary: Option<SecretValue>,
    #[serde(default, deserialize_with = "value")]
    secret_string: Option<SecretValue>,
    r#type: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Written {
    #[serde(rename = "ARN")]
    arn: String,
    name: SecretName,
    /// None where no version was given.
    version_id: Option<String>,
    /// None where newer versions have taken its place.
    version_stages: Option<[&'static str; 1]>,
}

pub(super) async fn put_secret_value(call: Call, input: PutSecretValue) -> Result<Written, Failed> {
    no_bytes(input.secret_binary.as_ref())?;
    if input.rotation_token.is_some() {
        return Err(faults::not_here("RotationToken", "nothing rotates secrets here but who writes them").into());
    }
    if input
        .version_stages
        .is_some_and(|stages| stages.iter().any(|stage| stage != CURRENT))
    {
        let sentence = "a new version is AWSCURRENT, and the one before AWSPREVIOUS; there are no other labels";
        return Err(faults::not_here("other VersionStages than AWSCURRENT", sentence).into());
    }
    let Some(value) = input.secret_string else {
        return Err(faults::no_value().into());
    };
    let edit = SecretEdit {
        name: ids::name_of(&input.secret_id)?,
        target: SecretTarget::Existing,
        value: Some(value),
        version_id: token(input.client_request_token),
        description: None,
        tags: None,
        kms_key: None,
    };
    let id = edit.version_id.clone();
    // Its stages are those of the version that was given, a late repeat's too.
    Ok(Written {
        version_id: Some(id),
        ..write(&call, edit).await?
    })
}

pub(super) async fn create_secret(call: Call, input: CreateSecret) -> Result<Written, Failed> {
    no_bytes(input.secret_binary.as_ref())?;
    no_kind(input.r#type.as_deref())?;
    if input.add_replica_regions.is_some() || input.cross_account_primary_arn.is_some() {
        return Err(faults::not_here("replicas", "a secret is kept in one place").into());
    }
    ids::check_letters(&input.name)?;
    let name = SecretName::new(input.name).map_err(|error| faults::invalid(format!("Invalid name: {error}")))?;
    let edit = SecretEdit {
        name,
        target: SecretTarget::New,
        value: input.secret_string,
        version_id: token(input.client_request_token),
        description: input.description.filter(|description| !description.is_empty()),
        tags: input.tags.map(tags).transpose()?.filter(|tags| !tags.is_empty()),
        kms_key: input.kms_key_id.filter(|key| !key.is_empty()),
    };
    write(&call, edit).await
}

pub(super) async fn update_secret(call: Call, input: UpdateSecret) -> Result<Written, Failed> {
    no_bytes(input.secret_binary.as_ref())?;
    no_kind(input.r#type.as_deref())?;
    let edit = SecretEdit {
        name: ids::name_of(&input.secret_id)?,
        target: SecretTarget::Existing,
        value: input.secret_string,
        version_id: token(input.client_request_token),
        description: input.description,
        tags: None,
        kms_key: input.kms_key_id.filter(|key| !key.is_empty()),
    };
    write(&call, edit).await
}

/// Writes it, and says what was written in Secrets Manager's words: with the id of the version that is current now, which is
/// another one than was given where that is a late repeat.
async fn write(call: &Call, edit: SecretEdit) -> Result<Written, Failed> {
    let written = call.permitted::<UseSecrets>()?.edit(&edit).await;
    let arn = ids::arn(call, &edit.name);
    let edited = written.map_err(|error| match error {
        EditSecretError::Denied(sentence) => Failed::from(Problem::denied(sentence)),
        EditSecretError::Invalid(sentence) => faults::invalid(sentence).into(),
        EditSecretError::Exists => faults::exists(edit.name.as_str()).into(),
        EditSecretError::Missing => faults::no_secret().into(),
        EditSecretError::IdTaken => faults::token_used(&edit.version_id, &arn).into(),
        EditSecretError::Port(error) => error.into(),
    })?;
    Ok(Written {
        arn,
        name: edit.name,
        version_id: edited.newest,
        version_stages: edited.version.map(|version| [label(version)]),
    })
}

fn no_bytes(bytes: Option<&SecretValue>) -> Result<(), Fault> {
    match bytes {
        Some(_) => Err(faults::not_here("SecretBinary", TEXT_ALONE)),
        None => Ok(()),
    }
}

/// A secret of some partner's form, which a function of theirs rotates.
fn no_kind(kind: Option<&str>) -> Result<(), Fault> {
    match kind {
        Some(kind) if !kind.is_empty() => Err(faults::not_here("Type", "a secret is a text of any form here")),
        _ => Ok(()),
    }
}

/// The id of the version: the token, which SDKs make where their caller does not.
fn token(given: Option<String>) -> String {
    given.unwrap_or_else(|| Uuid::now_v7().to_string())
}

fn tags(given: Vec<Tag>) -> Result<BTreeMap<String, String>, Fault> {
    if given.len() > MOST_TAGS {
        return Err(faults::invalid(format!("a secret has at most {MOST_TAGS} tags")));
    }
    let mut tags = BTreeMap::new();
    for Tag { key, value } in given {
        let Some(key) = key else {
            return Err(faults::invalid("a tag needs its Key"));
        };
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(faults::invalid(
                "a tag whose key begins with `aws:` is AWS's own: choose another key",
            ));
        }
        if tags.contains_key(&key) {
            return Err(faults::invalid(format!("the tag {key} is given twice: give it once")));
        }
        tags.insert(key, value.unwrap_or_default());
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: Option<&str>) -> Tag {
        Tag {
            key: Some(key.to_owned()),
            value: value.map(str::to_owned),
        }
    }

    #[test]
    fn tags_stand_by_their_keys() {
        let read = tags(vec![tag("team", Some("billing")), tag("cost", None)]).unwrap();
        let read: Vec<(&str, &str)> = read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(read, [("cost", ""), ("team", "billing")]);
    }

    #[test]
    fn tags_that_could_not_be_are_refused_in_words() {
        let nameless = Tag { key: None, value: None };
        let many = (0..51).map(|number| tag(&format!("t{number}"), None)).collect();
        for (given, word) in [
            (vec![tag("a", None), tag("a", None)], "twice"),
            (vec![tag("AWS:x", None)], "`aws:`"),
            (vec![nameless], "Key"),
            (many, "at most 50"),
        ] {
            let fault = tags(given).unwrap_err();
            assert_eq!(fault.code, "InvalidParameterException");
            assert!(fault.message.contains(word), "{}", fault.message);
        }
    }

    #[test]
    fn a_version_without_a_token_has_an_id_of_the_length_that_ids_have() {
        assert!((32..=64).contains(&token(None).len()));
        assert_ne!(token(None), token(None));
        assert_eq!(token(Some("t".repeat(32))), "t".repeat(32));
    }
}
