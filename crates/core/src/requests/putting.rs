//! Writing a secret: what is sealed is opened here, at the moment it is written.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::engine::ControlPlane;
use super::execution::{Broke, Ended, Executed, in_effect, refused, to_value};
use super::outcome::{Failure, PutSecretResult};
use super::record::RequestHead;
use super::{GivenValue, PutSecret};
use crate::names::{RequestId, SecretName};
use crate::ports::{PortResult, SecretWrite};
use crate::sealed_values::keeping::SealingKeeper;

impl ControlPlane {
    pub(super) async fn put_secret(
        &self,
        attempt: u32,
        head: &RequestHead,
        put: PutSecret<GivenValue>,
        detail: Value,
    ) -> Result<Executed, Broke> {
        let put = match self.opened(put, head).await? {
            Ok(put) => put,
            Err(failure) => return Ok(refused(failure, detail)),
        };
        let token = effect_token(&head.id, &put.name);
        let stage = self.stage_of(head);
        let write = SecretWrite {
            put: &put,
            token: &token,
            may_be_repeat: attempt > 1,
            agent: &head.agent,
            stage: &stage,
            at: self.now(),
        };
        let written = self.ports.secrets.put(write).await.map_err(in_effect)?;
        let result = PutSecretResult {
            secret_name: put.name.to_string(),
            action: written.action,
            arn: written.arn,
            version_id: written.version_id,
        };
        Ok(Executed::Ended(Ended::with(Ok(to_value(&result)), detail)))
    }

    /// The parameters with the value as it is to be written. A sealed one is opened here and nowhere else.
    async fn opened(&self, put: PutSecret<GivenValue>, head: &RequestHead) -> PortResult<Result<PutSecret, Failure>> {
        let PutSecret { name, value, kms_key } = put;
        let value = match value {
            GivenValue::Plain(value) => value,
            GivenValue::Sealed(sealed) => {
                let keeper = SealingKeeper::new(&self.ports);
                match keeper.open(&sealed, &head.agent, &name).await? {
                    Ok(value) => value,
                    Err(failure) => return Ok(Err(failure)),
                }
            }
        };
        Ok(Ok(PutSecret { name, value, kms_key }))
    }
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
