//! `putSecret`: writes a secret's next version, as the effect of a claimed request or at once in the transaction that
//! takes it in.

use std::sync::Arc;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{RequestId, SecretName, Stage};
use cc_devops_kernel::outcome::{Failure, PutSecretResult, Reason, to_value};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_policy::{On, Resource};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::action::{Action, Asked, Carrying};
use super::effect::{Arrival, Effect, EffectContext, EffectError, EffectProgress, in_effect};
use super::params::{Kind, Param, Params, broken_name, invalid};
use crate::conclusion::conclusion;
use crate::effects::{MAX_SECRET_BYTES, PutSecret};
use crate::ports::{Done, PortErrorKind, PortResult, Ports, SecretWrite, SecretWritten};
use crate::record::RequestHead;
use crate::sealed_values::SealedValue;
use crate::sealed_values::keeping::SealingKeeper;

/// The longest key id, alias or ARN that KMS takes.
const MAX_KMS_KEY: usize = 2_048;

/// `putSecret`.
pub static ACTION: Action = Action {
    name: "putSecret",
    summary: "Writes the next version of a secret. The current and the previous version are kept, older ones for a day.",
    params: &[
        Param {
            name: "name",
            rule: "required: a path under `/<namespace>/`, at most 512 characters of `A-Z a-z 0-9 / _ + = . @ -`, no \
                   empty, `.` or `..` segment",
            kind: Kind::Text,
        },
        Param {
            name: "value",
            rule: "a string of 1 to 65,536 bytes; this, or the next two",
            kind: Kind::Text,
        },
        Param {
            name: "sealedValue",
            rule: "the value sealed, in base64, in `value`'s place: see [Sealed values](#sealed-values)",
            kind: Kind::Text,
        },
        Param {
            name: "keyId",
            rule: "with `sealedValue`, and only then: the key it was sealed to",
            kind: Kind::Text,
        },
        Param {
            name: "kmsKey",
            rule: "optional, 1 to 2,048 bytes; the embedded backend encrypts with its own key and ignores it",
            kind: Kind::Text,
        },
    ],
    on: On::Secret,
    staged: true,
    carrying: Carrying::AtOnce,
    read,
};

/// A secret's value as a request gives it.
#[derive(Clone)]
pub enum GivenValue {
    /// As it is.
    Plain(SecretValue),
    /// Sealed by whoever asks. It is opened when it is written, and not before.
    Sealed(SealedValue),
}

fn read(mut params: Params, asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let name = SecretName::new(params.required("name")?).map_err(broken_name)?;
    check_name(&name, asked.installation)?;
    let value = given_value(&mut params)?;
    let kms_key = params.optional("kmsKey")?;
    if kms_key
        .as_ref()
        .is_some_and(|key| key.is_empty() || key.len() > MAX_KMS_KEY)
    {
        return Err(invalid(format!("`kmsKey` must have 1 to {MAX_KMS_KEY} bytes")));
    }
    Ok(Box::new(PutSecret { name, value, kms_key }))
}

/// What is asked of the name of a secret that is written.
pub(crate) fn check_name(name: &SecretName, installation: &Installation) -> Result<(), Failure> {
    let namespace = installation.namespace.as_str();
    if name.namespace() != namespace {
        return Err(invalid(format!("the secret's name must lie under `/{namespace}/`")));
    }
    Ok(())
}

/// What is asked of its value, which whoever gave it knows by `called`.
pub(crate) fn check_value(called: &str, value: &SecretValue) -> Result<(), Failure> {
    if value.is_empty() {
        return Err(invalid(format!("{called} is empty; a secret has at least one byte")));
    }
    if value.len() > MAX_SECRET_BYTES {
        return Err(invalid(format!(
            "{called} has {} bytes; at most {MAX_SECRET_BYTES} are allowed",
            value.len()
        )));
    }
    Ok(())
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
    check_value("`value`", &value)?;
    Ok(GivenValue::Plain(value))
}

impl Effect for PutSecret<GivenValue> {
    fn resource(&self) -> Resource {
        Resource::Secret(self.name.clone())
    }

