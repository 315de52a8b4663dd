//! What a route may be about: what the gate asks the policies before it hands the proof out, and what the handler may
//! touch with it.

use axum::extract::{Query, RawPathParams};
use axum::http::Uri;
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_fleet::watching::WatchedAgent;
use cc_devops_fleet::{AgentStatus, Beat, HeartbeatInterval};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::names::{AgentName, RequestId, SecretName};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortResult, SecretRead, SecretVersion};
use cc_devops_kernel::work::Progress;
use cc_devops_outbox::ports::{RequestStep, Steps, Webhooks};
use cc_devops_outbox::webhooks::Subscriptions;
use cc_devops_requests::record::{RequestFilter, RequestRecord, RequestState};
use cc_devops_requests::sealed_values::SealingKey;
use cc_devops_requests::secret_reads::{ReadSecretError, WantedVersion};
use serde::Deserialize;

use super::Permitted;
use crate::app::App;
use crate::problem::{Chain, Problem};

/// What a route is about.
pub trait Privilege: Clone + Send + Sync + 'static {
    /// Asks the policies, with what path and query name.
    fn ask(question: &Question<'_>) -> Result<Self, Problem>;
}

/// What the gate knows when it asks.
pub struct Question<'a> {
    pub(super) app: &'a App,
    pub(super) agent: &'a Agent,
    /// None where the path is no UTF-8.
    pub(super) params: Option<&'a RawPathParams>,
    pub(super) uri: &'a Uri,
}

impl Question<'_> {
    pub(super) fn require(&self, access: &Access) -> Result<(), Problem> {
        self.app.require(self.agent, access)
    }

    pub(super) fn may(&self, access: &Access) -> bool {
        self.app.may(self.agent, access)
    }

    /// The agent in the path.
    pub(super) fn named(&self) -> Result<AgentName, Problem> {
        let params = self.params;
        let params = params.ok_or_else(|| Problem::malformed("the path is not valid UTF-8"))?;
        let name = params.iter().find(|(key, _)| *key == "name").map(|(_, name)| name);
        AgentName::new(name.unwrap_or_default()).map_err(|error| Problem::invalid(error.to_string()))
    }

    /// Whose rows the caller asks for with `agent`. A caller that names nobody sees everybody's if it may, else its
    /// own.
    fn view(&self, of: fn(Option<AgentName>) -> Access) -> Result<Option<AgentName>, Problem> {
        self.view_of(self.whose()?, of)
    }

    /// Whom the query names with `agent`.
    pub(super) fn whose(&self) -> Result<Option<String>, Problem> {
        let query = Query::<Whose>::try_from_uri(self.uri);
        let Query(whose) = query.map_err(|error| Problem::invalid(error.body_text()))?;
        Ok(whose.agent)
    }

    /// Whose rows the caller asks for.
    pub(super) fn view_of(
        &self,
        whose: Option<String>,
        of: fn(Option<AgentName>) -> Access,
    ) -> Result<Option<AgentName>, Problem> {
        let Some(name) = whose else {
            let view = (!self.may(&of(None))).then(|| self.agent.name.clone());
            if view.is_some() {
                self.require(&of(view.clone()))?;
            }
            return Ok(view);
        };
        let name = AgentName::new(name).map_err(|error| Problem::invalid(error.to_string()))?;
        self.require(&of(Some(name.clone())))?;
        Ok(Some(name))
    }
}

#[derive(Deserialize)]
struct Whose {
    agent: Option<String>,
}

/// Hand requests in. The engine holds each envelope against the token, and lets the policies decide on each request.
#[derive(Clone)]
pub struct SubmitRequests;

impl Privilege for SubmitRequests {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<SubmitRequests> {
    /// What takes requests in.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

/// Read the event log, everybody's or one agent's.
#[derive(Clone)]
pub struct ReadEvents(Option<AgentName>);

impl Privilege for ReadEvents {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.view(|agent| Access::ReadEvents { agent }).map(Self)
    }
}

impl Permitted<ReadEvents> {
    /// What reads the log and streams it.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Whose events; everybody's without.
    pub fn whose(&self) -> Option<&AgentName> {
        self.privilege.0.as_ref()
    }
}

/// List requests, everybody's or one agent's.
#[derive(Clone)]
pub struct ReadRequests(Option<AgentName>);

impl Privilege for ReadRequests {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.view(|agent| Access::ReadRequests { agent }).map(Self)
    }
}

