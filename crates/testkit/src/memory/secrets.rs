//! The fake secret store: every version ever written, of which the last two can be read, and others for a day by their ids.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{AgentName, SecretName, SecretPrefix};
use cc_devops_kernel::outcome::SecretAction;
use cc_devops_kernel::ports::{
    MOST_VALUES, MOST_VERSIONS, PortError, PortErrorKind, PortResult, SecretChange, SecretChanged, SecretDescription,
    SecretRead, SecretStore, SecretSummary, SecretTarget, SecretVersion, SecretWrite, SecretWritten, VALUE_KEPT,
    VersionSummary,
};
use cc_devops_kernel::secret::SecretValue;
use jiff::Timestamp;

use super::{Memory, Model};
use crate::sample;

/// A secret's versions, oldest first, and what is said of it.
pub(super) struct StoredSecret {
    versions: Vec<StoredVersion>,
    made_by: AgentName,
    created_at: Timestamp,
    changed_at: Timestamp,
    description: Option<String>,
    tags: BTreeMap<String, String>,
    /// Whether it was there before its first version.
    made_empty: bool,
    /// How many older ones are not on record any more.
    forgotten: usize,
}

struct StoredVersion {
    token: String,
    /// A repeat is told by it, also when it cannot be read any more.
    value: SecretValue,
    can_be_read: bool,
    by: AgentName,
    at: Timestamp,
}

impl StoredVersion {
    fn read(&self) -> SecretRead {
        SecretRead {
            value: self.value.clone(),
            version_id: self.token.clone(),
            created_at: self.at,
        }
    }
}

impl StoredSecret {
    fn new(made_by: &AgentName, at: Timestamp) -> Self {
        Self {
            versions: Vec::new(),
            made_by: made_by.clone(),
            created_at: at,
            changed_at: at,
            description: None,
            tags: BTreeMap::new(),
            made_empty: false,
            forgotten: 0,
        }
    }

    /// Writes the next version, and forgets values whose time has come.
    fn write(&mut self, version: StoredVersion) {
        let since = version.at.checked_sub(VALUE_KEPT).unwrap_or(Timestamp::MIN);
        self.versions.push(version);
        self.forget_values(since);
        for old in self.versions.iter_mut().rev().skip(MOST_VALUES) {
            old.can_be_read = false;
        }
    }

    /// Forgets values of versions that are neither the newest nor the one before and are older than that; how many.
    pub(super) fn forget_values(&mut self, before: Timestamp) -> u64 {
        let mut forgotten = 0;
        for old in self.versions.iter_mut().rev().skip(2) {
            if old.can_be_read && old.at < before {
                old.can_be_read = false;
                forgotten += 1;
            }
        }
        forgotten
    }

    /// What the write of a version did.
    fn written(&self, name: &SecretName, index: usize, token: &str) -> SecretWritten {
        SecretWritten {
            action: if self.forgotten + index == 0 && !self.made_empty {
                SecretAction::Created
            } else {
                SecretAction::Updated
            },
            arn: format!("memory:secret:{name}"),
            version_id: token.to_owned(),
        }
    }

    pub(super) fn writes(&self) -> usize {
        self.forgotten + self.versions.len()
    }

    /// Forgets versions whose value cannot be read any more and that are older than that; how many.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let mut forgotten = 0;
        while self.versions.len() > 2 && !self.versions[0].can_be_read && self.versions[0].at < before {
            self.versions.remove(0);
            forgotten += 1;
        }
        self.forgotten += forgotten;
        forgotten as u64
    }

    fn summary(&self, name: &SecretName) -> SecretSummary {
        let mut newest = self.versions.iter().rev();
        let (last, previous) = (newest.next(), newest.next());
        let updated_at = last.map_or(self.created_at, |last| last.at);
        SecretSummary {
            name: name.clone(),
            version_id: last.map_or_else(String::new, |last| last.token.clone()),
            previous_id: previous.map(|previous| previous.token.clone()),
            versions: self.writes() as u64,
            updated_by: last.map_or(&self.made_by, |last| &last.by).clone(),
            created_at: self.created_at,
            updated_at,
            changed_at: self.changed_at.max(updated_at),
            description: self.description.clone(),
            tags: self.tags.clone(),
        }
    }

    pub(super) fn writes_of(&self, token: &str) -> usize {
        self.versions.iter().filter(|version| version.token == token).count()
    }
}

/// Writes a version, or gives the answer of the write that this one repeats.
pub(super) fn put(model: &mut Model, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
    let name = &write.put.name;
    let secret = model.secrets.entry(name.clone());
    let secret = secret.or_insert_with(|| StoredSecret::new(write.agent, write.at));
    let repeated = secret.versions.iter().position(|version| version.token == write.token);
    if let Some(index) = repeated {
        return if secret.versions[index].value.expose() == write.put.value.expose() {
            Ok(secret.written(name, index, write.token))
        } else {
            Err(PortError::new(
                PortErrorKind::Refused,
                "the token was used before with another value; use a new request id",
            ))
        };
    }
    secret.write(StoredVersion {
        token: write.token.to_owned(),
        value: write.put.value.clone(),
        can_be_read: true,
        by: write.agent.clone(),
        at: write.at,
    });
    Ok(secret.written(name, secret.versions.len() - 1, write.token))
}

