//! A control plane on the fakes with its front door, three callers, and what a test asks of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use cc_devops_alerts::{AlertPolicy, Alerts, Conditions, Notifier};
use cc_devops_fleet::badges::BadgeKeys;
use cc_devops_fleet::watch::WatchSettings;
use cc_devops_fleet::watching::{Watching, WatchingPorts};
use cc_devops_fleet::{NewAgent, NewToken, Token};
use cc_devops_http::{Capabilities, Hygiene, Mount, Revenue, ServerConfig, Service, Watch, Workers};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::{AuditRow, actions};
use cc_devops_kernel::names::RequestId;
use cc_devops_notify::{Channel, Delivering, Parts, SendOptions, Transport};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::Allowed;
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_slack::SlackClicks;
use cc_devops_testkit::{Memory, sample};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::ServiceExt;

pub(crate) use sample::{AGENT, OTHER_AGENT};

/// The operator.
pub(crate) const ADMIN: &str = "Operator";

/// The secret the agent owns.
pub(crate) const SECRET: &str = "/contentcraft/contentorchestrator/key";

/// Whose token to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    Nobody,
    Agent,
    Other,
    Admin,
    /// Where a test has added one.
    Observer,
}

impl As {
    /// The number of the observer's token.
    pub(crate) const OBSERVERS: u8 = 7;

    /// The token as its owner sends it.
    pub(crate) fn token(self) -> Option<String> {
        let number = match self {
            Self::Nobody => return None,
            Self::Agent => 1,
            Self::Other => 2,
            Self::Admin => 9,
            Self::Observer => Self::OBSERVERS,
        };
        Some(Token::from_random([number; 32]).expose().to_owned())
    }
}

/// A control plane and its front door.
pub(crate) struct Harness {
    pub(crate) memory: Memory,
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) ended: UnboundedSender<RequestId>,
    ended_at: Option<UnboundedReceiver<RequestId>>,
    service: Service,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Whether it is problem details that agree with the status.
    pub(crate) fn is_problem(&self, status: u16) -> bool {
        self.status.as_u16() == status
            && self.header("content-type") == "application/problem+json"
            && self.json()["status"] == status
            && self.json()["title"].is_string()
            && self.json()["detail"].is_string()
    }
}

impl Harness {
    /// A control plane whose three callers are known. No workers run.
    pub(crate) async fn new() -> Self {
        Self::with(ServerConfig::default()).await
    }

    /// A control plane with a configuration of its own.
    pub(crate) async fn with(config: ServerConfig) -> Self {
        Self::on(Memory::new(), config).await
    }

    /// A control plane on a model that may have a past.
    pub(crate) async fn on(memory: Memory, config: ServerConfig) -> Self {
        Self::around(memory, config, |_| ()).await
    }

    /// A control plane some of whose ports are the test's own.
    pub(crate) async fn around(memory: Memory, config: ServerConfig, change: impl FnOnce(&mut Ports)) -> Self {
        let control = control_plane(&memory, change).await;
        let (ended, ended_at) = unbounded_channel();
        let with_watch = with_watch(&control).await;
        Self {
            service: Service::new(config, with_watch),
            memory,
            control,
            ended,
            ended_at: Some(ended_at),
        }
    }

    /// A harness whose control plane is the test's own.
    pub(crate) fn of(memory: Memory, control: Arc<ControlPlane>) -> Self {
        let (ended, ended_at) = unbounded_channel();
        Self {
            service: Service::new(ServerConfig::default(), control.clone()),
            memory,
            control,
            ended,
            ended_at: Some(ended_at),
        }
    }

    /// A control plane that tells people by channels of the test's own.
    pub(crate) async fn with_channels(memory: Memory, channels: Vec<Channel>) -> Self {
        let control = control_plane(&memory, |_| ()).await;
        let (ended, ended_at) = unbounded_channel();
        let capabilities = Capabilities {
            watch: Some(watch(control.ports(), channels)),
            doors: Vec::new(),
            ..Capabilities::from(control.clone())
        };
        Self {
            service: Service::new(ServerConfig::default(), capabilities),
            memory,
            control,
            ended,
            ended_at: Some(ended_at),
        }
    }

