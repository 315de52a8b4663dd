//! What the code host tells of its own accord.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use cc_devops_kernel::names::RepositoryName;

use crate::access::Open;
use crate::client_network::ClientNetwork;
use crate::problem::Problem;
use crate::strangers::{read, text, unproven};

/// The header that says what kind of notice it is.
const KIND: &str = "x-github-event";

/// Takes an event of the code host
///
/// Point a webhook of GitHub at this path, with the content type `application/json` and the event
/// `workflow_run`. Who sends is proven by the signature over the body; no token is needed. When a workflow
/// has ended, its repository is looked at within seconds; any other event is answered without reading it and
/// changes nothing.
#[utoipa::path(
    post, path = "/v1/repos/events", tag = "repositories",
    request_body(content = serde_json::Map<String, serde_json::Value>, description = "The event, unchanged"),
    responses(
        (status = 204, description = "Taken"),
        (status = 404, description = "No secret of the webhook is configured", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn post_repository_event(
    open: Open,
    from: ClientNetwork,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let app = open.app();
    let configured = app
        .hygiene
        .as_ref()
        .and_then(|hygiene| Some((hygiene.notices.clone()?, hygiene.owner.clone())));
    let Some((notices, owner)) = configured else {
        return Err(Problem::not_found(
            "no secret of GitHub's webhook is configured: set github.webhook_secret",
        ));
    };
    let signature = text(&headers, notices.signature_header());
    notices.admits(signature).map_err(unproven)?;
    let kind = text(&headers, KIND).unwrap_or_default();
    if !notices.wants(kind) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let notice = read(app, from, &headers, body).await?;
    let ended = notices.workflow_ended(kind, signature, &notice.body).await;
    let Some(full_name) = ended.map_err(unproven)? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    match full_name.split_once('/') {
        // A webhook of an App may tell of other owners too.
        Some((of, name)) if of.eq_ignore_ascii_case(&owner) => {
            if let Ok(name) = RepositoryName::new(name) {
                app.due_checks.add(name);
            }
        }
        _ => tracing::debug!(repository = full_name, "a workflow of another owner has ended"),
    }
    Ok(StatusCode::NO_CONTENT)
}
