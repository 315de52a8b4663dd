//! Changes of secrets that are no request's: the call that Secrets Manager has for each, on record before it and after it.

use aws_sdk_secretsmanager::types::Tag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult, SecretChange, SecretChanged, SecretTarget};
use serde_json::{Value, json};

use super::refusal::{EXISTS, NOT_FOUND, refusal};
use super::{BOOKKEEPING, CREATOR, FIRST, SecretsManager, version_of};
use crate::Backend;
use crate::error::port_error;

impl SecretsManager {
    /// Makes a change, which no transaction binds to the trail: it is on record when it is begun and when it has ended.
    pub(super) async fn changed_on_record(
        &self,
        change: SecretChange<'_>,
        audit: &AuditEntry,
    ) -> PortResult<SecretChanged> {
        let backend = Backend { shared: self.0.clone() };
        let trail = backend.audit();
        let begun = AuditEntry {
            action: actions::SECRET_CHANGE_BEGUN.to_owned(),
            ..audit.clone()
        };
        trail.append(&begun).await?;
        let changed = self.changed(change).await;
        let ended = match &changed {
            Ok(SecretChanged::Done(_)) => audit.clone(),
            Ok(SecretChanged::Exists) => failed(audit, Reason::InvalidParameter, "there is a secret of that name"),
            Ok(SecretChanged::Missing) => failed(audit, Reason::InvalidParameter, "there is no secret of that name"),
            Ok(SecretChanged::IdTaken) => failed(
                audit,
                Reason::RequestIdConflict,
                "the version's id was used before for another value",
            ),
            Err(error) => failed(audit, Reason::ApiError, &error.message),
        };
        trail.append(&ended).await?;
        changed
    }

    async fn changed(&self, change: SecretChange<'_>) -> PortResult<SecretChanged> {
        if let Some(taken) = change
            .tags
            .and_then(|tags| BOOKKEEPING.into_iter().find(|key| tags.contains_key(*key)))
        {
            let message = format!("the tag {taken} is the control plane's own: give yours another key");
            return Err(PortError::new(PortErrorKind::Refused, message));
        }
        match change.target {
            SecretTarget::New => self.made(change).await,
            SecretTarget::Existing => self.updated(change).await,
        }
    }

    async fn made(&self, change: SecretChange<'_>) -> PortResult<SecretChanged> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let first = change.version.map(|version| tag(FIRST, version.id));
        let own = change.tags.into_iter().flatten().map(|(key, value)| tag(key, value));
        let tags = own.chain([tag(CREATOR, change.agent.as_str())]).chain(first).collect();
        let call = self.0.clients.secrets().create_secret().name(change.name.as_str());
        let call = call
            .set_description(change.description.map(str::to_owned))
            .set_kms_key_id(change.kms_key.map(str::to_owned))
            .set_tags(Some(tags))
            .set_secret_string(change.version.map(|version| version.value.expose().to_owned()))
            .set_client_request_token(change.version.map(|version| version.id.to_owned()));
        match call.send().await {
            Ok(_) => self.standing(change).await,
            Err(error) if error.code() == Some(EXISTS) => {
                let is_of_token = error.message().is_some_and(|said| said.contains("ClientRequestToken"));
                Ok(if is_of_token {
                    SecretChanged::IdTaken
                } else {
                    SecretChanged::Exists
                })
            }
            Err(error) => Err(refusal("secretsmanager:CreateSecret", change.name, error)),
        }
    }

    /// Changes a secret that is there. Tags are given at its making; Secrets Manager has another call for them later.
    async fn updated(&self, change: SecretChange<'_>) -> PortResult<SecretChanged> {
        let call = self.0.clients.secrets().update_secret().secret_id(change.name.as_str());
        let call = call
            .set_description(change.description.map(str::to_owned))
            .set_kms_key_id(change.kms_key.map(str::to_owned))
            .set_secret_string(change.version.map(|version| version.value.expose().to_owned()))
            .set_client_request_token(change.version.map(|version| version.id.to_owned()));
        match call.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(SecretChanged::Missing),
            Err(error) if error.code() == Some(EXISTS) => return Ok(SecretChanged::IdTaken),
            Err(error) => return Err(refusal("secretsmanager:UpdateSecret", change.name, error)),
        }
        if let Some(tags) = change.tags.filter(|tags| !tags.is_empty()) {
            let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
            let call = self.0.clients.secrets().tag_resource().secret_id(change.name.as_str());
            let tagged = call.set_tags(Some(tags.iter().map(tag).collect())).send().await;
            tagged.map_err(|error| refusal("secretsmanager:TagResource", change.name, error))?;
        }
        self.standing(change).await
    }

    /// Which version the one that was written is now: a repeat may be of an older one.
    async fn standing(&self, change: SecretChange<'_>) -> PortResult<SecretChanged> {
        let Some(version) = change.version else {
            return Ok(SecretChanged::Done(None));
        };
        let call = self
            .0
            .clients
            .secrets()
            .describe_secret()
            .secret_id(change.name.as_str());
        let answer = call.send().await;
        let answer = answer.map_err(|error| port_error("secretsmanager:DescribeSecret", error))?;
        let stages = answer.version_ids_to_stages().and_then(|stages| stages.get(version.id));
        Ok(SecretChanged::Done(stages.and_then(|stages| version_of(stages))))
    }
}

/// The same row, of a change that was not made.
fn failed(audit: &AuditEntry, reason: Reason, sentence: &str) -> AuditEntry {
    let mut entry = AuditEntry {
        status: Status::Error,
        reason: Some(reason),
        ..audit.clone()
    };
    if let Value::Object(fields) = &mut entry.detail {
        fields.insert("error".to_owned(), json!(sentence));
    }
    entry
}
