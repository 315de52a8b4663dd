//! Who visits, and what they may touch.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, ALLOW, COOKIE, RETRY_AFTER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use cc_devops_fleet::TokenHash;
use cc_devops_fleet::sessions::{SessionSecret, Sessions};
use cc_devops_http::access::{Credential, Permitted, Privilege, Question};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortResult};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{code, pager};
use crate::kinds::Kind;
use crate::layout::{self, Frame};
use crate::origin;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;
use crate::signed_in::SignedIn;
use crate::state::{DashboardState, PageState};
use crate::{headers, next_page};

/// The cookie that holds a session's secret.
pub(crate) const COOKIE_NAME: &str = "__Host-cc-devops";

/// The header by which our own script asks for what a page shows, without the frame around it.
const FRAGMENT: &str = "cc-fragment";

/// Where style, script and icon are, which are nobody's secret.
const ASSETS: &str = "/ui/assets/";

/// A visit of somebody who has signed in and may touch what a `P` is about.
pub(crate) struct Visit<P> {
    pub(crate) permitted: Permitted<P>,
    pub(crate) shared: Arc<DashboardState>,
    pub(crate) signed_in: Arc<SignedIn>,
}

impl<P: Privilege> FromRequestParts<PageState<P>> for Visit<P> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, page_state: &PageState<P>) -> Result<Self, Refusal> {
        let signed_in = parts.extensions.get::<Arc<SignedIn>>().cloned();
        Ok(Self {
            permitted: Permitted::from_request_parts(parts, &page_state.entrance).await?,
            shared: Arc::clone(&page_state.shared),
            signed_in: signed_in.ok_or_else(Problem::unauthenticated)?,
        })
    }
}

impl<P: Privilege> Visit<P> {
    /// A page. It is made anew when a kind of thing that it shows has changed.
    #[expect(clippy::needless_pass_by_value, reason = "a handler ends with what it made")]
    pub(crate) fn page(&self, section: Section, title: &str, shows: &[Kind], content: Markup) -> Response {
        self.framed(Some(section), title, shows, &content)
    }

    /// A page that belongs to no entry of the navigation, and does not change.
    pub(crate) fn page_of_none(&self, title: &str, content: &Markup) -> Response {
        self.framed(None, title, &[], content)
    }

    fn framed(&self, section: Option<Section>, title: &str, shows: &[Kind], content: &Markup) -> Response {
        let frame = Frame {
            section,
            title,
            shows,
            signed_in: Some(&self.signed_in),
            said: self.said(),
        };
        let markup = if self.signed_in.is_fragment {
            layout::main(&frame, content)
        } else {
            layout::page(&frame, content)
        };
        Html(markup.into_string()).into_response()
    }

    /// Leads to a page that says what was done.
    #[expect(clippy::unused_self, reason = "only who has signed in has done something")]
    pub(crate) fn done(&self, path: &str, said: Said) -> Response {
        let joint = if path.contains('?') { '&' } else { '?' };
        Redirect::to(&format!("{path}{joint}did={}", said.word())).into_response()
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.permitted.now()
    }

    /// Whoever may not do something is not asked whether to.
    pub(crate) fn require(&self, access: &Access, what: &str) -> Result<(), Problem> {
        if self.permitted.may(access) {
            return Ok(());
        }
        let name = &self.signed_in.agent.name;
        Err(Problem::denied(format!("no policy permits {name} to {what}")))
    }

    /// A link to this page with one value of its query set, or taken away where it is empty, and all others kept.
    pub(crate) fn link_with(&self, key: &str, value: &str) -> String {
        layout::with_query(&self.signed_in.uri, key, value)
    }

    /// Links to the first page and to the next, of a list whose place stands in the address under `key`.
    pub(crate) fn pages(&self, key: &str, is_first: bool, next: Option<&str>) -> Markup {
        let first = (!is_first).then(|| self.link_with(key, ""));
        let next = next.map(|next| self.link_with(key, next));
        pager(first.as_deref(), next.as_deref())
    }

    fn said(&self) -> Option<&'static str> {
        let query = self.signed_in.uri.query()?;
        let did = query.split('&').find_map(|pair| pair.strip_prefix("did="))?;
        Said::sentence(did)
    }
}

/// Everybody who has signed in.
#[derive(Clone)]
pub(crate) struct AnyVisitor;

impl Privilege for AnyVisitor {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Lets somebody on who has signed in, with the proof of what they may touch.
pub(crate) async fn enter<P: Privilege>(
    State(page_state): State<PageState<P>>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = session(&page_state.shared, request.headers()).await;
    let credential = match found {
        Ok(Some(credential)) => credential,
        Ok(None) => return to_sign_in(&request),
        // A fault is no logout: the cookie stays.
        Err(error) => return shown(&Refusal(not_read(error)), None),
    };
    let signed_in = Arc::new(SignedIn {
        agent: credential.agent().clone(),
        since: page_state.shared.app.changed_last().await,
        uri: request.uri().clone(),
        is_fragment: is_fragment(request.headers()),
    });
    if let Err(problem) = page_state.entrance.admit(credential, &mut request).await {
        return shown(&Refusal(problem), Some(&signed_in));
    }
    request.extensions_mut().insert(Arc::clone(&signed_in));
    let response = next.run(request).await;
    match response.extensions().get::<Problem>() {
        Some(problem) => shown(&Refusal(problem.clone()), Some(&signed_in)),
        None => response,
    }
}

/// What every request to the dashboard goes through: whether it is shown here at all, and whether an act was asked for by a
/// page of ours.
pub(crate) async fn frame(State(shared): State<Arc<DashboardState>>, request: Request, next: Next) -> Response {
    let own = shared.app.own_address();
    if own.in_the_clear() && !request.uri().path().starts_with(ASSETS) {
        return in_the_clear();
    }
    if !origin::is_ours(request.method(), request.headers(), own.origins()) {
        let problem = Problem::denied(
            "this was not asked for by a page of the dashboard. If it was, a proxy in front changes what browsers say: \
             set server.public_url to the address that browsers use",
        );
        return shown(&Refusal(problem), None);
    }
    next.run(request).await
}

/// What every answer of the dashboard goes through last, wherever it was given: a problem becomes a page, and a browser is
/// told what it may do with the answer.
pub(crate) fn dress(response: Response) -> Response {
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => {
            let mut page = shown(&Refusal(problem.clone()), None);
            if let Some(allow) = response.headers().get(ALLOW) {
                page.headers_mut().insert(ALLOW, allow.clone());
            }
            page
        }
        None => response,
    };
    headers::lay(response.headers_mut());
    response
}

