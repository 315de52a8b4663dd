//! What the billing source tells of its own accord.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};

use crate::access::Open;
use crate::client_network::ClientNetwork;
use crate::problem::Problem;
use crate::revenue::bring_forward;
use crate::strangers::{read, text, unproven};

/// Takes an event of the billing source
///
/// Point a webhook endpoint of Stripe at this path. Who sends is proven by the signature over the body;
/// no token is needed. An event that changes MRR brings the next report forward; any other is taken and
/// changes nothing.
#[utoipa::path(
    post, path = "/v1/billing/events", tag = "revenue",
    request_body(content = serde_json::Map<String, serde_json::Value>, description = "The event, unchanged"),
    responses(
        (status = 204, description = "Taken"),
        (status = 404, description = "No signing secret is configured", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn post_billing_event(
    open: Open,
    from: ClientNetwork,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let app = open.app();
    let Some((notices, after)) = app
        .revenue
        .as_ref()
        .and_then(|revenue| Some((revenue.notices.clone()?, revenue.refresh_after)))
    else {
        return Err(Problem::not_found(
            "no signing secret of the billing source is configured: set stripe.webhook_secret",
        ));
    };
    let signature = text(&headers, notices.signature_header());
    let now = app.ports().clock.now();
    notices.admits(signature, now).map_err(unproven)?;
    let notice = read(app, from, &headers, body).await?;
    let changes = notices.changes_revenue(signature, &notice.body, now).await;
    if changes.map_err(unproven)? {
        bring_forward(app, after).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
