//! Stripe's webhooks as the port has them: proven with the signing secret that is kept.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult, SecretStore};
use cc_devops_kernel::signing::SigningSecrets;
use cc_devops_revenue::ports::BillingNotices;
use jiff::Timestamp;

use crate::webhook::{self, NotFromStripe, SIGNATURE_HEADER};

/// Reads the notices of a webhook endpoint. The signing secret before the current one counts too, so that it
/// can be replaced without losing a notice.
pub struct Notices(SigningSecrets);

impl Notices {
    /// Notices signed with the secret of this name.
    pub fn new(secrets: Arc<dyn SecretStore>, name: SecretName, clock: Arc<dyn Clock>) -> Self {
        Self(SigningSecrets::new(secrets, name, clock))
    }
}

fn refused(error: NotFromStripe) -> PortError {
    PortError::new(PortErrorKind::Refused, error.to_string())
}

#[async_trait]
impl BillingNotices for Notices {
    fn signature_header(&self) -> &'static str {
        SIGNATURE_HEADER
    }

    fn admits(&self, signature: Option<&str>, at: Timestamp) -> PortResult<()> {
        webhook::admit(signature, at).map_err(refused)
    }

    async fn changes_revenue(&self, signature: Option<&str>, body: &[u8], at: Timestamp) -> PortResult<bool> {
        self.admits(signature, at)?;
        // None where there is no secret to prove anything with.
        let proven = self.0.prove(|secrets| match secrets {
            [] => Err(None),
            secrets => webhook::read(secrets, signature, body, at).map_err(Some),
        });
        let notice = proven.await?.map_err(|error| match error {
            Some(error) => refused(error),
            None => PortError::new(
                PortErrorKind::NotFound,
                format!(
                    "the signing secret of Stripe's webhook is missing: put it under {} with `cc-devops put-secret`",
                    self.0.name()
                ),
            ),
        })?;
        tracing::info!(event = %notice.id, kind = %notice.kind, "Stripe told of a change");
        Ok(notice.changes_the_report())
    }
}
