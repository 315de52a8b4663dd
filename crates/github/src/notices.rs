//! GitHub's webhooks: is it GitHub who speaks, and did a workflow end.
//!
//! A notice can be sent again by anybody who saw it. That does no harm: it only makes the control plane look.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_core::names::SecretName;
use cc_devops_core::ports::{CodeHostNotices, PortError, PortErrorKind, PortResult, SecretStore, SecretVersion};
use cc_devops_core::secret::SecretValue;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// The header that holds the signature.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// The header that says what kind of notice it is.
pub const KIND_HEADER: &str = "x-github-event";

/// Reads the notices of a webhook. Its secret is read each time, and the one before it counts too, so that it
/// can be replaced without losing a notice.
pub struct Notices {
    secrets: Arc<dyn SecretStore>,
    name: SecretName,
}

impl Notices {
    /// Notices signed with the secret of this name.
    pub fn new(secrets: Arc<dyn SecretStore>, name: SecretName) -> Self {
        Self { secrets, name }
    }
}

#[derive(Deserialize)]
struct Notice {
    action: String,
    repository: Named,
}

#[derive(Deserialize)]
struct Named {
    full_name: String,
}

#[async_trait]
impl CodeHostNotices for Notices {
    fn signature_header(&self) -> &'static str {
        SIGNATURE_HEADER
    }

    async fn workflow_ended(&self, kind: &str, signature: Option<&str>, body: &[u8]) -> PortResult<Option<String>> {
        let mut secrets = Vec::new();
        for version in [SecretVersion::Current, SecretVersion::Previous] {
            let read = self.secrets.read(&self.name, version).await?;
            secrets.extend(read.map(|read| read.value));
        }
        if secrets.is_empty() {
            let message = format!(
                "the secret of GitHub's webhook is missing: put it under {} with `cc-devops put-secret`",
                self.name
            );
            return Err(PortError::new(PortErrorKind::NotFound, message));
        }
        if !signed(&secrets, signature, body) {
            let message = "the X-Hub-Signature-256 header does not fit: use the secret of this webhook, and send the \
                           body unchanged";
            return Err(PortError::new(PortErrorKind::Refused, message));
        }
        if kind != "workflow_run" {
            return Ok(None);
        }
        let notice: Notice = serde_json::from_slice(body).map_err(|error| {
            let message = "the signed body is no workflow_run event: choose the content type application/json";
            PortError::new(PortErrorKind::Refused, message).because(error)
        })?;
        Ok((notice.action == "completed").then_some(notice.repository.full_name))
    }
}

/// Whether one of the secrets signed this body, compared in constant time.
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
fn signed(secrets: &[SecretValue], signature: Option<&str>, body: &[u8]) -> bool {
    let Some(signature) = signature.and_then(|text| hex::decode(text.strip_prefix("sha256=")?).ok()) else {
        return false;
    };
    secrets.iter().any(|secret| {
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(&signature).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's own documentation.
    #[test]
    fn the_documented_signature_fits() {
        let secret = SecretValue::new("It's a Secret to Everybody".to_owned());
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let fits = |signature, body: &[u8]| signed(std::slice::from_ref(&secret), signature, body);
        assert!(fits(Some(signature), b"Hello, World!"));
        assert!(!fits(Some(signature), b"Hello, World"));
        assert!(!fits(Some(&signature[..60]), b"Hello, World!"));
        assert!(!fits(Some("sha1=00"), b"Hello, World!"));
        assert!(!fits(None, b"Hello, World!"));
    }
}
