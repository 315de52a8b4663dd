//! Secrets Manager. The name is tried first and made when it is absent, because most writes are to
//! secrets that exist.

mod changing;
mod refusal;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::get_secret_value::builders::GetSecretValueFluentBuilder;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{AgentName, SecretName, SecretPrefix};
use cc_devops_kernel::outcome::SecretAction;
use cc_devops_kernel::ports::{
    MOST_VERSIONS, PortError, PortErrorKind, PortResult, SecretChange, SecretChanged, SecretDescription, SecretRead,
    SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten, VersionSummary,
};
use cc_devops_kernel::secret::SecretValue;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::error::port_error;
use crate::{Backend, Shared};
use refusal::{EXISTS, NOT_FOUND, refusal};

/// The tag with the token of the first version: a repeat of the write that created the secret is
/// told by it.
const FIRST: &str = "firstVersion";

/// The tag with the agent who created the secret.
const CREATOR: &str = "createdBy";

/// The tags that are no owner's.
const BOOKKEEPING: [&str; 2] = [FIRST, CREATOR];

/// What a request's secret is tagged with beside those.
const STAGE: &str = "stage";
const SERVICE: &str = "service";

/// How the keys of AWS's own tags begin.
const OF_AWS: &str = "aws:";

/// The stage of the newest version.
const CURRENT: &str = "AWSCURRENT";

/// The stage of the version before.
const PREVIOUS: &str = "AWSPREVIOUS";

/// How many secrets' versions are counted at once.
const AT_ONCE: usize = 8;

/// How often a write is tried that finds the secret neither there nor absent: another writer is
/// making it.
const ROUNDS: usize = 3;

impl Backend {
    /// Where secrets are kept.
    pub fn secrets(&self) -> Arc<dyn SecretStore> {
        Arc::new(SecretsManager(self.shared.clone()))
    }
}

struct SecretsManager(Arc<Shared>);

/// What a write to an existing secret came to.
enum Put {
    Written(SecretWritten),
    Absent,
}

