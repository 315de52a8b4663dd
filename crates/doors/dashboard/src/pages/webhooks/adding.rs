//! Adding a webhook. Its secret is shown once.

use axum::response::Response;
use cc_devops_http::access::ActOnWebhooks;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::names::AgentName;
use maud::{Markup, html};
use serde::Deserialize;

use crate::components::{code, facts, field, notice};
use crate::extract::Form;
use crate::gate::Visit;
use crate::pages::asked;
use crate::refusal::Refusal;
use crate::section::Section;

#[derive(Deserialize)]
pub(super) struct NewWebhook {
    url: String,
    #[serde(default)]
    agent: String,
}

pub(super) fn form() -> Markup {
    html! {
        form.confirm method="post" action="/ui/webhooks/add" {
            (field("Address", "url", "url", "", Some("Where events are sent: https, without a user name or password")))
            (field("Agent", "agent", "text", "", Some("Only events for this agent; every event without")))
            div.choices { button type="submit" { "Add" } }
        }
    }
}

pub(super) async fn add(visit: Visit<ActOnWebhooks>, Form(new): Form<NewWebhook>) -> Result<Response, Refusal> {
    let agent = asked::word(Some(&new.agent)).map(AgentName::new);
    let agent = agent.transpose().map_err(|error| Problem::invalid(error.to_string()))?;
    let (added, secret) = visit.permitted.add(new.url.trim().to_owned(), agent).await?;
    let content = html! {
        (notice(Condition::Healthy, "The webhook is added. Copy its secret now: it is not shown again."))
        (facts(&[
            ("Sent to", html! { (super::origin(&added.subscription)) }),
            ("Told of", super::told_of(&added.subscription)),
            ("Secret", code(secret.expose())),
        ]))
        p { "With the secret the receiver checks that a delivery is ours, by the Standard Webhooks specification." }
        p { a href=(super::address(&added.subscription)) { "The webhook" } " " a href=(Section::Webhooks.path()) { "All webhooks" } }
    };
    Ok(visit.page(Section::Webhooks, "Webhook added", &[], content))
}
