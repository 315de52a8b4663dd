//! Putting secrets: as the effect of a claimed request, or at once in the transaction that takes it in.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::engine::{ControlPlane, Received, conclusion};
use super::execution::to_value;
use super::outcome::{Failure, PutSecretResult};
use super::record::RequestHead;
use super::{Command, GivenValue, PutSecret};
use crate::names::{RequestId, SecretName, Stage};
use crate::ports::{Done, PortErrorKind, PortResult, SecretWrite, SecretWritten};
use crate::sealed_values::keeping::SealingKeeper;

/// What a write says beside its parameters.
struct Beside {
    token: String,
    stage: Stage,
}

impl ControlPlane {
    /// Writes the secret of a claimed request.
    pub(super) async fn put_secret(&self, attempt: u32, head: &RequestHead, put: &PutSecret) -> PortResult<Value> {
        let beside = self.beside(head, put);
        let write = self.write(head, put, &beside, attempt > 1);
        let written = self.ports.secrets.put(write).await?;
        Ok(result(&put.name, written))
    }

    /// Takes a request in and does it in one transaction, where the store can do that for its action
    /// and a policy lets it. None where it has to go the whole way: there it is refused, tried again
    /// or given up.
    pub(super) async fn do_at_once(&self, head: &RequestHead, command: &Command) -> PortResult<Option<Received>> {
        let (Some(at_once), Command::PutSecret(put)) = (&self.ports.at_once, command) else {
            return Ok(None);
        };
        let Ok(policies) = self.authorise(head, command, None).await? else {
            return Ok(None);
        };
        let Ok(put) = self.opened(put, head).await? else {
            return Ok(None);
        };
        let (own, name, clock) = (head.clone(), put.name.clone(), Arc::clone(&self.ports.clock));
        let detail = json!({"policies": policies});
        let conclude = move |written| {
            let outcome = Ok(result(&name, written));
            conclusion(&own, outcome, detail.clone(), None, clock.now())
        };
        let beside = self.beside(head, &put);
        let write = self.write(head, &put, &beside, false);
        match at_once.put_secret(head, write, Box::new(conclude)).await {
            Ok(Done::Now(completed)) => Ok(Some(Received::Concluded(completed))),
            Ok(Done::Known(record)) => self.repeat(record).await.map(Some),
            Ok(Done::Conflict) => self.refuse_conflict(head, self.now()).await.map(Some),
            Err(error) if error.kind == PortErrorKind::Refused => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The parameters with the value as it is to be written. A sealed one is opened here, when its secret is written,
    /// and nowhere else.
    pub(super) async fn opened(
        &self,
        put: &PutSecret<GivenValue>,
        head: &RequestHead,
    ) -> PortResult<Result<PutSecret, Failure>> {
        let value = match &put.value {
            GivenValue::Plain(value) => value.clone(),
            GivenValue::Sealed(sealed) => {
                let keeper = SealingKeeper::new(&self.ports);
                match keeper.open(sealed, &head.agent, &put.name).await? {
                    Ok(value) => value,
                    Err(failure) => return Ok(Err(failure)),
                }
            }
        };
        Ok(Ok(PutSecret {
            name: put.name.clone(),
            value,
            kms_key: put.kms_key.clone(),
        }))
    }

    fn beside(&self, head: &RequestHead, put: &PutSecret) -> Beside {
        Beside {
            token: effect_token(&head.id, &put.name),
            stage: self.stage_of(head),
        }
    }

    fn write<'a>(
        &self,
        head: &'a RequestHead,
        put: &'a PutSecret,
        beside: &'a Beside,
        may_be_repeat: bool,
    ) -> SecretWrite<'a> {
        SecretWrite {
            put,
            token: &beside.token,
            may_be_repeat,
            agent: &head.agent,
            stage: &beside.stage,
            at: self.now(),
        }
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
