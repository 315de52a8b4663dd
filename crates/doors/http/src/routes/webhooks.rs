//! Webhook subscriptions and their dead letters. What is changed here is on record.

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json as Answer, Response};
use cc_devops_outbox::webhooks::SubscriptionId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::{checked_cursor, checked_limit};
use crate::access::{ManageWebhooks, Permitted};
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::wire::{AddedWebhook, DeadLetterPage, DeadLetterView, NewWebhook, Replayed, WebhookList, WebhookView};

/// Adds a subscription
///
/// Events published from now on are sent to `url`, signed by the Standard Webhooks specification
/// with the secret that is shown in this answer and never again.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, description = "Added", body = AddedWebhook)),
)]
pub(crate) async fn add_webhook(
    permitted: Permitted<ManageWebhooks>,
    Json(new): Json<NewWebhook>,
) -> Result<Response, Problem> {
    let (status, secret) = permitted.add(new.url, new.agent).await?;
    let body = Answer(AddedWebhook {
        webhook: WebhookView::from(status),
        secret: secret.expose().to_owned(),
    });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], body).into_response())
}

/// Lists the subscriptions, oldest first
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks",
    responses((status = 200, description = "Every subscription, without its secret", body = WebhookList)),
)]
pub(crate) async fn list_webhooks(permitted: Permitted<ManageWebhooks>) -> Result<Answer<WebhookList>, Problem> {
    let statuses = permitted.webhooks().statuses().await?;
    Ok(Answer(WebhookList {
        webhooks: statuses.into_iter().map(WebhookView::from).collect(),
    }))
}

/// Removes a subscription and all that waits for it
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The subscription", min_length = 1, max_length = 64)),
    responses((status = 204, description = "Removed")),
)]
pub(crate) async fn delete_webhook(
    permitted: Permitted<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = checked_id(id)?;
    permitted.acts().remove(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switches a subscription on again that was switched off
///
/// What was queued for it before is delivered, and what comes to be from now on is queued. What came
/// to be in between is in `GET /v1/events`.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/enable", tag = "webhooks",
    params(("id" = String, Path, description = "The subscription", min_length = 1, max_length = 64)),
    responses((status = 200, description = "It is on", body = WebhookView)),
)]
pub(crate) async fn enable_webhook(
    permitted: Permitted<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<Answer<WebhookView>, Problem> {
    let id = checked_id(id)?;
    let status = permitted.acts().enable(&id).await?;
    permitted.deliver();
    Ok(Answer(WebhookView::from(status)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Place {
    /// The `next` of the page before.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// How many dead letters a page has.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Lists deliveries that were given up, oldest first
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/dead-letters", tag = "webhooks",
    params(("id" = String, Path, description = "The subscription", min_length = 1, max_length = 64), Place),
    responses((status = 200, description = "One page", body = DeadLetterPage)),
)]
pub(crate) async fn list_dead_letters(
    permitted: Permitted<ManageWebhooks>,
    Path(id): Path<String>,
    Query(query): Query<Place>,
) -> Result<Answer<DeadLetterPage>, Problem> {
    let id = checked_id(id)?;
    let limit = checked_limit(query.limit)?;
    let after = checked_cursor("after", query.after)?;
    exists(&permitted, &id).await?;
    let page = permitted.webhooks().dead_letters(&id, after, limit).await?;
    Ok(Answer(DeadLetterPage {
        dead_letters: page.items.into_iter().map(DeadLetterView::from).collect(),
        next: page.next.map(|cursor| cursor.0),
    }))
}

/// Delivers a subscription's dead letters again, from the first attempt on
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/dead-letters/replay", tag = "webhooks",
    params(("id" = String, Path, description = "The subscription", min_length = 1, max_length = 64)),
    responses((status = 200, description = "Given back for delivery", body = Replayed)),
)]
pub(crate) async fn replay_dead_letters(
    permitted: Permitted<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<Answer<Replayed>, Problem> {
    let id = checked_id(id)?;
    let replayed = permitted.acts().replay(&id).await?;
    permitted.deliver();
    Ok(Answer(Replayed { replayed }))
}

fn checked_id(id: String) -> Result<SubscriptionId, Problem> {
    if (1..=64).contains(&id.len()) {
        Ok(SubscriptionId(id))
    } else {
        Err(Problem::invalid("a subscription's id has 1 to 64 characters"))
    }
}

async fn exists(permitted: &Permitted<ManageWebhooks>, id: &SubscriptionId) -> Result<(), Problem> {
    let subscriptions = permitted.webhooks().subscriptions().await?;
    if subscriptions.iter().any(|subscription| subscription.id == *id) {
        Ok(())
    } else {
        Err(Problem::not_found("there is no such subscription"))
    }
}
