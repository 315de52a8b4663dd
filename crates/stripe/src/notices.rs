//! Stripe's webhooks as the port has them: proven with the signing secret that is kept.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_core::names::SecretName;
use cc_devops_core::ports::{BillingNotices, PortError, PortErrorKind, PortResult, SecretStore, SecretVersion};
use jiff::Timestamp;

use crate::webhook::{self, SIGNATURE_HEADER};

/// Reads the notices of a webhook endpoint. Its signing secret is read each time, and the one before it
/// counts too, so that it can be replaced without losing a notice.
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

#[async_trait]
impl BillingNotices for Notices {
    fn signature_header(&self) -> &'static str {
        SIGNATURE_HEADER
    }

    async fn changes_revenue(&self, signature: Option<&str>, body: &[u8], at: Timestamp) -> PortResult<bool> {
        let mut secrets = Vec::new();
        for version in [SecretVersion::Current, SecretVersion::Previous] {
            let read = self.secrets.read(&self.name, version).await?;
            secrets.extend(read.map(|read| read.value));
        }
        if secrets.is_empty() {
            let message = format!(
                "the signing secret of Stripe's webhook is missing: put it under {} with `cc-devops put-secret`",
                self.name
            );
            return Err(PortError::new(PortErrorKind::NotFound, message));
        }
        let notice = webhook::read(&secrets, signature, body, at)
            .map_err(|error| PortError::new(PortErrorKind::Refused, error.to_string()))?;
        tracing::info!(event = %notice.id, kind = %notice.kind, "Stripe told of a change");
        Ok(notice.changes_the_report())
    }
}