    fn carry_out<'a>(&'a self, context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>> {
        async move {
            let put = match opened(self, context.ports, context.head).await? {
                Ok(put) => put,
                Err(failure) => return Ok(EffectProgress::refused(failure)),
            };
            let token = effect_token(&context.head.id, &put.name);
            let beside = Beside {
                token: &token,
                stage: context.stage,
                may_be_repeat: context.claim.attempt > 1,
            };
            let write = write(&put, context.ports, context.head, beside);
            let written = context.ports.secrets.put(write).await.map_err(in_effect)?;
            Ok(EffectProgress::done(result(&put.name, written)))
        }
        .boxed()
    }

    fn at_once<'a>(&'a self, arrival: Arrival<'a>) -> BoxFuture<'a, PortResult<Option<Done>>> {
        async move {
            let Arrival {
                ports,
                head,
                stage,
                detail,
            } = arrival;
            let Some(at_once) = &ports.at_once else {
                return Ok(None);
            };
            let Ok(put) = opened(self, ports, head).await? else {
                return Ok(None);
            };
            let (own, name, clock) = (head.clone(), put.name.clone(), Arc::clone(&ports.clock));
            let conclude = move |written| {
                let outcome = Ok(result(&name, written));
                conclusion(&own, outcome, detail.clone(), None, clock.now())
            };
            let token = effect_token(&head.id, &put.name);
            let beside = Beside {
                token: &token,
                stage,
                may_be_repeat: false,
            };
            let write = write(&put, ports, head, beside);
            match at_once.put_secret(head, write, Box::new(conclude)).await {
                Ok(done) => Ok(Some(done)),
                Err(error) if error.kind == PortErrorKind::Refused => Ok(None),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }
}

/// The parameters with the value as it is to be written. A sealed one is opened here, when its secret is written,
/// and nowhere else.
async fn opened(
    put: &PutSecret<GivenValue>,
    ports: &Ports,
    head: &RequestHead,
) -> PortResult<Result<PutSecret, Failure>> {
    let value = match &put.value {
        GivenValue::Plain(value) => value.clone(),
        GivenValue::Sealed(sealed) => match SealingKeeper::new(ports).open(sealed, &head.agent, &put.name).await? {
            Ok(value) => value,
            Err(failure) => return Ok(Err(failure)),
        },
    };
    Ok(Ok(PutSecret {
        name: put.name.clone(),
        value,
        kms_key: put.kms_key.clone(),
    }))
}

/// What a write says beside its parameters.
#[derive(Clone, Copy)]
struct Beside<'a> {
    token: &'a str,
    stage: &'a Stage,
    may_be_repeat: bool,
}

fn write<'a>(put: &'a PutSecret, ports: &Ports, head: &'a RequestHead, beside: Beside<'a>) -> SecretWrite<'a> {
    SecretWrite {
        put,
        token: beside.token,
        may_be_repeat: beside.may_be_repeat,
        agent: &head.agent,
        stage: beside.stage,
        at: ports.clock.now(),
    }
}

fn result(name: &SecretName, written: SecretWritten) -> Value {
    to_value(&PutSecretResult {
        secret_name: name.to_string(),
        action: written.action,
        arn: written.arn,
        version_id: written.version_id,
    })
}

/// The idempotency token of an effect: hex SHA-256 of the request's id and the secret's name.
fn effect_token(id: &RequestId, name: &SecretName) -> String {
    let mut hasher = Sha256::new();
    hasher.update(id.as_str());
    hasher.update(b"\n");
    hasher.update(name.as_str());
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_hex_digits_and_depends_on_both() {
        let id = |text: &str| RequestId::new(text).unwrap();
        let name = |text: &str| SecretName::new(text).unwrap();
        let token = effect_token(&id("r1"), &name("/contentcraft/a/b"));
        assert_eq!(token.len(), 64);
        assert_ne!(token, effect_token(&id("r2"), &name("/contentcraft/a/b")));
        assert_ne!(token, effect_token(&id("r1"), &name("/contentcraft/a/c")));
    }
}
