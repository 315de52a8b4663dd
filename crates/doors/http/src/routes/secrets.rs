//! Reading a secret's value. Every attempt is on record; the answer is not to be kept.

use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json, Response};
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::SecretVersion;
use cc_devops_requests::secret_reads::ReadSecretError;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::{Permitted, ReadSecret};
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::wire::SecretView;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Which version; the current one without.
    #[param(inline)]
    version: Option<VersionName>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum VersionName {
    Current,
    Previous,
}

/// Reads a secret
#[utoipa::path(
    get, path = "/v1/secrets/{*name}", tag = "secrets",
    params(
        ("name" = String, Path, description = "The secret's name without its leading slash, such as `contentcraft/service/key`; \
            its slashes may be sent as they are", min_length = 3, max_length = 511,
            pattern = r"^\.*[A-Za-z0-9_+=@-][A-Za-z0-9_+=.@-]*(/\.*[A-Za-z0-9_+=@-][A-Za-z0-9_+=.@-]*)+$"),
        Which,
    ),
    responses((status = 200, description = "The value; not to be cached", body = SecretView<'static>)),
)]
pub(crate) async fn get_secret(
    permitted: Permitted<ReadSecret>,
    Path(name): Path<String>,
    Query(query): Query<Which>,
) -> Result<Response, Problem> {
    let name = SecretName::new(format!("/{name}")).map_err(|error| Problem::invalid(error.to_string()))?;
    let version = match query.version {
        Some(VersionName::Previous) => SecretVersion::Previous,
        Some(VersionName::Current) | None => SecretVersion::Current,
    };
    let read = permitted.read(&name, version).await?;
    let body = Json(SecretView {
        name: name.as_str(),
        value: read.value.expose(),
        version_id: &read.version_id,
        created_at: read.created_at,
    });
    Ok(([(CACHE_CONTROL, "no-store")], body).into_response())
}

impl From<ReadSecretError> for Problem {
    fn from(error: ReadSecretError) -> Self {
        match error {
            ReadSecretError::Denied(sentence) => Self::denied(sentence),
            ReadSecretError::NotFound | ReadSecretError::AnotherVersion => Self::not_found(error.to_string()),
            ReadSecretError::Port(error) => error.into(),
        }
    }
}
