//! GetSecretValue and DescribeSecret.

use std::collections::BTreeMap;

use cc_devops_http::access::{Permitted, UseSecrets};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::SecretSummary;
use cc_devops_requests::secret_reads::{ReadSecretError, WantedVersion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::writing::Tag;
use super::{CURRENT, PREVIOUS, faults, ids, label, labelled};
use crate::fault::{Failed, Fault};
use crate::operation::Call;

/// How long a day is, in seconds.
const DAY: i64 = 86_400;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretValueGot {
    #[serde(rename = "ARN")]
    arn: String,
    name: SecretName,
    version_id: String,
    secret_string: String,
    /// None where newer versions have taken its place.
    version_stages: Option<[&'static str; 1]>,
    created_date: Timestamp,
}

pub(super) async fn get_secret_value(call: Call, input: GetSecretValue) -> Result<SecretValueGot, Failed> {
    let permitted = call.permitted::<UseSecrets>()?;
    let name = ids::name_of(&input.secret_id)?;
    let id = input.version_id.as_deref();
    let wanted = input.version_stage.as_deref();
    let version = match wanted.map(|stage| (stage, labelled(stage))) {
        None => None,
        Some((_, Some(version))) => Some(version),
        // No version has it, so nothing is read.
        Some((_, None)) => return Err(absent(&permitted, &name, (id, wanted)).await?.into()),
    };
    match permitted.read(&name, WantedVersion { id, version }).await {
        Ok((version, read)) => Ok(SecretValueGot {
            arn: ids::arn(&call, &name),
            version_id: read.version_id,
            secret_string: read.value.expose().to_owned(),
            version_stages: version.map(|version| [label(version)]),
            created_date: read.created_at,
            name,
        }),
        Err(ReadSecretError::NotFound) => Err(absent(&permitted, &name, (id, wanted)).await?.into()),
        Err(ReadSecretError::AnotherVersion) => Err(faults::other_label().into()),
        Err(error @ (ReadSecretError::Denied(_) | ReadSecretError::Port(_))) => Err(Problem::from(error).into()),
    }
}

/// What to say of a version that is not there: by its id, its label or both.
async fn absent(
    permitted: &Permitted<UseSecrets>,
    name: &SecretName,
    (id, stage): (Option<&str>, Option<&str>),
) -> Result<Fault, Failed> {
    let Some(known) = permitted.look(name).await.map_err(Problem::from)? else {
        return Ok(faults::no_secret());
    };
    let is_known = known
        .versions
        .iter()
        .any(|version| Some(version.version_id.as_str()) == id);
    Ok(match stage {
        // There is the version, without that label.
        Some(_) if is_known => faults::other_label(),
        _ => faults::no_version(id, stage.unwrap_or(CURRENT)),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeSecret {
    secret_id: String,
}

/// A secret as it is described and as it is listed: the shape of either leaves out what it does not name.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    #[serde(rename = "ARN")]
    arn: String,
    name: SecretName,
    description: Option<String>,
    last_changed_date: Timestamp,
    last_accessed_date: Option<Timestamp>,
    tags: Option<Vec<Tag>>,
    version_ids_to_stages: Option<Stages>,
    secret_versions_to_stages: Option<Stages>,
    created_date: Timestamp,
}

/// The labels of versions, by their ids.
type Stages = BTreeMap<String, [&'static str; 1]>;

pub(super) async fn describe_secret(call: Call, input: DescribeSecret) -> Result<Described, Failed> {
    let permitted = call.permitted::<UseSecrets>()?;
    let name = ids::name_of(&input.secret_id)?;
    let known = permitted.look(&name).await.map_err(Problem::from)?;
    let listed = known.ok_or_else(faults::no_secret)?.listed;
    // Secrets Manager tells the day, and no more.
    let read = listed.last_read.map(|read| read.at.as_second());
    let day = read.and_then(|at| Timestamp::from_second(at - at.rem_euclid(DAY)).ok());
    Ok(Described {
        last_accessed_date: day,
        ..described(&call, listed.summary)
    })
}

/// A secret without its value.
pub(super) fn described(call: &Call, summary: SecretSummary) -> Described {
    let current = Some(summary.version_id).filter(|id| !id.is_empty());
    let labelled = [(current, CURRENT), (summary.previous_id, PREVIOUS)];
    let stages = labelled.into_iter().filter_map(|(id, label)| Some((id?, [label])));
    let stages = Some(stages.collect::<Stages>()).filter(|stages| !stages.is_empty());
    let tags: Vec<Tag> = summary.tags.into_iter().map(Tag::from).collect();
    Described {
        arn: ids::arn(call, &summary.name),
        name: summary.name,
        description: summary.description,
        last_changed_date: summary.changed_at,
        last_accessed_date: None,
        tags: Some(tags).filter(|tags| !tags.is_empty()),
        version_ids_to_stages: stages.clone(),
        secret_versions_to_stages: stages,
        created_date: summary.created_at,
    }
}
