//! A control plane on the fakes with the dashboard at its door, and browsers that visit it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use cc_devops_alerts::{AlertPolicy, Alerts, Conditions, Notifier};
use cc_devops_dashboard::{Dashboard, door, rows};
use cc_devops_fleet::badges::BadgeKeys;
use cc_devops_fleet::sessions::Sessions;
use cc_devops_fleet::watch::WatchSettings;
use cc_devops_fleet::watching::{Watching, WatchingPorts};
use cc_devops_fleet::{NewAgent, NewToken, Token, TokenHash};
use cc_devops_http::config::CodeHostPlace;
use cc_devops_http::{Capabilities, Mount, ServerConfig, Service, Watch};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::{AuditRow, actions};
use cc_devops_notify::{Channel, Delivering, Parts, SendOptions, Transport};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::Allowed;
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::{Memory, sample};
use tower::ServiceExt;

pub(crate) use sample::AGENT;

/// The operator.
pub(crate) const ADMIN: &str = "Operator";

/// Who only looks.
pub(crate) const OBSERVER: &str = "Looker";

/// Who visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    Agent,
    Admin,
    Observer,
}

impl As {
    /// Everybody there is.
    pub(crate) const ALL: [(Self, &str, Role); 3] = [
        (Self::Agent, AGENT, Role::Agent),
        (Self::Admin, ADMIN, Role::Admin),
        (Self::Observer, OBSERVER, Role::Observer),
    ];

    /// The token as its owner types it.
    pub(crate) fn token(self) -> String {
        let number = match self {
            Self::Agent => 1,
            Self::Admin => 9,
            Self::Observer => 7,
        };
        Token::from_random([number; 32]).expose().to_owned()
    }
}

/// A control plane and its front door, with the dashboard.
pub(crate) struct Harness {
    pub(crate) memory: Memory,
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) watch: Watch,
    /// Every page and act: how it is sent, its path, and whether its visitor must have signed in.
    pub(crate) routes: Vec<(Method, &'static str, bool)>,
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The page, which must have been shown.
    pub(crate) fn page(self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.text
    }

    /// Where an act leads to, which must have been done.
    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }
}

impl Harness {
    /// A control plane whose three callers are known. No workers run.
    pub(crate) async fn new() -> Self {
        Self::around(Memory::new(), |_| (), Dashboard::default()).await
    }

    /// A control plane whose front door has a configuration of its own.
    pub(crate) async fn at(config: ServerConfig) -> Self {
        Self::served(Memory::new(), |_| (), Dashboard::default(), config, None).await
    }

    /// A control plane under policies of the test's own.
    pub(crate) async fn under(policies: &str) -> Self {
        let sources = [("own.cedar".to_owned(), policies.to_owned())];
        let policy = Policy::parse(&sources, &sample::installation(), vocabulary());
        let policy = policy.unwrap_or_else(|problems| panic!("{problems:?}"));
        let (memory, config) = (Memory::new(), config());
        Self::served(memory, |_| (), Dashboard::default(), config, Some(policy)).await
    }

    /// A control plane some of whose ports are the test's own, and whose dashboard is told something.
    pub(crate) async fn around(memory: Memory, change: impl FnOnce(&mut Ports), dashboard: Dashboard) -> Self {
        Self::served(memory, change, dashboard, config(), None).await
    }

    async fn served(
        memory: Memory,
        change: impl FnOnce(&mut Ports),
        dashboard: Dashboard,
        config: ServerConfig,
        policy: Option<Policy>,
    ) -> Self {
        let control = control_plane(&memory, change, policy).await;
        let watch = watch(control.ports());
        // What is broken on purpose has no agents to be listed.
        if let Ok(agents) = control.ports().agents.list().await {
            watch
                .watching
                .adopt(&agents, control.ports().clock.now())
                .await
                .unwrap();
        }
        let (tell, told) = std::sync::mpsc::channel();
        let door = door(dashboard);
        let door = Mount {
            routes: Box::new(move |app| {
                tell.send(rows(app)).unwrap();
                (door.routes)(app)
            }),
            claims: door.claims,
            profile: door.profile,
        };
        let capabilities = Capabilities {
            watch: Some(watch.clone()),
            doors: vec![door],
            ..Capabilities::from(Arc::clone(&control))
        };
        let router = Service::new(config, capabilities).router();
        Self {
            memory,
            control,
            watch,
            routes: told.recv().unwrap(),
            router,
        }
    }

    /// What is on record, beside that the callers were added.
    pub(crate) fn rows(&self) -> Vec<AuditRow> {
        let mut rows = self.memory.audit_rows();
        rows.retain(|row| row.entry.action != actions::AGENT_ADDED);
        rows
    }

    /// The sessions, as the control plane keeps them.
    pub(crate) fn sessions<'a>(&self, ports: &'a Ports) -> Sessions<'a> {
        Sessions {
            state: &*ports.state,
            key: self.control.derived_key("sessions"),
        }
    }

    /// The answer to any request, of which nothing is read yet.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends any request.
    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.answer(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// A browser in which somebody has signed in.
    pub(crate) async fn sign_in(&self, who: As) -> Browser<'_> {
        let mut browser = Browser {
            harness: self,
            cookie: String::new(),
        };
        let answer = browser.post("/ui/login", &[("token", &who.token())]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        browser
    }
}

/// A browser that keeps its cookie.
pub(crate) struct Browser<'a> {
    pub(crate) harness: &'a Harness,
    pub(crate) cookie: String,
}

impl Browser<'_> {
    /// Gets a page.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).header(COOKIE, &self.cookie);
        self.harness.call(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form of a page of ours.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(COOKIE, &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.harness.call(request.body(body.into()).unwrap()).await
    }
}

/// The owner whose repositories are looked after.
pub(crate) const OWNER: &str = "acme";

fn config() -> ServerConfig {
    ServerConfig {
        code_host: Some(CodeHostPlace {
            owner: OWNER.to_owned(),
            web: "https://github.example".to_owned(),
        }),
        ..ServerConfig::default()
    }
}

async fn control_plane(memory: &Memory, change: impl FnOnce(&mut Ports), policy: Option<Policy>) -> Arc<ControlPlane> {
    let mut ports = memory.ports();
    change(&mut ports);
    for (caller, name, role) in As::ALL {
        let agent = Agent {
            role,
            ..sample::agent(name).agent
        };
        let new = NewAgent {
            agent,
            created_at: sample::START,
        };
        let token = NewToken {
            hash: TokenHash::of(&caller.token()),
            created_at: sample::START,
        };
        ports.agents.add(&new, &token, &sample::added()).await.unwrap();
    }
    let installation = sample::installation();
    let shipped = || Policy::shipped(PolicySet::OwnPrefixes, &installation, vocabulary());
    let policy = policy.unwrap_or_else(shipped);
    Arc::new(ControlPlane::new(
        installation,
        ports,
        policy,
        FingerprintKey::new([7; 32]),
        RequestSettings::default(),
    ))
}

/// The watch over these ports' agents, and who tells people by a log.
fn watch(ports: &Ports) -> Watch {
    let channels = vec![Channel {
        name: "log".to_owned(),
        bodies: false,
        transport: Transport::Log,
    }];
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