#[async_trait]
impl SecretStore for SecretsManager {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        let mut write = write;
        for _ in 0..ROUNDS {
            if let Put::Written(written) = self.put_version(write).await? {
                return Ok(written);
            }
            if let Some(written) = self.create(write).await? {
                return Ok(written);
            }
            // It may be our own that is in the way, made by a call whose answer was lost.
            write.may_be_repeat = true;
        }
        Err(PortError::new(
            PortErrorKind::Unavailable,
            "the secret is being made or deleted by somebody else just now",
        ))
    }

    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        let stage = match version {
            SecretVersion::Current => CURRENT,
            SecretVersion::Previous => PREVIOUS,
        };
        let call = self.0.clients.secrets().get_secret_value().version_stage(stage);
        Ok(self.get(call, name).await?.map(|(read, _)| read))
    }

    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        let namespace = format!("/{}/", self.0.installation.namespace);
        let prefix = prefix.map_or(namespace.as_str(), SecretPrefix::as_str);
        let filter = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
        let mut pages = self
            .0
            .clients
            .secrets()
            .list_secrets()
            .filters(filter)
            .into_paginator()
            .send();
        // The service lists in an order of its own, so all are read before a page is cut.
        let mut found: Vec<(SecretName, SecretListEntry)> = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("secretsmanager:ListSecrets", error))?;
            for entry in page.secret_list.unwrap_or_default() {
                // The filter knows no case and matches words; the prefix is held against each.
                let name = entry
                    .name()
                    .filter(|name| name.starts_with(prefix) && name.starts_with(&namespace))
                    .map(SecretName::new);
                if let Some(Ok(name)) = name
                    && after.is_none_or(|after| name > *after)
                {
                    found.push((name, entry));
                }
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found.truncate(limit);
        stream::iter(found)
            .map(|(name, entry)| async move {
                let known = Known::of(&entry);
                Ok::<_, PortError>(self.describe_known(name, known).await?.summary)
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn describe(&self, name: &SecretName) -> PortResult<Option<SecretDescription>> {
        if !name
            .as_str()
            .starts_with(&format!("/{}/", self.0.installation.namespace))
        {
            return Ok(None);
        }
        let call = self.0.clients.secrets().describe_secret().secret_id(name.as_str());
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(port_error("secretsmanager:DescribeSecret", error)),
        };
        if answer.deleted_date().is_some() {
            return Ok(None);
        }
        let known = Known {
            creator: tagged(answer.tags(), CREATOR),
            created: answer.created_date,
            tags: own_tags(answer.tags()),
            changed: answer.last_changed_date,
            description: answer.description,
        };
        self.describe_known(name.clone(), known).await.map(Some)
    }

    async fn read_version(
        &self,
        name: &SecretName,
        id: &str,
    ) -> PortResult<Option<(Option<SecretVersion>, SecretRead)>> {
        let call = self.0.clients.secrets().get_secret_value().version_id(id);
        let found = self.get(call, name).await?;
        Ok(found.map(|(read, version)| (version, read)))
    }

    async fn change(&self, change: SecretChange<'_>, audit: &AuditEntry) -> PortResult<SecretChanged> {
        self.changed_on_record(change, audit).await
    }
}

impl SecretsManager {
    /// What a call reads of a secret, and which version that is.
    async fn get(
        &self,
        call: GetSecretValueFluentBuilder,
        name: &SecretName,
    ) -> PortResult<Option<(SecretRead, Option<SecretVersion>)>> {
        let answer = match call.secret_id(name.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(refusal("secretsmanager:GetSecretValue", name, error)),
        };
        let version = version_of(answer.version_stages());
        let Some(value) = answer.secret_string else {
            let message = format!("the secret {name} holds bytes and not text: read it with the AWS CLI");
            return Err(PortError::new(PortErrorKind::Refused, message));
        };
        let read = SecretRead {
            created_at: time(answer.created_date.as_ref()),
            version_id: answer.version_id.unwrap_or_default(),
            value: SecretValue::new(value),
        };
        Ok(Some((read, version)))
    }

    /// Writes a version of a secret that exists.
    async fn put_version(&self, write: SecretWrite<'_>) -> PortResult<Put> {
        let (name, value) = (&write.put.name, write.put.value.expose());
        let client = self.0.clients.secrets();
        let arn = if let Some(key) = &write.put.kms_key {
            let call = client.update_secret().secret_id(name.as_str()).secret_string(value);
            match call.kms_key_id(key).client_request_token(write.token).send().await {
                Ok(answer) => answer.arn,
                Err(error) if error.code() == Some(NOT_FOUND) => return Ok(Put::Absent),
                Err(error) => return Err(refusal("secretsmanager:UpdateSecret", name, error)),
            }
        } else {
            let call = client.put_secret_value().secret_id(name.as_str()).secret_string(value);
            match call.client_request_token(write.token).send().await {
                Ok(answer) => answer.arn,
                Err(error) if error.code() == Some(NOT_FOUND) => return Ok(Put::Absent),
                Err(error) => return Err(refusal("secretsmanager:PutSecretValue", name, error)),
            }
        };
        let created = write.may_be_repeat && self.first_version(&write.put.name).await?.as_deref() == Some(write.token);
        Ok(Put::Written(SecretWritten {
            action: if created {
                SecretAction::Created
            } else {
                SecretAction::Updated
            },
            arn: arn.unwrap_or_default(),
            // With a token the version is called by it; a repeat may be told of the newest.
            version_id: write.token.to_owned(),
        }))
    }

    /// Makes the secret; none where somebody else has made it meanwhile.
    async fn create(&self, write: SecretWrite<'_>) -> PortResult<Option<SecretWritten>> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        // `/namespace/SERVICE/key`; without that segment it is the agent's own.
        let segments: Vec<&str> = write.put.name.as_str().split('/').collect();
        let service = match segments.as_slice() {
            [_, _, service, _, ..] => service,
            _ => write.agent.as_str(),
        };
        let tags = vec![
            tag(CREATOR, write.agent.as_str()),
            tag(STAGE, write.stage.as_str()),
            tag(SERVICE, service),
            tag(FIRST, write.token),
        ];
        let call = self.0.clients.secrets().create_secret().name(write.put.name.as_str());
        let call = call
            .secret_string(write.put.value.expose())
            .client_request_token(write.token)
            .set_kms_key_id(write.put.kms_key.clone())
            .set_tags(Some(tags));
        match call.send().await {
            Ok(answer) => Ok(Some(SecretWritten {
                action: SecretAction::Created,
                arn: answer.arn.unwrap_or_default(),
                version_id: answer.version_id.unwrap_or_else(|| write.token.to_owned()),
            })),
            Err(error) if error.code() == Some(EXISTS) => Ok(None),
            Err(error) => Err(refusal("secretsmanager:CreateSecret", &write.put.name, error)),
        }
    }

    /// The token of the version that the secret was created with, where we created it.
    async fn first_version(&self, name: &SecretName) -> PortResult<Option<String>> {
        let call = self.0.clients.secrets().describe_secret().secret_id(name.as_str());
        let answer = call
            .send()
            .await
            .map_err(|error| port_error("secretsmanager:DescribeSecret", error))?;
        Ok(tagged(answer.tags(), FIRST))
    }

    async fn describe_known(&self, name: SecretName, known: Known) -> PortResult<SecretDescription> {
        let call = self
            .0
            .clients
            .secrets()
            .list_secret_version_ids()
            .secret_id(name.as_str())
            .include_deprecated(true);
        let mut pages = call.into_paginator().send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("secretsmanager:ListSecretVersionIds", error))?;
            for entry in page.versions.unwrap_or_default() {
                versions.push(VersionSummary {
                    version: version_of(entry.version_stages()),
                    created_at: time(entry.created_date.as_ref()),
                    version_id: entry.version_id.unwrap_or_default(),
                    by: None,
                });
            }
        }
        // Times are of whole seconds; what is current says its stage.
        let rank = |version: &VersionSummary| version.version.map_or(2, SecretVersion::back);
        versions.sort_by_key(|version| (rank(version), std::cmp::Reverse(version.created_at)));
        let of = |wanted| versions.iter().find(|version| version.version == Some(wanted));
        let (current, previous) = (of(SecretVersion::Current), of(SecretVersion::Previous));
        let created_at = time(known.created.as_ref());
        let changed_at = known.changed.as_ref().map_or(created_at, |at| time(Some(at)));
        // One without a value has never been updated.
        let updated_at = if versions.is_empty() { created_at } else { changed_at };
        // A secret that somebody made by hand has no tag of ours.
        let creator = known.creator.and_then(|name| AgentName::new(name).ok());
        let summary = SecretSummary {
            name,
            version_id: current.map_or_else(String::new, |version| version.version_id.clone()),
            previous_id: previous.map(|version| version.version_id.clone()),
            versions: versions.len() as u64,
            updated_by: creator.unwrap_or_else(|| self.0.installation.agent.clone()),
            created_at,
            updated_at: current.map_or(updated_at, |version| version.created_at),
            changed_at,
            description: known.description.filter(|description| !description.is_empty()),
            tags: known.tags,
        };
        versions.truncate(MOST_VERSIONS);
        Ok(SecretDescription { summary, versions })
    }
}