    /// A control plane with doors beside the API.
    pub(crate) async fn with_doors(doors: Vec<Mount>) -> Self {
        let memory = Memory::new();
        let control = control_plane(&memory, |_| ()).await;
        let (ended, ended_at) = unbounded_channel();
        let capabilities = Capabilities {
            doors,
            ..Capabilities::from(control.clone())
        };
        Self {
            service: Service::new(ServerConfig::default(), capabilities),
            memory,
            control,
            ended,
            ended_at: Some(ended_at),
        }
    }

    /// A control plane that reports MRR, too.
    pub(crate) async fn with_revenue(memory: Memory, revenue: Revenue) -> Self {
        Self::doing(memory, Some(revenue), None).await
    }

    /// A control plane that looks after repositories, too.
    pub(crate) async fn with_hygiene(memory: Memory, hygiene: Hygiene) -> Self {
        Self::doing(memory, None, Some(hygiene)).await
    }

    /// A control plane that takes clicks in Slack, by policies of the test's own where it has any.
    pub(crate) async fn with_slack(memory: Memory, policy: Option<Policy>, slack: SlackClicks) -> Self {
        let mut control = control_plane(&memory, |_| ()).await;
        if let Some(policy) = policy {
            let key = FingerprintKey::new([7; 32]);
            let settings = RequestSettings::default();
            let ports = memory.ports();
            control = Arc::new(ControlPlane::new(sample::installation(), ports, policy, key, settings));
        }
        let (ended, ended_at) = unbounded_channel();
        let capabilities = Capabilities {
            slack: Some(Arc::new(slack)),
            ..Capabilities::from(control.clone())
        };
        Self {
            service: Service::new(ServerConfig::default(), capabilities),
            memory,
            control,
            ended,
            ended_at: Some(ended_at),
        }
    }

    async fn doing(memory: Memory, revenue: Option<Revenue>, hygiene: Option<Hygiene>) -> Self {
        let control = control_plane(&memory, |_| ()).await;
        let (ended, ended_at) = unbounded_channel();
        let capabilities = Capabilities {
            control: control.clone(),
            revenue,
            hygiene,
            pruner: None,
            slack: None,
            watch: None,
            doors: Vec::new(),
        };
        Self {
            service: Service::new(ServerConfig::default(), capabilities),
            memory,
            control,
            ended,
            ended_at: Some(ended_at),
        }
    }

    /// The watch, as another process on the same store has it.
    pub(crate) fn watch(&self) -> Watch {
        watch(self.control.ports(), vec![log_channel()])
    }

    /// Starts the workers.
    pub(crate) fn work(&mut self) -> Workers {
        let ended = self.ended_at.take().expect("workers start once");
        self.service.start(ended).unwrap()
    }

    /// The router.
    pub(crate) fn router(&self) -> Router {
        self.service.router()
    }

    /// Sends a request without a body.
    /// What is on record, beside that the three callers were added.
    pub(crate) fn rows(&self) -> Vec<AuditRow> {
        let mut rows = self.memory.audit_rows();
        rows.retain(|row| row.entry.action != actions::AGENT_ADDED);
        rows
    }

    pub(crate) async fn send(&self, method: Method, uri: &str, caller: As) -> Answer {
        self.call(request(method, uri, caller).body(Body::empty()).unwrap())
            .await
    }

    /// Gets something.
    pub(crate) async fn get(&self, uri: &str, caller: As) -> Answer {
        self.send(Method::GET, uri, caller).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, uri: &str, caller: As, body: &Value) -> Answer {
        self.post_text(uri, caller, body.to_string()).await
    }

    /// Sends JSON by any method.
    pub(crate) async fn send_json(&self, method: Method, uri: &str, caller: As, body: &Value) -> Answer {
        let request = request(method, uri, caller).header(CONTENT_TYPE, "application/json");
        self.call(request.body(body.to_string().into()).unwrap()).await
    }

    /// Posts what calls itself JSON.
    pub(crate) async fn post_text(&self, uri: &str, caller: As, body: impl Into<Body>) -> Answer {
        let request = request(Method::POST, uri, caller).header(CONTENT_TYPE, "application/json");
        self.call(request.body(body.into()).unwrap()).await
    }