/// What is shown where others read along.
fn in_the_clear() -> Response {
    let content = html! {
        p {
            "This server speaks plain HTTP with other machines, so whoever is in between would read your token. The dashboard "
            "is not shown until one of these holds:"
        }
        ul {
            li { "the server has a certificate: set " (code("server.tls_cert")) " and " (code("server.tls_key")) ";" }
            li {
                "a proxy in front of it speaks HTTPS: set " (code("server.public_url")) " to the proxy\u{2019}s address, as in "
                (code("https://devops.example.org")) ";"
            }
            li { "it listens on its own machine alone: set " (code("server.listen")) " to " (code("127.0.0.1:8787")) "." }
        }
        p { "Then restart it." }
    };
    let page = bare_page("This connection is not private", &content);
    (StatusCode::FORBIDDEN, page).into_response()
}

/// A page outside a session.
pub(crate) fn bare_page(title: &str, content: &Markup) -> Html<String> {
    let frame = Frame {
        section: None,
        title,
        shows: &[],
        signed_in: None,
        said: None,
    };
    Html(layout::page(&frame, content).into_string())
}

/// A store that cannot be read, however it fails: whoever looks comes again, and is still signed in.
fn not_read(error: PortError) -> Problem {
    let problem = Problem::from(error);
    if problem.status() == StatusCode::INTERNAL_SERVER_ERROR {
        let detail = "the store cannot be read at the moment; the server's log says more. You are still signed in.";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    }
    problem
}

/// The person whose session the cookie holds: as long as the token behind it is good, and their role the same.
async fn session(shared: &DashboardState, headers: &HeaderMap) -> PortResult<Option<Credential>> {
    let Some(secret) = secret(headers) else { return Ok(None) };
    // What an open page does by itself is no use of the session.
    let found = if is_fragment(headers) || is_stream(headers) {
        shared.sessions().look(&secret, shared.now()).await?
    } else {
        shared.sessions().find(&secret, shared.now()).await?
    };
    let Some(session) = found else { return Ok(None) };
    still(shared, session.token, &session.agent, session.role).await
}

/// Whoever has this token, while it is good and theirs, and their role is the one they had. An agent has no sessions.
pub(crate) async fn still(
    shared: &DashboardState,
    token: TokenHash,
    name: &AgentName,
    role: Role,
) -> PortResult<Option<Credential>> {
    let credential = Credential::of(&shared.app, token, Door::Dashboard).await?;
    let same = |credential: &Credential| {
        let agent = credential.agent();
        agent.role != Role::Agent && agent.name == *name && agent.role == role
    };
    Ok(credential.filter(same))
}

/// Whether our own script asks, for what a page shows.
fn is_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key(FRAGMENT)
}

/// Whether our own script asks, for what changes.
fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept == "text/event-stream")
}

/// The secret in the cookie.
pub(crate) fn secret(headers: &HeaderMap) -> Option<SessionSecret> {
    let cookies = headers.get_all(COOKIE).iter();
    let pairs = cookies
        .filter_map(|cookie| cookie.to_str().ok())
        .flat_map(|cookie| cookie.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .and_then(|(_, value)| SessionSecret::read(value))
}

/// Sets the cookie, or with an empty secret takes it away.
pub(crate) fn set_cookie(response: &mut Response, secret: &str) {
    let age = if secret.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{COOKIE_NAME}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

fn to_sign_in(request: &Request) -> Response {
    let headers = request.headers();
    if !matches!(*request.method(), Method::GET | Method::HEAD) || is_fragment(headers) || is_stream(headers) {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "your session has ended; sign in again");
        return shown(&Refusal(problem), None);
    }
    Redirect::to(&next_page::address(request.uri())).into_response()
}

/// A refusal as a page.
pub(crate) fn shown(refusal: &Refusal, signed_in: Option<&SignedIn>) -> Response {
    let content = layout::refused(&refusal.0);
    let frame = Frame {
        section: None,
        title: "That did not work",
        shows: &[],
        signed_in,
        said: None,
    };
    let page = Html(layout::page(&frame, &content).into_string());
    let mut response = (refusal.0.status(), page).into_response();
    if let Some(wait) = refusal.0.wait() {
        let seconds = HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

impl DashboardState {
    /// The sessions.
    pub(crate) fn sessions(&self) -> Sessions<'_> {
        self.app.sessions()
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.now()
    }
}
