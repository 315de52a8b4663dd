//! Reading a secret: the policies decide, and every attempt is on record before a value is handed out.

use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_policy::Access;
use serde_json::json;

use crate::engine::ControlPlane;
use crate::ports::{PortError, SecretRead, SecretVersion};

/// Why a secret was not handed out.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// No policy permits it.
    #[error("{0}")]
    Denied(String),
    /// There is no such secret, or no such version of it.
    #[error("there is no such secret, or it has no such version")]
    NotFound,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ControlPlane {
    /// Hands a secret's value to an agent that may have it. Every attempt is on record first.
    pub async fn read_secret(
        &self,
        agent: &Agent,
        name: &SecretName,
        version: SecretVersion,
    ) -> Result<SecretRead, ReadSecretError> {
        let access = Access::ReadSecret { name: name.clone() };
        let decision = self.policy.decide(agent, &access);
        let found = if decision.allowed {
            self.ports.secrets.read(name, version).await?
        } else {
            None
        };
        let mut detail = json!({"policies": decision.policies});
        if let (Some(read), Some(fields)) = (&found, detail.as_object_mut()) {
            fields.insert("versionId".to_owned(), json!(read.version_id));
        }
        let entry = AuditEntry {
            at: self.now(),
            principal: Some(agent.name.clone()),
            agent: Some(agent.name.clone()),
            action: actions::SECRET_READ.to_owned(),
            request_id: None,
            stage: None,
            resource: Some(name.to_string()),
            status: if found.is_some() {
                Status::Success
            } else {
                Status::Error
            },
            reason: (!decision.allowed).then_some(Reason::SecurityViolation),
            detail,
        };
        self.ports.audit.append(&entry).await?;
        if !decision.allowed {
            return Err(ReadSecretError::Denied(decision.refusal(&agent.name, &access)));
        }
        found.ok_or(ReadSecretError::NotFound)
    }
}