    /// Sends any request.
    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

/// A request with somebody's token.
pub(crate) fn request(method: Method, uri: &str, caller: As) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(uri);
    match caller.token() {
        Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    }
}

/// A control plane with the shipped policies on a model; its callers are added if they are new.
pub(crate) async fn control_plane(memory: &Memory, change: impl FnOnce(&mut Ports)) -> Arc<ControlPlane> {
    let mut ports = memory.ports();
    change(&mut ports);
    if ports.agents.list().await.unwrap().is_empty() {
        for (caller, name, role) in [
            (As::Agent, AGENT, Role::Agent),
            (As::Other, OTHER_AGENT, Role::Agent),
            (As::Admin, ADMIN, Role::Admin),
        ] {
            let agent = Agent {
                role,
                ..sample::agent(name).agent
            };
            let new = NewAgent {
                agent,
                created_at: sample::START,
            };
            let token = NewToken {
                hash: cc_devops_fleet::TokenHash::of(&caller.token().unwrap()),
                created_at: sample::START,
            };
            ports.agents.add(&new, &token, &sample::added()).await.unwrap();
        }
    }
    let installation = sample::installation();
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
    Arc::new(ControlPlane::new(
        installation,
        ports,
        policy,
        FingerprintKey::new([7; 32]),
        RequestSettings::default(),
    ))
}

/// A control plane whose agents are watched, and that tells people by its log.
async fn with_watch(control: &Arc<ControlPlane>) -> Capabilities {
    let ports = control.ports();
    let watch = watch(ports, vec![log_channel()]);
    // What is broken on purpose has no agents to be listed.
    if let Ok(agents) = ports.agents.list().await {
        watch.watching.adopt(&agents, ports.clock.now()).await.unwrap();
    }
    Capabilities {
        watch: Some(watch),
        ..Capabilities::from(Arc::clone(control))
    }
}

/// A channel that is the log.
pub(crate) fn log_channel() -> Channel {
    Channel {
        name: "log".to_owned(),
        bodies: false,
        transport: Transport::Log,
    }
}

/// The watch over these ports' agents, and who tells by these channels.
pub(crate) fn watch(ports: &Ports, channels: Vec<Channel>) -> Watch {
    let names = channels.iter().map(|channel| channel.name.clone()).collect();
    let policy = Arc::new(AlertPolicy::plain(names));
    let conditions = Conditions::new(Arc::clone(&ports.state), Arc::clone(&policy));
    let watching = Watching::new(
        WatchingPorts {
            state: Arc::clone(&ports.state),
            agents: Arc::clone(&ports.agents),
            conditions: Arc::new(conditions.clone()),
            audit: Arc::clone(&ports.audit),
            clock: Arc::clone(&ports.clock),
        },
        WatchSettings::default(),
        [3; 32],
    )
    // As on AWS, so that whoever looks there sees them too.
    .beats(Arc::clone(&ports.heartbeats));
    let outbox = Parts {
        store: Arc::clone(&ports.state),
        conditions: Arc::new(conditions),
        secrets: Arc::clone(&ports.secrets),
        variables: Arc::new(|_| None),
        clock: Arc::clone(&ports.clock),
        send_options: SendOptions {
            guard: Guard::new(Allowed::default()),
            certificates: None,
            topics: None,
        },
    };
    Watch {
        watching: Arc::new(watching),
        alerts: Alerts::new(
            Arc::clone(&ports.state),
            Arc::clone(&policy),
            Arc::clone(&ports.audit),
            Arc::clone(&ports.clock),
        ),
        notifier: Notifier::new(Arc::clone(&ports.state), policy, None),
        delivering: Delivering::new(channels, outbox),
        outside: None,
        badges: BadgeKeys::new([4; 32]),
    }
}

/// Looks again and again until something is there; a test that waits in vain fails by its timeout.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        if let Some(found) = look().await {
            return found;
        }
    }
}

/// A `putSecret` of the agent's own secret.
pub(crate) fn put(id: &str) -> Value {
    sample::put_secret_event(id, SECRET, sample::PLANTED_SECRET)
}
