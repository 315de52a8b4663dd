//! The parameters of each action. A parameter nobody knows is refused: a typo must not be taken
//! for a default.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::kind;
use crate::installation::Installation;
use crate::names::{NameError, SecretName, StackName, Stage};
use crate::requests::outcome::{Failure, Reason};
use crate::requests::{DeployLambda, GivenValue, MAX_SECRET_BYTES, PutSecret, Template};
use crate::sealed_values::SealedValue;
use crate::secret::SecretValue;

/// CloudFormation's limits.
const MAX_TEMPLATE_BYTES: usize = 51_200;
const MAX_URL_BYTES: usize = 5_120;
const MAX_PARAMETERS: usize = 200;
const MAX_PARAMETER_BYTES: usize = 4_096;
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
/// The longest key id, alias or ARN that KMS takes.
const MAX_KMS_KEY: usize = 2_048;

pub(super) fn put_secret(
    params: Map<String, Value>,
    installation: &Installation,
) -> Result<PutSecret<GivenValue>, Failure> {
    let mut params = Params {
        action: "putSecret",
        known: &["name", "value", "sealedValue", "keyId", "kmsKey"],
        left: params,
    };
    params.refuse_unknown()?;
    let name = SecretName::new(params.required("name")?).map_err(broken_name)?;
    let namespace = installation.namespace.as_str();
    if name.namespace() != namespace {
        return Err(invalid(format!("the secret's name must lie under `/{namespace}/`")));
    }
    let value = given_value(&mut params)?;
    let kms_key = params.optional("kmsKey")?;
    if kms_key
        .as_ref()
        .is_some_and(|key| key.is_empty() || key.len() > MAX_KMS_KEY)
    {
        return Err(invalid(format!("`kmsKey` must have 1 to {MAX_KMS_KEY} bytes")));
    }
    Ok(PutSecret { name, value, kms_key })
}

/// The value: as it is, or sealed.
fn given_value(params: &mut Params) -> Result<GivenValue, Failure> {
    let missing = |message: &str| Err(Failure::new(Reason::MissingParameter, message));
    let (plain, sealed) = (params.optional("value")?, params.optional("sealedValue")?);
    let value = match (plain, sealed, params.optional("keyId")?) {
        (Some(_), Some(_), _) => return Err(invalid("give `value` or `sealedValue`, not both")),
        (Some(_), None, Some(_)) => {
            return Err(invalid(
                "`keyId` goes with `sealedValue`; a `value` that is not sealed has none",
            ));
        }
        (None, Some(sealed), Some(key_id)) => return SealedValue::read(&sealed, key_id).map(GivenValue::Sealed),
        (None, Some(_), None) => return missing("`sealedValue` needs `params.keyId`, the key it was sealed to"),
        (None, None, Some(_)) => return missing("`keyId` needs `params.sealedValue`, what was sealed to that key"),
        (None, None, None) => {
            return missing("putSecret needs `params.value`, or `params.sealedValue` with `params.keyId`");
        }
        (Some(value), None, None) => SecretValue::new(value),
    };
    if value.is_empty() {
        return Err(invalid("`value` is empty; a secret has at least one byte"));
    }
    if value.len() > MAX_SECRET_BYTES {
        return Err(invalid(format!(
            "`value` has {} bytes; at most {MAX_SECRET_BYTES} are allowed",
            value.len()
        )));
    }
    Ok(GivenValue::Plain(value))
}