/// What is known of a secret beside its versions.
struct Known {
    creator: Option<String>,
    created: Option<DateTime>,
    changed: Option<DateTime>,
    description: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Known {
    fn of(entry: &SecretListEntry) -> Self {
        Self {
            creator: tagged(entry.tags(), CREATOR),
            created: entry.created_date,
            changed: entry.last_changed_date,
            description: entry.description.clone(),
            tags: own_tags(entry.tags()),
        }
    }
}

fn tagged(tags: &[Tag], key: &str) -> Option<String> {
    let tag = tags.iter().find(|tag| tag.key() == Some(key))?;
    tag.value().map(str::to_owned)
}

/// The tags of a secret that are its owner's, and neither this adapter's bookkeeping nor AWS's.
fn own_tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs = tags
        .iter()
        .filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    // Alone, a stage or a service may be its owner's.
    let is_of_request = [FIRST, STAGE, SERVICE].iter().all(|key| tagged(tags, key).is_some());
    let is_ours = |key: &str| BOOKKEEPING.contains(&key) || (is_of_request && [STAGE, SERVICE].contains(&key));
    let own = pairs.filter(|(key, _)| !is_ours(key) && !key.starts_with(OF_AWS));
    own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Which version has these stages.
fn version_of(stages: &[String]) -> Option<SecretVersion> {
    let has = |wanted| stages.iter().any(|stage| stage == wanted);
    if has(CURRENT) {
        return Some(SecretVersion::Current);
    }
    has(PREVIOUS).then_some(SecretVersion::Previous)
}

fn time(at: Option<&DateTime>) -> Timestamp {
    at.and_then(|at| at.to_millis().ok())
        .and_then(|at| Timestamp::from_millisecond(at).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_not_the_owners_are_not_told() {
        let own = |keys: &[&str]| {
            let tags: Vec<Tag> = keys
                .iter()
                .map(|key| Tag::builder().key(*key).value("v").build())
                .collect();
            own_tags(&tags).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(own(&["team", "aws:cloudformation:stack-name", CREATOR]), ["team"]);
        assert_eq!(own(&["team", CREATOR, STAGE, SERVICE, FIRST]), ["team"], "a request's");
        assert_eq!(
            own(&[CREATOR, FIRST, SERVICE]),
            [SERVICE],
            "an owner may have one of its own"
        );
        assert_eq!(own(&[STAGE, SERVICE]), [SERVICE, STAGE]);
    }
}
