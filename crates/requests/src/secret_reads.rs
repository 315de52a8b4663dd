//! Reading a secret: the policies decide, and every attempt is on record before a value is handed out.

use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_policy::Access;
use serde_json::json;

use crate::engine::ControlPlane;
use crate::ports::{PortError, PortResult, SecretRead, SecretVersion};

/// Which version of a secret is wanted; where both are given, one that is both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WantedVersion<'a> {
    /// The one of this id.
    pub id: Option<&'a str>,
    /// The newest, or the one before; the newest where nothing is given.
    pub version: Option<SecretVersion>,
}

/// Why a secret was not handed out.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// No policy permits it.
    #[error("{0}")]
    Denied(String),
    /// There is no such secret, or no such version of it.
    #[error("there is no such secret, or it has no such version")]
    NotFound,
    /// The version of that id is not the one that was named beside it.
    #[error("the version of that id is another one than was asked for")]
    AnotherVersion,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ControlPlane {
    /// Hands a secret's value to an agent that may have it. Every attempt is on record first.
    ///
    /// # Errors
    /// No policy permits it; there is no such secret or version; what the store or the trail says.
    pub async fn read_secret(
        &self,
        agent: &Agent,
        name: &SecretName,
        version: SecretVersion,
    ) -> Result<SecretRead, ReadSecretError> {
        let wanted = WantedVersion {
            id: None,
            version: Some(version),
        };
        let (_, read) = self.read_secret_by((agent, Door::Api), name, wanted).await?;
        Ok(read)
    }

    /// The same for an agent that came in by a door, of a version that may be named by its id; which one it is, unless
    /// newer ones have taken its place.
    ///
    /// # Errors
    /// As above; and that the version's id and its place do not agree.
    pub async fn read_secret_by(
        &self,
        (agent, door): (&Agent, Door),
        name: &SecretName,
        wanted: WantedVersion<'_>,
    ) -> Result<(Option<SecretVersion>, SecretRead), ReadSecretError> {
        let access = Access::ReadSecret { name: name.clone() };
        let decision = self.policy.decide(agent, &access);
        let found = if decision.allowed {
            self.version(name, wanted).await?
        } else {
            None
        };
        let agrees =
            |(version, _): &(Option<SecretVersion>, SecretRead)| wanted.version.is_none() || wanted.version == *version;
        let handed_out = found.as_ref().filter(|found| agrees(found));
        let mut detail = json!({"policies": decision.policies});
        if let Some(fields) = detail.as_object_mut() {
            if let Some((_, read)) = handed_out {
                fields.insert("versionId".to_owned(), json!(read.version_id));
            }
            door.mention(fields);
        }
        let entry = AuditEntry {
            at: self.now(),
            principal: Some(agent.name.clone()),
            agent: Some(agent.name.clone()),
            action: actions::SECRET_READ.to_owned(),
            request_id: None,
            stage: None,
            resource: Some(name.to_string()),
            status: if handed_out.is_some() {
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
        match found {
            Some(found) if agrees(&found) => Ok(found),
            Some(_) => Err(ReadSecretError::AnotherVersion),
            None => Err(ReadSecretError::NotFound),
        }
    }

    /// The version that is wanted; by its id, where one is given, whatever is named beside it.
    async fn version(
        &self,
        name: &SecretName,
        wanted: WantedVersion<'_>,
    ) -> PortResult<Option<(Option<SecretVersion>, SecretRead)>> {
        if let Some(id) = wanted.id {
            return self.ports.secrets.read_version(name, id).await;
        }
        let version = wanted.version.unwrap_or(SecretVersion::Current);
        let read = self.ports.secrets.read(name, version).await?;
        Ok(read.map(|read| (Some(version), read)))
    }
}
