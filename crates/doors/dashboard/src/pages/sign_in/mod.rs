//! Signing in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use cc_devops_fleet::sessions::SessionSecret;
use cc_devops_fleet::{Token, TokenHash};
use cc_devops_http::access::Credential;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use maud::html;
use serde::Deserialize;

use crate::extract::{Form, Query};
use crate::gate::{AnyVisitor, Visit, secret, set_cookie};
use crate::house::House;
use crate::layout::{self, Frame};
use crate::refusal::Refusal;
use crate::routes::{Row, act, open_act, open_page};

pub(crate) fn rows(house: &Arc<House>) -> Vec<Row> {
    vec![
        open_page(house, "/ui/login", show),
        open_act(house, "/ui/login", sign_in),
        act(house, "/ui/logout", sign_out),
    ]
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Given {
    token: String,
    #[serde(default)]
    next: String,
}

/// Where somebody signs in who wanted to see this.
pub(crate) fn address(wanted: &Uri) -> String {
    let wanted = wanted.path_and_query().map_or("/ui", |wanted| wanted.as_str());
    let next = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("next", wanted)
        .finish();
    format!("/ui/login?{next}")
}

/// A page of ours: nothing else is led to.
fn ours(next: &str) -> &str {
    let is_ours = next == "/ui" || next.starts_with("/ui/") || next.starts_with("/ui?");
    if is_ours && !next.contains('\\') { next } else { "/ui" }
}

async fn show(Query(query): Query<Next>) -> Response {
    page(None, &query.next).into_response()
}

async fn sign_in(State(house): State<Arc<House>>, Form(given): Form<Given>) -> Result<Response, Refusal> {
    let token = given.token.trim();
    let credential = if Token::has_form(token) {
        Credential::of(&house.app, TokenHash::of(token), Door::Dashboard).await?
    } else {
        None
    };
    let refused = |sentence| (StatusCode::UNAUTHORIZED, page(Some(sentence), &given.next)).into_response();
    let Some(credential) = credential else {
        return Ok(refused("This token is not good."));
    };
    if credential.agent().role == Role::Agent {
        return Ok(refused("This is an agent's token; the dashboard is for operators."));
    }
    let secret = SessionSecret::from_random(random()?);
    let sessions = house.sessions();
    sessions
        .begin(credential.agent(), credential.token(), &secret, house.now())
        .await?;
    let mut response = Redirect::to(ours(&given.next)).into_response();
    set_cookie(&mut response, secret.expose());
    Ok(response)
}

async fn sign_out(visit: Visit<AnyVisitor>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(secret) = secret(&headers) {
        visit.house.sessions().end(&secret, visit.now()).await?;
    }
    let mut response = Redirect::to("/ui/login").into_response();
    set_cookie(&mut response, "");
    Ok(response)
}

fn random() -> Result<[u8; 32], Problem> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, "the system gives no random bits").because(error)
    })?;
    Ok(bits)
}

fn page(problem: Option<&str>, next: &str) -> Html<String> {
    let frame = Frame {
        section: None,
        title: "Log in",
        shows: &[],
        signed_in: None,
        said: None,
    };
    let content = html! {
        @if let Some(problem) = problem { p.notice.bad role="alert" { (problem) } }
        form.login method="post" action="/ui/login" {
            input type="hidden" name="next" value=(ours(next));
            div.field {
                label for="token" { "An operator's token" }
                input id="token" name="token" type="password" required autocomplete="current-password";
            }
            button type="submit" { "Log in" }
        }
    };
    Html(layout::page(&frame, &content).into_string())
}
