//! A control plane on the fakes, whose agents call operations: past the protocols, which have tests of their own.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_alerts::{AlertPolicy, Alerts, Conditions, Notifier};
use cc_devops_fleet::NewAgent;
use cc_devops_fleet::badges::BadgeKeys;
use cc_devops_fleet::watch::WatchSettings;
use cc_devops_fleet::watching::{Watching, WatchingPorts};
use cc_devops_http::access::Credential;
use cc_devops_http::{Capabilities, ServerConfig, Service, Watch, Workers};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::Completed;
use cc_devops_notify::{Channel, Delivering, Parts, SendOptions, Transport};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::Allowed;
use cc_devops_outbox::ports::Consumer;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::{Memory, sample};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use crate::fault::Failed;
use crate::operation::Call;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// [`sample::AGENT`], which has no right of its own to anything but what is its own.
    Agent,
    /// [`sample::OTHER_AGENT`], the agent that looks after costs.
    CostControl,
    /// An admin.
    Operator,
}

/// A control plane with a watch, and what answers for it.
pub(super) struct Harness {
    pub(super) memory: Memory,
    pub(super) control: Arc<ControlPlane>,
    pub(super) alerts: Alerts,
    service: Service,
}

impl Harness {
    /// A control plane whose callers are known, without workers.
    pub(super) async fn new() -> Self {
        let memory = Memory::new();
        let ports = memory.ports();
        sample::add_agent(&ports).await;
        let operator = NewAgent {
            agent: Agent {
                role: Role::Admin,
                ..sample::agent("Operator").agent
            },
            created_at: sample::START,
        };
        for (agent, token) in [(sample::agent(sample::OTHER_AGENT), 2), (operator, 9)] {
            let added = ports.agents.add(&agent, &sample::token(token), &sample::added()).await;
            added.expect("a fresh model takes an agent");
        }
        let watch = watch(&ports);
        let alerts = watch.alerts.clone();
        let control = Arc::new(sample::control_plane(ports));
        let capabilities = Capabilities {
            watch: Some(watch),
            ..Capabilities::from(Arc::clone(&control))
        };
        Self {
            service: Service::new(ServerConfig::default(), capabilities),
            memory,
            control,
            alerts,
        }
    }

    /// Starts the workers.
    pub(super) fn work(&self) -> Workers {
        let (_, ended) = unbounded_channel();
        self.service.start(ended).expect("the schedules can be read")
    }

    /// A call by that caller.
    pub(super) async fn call(&self, caller: Caller) -> Call {
        let token = match caller {
            Caller::Agent => 1,
            Caller::CostControl => 2,
            Caller::Operator => 9,
        };
        let app = self.service.app();
        let credential = Credential::of(app, sample::token(token).hash, Door::Aws).await;
        Call {
            app: Arc::clone(app),
            credential: credential.expect("the model answers").expect("the agent is known"),
            region: "us-east-1".into(),
            signed_at: sample::START,
            endpoint: "http://localhost:8080/aws".into(),
            let_in: None,
        }
    }

    /// What a caller is answered to an operation's input, as a model lets it through.
    pub(super) async fn ask(&self, caller: Caller, operation: &str, input: Value) -> Result<Value, Failed> {
        ask(self.call(caller).await, operation, input).await
    }

    /// What a caller is told in AWS's words: the code, and the sentence.
    pub(super) async fn fault(&self, caller: Caller, operation: &str, input: Value) -> (String, String) {
        fault(self.ask(caller, operation, input).await)
    }

    /// The status of what a caller is told in ours.
    pub(super) async fn problem(&self, caller: Caller, operation: &str, input: Value) -> u16 {
        problem(self.ask(caller, operation, input).await).0
    }

    /// The outcome of a request, as soon as it is there; a test that waits in vain fails by its timeout.
    pub(super) async fn outcome(&self, id: &str) -> Completed {
        let id = sample::request_id(id);
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            let record = self.control.ports().ledger.find(&id).await.expect("find");
            if let Some(completed) = record.and_then(|record| record.completed) {
                return completed;
            }
        }
    }

    /// Takes what was concluded to the log, where no worker does.
    pub(super) async fn log(&self) {
        let relayed = self.control.relay(&[Consumer::Log], 100).await;
        relayed.expect("the model relays");
    }
}

/// What a call is answered.
pub(super) async fn ask(call: Call, operation: &str, input: Value) -> Result<Value, Failed> {
    let table = super::table();
    let found = table.iter().find(|known| known.name == operation);
    found.expect("it is served").run(call, input).await
}

/// The code and the message of a fault in AWS's words.
pub(super) fn fault(answer: Result<Value, Failed>) -> (String, String) {
    match answer {
        Err(Failed::Fault(fault)) => (fault.code.into_owned(), fault.message),
        Err(Failed::Problem(problem)) => panic!("it is told in our words: {problem:?}"),
        Ok(answer) => panic!("it is answered: {answer}"),
    }
}

/// The status and the sentence of a problem in ours.
pub(super) fn problem(answer: Result<Value, Failed>) -> (u16, String) {
    match answer {
        Err(Failed::Problem(problem)) => (problem.status().as_u16(), problem.detail().to_owned()),
        Err(Failed::Fault(fault)) => panic!("it is told in AWS's words: {fault:?}"),
        Ok(answer) => panic!("it is answered: {answer}"),
    }
}

fn watch(backend: &Ports) -> Watch {
    let log = Channel {
        name: "log".to_owned(),
        bodies: false,
        transport: Transport::Log,
    };
    let policy = Arc::new(AlertPolicy::plain(vec![log.name.clone()]));
    let conditions = Conditions::new(Arc::clone(&backend.state), Arc::clone(&policy));
    let watching = WatchingPorts {
        state: Arc::clone(&backend.state),
        agents: Arc::clone(&backend.agents),
        conditions: Arc::new(conditions.clone()),
        audit: Arc::clone(&backend.audit),
        clock: Arc::clone(&backend.clock),
    };
    let parts = Parts {
        store: Arc::clone(&backend.state),
        conditions: Arc::new(conditions),
        secrets: Arc::clone(&backend.secrets),
        variables: Arc::new(|_| None),
        clock: Arc::clone(&backend.clock),
        send_options: SendOptions {
            guard: Guard::new(Allowed::default()),
            certificates: None,
            topics: None,
        },
    };
    let (state, audit, clock) = (&backend.state, &backend.audit, &backend.clock);
    Watch {
        watching: Arc::new(Watching::new(watching, WatchSettings::default(), [3; 32])),
        alerts: Alerts::new(
            Arc::clone(state),
            Arc::clone(&policy),
            Arc::clone(audit),
            Arc::clone(clock),
        ),
        notifier: Notifier::new(Arc::clone(state), policy, None),
        delivering: Delivering::new(vec![log], parts),
        outside: None,
        badges: BadgeKeys::new([4; 32]),
    }
}
