//! Who calls, whether they may, and how often.
//!
//! A handler is given nothing but what the gate hands it: a [`Permitted`] of its route's [`Privilege`], which the gate
//! makes when it has found out who calls and what the policies say, or [`Open`] where anybody may call. The state of
//! a route is closed to its handler, so that one without the proof that its route's row asks for does not compile.

mod audit_privileges;
mod billing_privileges;
mod deploy_privileges;
mod fleet_privileges;
mod health_privileges;
mod key_privileges;
mod live_privileges;
mod metric_privileges;
mod parameter_privileges;
mod permit;
mod policy_privileges;
mod privileges;
mod queue_privileges;
pub(crate) mod rate;
mod repository_privileges;
mod request_privileges;
mod revenue_privileges;
mod secret_privileges;
mod session_privileges;
mod submit_privileges;
mod watch_privileges;
mod webhook_privileges;

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use cc_devops_fleet::{Token, TokenHash};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::secret::SecretValue;
use serde_json::json;

pub use audit_privileges::{MOST_EXPORTED, ReadAudit};
pub use billing_privileges::ReadBillingFigures;
pub(crate) use deploy_privileges::stacks_meant;
pub use deploy_privileges::{DecidePlans, DescribeStacks, PlanQuery, ReadDeploys, ReadFreezes};
pub use fleet_privileges::{ByState, ManageAgents, Managed, Revoked, TokenMade};
pub use health_privileges::{ReadHealth, TryMaintenance};
pub use key_privileges::{FetchAwsKeys, ManageAwsKeys};
pub use metric_privileges::{CountedSteps, NotReported, ReportMetrics, SeeMetrics};
pub use parameter_privileges::{ReadParameters, WriteParameters};
pub use permit::{Entrance, Permitted};
pub(crate) use permit::{Open, Row, open, permitted};
pub use policy_privileges::{ReadPolicies, ReadSettings};
pub use privileges::{
    FindRequest, ListAgents, ManageWebhooks, Privilege, Question, ReadEvents, ReadMetrics, ReadRequests, ReadSecret,
    SealValues, SendHeartbeat, SubmitRequests,
};
pub use queue_privileges::{ReceiveCompletions, Receiving};
pub use repository_privileges::{ReadRepositories, RepositoryLook};
pub use request_privileges::{SearchRequests, Searched};
pub use revenue_privileges::{MovementPage, ReadRevenue};
pub use secret_privileges::{ListSecrets, UseSecrets};
pub use session_privileges::MakeSessionLinks;
pub use submit_privileges::SubmitOutcome;
pub use watch_privileges::{ActOnAlerts, ManageAlerts, PauseAgent, PublishAlerts, ReadAlerts, SetMaintenance};
pub use webhook_privileges::{ActOnWebhooks, ReadWebhooks};

use crate::app::{App, Shared};
use crate::connections::Peer;
use crate::places::RequestPlace;
use crate::problem::{Chain, Problem};

/// The proven caller.
#[derive(Clone)]
pub struct Caller(pub(crate) Arc<Agent>);

impl Caller {
    /// Who it is.
    pub fn agent(&self) -> &Agent {
        &self.0
    }

    /// The caller as the engine takes it.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            agent: self.0.name.clone(),
            role: self.0.role,
        }
    }
}

/// Lets a request through to its handler with the proof of what it may touch, or says why not.
async fn enforce<P: Privilege>(
    State(entrance): State<Entrance<P>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let credential = authenticate(entrance.app(), request.headers()).await?;
    entrance.admit(credential, &mut request).await?;
    Ok(next.run(request).await)
}

impl<P: Privilege> Entrance<P> {
    /// Hands the request the proof of what its handler may touch.
    ///
    /// # Errors
    /// The caller calls too often, or no policy permits it.
    pub async fn admit(&self, credential: Credential, request: &mut Request) -> Result<(), Problem> {
        let app = self.app();
        credential.let_in(app, request.extensions())?;
        let agent = Arc::clone(&credential.agent);
        let params = request.extract_parts::<RawPathParams>().await.ok();
        let question = Question {
            app,
            agent: &agent,
            params: params.as_ref(),
            uri: request.uri(),
        };
        let privilege = match P::ask(&question) {
            Ok(privilege) => privilege,
            Err(problem) => {
                put_on_record(app, &credential, request.method(), request.uri(), &problem).await?;
                return Err(problem);
            }
        };
        let permitted = self.permit(Caller(agent), credential, privilege);
        request.extensions_mut().insert(permitted);
        Ok(())
    }
}

/// How much of an address is put on record, in characters.
const MOST_PATH: usize = 300;

/// Puts on record that an act was asked for by the dashboard which no policy permits. Over the API the policies are asked
/// by whoever acts, or what was asked for changes nothing.
async fn put_on_record(
    app: &App,
    credential: &Credential,
    method: &Method,
    uri: &Uri,
    problem: &Problem,
) -> PortResult<()> {
    if credential.door != Door::Dashboard || method.is_safe() || problem.status() != StatusCode::FORBIDDEN {
        return Ok(());
    }
    let agent = &credential.agent.name;
    let entry = AuditEntry {
        at: app.now(),
        principal: Some(agent.clone()),
        agent: Some(agent.clone()),
        action: actions::ACT_DENIED.to_owned(),
        request_id: None,
        stage: None,
        resource: Some(uri.path().chars().take(MOST_PATH).collect()),
        status: Status::Error,
        reason: Some(Reason::SecurityViolation),
        detail: json!({"by": "agent", "via": credential.door, "error": problem.detail()}),
    };
    app.ports().audit.append(&entry).await
}

