//! Who calls, whether they may, and how often: every route but the public ones passes through
//! [`enforce`], with what the table of routes says it needs.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::{RequestExt, extract::Query};
use cc_devops_core::fleet::{Agent, Token, TokenHash};
use cc_devops_core::names::AgentName;
use cc_devops_core::policy::Access;
use cc_devops_core::ports::PortResult;
use cc_devops_core::requests::Principal;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use serde::Deserialize;

use crate::app::{App, Shared};
use crate::config::RateLimit;
use crate::connections::Peer;
use crate::places::LetIn;
use crate::problem::{Chain, Problem};

/// What a route needs of its caller.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// Nothing: anybody may call it.
    Nothing,
    /// A token. What the caller may do depends on what the body or the stored record says, so the
    /// use case decides.
    Token,
    /// A token, and the policies' word on what the path names.
    Access(fn(&Named) -> Result<Access, Problem>),
    /// A token, and the policies' word on whose rows the caller asks for with `agent`. A caller
    /// that names nobody sees everybody's rows if it may, else its own.
    View(fn(Option<AgentName>) -> Access),
}

/// What the path names.
pub(crate) struct Named(RawPathParams);

impl Named {
    /// The agent in the path.
    pub(crate) fn agent(&self) -> Result<AgentName, Problem> {
        let name = self.0.iter().find(|(key, _)| *key == "name").map(|(_, name)| name);
        AgentName::new(name.unwrap_or_default()).map_err(|error| Problem::invalid(error.to_string()))
    }
}

/// The proven caller.
#[derive(Clone)]
pub(crate) struct Caller(pub(crate) Arc<Agent>);

impl Caller {
    /// The caller as the engine takes it.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            agent: self.0.name.clone(),
            role: self.0.role,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Problem::unauthenticated)
    }
}

/// Whose rows a caller sees: everybody's, or only one agent's.
#[derive(Clone)]
pub(crate) struct View(pub(crate) Option<AgentName>);

impl<S: Sync> FromRequestParts<S> for View {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let view = parts.extensions.get::<Self>().cloned();
        view.ok_or_else(|| Problem::denied("this list has no view for the caller"))
    }
}

/// Lets a request through to its handler, or says why not.
pub(crate) async fn enforce(
    State((app, needs)): State<(App, Needs)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if matches!(needs, Needs::Nothing) {
        return Ok(next.run(request).await);
    }
    let credential = authenticate(&app, request.headers()).await?;
    let agent = Arc::clone(&credential.agent);
    tracing::Span::current().record("agent", agent.name.as_str());
    if let Some(rate) = &app.rate {
        rate.check(&agent.name)?;
    }
    if let Some(peer) = request.extensions().get::<Peer>() {
        peer.proven();
    }
    if let Some(let_in) = request.extensions().get::<LetIn>() {
        let_in.charge(&agent.name)?;
    }
    match needs {
        Needs::Nothing | Needs::Token => {}
        Needs::Access(wanted) => {
            let params = request.extract_parts::<RawPathParams>().await;
            let named = params.map_err(|_| Problem::malformed("the path is not valid UTF-8"))?;
            app.require(&agent, &wanted(&Named(named))?)?;
        }
        Needs::View(of) => {
            let view = view(&app, &agent, &request, of)?;
            request.extensions_mut().insert(view);
        }
    }
    request.extensions_mut().insert(Caller(agent));
    request.extensions_mut().insert(credential);
    Ok(next.run(request).await)
}

/// The agent whose token the headers hold.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Credential, Problem> {
    // What cannot be a token is looked up nowhere.
    let token = bearer(headers).filter(|token| Token::has_form(token));
    let token = TokenHash::of(token.ok_or_else(Problem::unauthenticated)?);
    let ports = app.ports();
    let agent = ports.agents.by_token(&token, ports.clock.now()).await?;
    let agent = agent.ok_or_else(Problem::unauthenticated)?;
    Ok(Credential {
        token,
        agent: Arc::new(agent),
    })
}

/// What a caller came with, to be looked at again while the caller stays.
#[derive(Clone)]
pub(crate) struct Credential {
    token: TokenHash,
    /// Whose it was then.
    pub(crate) agent: Arc<Agent>,
}

impl Credential {
    /// Whether the token is still good, and its agent the same in every field: what was decided on
    /// it holds no longer than that.
    pub(crate) async fn holds(&self, app: &Shared) -> PortResult<bool> {
        let ports = app.ports();
        let agent = ports.agents.by_token(&self.token, ports.clock.now()).await?;
        Ok(agent.is_some_and(|agent| agent == *self.agent))
    }

    /// Comes when it does not hold any more. What cannot be found out is looked at again.
    pub(crate) async fn ended(&self, app: &Shared) {
        loop {
            tokio::time::sleep(app.config.pace.tokens).await;
            match self.holds(app).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(error = %Chain(&error), "a token could not be looked at again"),
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[derive(Deserialize)]
struct Whose {
    agent: Option<String>,
}

fn view(app: &App, agent: &Agent, request: &Request, of: fn(Option<AgentName>) -> Access) -> Result<View, Problem> {
    let query = Query::<Whose>::try_from_uri(request.uri());
    let Query(whose) = query.map_err(|error| Problem::invalid(error.body_text()))?;
    let Some(name) = whose.agent else {
        let everybody = app.control.policy().decide(agent, &of(None)).allowed;
        let view = (!everybody).then(|| agent.name.clone());
        if view.is_some() {
            app.require(agent, &of(view.clone()))?;
        }
        return Ok(View(view));
    };
    let name = AgentName::new(name).map_err(|error| Problem::invalid(error.to_string()))?;
    app.require(agent, &of(Some(name.clone())))?;
    Ok(View(Some(name)))
}

impl Shared {
    /// Lets the policies decide; a refusal is a problem.
    pub(crate) fn require(&self, agent: &Agent, access: &Access) -> Result<(), Problem> {
        let decision = self.control.policy().decide(agent, access);
        if decision.allowed {
            return Ok(());
        }
        Err(Problem::denied(decision.refusal(&agent.name, access)))
    }
}

/// How often each agent may call.
pub(crate) struct RateLimiter {
    limiter: DefaultKeyedRateLimiter<AgentName>,
    clock: DefaultClock,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.requests_per_second).allow_burst(limit.burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    fn check(&self, agent: &AgentName) -> Result<(), Problem> {
        self.limiter.check_key(agent).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "this agent sends more requests than it may; wait before the next",
            )
            .retry_after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_token_is_a_token() {
        let presented = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(text));
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(presented("Bearer ccd_1").as_deref(), Some("ccd_1"));
        assert_eq!(presented("bearer  ccd_1 ").as_deref(), Some("ccd_1"));
        assert_eq!(presented("Basic ccd_1"), None);
        assert_eq!(presented("ccd_1"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
