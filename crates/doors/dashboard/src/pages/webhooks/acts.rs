//! Switching a webhook on, delivering its dead letters again, and removing it.

use axum::response::Response;
use cc_devops_http::access::{ActOnWebhooks, ReadWebhooks};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::text::counted;
use cc_devops_outbox::webhooks::SubscriptionId;
use maud::html;

use super::letters::found;
use super::{address, origin};
use crate::components::confirm;
use crate::extract::Path;
use crate::gate::Visit;
use crate::links;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;

/// What is asked of who may act on webhooks.
pub(super) const LOOK_AFTER: &str = "look after webhooks";

pub(super) async fn enable(visit: Visit<ActOnWebhooks>, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.permitted.enable(&SubscriptionId(id.clone())).await?;
    Ok(visit.done(&path(&id), Said::WebhookEnabled))
}

pub(super) async fn ask_to_replay(visit: Visit<ReadWebhooks>, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.require(&Access::ManageWebhooks, LOOK_AFTER)?;
    let status = found(&visit, &id).await?;
    let (path, letters) = (
        address(&status.subscription),
        counted(status.dead_letters, "dead letter", "dead letters"),
    );
    let sentence = format!(
        "{letters} are sent to {} again, from the first attempt on. The receiver tells by the message’s id what it has \
         had before.",
        origin(&status.subscription)
    );
    let form = confirm(&format!("{path}/replay"), &sentence, &html! {}, "Deliver again", &path);
    Ok(visit.page(Section::Webhooks, "Deliver dead letters again", &[], form))
}

pub(super) async fn replay(visit: Visit<ActOnWebhooks>, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.permitted.replay(&SubscriptionId(id.clone())).await?;
    Ok(visit.done(&path(&id), Said::Replayed))
}

pub(super) async fn ask_to_remove(visit: Visit<ReadWebhooks>, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.require(&Access::ManageWebhooks, LOOK_AFTER)?;
    let status = found(&visit, &id).await?;
    let path = address(&status.subscription);
    let sentence = format!(
        "{} is told of nothing any more. What waits for it and its {} are gone for good.",
        origin(&status.subscription),
        counted(status.dead_letters, "dead letter", "dead letters")
    );
    let form = confirm(&format!("{path}/remove"), &sentence, &html! {}, "Remove", &path);
    Ok(visit.page(Section::Webhooks, "Remove a webhook", &[], form))
}

pub(super) async fn remove(visit: Visit<ActOnWebhooks>, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.permitted.remove(&SubscriptionId(id)).await?;
    Ok(visit.done(Section::Webhooks.path(), Said::WebhookRemoved))
}

fn path(id: &str) -> String {
    format!("/ui/webhooks/{}", links::segment(id))
}