impl Permitted<ReadRequests> {
    /// One page of those that the caller may see, whosever the filter is about.
    pub async fn list(
        &self,
        filter: RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<RequestRecord>> {
        let filter = RequestFilter {
            agent: self.privilege.0.clone(),
            ..filter
        };
        self.app.ports().ledger.list(&filter, before, limit).await
    }
}

/// Look one request up. Whose it is stands in the ledger, so the policies are asked when it is found.
#[derive(Clone)]
pub struct FindRequest;

impl Privilege for FindRequest {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<FindRequest> {
    /// The request, where there is one and the caller may see it.
    pub async fn find(&self, id: &RequestId) -> PortResult<Option<RequestRecord>> {
        let Some(mut record) = self.app.ports().ledger.find(id).await? else {
            return Ok(None);
        };
        let access = Access::ReadRequests {
            agent: Some(record.head.agent.clone()),
        };
        if !self.may(&access) {
            return Ok(None);
        }
        if record.completed.is_none() {
            record.progress = self.progress(&record).await.or(record.progress);
        }
        Ok(Some(record))
    }

    /// The plan that the request waits for, where it does.
    pub async fn waiting_plan(&self, record: &RequestRecord) -> PortResult<Option<PlanRecord>> {
        if record.state != RequestState::Waiting {
            return Ok(None);
        }
        let plan = self.app.control.plan_of_request(&record.head.id).await?;
        Ok(plan.filter(|plan| plan.state == PlanState::Waiting))
    }

    /// How far a request is: as what runs here says, or who does it elsewhere.
    async fn progress(&self, record: &RequestRecord) -> Option<Progress> {
        let control = &self.app.control;
        if record.state != RequestState::Waiting {
            return control.progress_of(&record.head.id);
        }
        let progress = control.progress_elsewhere(&record.head).await;
        progress.unwrap_or_else(|error| {
            tracing::debug!(error = %Chain(&error), "it cannot be said how far a request is");
            None
        })
    }
}

/// Send one agent's heartbeat.
#[derive(Clone)]
pub struct SendHeartbeat(AgentName);

impl Privilege for SendHeartbeat {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let agent = question.named()?;
        question.require(&Access::SendHeartbeat { agent: agent.clone() })?;
        Ok(Self(agent))
    }
}

impl Permitted<SendHeartbeat> {
    /// Takes the heartbeat of the agent that the path names.
    pub async fn beat(&self, beat: Beat) -> PortResult<()> {
        self.app.beat(&self.privilege.0, beat).await
    }
}

/// See which agents there are.
#[derive(Clone)]
pub struct ListAgents;

impl Privilege for ListAgents {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ListAgents).map(|()| Self)
    }
}

impl Permitted<ListAgents> {
    /// Every agent, with how its watch has it.
    pub async fn agents(&self) -> PortResult<Vec<(AgentStatus, Option<WatchedAgent>)>> {
        self.app.agents().await
    }

    /// How often they are to beat.
    pub fn interval(&self) -> HeartbeatInterval {
        self.app.config.heartbeat_interval
    }
}

/// Read a secret's value. The engine decides, and puts every attempt on record.
#[derive(Clone)]
pub struct ReadSecret;

impl Privilege for ReadSecret {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<ReadSecret> {
    /// The value, where the caller may have it.
    pub async fn read(&self, name: &SecretName, version: SecretVersion) -> Result<SecretRead, ReadSecretError> {
        let wanted = WantedVersion {
            id: None,
            version: Some(version),
        };
        let (_, read) = self.app.control.read_secret_by(self.by(), name, wanted).await?;
        Ok(read)
    }
}

/// Know the key that values are sealed to. It is public: whoever may ask for anything may know it.
#[derive(Clone)]
pub struct SealValues;

impl Privilege for SealValues {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<SealValues> {
    /// The newest key.
    pub async fn key(&self) -> PortResult<SealingKey> {
        self.app.control.sealing_key().await
    }
}

/// Look after webhook subscriptions and their dead letters.
#[derive(Clone)]
pub struct ManageWebhooks;

impl Privilege for ManageWebhooks {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ManageWebhooks).map(|()| Self)
    }
}

impl Permitted<ManageWebhooks> {
    /// What changes subscriptions, on record.
    pub fn acts(&self) -> Subscriptions<'_> {
        Subscriptions::new(self.app.ports(), self.asking())
    }

    /// The subscriptions.
    pub fn webhooks(&self) -> &dyn Webhooks {
        &*self.app.ports().webhooks
    }

    /// Says that there is something to deliver.
    pub fn deliver(&self) {
        self.app.deliveries.notify_one();
    }
}

/// Read the metrics.
#[derive(Clone)]
pub struct ReadMetrics;

impl Privilege for ReadMetrics {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadMetrics).map(|()| Self)
    }
}

impl Permitted<ReadMetrics> {
    /// What is measured.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// How many requests ended over the last 24 hours and how many of them failed, in steps of five minutes, oldest
    /// first.
    pub async fn rate(&self) -> PortResult<Vec<RequestStep>> {
        let steps = Steps::of_last_day(self.now());
        self.app.ports().metrics.by_step(steps).await
    }
}
