//! Making and changing a secret at once, without a request of the ledger: the policies decide as on `putSecret`, and no
//! change is without its row of the trail. The two are one write where the store is ours; where it is another system's,
//! a row is written before the change and another after it.

use std::collections::BTreeMap;

use cc_devops_kernel::access::{Access, Resource};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::secret::SecretValue;
use serde_json::{Map, Value, json};

use crate::actions::put_secret;
use crate::engine::ControlPlane;
use crate::ports::{NewVersion, PortError, PortResult, SecretChange, SecretChanged, SecretTarget, SecretVersion};

/// What a secret is to be: what is not given stays as it is.
#[derive(Clone)]
pub struct SecretEdit {
    /// The secret.
    pub name: SecretName,
    /// Whether it is made.
    pub target: SecretTarget,
    /// The value of its next version.
    pub value: Option<SecretValue>,
    /// The id of that version, which whoever asks chose: the same id with the same value is the same version.
    pub version_id: String,
    /// What is said of it; nothing any more where this is empty.
    pub description: Option<String>,
    /// All of its owner's tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// The KMS key to encrypt with, where the store has not its own.
    pub kms_key: Option<String>,
}

/// What an edit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedSecret {
    /// Which version the one that was given is now: another one than the newest, or none that has a place, where the edit
    /// is a late repeat.
    pub version: Option<SecretVersion>,
    /// The id of the newest version; none where none was given.
    pub newest: Option<String>,
}

/// Why a secret was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum EditSecretError {
    /// No policy permits it.
    #[error("{0}")]
    Denied(String),
    /// What is asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// It was to be made, and is there.
    #[error("there is a secret of that name")]
    Exists,
    /// It was to be changed, and is not there.
    #[error("there is no secret of that name")]
    Missing,
    /// The version's id was used before for another value.
    #[error("the version's id was used before for another value: use a new one")]
    IdTaken,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<ActError> for EditSecretError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Refused(failure) => failure.into(),
            ActError::Port(error) => Self::Port(error),
        }
    }
}

impl From<Failure> for EditSecretError {
    fn from(failure: Failure) -> Self {
        match failure.reason {
            Reason::SecurityViolation => Self::Denied(failure.message),
            _ => Self::Invalid(failure.message),
        }
    }
}

impl ControlPlane {
    /// Makes or changes a secret for an agent that may.
    ///
    /// # Errors
    /// No policy permits it; what is asked for cannot be; what the store says.
    pub async fn edit_secret(
        &self,
        (agent, door): (&Agent, Door),
        edit: &SecretEdit,
    ) -> Result<EditedSecret, EditSecretError> {
        self.check_edit(edit)?;
        let (now, stage) = (self.now(), self.installation.stages.default_stage());
        let action = match edit.value {
            Some(_) => put_secret::ACTION.name,
            None => actions::SECRET_CHANGED,
        };
        let access = Access::Request {
            action: put_secret::ACTION.name,
            on: Resource::Secret(edit.name.clone()),
            stage: Some(stage.clone()),
        };
        let actor = Actor::Agent(agent, &*self.policy, door);
        let author = actor.author(&access, action, &*self.ports.audit, now).await?;
        // As whoever reads there is told.
        if !self.is_here(&edit.name) {
            return Err(EditSecretError::Missing);
        }
        let entry = AuditEntry {
            stage: Some(stage.to_string()),
            ..author.entry(now, action, edit.name.to_string(), told(edit))
        };
        let version = edit.value.as_ref().map(|value| NewVersion {
            value,
            id: &edit.version_id,
        });
        let change = SecretChange {
            name: &edit.name,
            target: edit.target,
            version,
            description: edit.description.as_deref(),
            tags: edit.tags.as_ref(),
            kms_key: edit.kms_key.as_deref(),
            agent: &agent.name,
            stage,
            at: now,
        };
        match self.ports.secrets.change(change, &entry).await? {
            SecretChanged::Done(version) => Ok(self.edited(edit, version).await?),
            SecretChanged::Exists => Err(EditSecretError::Exists),
            SecretChanged::Missing => Err(EditSecretError::Missing),
            SecretChanged::IdTaken => Err(EditSecretError::IdTaken),
        }
    }

    /// What is told of a change that was made, or was made before.
    async fn edited(&self, edit: &SecretEdit, version: Option<SecretVersion>) -> PortResult<EditedSecret> {
        let newest = match (&edit.value, version) {
            (None, _) => None,
            (Some(_), Some(SecretVersion::Current)) => Some(edit.version_id.clone()),
            (Some(_), _) => {
                let known = self.ports.secrets.describe(&edit.name).await?;
                known.map(|known| known.summary.version_id)
            }
        };
        Ok(EditedSecret { version, newest })
    }

    fn is_here(&self, name: &SecretName) -> bool {
        name.namespace() == self.installation.namespace.as_str()
    }

    /// What `putSecret` asks of a value, and of the name of a new secret, holds here as well.
    fn check_edit(&self, edit: &SecretEdit) -> Result<(), Failure> {
        if edit.target == SecretTarget::New {
            put_secret::check_name(&edit.name, &self.installation)?;
        }
        match &edit.value {
            Some(value) => put_secret::check_value("the value", value),
            None => Ok(()),
        }
    }
}

/// What the trail tells of an edit: which version it writes, and what else it changes.
fn told(edit: &SecretEdit) -> Value {
    let mut fields = Map::new();
    if edit.value.is_some() {
        // So that a secret that was put back to an older version shows.
        fields.insert("versionId".to_owned(), json!(edit.version_id));
    }
    let said = [
        ("description", edit.description.is_some()),
        ("tags", edit.tags.is_some()),
        ("kmsKey", edit.kms_key.is_some()),
    ];
    let said: Vec<&str> = said.into_iter().filter_map(|(what, is)| is.then_some(what)).collect();
    if !said.is_empty() {
        fields.insert("changed".to_owned(), json!(said));
    }
    if edit.target == SecretTarget::New {
        fields.insert("made".to_owned(), json!(true));
    }
    Value::Object(fields)
}
