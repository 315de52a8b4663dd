//! A control plane on the fakes, with an agent that calls an operation: past the protocols, which have tests of their own.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_http::access::Credential;
use cc_devops_http::{ServerConfig, Service as HttpService, Workers};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::Completed;
use cc_devops_outbox::ports::Consumer;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_testkit::{Memory, sample};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use crate::fault::Failed;
use crate::operation::{Call, Operation};

/// A control plane, and what answers for it. Its agents are [`sample::AGENT`] and [`sample::OTHER_AGENT`].
pub(super) struct House {
    pub(super) memory: Memory,
    control: Arc<ControlPlane>,
    service: HttpService,
}

impl House {
    /// A house without workers.
    pub(super) async fn new() -> Self {
        let memory = Memory::new();
        let ports = memory.ports();
        sample::add_agent(&ports).await;
        let other = sample::agent(sample::OTHER_AGENT);
        let added = ports.agents.add(&other, &sample::token(2), &sample::added()).await;
        added.expect("a fresh model takes an agent");
        let control = Arc::new(sample::control_plane(ports));
        Self {
            service: HttpService::new(ServerConfig::default(), Arc::clone(&control)),
            memory,
            control,
        }
    }

    /// Starts the workers.
    pub(super) fn work(&self) -> Workers {
        let (_, ended) = unbounded_channel();
        self.service.start(ended).expect("the schedules can be read")
    }

    /// A call by the agent whose token has this number.
    pub(super) async fn call(&self, token: u8) -> Call {
        let app = self.service.app();
        let credential = Credential::of(app, sample::token(token).hash, Door::Api).await;
        Call {
            app: Arc::clone(app),
            credential: credential.expect("the model answers").expect("the agent is known"),
            region: "eu-west-1".into(),
            signed_at: sample::START,
            endpoint: "http://localhost:8080/aws".into(),
            let_in: None,
        }
    }

    /// What [`sample::AGENT`] is answered.
    pub(super) async fn ask(&self, operations: Vec<Operation>, name: &str, input: Value) -> Result<Value, Failed> {
        let call = self.call(1).await;
        ask(call, operations, name, input).await
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

/// What a caller is answered.
pub(super) async fn ask(call: Call, operations: Vec<Operation>, name: &str, input: Value) -> Result<Value, Failed> {
    let operation = operations.into_iter().find(|operation| operation.name == name);
    operation.expect("it is served").run(call, input).await
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
