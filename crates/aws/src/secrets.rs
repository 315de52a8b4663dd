//! Secrets Manager. The name is tried first and made when it is absent, because most writes are to
//! secrets that exist.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use aws_sdk_secretsmanager::operation::update_secret::UpdateSecretError;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_core::names::{AgentName, SecretName, SecretPrefix};
use cc_devops_core::ports::{
    PortError, PortErrorKind, PortResult, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite,
    SecretWritten,
};
use cc_devops_core::requests::outcome::SecretAction;
use cc_devops_core::secret::SecretValue;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::error::port_error;
use crate::{Backend, Shared};

/// The tag with the token of the first version: a repeat of the write that created the secret is
/// told by it.
const FIRST: &str = "firstVersion";

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
        for _ in 0..ROUNDS {
            if let Put::Written(written) = self.change(write).await? {
                return Ok(written);
            }
            if let Some(written) = self.create(write).await? {
                return Ok(written);
            }
        }
        Err(PortError::new(
            PortErrorKind::Unavailable,
            "the secret is being made or deleted by somebody else just now",
        ))
    }

    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        let stage = match version {
            SecretVersion::Current => "AWSCURRENT",
            SecretVersion::Previous => "AWSPREVIOUS",
        };
        let call = self
            .0
            .clients
            .secrets()
            .get_secret_value()
            .secret_id(name.as_str())
            .version_stage(stage);
        match call.send().await {
            Ok(answer) => Ok(Some(SecretRead {
                created_at: time(answer.created_date.as_ref()),
                version_id: answer.version_id.unwrap_or_default(),
                value: SecretValue::new(answer.secret_string.unwrap_or_default()),
            })),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                Some(GetSecretValueError::InvalidRequestException(_)) => Err(deleted(name, error)),
                _ => Err(port_error("secretsmanager:GetSecretValue", error)),
            },
        }
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
                    .filter(|name| name.starts_with(prefix))
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
            .map(|(name, entry)| self.summary(name, entry))
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }
}

impl SecretsManager {
    /// Writes a version of a secret that exists.
    async fn change(&self, write: SecretWrite<'_>) -> PortResult<Put> {
        let (name, value) = (write.put.name.as_str(), write.put.value.expose());
        let client = self.0.clients.secrets();
        let (arn, version) = if let Some(key) = &write.put.kms_key {
            let call = client
                .update_secret()
                .secret_id(name)
                .kms_key_id(key)
                .secret_string(value);
            match call.client_request_token(write.token).send().await {
                Ok(answer) => (answer.arn, answer.version_id),
                Err(error) => match error.as_service_error() {
                    Some(UpdateSecretError::ResourceNotFoundException(_)) => return Ok(Put::Absent),
                    Some(UpdateSecretError::InvalidRequestException(_)) => return Err(deleted(&write.put.name, error)),
                    Some(UpdateSecretError::ResourceExistsException(_)) => return Err(token_used(error)),
                    _ => return Err(port_error("secretsmanager:UpdateSecret", error)),
                },
            }
        } else {
            let call = client.put_secret_value().secret_id(name).secret_string(value);
            match call.client_request_token(write.token).send().await {
                Ok(answer) => (answer.arn, answer.version_id),
                Err(error) => match error.as_service_error() {
                    Some(PutSecretValueError::ResourceNotFoundException(_)) => return Ok(Put::Absent),
                    Some(PutSecretValueError::InvalidRequestException(_)) => {
                        return Err(deleted(&write.put.name, error));
                    }
                    Some(PutSecretValueError::ResourceExistsException(_)) => return Err(token_used(error)),
                    _ => return Err(port_error("secretsmanager:PutSecretValue", error)),
                },
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
            version_id: version.unwrap_or_else(|| write.token.to_owned()),
        }))
    }

    /// Makes the secret; none where somebody else has made it meanwhile.
    async fn create(&self, write: SecretWrite<'_>) -> PortResult<Option<SecretWritten>> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let service = write.put.name.as_str().split('/').nth(2).unwrap_or_default();
        let tags = vec![
            tag("createdBy", write.agent.as_str()),
            tag("stage", write.stage.as_str()),
            tag("service", service),
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
            Err(error) => match error.as_service_error() {
                Some(CreateSecretError::ResourceExistsException(_)) => Ok(None),
                Some(CreateSecretError::InvalidRequestException(_)) => Err(deleted(&write.put.name, error)),
                _ => Err(port_error("secretsmanager:CreateSecret", error)),
            },
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

    async fn summary(&self, name: SecretName, entry: SecretListEntry) -> PortResult<SecretSummary> {
        let call = self
            .0
            .clients
            .secrets()
            .list_secret_version_ids()
            .secret_id(name.as_str())
            .include_deprecated(true);
        let mut pages = call.into_paginator().send();
        let (mut versions, mut current, mut updated_at) = (0, None, None);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("secretsmanager:ListSecretVersionIds", error))?;
            for version in page.versions.unwrap_or_default() {
                versions += 1;
                if version.version_stages().iter().any(|stage| stage == "AWSCURRENT") {
                    updated_at = version.created_date;
                    current = version.version_id;
                }
            }
        }
        // A secret that somebody made by hand has no tag of ours.
        let creator = tagged(entry.tags(), "createdBy").and_then(|name| AgentName::new(name).ok());
        Ok(SecretSummary {
            name,
            version_id: current.unwrap_or_default(),
            versions,
            updated_by: creator.unwrap_or_else(|| self.0.installation.agent.clone()),
            created_at: time(entry.created_date()),
            updated_at: time(updated_at.as_ref().or(entry.last_changed_date())),
        })
    }
}

fn tagged(tags: &[Tag], key: &str) -> Option<String> {
    let tag = tags.iter().find(|tag| tag.key() == Some(key))?;
    tag.value().map(str::to_owned)
}

fn time(at: Option<&DateTime>) -> Timestamp {
    at.and_then(|at| at.to_millis().ok())
        .and_then(|at| Timestamp::from_millisecond(at).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The token belongs to a version with another value.
fn token_used<E>(error: SdkError<E, HttpResponse>) -> PortError
where
    E: std::error::Error + Send + Sync + 'static,
{
    let message = "this write's token was used before for another value; give the new request an id of its own";
    PortError::new(PortErrorKind::Refused, message).because(error)
}

/// A refusal that has to do with the secret's state.
fn deleted<E>(name: &SecretName, error: SdkError<E, HttpResponse>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let said = error.message().unwrap_or_default().to_owned();
    let message = if said.contains("delet") {
        format!(
            "the secret {name} is marked for deletion; restore it with `aws secretsmanager restore-secret --secret-id {name}`"
        )
    } else {
        format!("the secret {name} cannot be written: {said}")
    };
    PortError::new(PortErrorKind::Refused, message).because(error)
}
