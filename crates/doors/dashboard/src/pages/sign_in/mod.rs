//! Signing in and out.

mod link;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use cc_devops_fleet::sessions::SessionSecret;
use cc_devops_fleet::{Token, TokenHash};
use cc_devops_http::access::Credential;
use cc_devops_http::problem::Problem;
use cc_devops_http::random::random_bits;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::ports::PortResult;
use maud::html;
use serde::Deserialize;

use crate::components::code;
use crate::extract::{Form, Query};
use crate::gate::{bare_page, secret, set_cookie, shown};
use crate::next_page;
use crate::refusal::Refusal;
use crate::row::{Row, open_act, open_page};
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        open_page(shared, "/ui/login", show),
        open_act(shared, "/ui/login", sign_in),
        open_page(shared, "/ui/open", link::show),
        open_act(shared, "/ui/open", link::follow),
        open_act(shared, "/ui/logout", sign_out),
    ]
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

async fn show(State(shared): State<Arc<DashboardState>>, Query(wanted): Query<Wanted>) -> Response {
    page(&shared, None, &wanted.next)
}

async fn sign_in(
    State(shared): State<Arc<DashboardState>>,
    extensions: Extensions,
    Form(given): Form<Given>,
) -> Result<Response, Refusal> {
    let attempt = match shared.app.login_try(&extensions) {
        Ok(attempt) => attempt,
        Err(problem) => return Ok(shown(&Refusal(problem), None)),
    };
    let token = given.token.trim();
    let found = if Token::has_form(token) {
        Credential::of(&shared.app, TokenHash::of(token), Door::Dashboard).await
    } else {
        Ok(None)
    };
    let refused = |sentence| {
        let page = page(&shared, Some(sentence), &given.next);
        Ok((StatusCode::UNAUTHORIZED, page).into_response())
    };
    let credential = match found {
        Ok(Some(credential)) => credential,
        Ok(None) => return refused("This token is not good. Check that you copied all of it, from ccd_ to its end."),
        Err(error) => {
            attempt.give_back();
            return Err(error.into());
        }
    };
    if credential.agent().role == Role::Agent {
        return refused("This is an agent\u{2019}s token. The dashboard is for operators and observers.");
    }
    attempt.give_back();
    let token = credential.token().ok_or_else(Problem::unauthenticated)?;
    let secret = new_secret()?;
    let sessions = shared.sessions();
    sessions.begin(credential.agent(), token, &secret, shared.now()).await?;
    Ok(signed_in(&secret, &next_page::ours(&given.next)))
}

/// Ends the session, where there is one: to log out twice does no harm.
async fn sign_out(State(shared): State<Arc<DashboardState>>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(secret) = secret(&headers) {
        shared.sessions().end(&secret, shared.now()).await?;
    }
    let mut response = Redirect::to("/ui/login").into_response();
    set_cookie(&mut response, "");
    Ok(response)
}

/// Leads on, with the session's cookie.
fn signed_in(secret: &SessionSecret, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    set_cookie(&mut response, secret.expose());
    response
}

fn new_secret() -> PortResult<SessionSecret> {
    random_bits().map(SessionSecret::from_random)
}

fn page(shared: &DashboardState, problem: Option<&str>, next: &str) -> Response {
    let content = html! {
        @if shared.app.own_address().keeps_no_cookie() {
            p.notice.bad role="alert" {
                "Browsers do not stay logged in at a plain HTTP address. Have the proxy in front speak HTTPS, and set "
                (code("server.public_url")) " to its address."
            }
        }
        @if let Some(problem) = problem { p.notice.bad role="alert" id="problem" { (problem) } }
        form.login method="post" action="/ui/login" {
            input type="hidden" name="next" value=(next_page::ours(next));
            div.field {
                label for="token" { "An operator\u{2019}s token" }
                input id="token" name="token" type="password" required autocomplete="current-password" spellcheck="false"
                    aria-invalid=[problem.map(|_| "true")] aria-describedby=(if problem.is_some() { "problem token-hint" } else { "token-hint" });
                p.hint id="token-hint" {
                    "On the server\u{2019}s machine, " (code("cc-devops open")) " logs you in without one."
                }
            }
            button type="submit" { "Log in" }
        }
    };
    bare_page("Log in", &content).into_response()
}
