//! GitHub's webhooks: is it GitHub who speaks, and did a workflow end.
//!
//! A notice can be sent again by anybody who saw it. That does no harm: it only makes the control plane look.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::input;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult, SecretStore};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::signing::SigningSecrets;
use cc_devops_repos::ports::CodeHostNotices;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// The header that holds the signature.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// The header that says what kind of notice it is.
pub const KIND_HEADER: &str = "x-github-event";

/// The notice that is acted on.
const WORKFLOW_RUN: &str = "workflow_run";

/// What GitHub sends when the webhook is made: its answer shows whether the secret is right.
const PING: &str = "ping";

/// Reads the notices of a webhook. The secret before the current one counts too, so that it can be replaced
/// without losing a notice.
pub struct Notices(SigningSecrets);

impl Notices {
    /// Notices signed with the secret of this name.
    pub fn new(secrets: Arc<dyn SecretStore>, name: SecretName, clock: Arc<dyn Clock>) -> Self {
        Self(SigningSecrets::new(secrets, name, clock))
    }
}

/// Why a notice is not GitHub's, or cannot be shown to be.
enum Unproven {
    NoSecret,
    Mismatch,
}

fn mismatch() -> PortError {
    let message = "the X-Hub-Signature-256 header does not fit: use the secret of this webhook, and send the body \
                   unchanged";
    PortError::new(PortErrorKind::Refused, message)
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

    fn wants(&self, kind: &str) -> bool {
        [WORKFLOW_RUN, PING].contains(&kind)
    }

    fn admits(&self, signature: Option<&str>) -> PortResult<()> {
        decoded(signature).map(drop).ok_or_else(mismatch)
    }

    async fn workflow_ended(&self, kind: &str, signature: Option<&str>, body: &[u8]) -> PortResult<Option<String>> {
        let signature = decoded(signature).ok_or_else(mismatch)?;
        let proven = self.0.prove(|secrets| {
            if secrets.is_empty() {
                Err(Unproven::NoSecret)
            } else if signed(secrets, &signature, body) {
                Ok(())
            } else {
                Err(Unproven::Mismatch)
            }
        });
        proven.await?.map_err(|unproven| match unproven {
            Unproven::Mismatch => mismatch(),
            Unproven::NoSecret => PortError::new(
                PortErrorKind::NotFound,
                format!(
                    "the secret of GitHub's webhook is missing: put it under {} with `cc-devops put-secret`",
                    self.0.name()
                ),
            ),
        })?;
        if kind != WORKFLOW_RUN {
            return Ok(None);
        }
        let notice: Notice = input::typed(body).map_err(|error| {
            let message = "the signed body is no workflow_run event: choose the content type application/json";
            PortError::new(PortErrorKind::Refused, message).because(error)
        })?;
        Ok((notice.action == "completed").then_some(notice.repository.full_name))
    }
}

/// The signature's bytes, where it has its form: `sha256=` and 64 hex digits.
fn decoded(signature: Option<&str>) -> Option<[u8; 32]> {
    hex::decode(signature?.strip_prefix("sha256=")?).ok()?.try_into().ok()
}

/// Whether one of the secrets signed this body, compared in constant time.
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
fn signed(secrets: &[SecretValue], signature: &[u8; 32], body: &[u8]) -> bool {
    secrets.iter().any(|secret| {
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
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
        let fits = |signature, body: &[u8]| {
            decoded(signature).is_some_and(|signature| signed(std::slice::from_ref(&secret), &signature, body))
        };
        assert!(fits(Some(signature), b"Hello, World!"));
        assert!(!fits(Some(signature), b"Hello, World"));
        assert!(!fits(Some(&signature[..60]), b"Hello, World!"));
        assert!(!fits(Some("sha1=00"), b"Hello, World!"));
        assert!(!fits(None, b"Hello, World!"));
    }
}