/// The agent whose token the headers hold.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Credential, Problem> {
    // What cannot be a token is looked up nowhere.
    let token = bearer(headers).filter(|token| Token::has_form(token));
    let token = TokenHash::of(token.ok_or_else(Problem::unauthenticated)?);
    let credential = Credential::of(app, token, Door::Api).await?;
    credential.ok_or_else(Problem::unauthenticated)
}

/// What a caller came with, to be looked at again while the caller stays.
#[derive(Clone)]
pub struct Credential {
    proof: Proof,
    /// Whose it was then.
    pub(crate) agent: Arc<Agent>,
    door: Door,
}

/// What proves who calls.
#[derive(Clone)]
enum Proof {
    /// A token, as it is kept.
    Token(TokenHash),
    /// A key that signs as AWS's do, by its id, with the session token of one that is short-lived.
    AwsKey {
        id: Arc<str>,
        session_token: Option<SecretValue>,
    },
}

impl Proof {
    /// Whose it is, while it is good.
    async fn agent(&self, app: &Shared) -> PortResult<Option<Agent>> {
        let now = app.now();
        match self {
            Self::Token(token) => app.ports().agents.by_token(token, now).await,
            Self::AwsKey { id, session_token } => {
                let session_token = session_token.as_ref().map(SecretValue::expose);
                let found = app.aws_keys().find(id, session_token, now).await?;
                Ok(found.map(|(agent, _secret)| agent))
            }
        }
    }
}

impl Credential {
    /// Whoever has this token and came in by this door; none where the token is not good.
    ///
    /// # Errors
    /// What the store says.
    pub async fn of(app: &Shared, token: TokenHash, door: Door) -> PortResult<Option<Self>> {
        let proof = Proof::Token(token);
        let agent = proof.agent(app).await?;
        Ok(agent.map(|agent| Self {
            proof,
            agent: Arc::new(agent),
            door,
        }))
    }

    /// Whoever has the access key of this id, with the secret that it signs with; none where the key is not good. Whoever
    /// asks holds the signature against the secret before anything else is done with it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn of_aws_key(
        app: &Shared,
        id: &str,
        session_token: Option<&str>,
    ) -> PortResult<Option<(Self, SecretValue)>> {
        let found = app.aws_keys().find(id, session_token, app.now()).await?;
        Ok(found.map(|(agent, secret)| {
            let proof = Proof::AwsKey {
                id: id.into(),
                session_token: session_token.map(|token| SecretValue::new(token.to_owned())),
            };
            let credential = Self {
                proof,
                agent: Arc::new(agent),
                door: Door::Aws,
            };
            (credential, secret)
        }))
    }

    /// Lets a request of this caller's in: it counts towards how often and how much at once the caller may, and its
    /// connection is one of somebody known.
    ///
    /// # Errors
    /// The caller calls too often, or has as many requests under way as it may.
    pub fn let_in(&self, app: &Shared, extensions: &Extensions) -> Result<(), Problem> {
        let agent = &self.agent.name;
        tracing::Span::current().record("agent", agent.as_str());
        if let Some(rate) = &app.rate {
            rate.check(agent)?;
        }
        if let Some(peer) = extensions.get::<Peer>() {
            peer.proven();
        }
        if let Some(let_in) = extensions.get::<RequestPlace>() {
            let_in.charge(agent)?;
        }
        Ok(())
    }

    /// Whose it is.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The token it came with, as it is kept; none where it came with a key.
    pub fn token(&self) -> Option<&TokenHash> {
        match &self.proof {
            Proof::Token(token) => Some(token),
            Proof::AwsKey { .. } => None,
        }
    }

    /// By which door it came.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Whether the token or key is still good, and its agent the same in every field: what was decided on
    /// it holds no longer than that.
    ///
    /// # Errors
    /// What the store says.
    pub async fn holds(&self, app: &Shared) -> PortResult<bool> {
        let agent = self.proof.agent(app).await?;
        Ok(agent.is_some_and(|agent| agent == *self.agent))
    }

    /// Comes when it does not hold any more. What cannot be found out is looked at again.
    pub async fn ended(&self, app: &Shared) {
        loop {
            tokio::time::sleep(app.config.pace.tokens).await;
            match self.holds(app).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(error = %Chain(&error), "a credential could not be looked at again"),
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Shared {
    /// Whether the policies let an agent do this.
    pub(crate) fn may(&self, agent: &Agent, access: &Access) -> bool {
        self.control.policy().decide(agent, access).allowed
    }

    /// Lets the policies decide; a refusal is a problem.
    pub(crate) fn require(&self, agent: &Agent, access: &Access) -> Result<(), Problem> {
        let decision = self.control.policy().decide(agent, access);
        if decision.allowed {
            return Ok(());
        }
        Err(Problem::denied(decision.refusal(&agent.name, access)))
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
