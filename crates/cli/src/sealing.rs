//! Seals a value before it is sent, so that nobody on the way can read it.

use cc_devops_kernel::names::{AgentName, SecretName};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::sealed_values::{ALGORITHM, SealingKey, bound};
use crypto_box::aead::OsRng;
use serde_json::{Map, Value, json};

use crate::error::CliError;

/// A value as a request gives it: sealed to the key, for that agent and secret alone; as it is where there is no key.
pub(crate) fn put_value(
    params: &mut Map<String, Value>,
    key: Option<&SealingKey>,
    (agent, name): (&AgentName, &SecretName),
    value: &SecretValue,
) -> Result<(), CliError> {
    let Some(key) = key else {
        params.insert("value".to_owned(), json!(value.expose()));
        return Ok(());
    };
    if key.algorithm != ALGORITHM {
        return Err(CliError::Failed(format!(
            "the control plane wants values sealed in a way that this program does not know ({}): use its own version",
            key.algorithm
        )));
    }
    let sealed = key.seal(&mut OsRng, &bound(agent, name, value));
    let sealed = sealed.ok_or_else(|| CliError::Failed("the control plane's sealing key is none".to_owned()))?;
    params.insert("sealedValue".to_owned(), json!(sealed));
    params.insert("keyId".to_owned(), json!(key.key_id));
    Ok(())
}
