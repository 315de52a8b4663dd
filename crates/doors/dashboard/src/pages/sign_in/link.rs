//! The link that `cc-devops open` asks for: its page changes nothing, because others look at links before a person does; its
//! button uses it up.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cc_devops_fleet::sessions::{Link, SessionSecret};
use cc_devops_http::access::Credential;
use cc_devops_kernel::ports::PortResult;
use maud::html;
use serde::Deserialize;

use super::{new_secret, signed_in};
use crate::components::code;
use crate::extract::{Form, Query};
use crate::gate::{bare_page, still};
use crate::refusal::Refusal;
use crate::state::DashboardState;

#[derive(Deserialize)]
pub(super) struct Key {
    #[serde(default)]
    key: String,
}

/// Shows whose session the button begins.
pub(super) async fn show(
    State(shared): State<Arc<DashboardState>>,
    Query(Key { key }): Query<Key>,
) -> Result<Response, Refusal> {
    let Some((_, credential)) = find(&shared, &key).await? else {
        return Ok(over());
    };
    let agent = credential.agent();
    let content = html! {
        p {
            "You log in as " strong { (agent.name) } " (" (agent.role.as_str()) "). The link is good once. If you did not ask for it, "
            "close this page."
        }
        form.login method="post" action="/ui/open" {
            input type="hidden" name="key" value=(key);
            button type="submit" { "Open the dashboard" }
        }
    };
    Ok(bare_page("Open the dashboard", &content).into_response())
}

/// Uses the link up, and begins the session.
pub(super) async fn follow(
    State(shared): State<Arc<DashboardState>>,
    Form(Key { key }): Form<Key>,
) -> Result<Response, Refusal> {
    let Some((link, credential)) = find(&shared, &key).await? else {
        return Ok(over());
    };
    let secret = new_secret()?;
    let sessions = shared.sessions();
    if sessions.follow(link, credential.agent(), &secret, shared.now()).await? {
        Ok(signed_in(&secret, "/ui"))
    } else {
        Ok(over())
    }
}

/// The link of a key, and whose it is: while it is good, and the token that it was asked for with.
async fn find(shared: &DashboardState, key: &str) -> PortResult<Option<(Link, Credential)>> {
    let Some(key) = SessionSecret::read(key) else {
        return Ok(None);
    };
    let Some(link) = shared.sessions().find_link(&key, shared.now()).await? else {
        return Ok(None);
    };
    let credential = still(shared, link.token, &link.agent, link.role).await?;
    Ok(credential.map(|credential| (link, credential)))
}

/// What is said of a link that was used, has ended or never was.
fn over() -> Response {
    let content = html! {
        p { "It was used, or it is older than a minute, or it is not complete. A link is good once." }
        p { "Run " (code("cc-devops open")) " again, or " a href="/ui/login" { "log in with a token" } "." }
    };
    (StatusCode::GONE, bare_page("This link has ended", &content)).into_response()
}