/// Makes or changes a secret, or gives the answer of the change that this one repeats.
fn change(model: &mut Model, change: SecretChange<'_>, audit: &AuditEntry) -> SecretChanged {
    let known = model.secrets.get(change.name);
    if let (Some(known), Some(version)) = (known, change.version) {
        let mut newest = known.versions.iter().rev().enumerate();
        let used = newest.find(|(_, stored)| stored.token == version.id);
        match used {
            Some((back, stored)) if stored.value.expose() == version.value.expose() => {
                return SecretChanged::Done(SecretVersion::of_back(back));
            }
            Some(_) => return SecretChanged::IdTaken,
            None => {}
        }
    }
    match (change.target, known) {
        (SecretTarget::New, Some(_)) => return SecretChanged::Exists,
        (SecretTarget::Existing, None) => return SecretChanged::Missing,
        (SecretTarget::New, None) | (SecretTarget::Existing, Some(_)) => {}
    }
    let secret = model.secrets.entry(change.name.clone());
    let secret = secret.or_insert_with(|| StoredSecret {
        made_empty: change.version.is_none(),
        ..StoredSecret::new(change.agent, change.at)
    });
    secret.changed_at = change.at;
    if let Some(version) = change.version {
        secret.write(StoredVersion {
            token: version.id.to_owned(),
            value: version.value.clone(),
            can_be_read: true,
            by: change.agent.clone(),
            at: change.at,
        });
    }
    if let Some(description) = change.description {
        secret.description = Some(description.to_owned()).filter(|description| !description.is_empty());
    }
    if let Some(tags) = change.tags {
        secret.tags.clone_from(tags);
    }
    model.audit.append(audit);
    SecretChanged::Done(change.version.map(|_| SecretVersion::Current))
}

impl Memory {
    /// Writes one more version of a secret.
    pub async fn keep_secret(&self, name: &str, value: &str) {
        let put = sample::put_secret(name, value);
        let number = {
            let model = self.lock().expect("nothing is wrong with the fake");
            model.secrets.get(&put.name).map_or(0, StoredSecret::writes)
        };
        let write = SecretWrite {
            put: &put,
            token: &format!("{number:064}"),
            may_be_repeat: false,
            agent: &sample::agent_name(sample::AGENT),
            stage: &sample::stage(),
            at: sample::START,
        };
        self.put(write).await.expect("the fake keeps a secret");
    }
}

#[async_trait]
impl SecretStore for Memory {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        put(&mut *self.lock()?, write)
    }

    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        let model = self.lock()?;
        let back = usize::from(version.back());
        let version = model
            .secrets
            .get(name)
            .and_then(|secret| secret.versions.iter().rev().nth(back));
        Ok(version.map(StoredVersion::read))
    }

    async fn read_version(
        &self,
        name: &SecretName,
        id: &str,
    ) -> PortResult<Option<(Option<SecretVersion>, SecretRead)>> {
        let model = self.lock()?;
        let Some(secret) = model.secrets.get(name) else {
            return Ok(None);
        };
        let mut newest = secret.versions.iter().rev().enumerate();
        let found = newest.find(|(_, version)| version.token == id && version.can_be_read);
        Ok(found.map(|(back, version)| (SecretVersion::of_back(back), version.read())))
    }

    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        let model = self.lock()?;
        let summaries = model
            .secrets
            .iter()
            .filter(|(name, _)| prefix.is_none_or(|prefix| name.as_str().starts_with(prefix.as_str())))
            .filter(|(name, _)| after.is_none_or(|after| *name > after))
            .map(|(name, secret)| secret.summary(name));
        Ok(summaries.take(limit).collect())
    }

    async fn describe(&self, name: &SecretName) -> PortResult<Option<SecretDescription>> {
        let model = self.lock()?;
        let Some(secret) = model.secrets.get(name) else {
            return Ok(None);
        };
        let newest = secret.versions.iter().rev().enumerate();
        let versions = newest.take(MOST_VERSIONS).map(|(back, stored)| VersionSummary {
            version_id: stored.token.clone(),
            created_at: stored.at,
            by: Some(stored.by.clone()),
            version: SecretVersion::of_back(back),
        });
        let versions = versions.collect();
        let summary = secret.summary(name);
        Ok(Some(SecretDescription { summary, versions }))
    }

    async fn change(&self, asked: SecretChange<'_>, audit: &AuditEntry) -> PortResult<SecretChanged> {
        Ok(change(&mut *self.lock()?, asked, audit))
    }
}