pub(super) fn deploy_lambda(
    params: Map<String, Value>,
    stage: Stage,
    installation: &Installation,
) -> Result<DeployLambda, Failure> {
    let known = &[
        "stackName",
        "stage",
        "templateUrl",
        "templateBody",
        "parameters",
        "capabilities",
        "tags",
    ];
    let mut params = Params {
        action: "deployLambda",
        known,
        left: params,
    };
    params.refuse_unknown()?;
    let stack = StackName::new(params.required("stackName")?).map_err(broken_name)?;
    let stage = match params.optional("stage")? {
        Some(name) => installation.stages.find(&name).map_err(invalid)?,
        None => stage,
    };
    let template = match (params.optional("templateUrl")?, params.optional("templateBody")?) {
        (Some(_), Some(_)) => return Err(invalid("give `templateUrl` or `templateBody`, not both")),
        (Some(url), None) => {
            if !url.starts_with("https://") || url.len() > MAX_URL_BYTES {
                return Err(invalid(format!(
                    "`templateUrl` must be an https address of at most {MAX_URL_BYTES} bytes"
                )));
            }
            Some(Template::Url(url))
        }
        (None, Some(body)) => {
            if body.is_empty() || body.len() > MAX_TEMPLATE_BYTES {
                return Err(invalid(format!(
                    "`templateBody` must have 1 to {MAX_TEMPLATE_BYTES} bytes; put a larger one where `templateUrl` can name it"
                )));
            }
            Some(Template::Body(body))
        }
        (None, None) => None,
    };
    let parameters = params.texts("parameters")?;
    check_parameters(&parameters)?;
    let capabilities = params.list("capabilities")?;
    if !capabilities.iter().all(|c| CAPABILITIES.contains(&c.as_str())) {
        let known = CAPABILITIES.join(", ");
        return Err(invalid(format!(
            "`capabilities` names one that does not exist; use: {known}"
        )));
    }
    let tags = params.texts("tags")?;
    let tag_fits = |(key, value): (&String, &String)| {
        (1..=MAX_TAG_KEY).contains(&key.chars().count()) && value.chars().count() <= MAX_TAG_VALUE
    };
    if tags.len() > MAX_TAGS || !tags.iter().all(tag_fits) {
        return Err(invalid(format!(
            "`tags` may hold {MAX_TAGS} tags, with keys of 1 to {MAX_TAG_KEY} and values of at most {MAX_TAG_VALUE} characters"
        )));
    }
    Ok(DeployLambda {
        stack,
        stage,
        template,
        parameters,
        capabilities,
        tags,
    })
}

fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), Failure> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(invalid(format!(
            "`parameters` has {} entries; at most {MAX_PARAMETERS} are allowed",
            parameters.len()
        )));
    }
    for (name, value) in parameters {
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= 255;
        if !named {
            return Err(invalid(
                "the names in `parameters` must be a letter, then letters, digits and `_`, 255 at most",
            ));
        }
        if value.len() > MAX_PARAMETER_BYTES || value.contains('\0') {
            return Err(invalid(format!(
                "the value of `parameters.{name}` must have at most {MAX_PARAMETER_BYTES} bytes and no NUL"
            )));
        }
    }
    Ok(())
}

pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(Reason::InvalidParameter, message)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn broken_name(error: NameError) -> Failure {
    invalid(error.to_string())
}

pub(super) fn wrong_type(name: &str, wanted: &str, value: &Value) -> Failure {
    Failure::new(
        Reason::SchemaValidationFailed,
        format!("`params.{name}` must be {wanted}, not {}", kind(value)),
    )
}

/// The parameters not yet read. JSON null counts as absent.
pub(super) struct Params {
    pub(super) action: &'static str,
    pub(super) known: &'static [&'static str],
    pub(super) left: Map<String, Value>,
}

impl Params {
    pub(super) fn refuse_unknown(&self) -> Result<(), Failure> {
        match self.left.keys().find(|name| !self.known.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let unknown: String = unknown.chars().take(64).collect();
                let known = self.known.join(", ");
                Err(invalid(format!(
                    "{} has no parameter {unknown:?}; it takes: {known}",
                    self.action
                )))
            }
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "a string", &other)),
        }
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, Failure> {
        self.optional(name)?.ok_or_else(|| {
            Failure::new(
                Reason::MissingParameter,
                format!("{} needs `params.{name}`", self.action),
            )
        })
    }

    /// An object of texts; numbers and booleans are taken as their JSON text.
    pub(super) fn texts(&mut self, name: &str) -> Result<BTreeMap<String, String>, Failure> {
        let entries = match self.take(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(entries)) => entries,
            Some(other) => return Err(wrong_type(name, "an object", &other)),
        };
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
            other => Err(wrong_type(name, "an object of strings", &other)),
        };
        entries
            .into_iter()
            .map(|(key, value)| Ok((key, text(value)?)))
            .collect()
    }

    fn list(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let entries = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(entries)) => entries,
            Some(other) => return Err(wrong_type(name, "an array", &other)),
        };
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            other => Err(wrong_type(name, "an array of strings", &other)),
        };
        entries.into_iter().map(text).collect()
    }
}
