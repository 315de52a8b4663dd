//! Access keys, with which agents' AWS SDKs sign what they ask for at the door for these.

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json as Answer, Response};
use cc_devops_fleet::aws_keys::AwsKeyId;

use crate::access::{FetchAwsKeys, ManageAgents, ManageAwsKeys, Permitted};
use crate::extract::Path;
use crate::problem::Problem;
use crate::wire::{AccessKeyList, AccessKeyView, NewAccessKey, ShortLivedKeyView};

/// Gives an agent an access key
///
/// Its AWS SDK signs with it. The secret is shown in this answer. The key is good until it is ended, and ends with the
/// agent's tokens.
#[utoipa::path(
    post, path = "/v1/agents/{name}/keys", tag = "agents",
    params(("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")),
    responses(
        (status = 201, description = "The key; not to be cached", body = NewAccessKey),
        (
            status = 409, description = "The agent has as many keys as it may have, or is the control plane itself",
            content((crate::wire::ProblemBody = "application/problem+json")),
        ),
    ),
)]
pub(crate) async fn add_key(permitted: Permitted<ManageAwsKeys>) -> Result<Response, Problem> {
    let key = permitted.add().await?;
    let body = Answer(NewAccessKey {
        agent: permitted.name().to_string(),
        aws_access_key_id: key.id.to_string(),
        aws_secret_access_key: key.secret.expose().to_owned(),
    });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], body).into_response())
}

/// Lists an agent's access keys that are good, the oldest first
#[utoipa::path(
    get, path = "/v1/agents/{name}/keys", tag = "agents",
    params(("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")),
    responses((status = 200, description = "Every key, without its secret", body = AccessKeyList)),
)]
pub(crate) async fn list_keys(permitted: Permitted<ManageAgents>) -> Result<Answer<AccessKeyList>, Problem> {
    let keys = permitted.aws_keys().await?;
    Ok(Answer(AccessKeyList {
        keys: keys.into_iter().map(AccessKeyView::from).collect(),
    }))
}

/// Ends an agent's access key at once
#[utoipa::path(
    delete, path = "/v1/agents/{name}/keys/{id}", tag = "agents",
    params(
        ("name" = String, Path, description = "The agent", pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"),
        ("id" = String, Path, description = "The key's id", pattern = "^AKIA[A-Z2-7]{16}$"),
    ),
    responses((status = 204, description = "It has ended")),
)]
pub(crate) async fn end_key(
    permitted: Permitted<ManageAwsKeys>,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (_agent, id) = path;
    // Nothing has a name that is no key's: it is not there.
    let id: AwsKeyId = id
        .parse()
        .map_err(|reason| Problem::not_found(format!("the id of the key {reason}")))?;
    permitted.end(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the caller a short-lived access key
///
/// As AWS SDKs ask for it in a container: by `AWS_CONTAINER_CREDENTIALS_FULL_URI`, with what
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN` holds, which is `Bearer` and the caller's token. The key may what the token may,
/// is good for an hour, and ends with the token.
#[utoipa::path(
    get, path = "/v1/aws-credentials", tag = "agents",
    responses(
        (status = 200, description = "The key; not to be cached", body = ShortLivedKeyView),
        (
            status = 404, description = "AWS SDKs are not answered here",
            content((crate::wire::ProblemBody = "application/problem+json")),
        ),
    ),
)]
pub(crate) async fn get_credentials(permitted: Permitted<FetchAwsKeys>) -> Result<Response, Problem> {
    let key = permitted.fetch()?;
    let body = Answer(ShortLivedKeyView {
        access_key_id: key.id.to_string(),
        secret_access_key: key.secret.expose().to_owned(),
        token: key.session_token.expose().to_owned(),
        expiration: key.ends_at,
    });
    Ok(([(CACHE_CONTROL, "no-store")], body).into_response())
}
