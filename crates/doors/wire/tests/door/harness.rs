//! A control plane on the fakes with this door, an agent and an operator.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use cc_devops_fleet::{NewAgent, Token};
use cc_devops_http::{Capabilities, ServerConfig, Service};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::ports::Clock;
use cc_devops_testkit::{Memory, sample};
use serde_json::Value;
use tower::ServiceExt;

use crate::signing::{Ask, Key};

/// The agent that asks.
pub(crate) const AGENT: &str = sample::AGENT;

/// The agent's token.
pub(crate) const AGENTS: u8 = 1;

/// The operator's.
const OPERATORS: u8 = 9;

/// A control plane and its front door.
pub(crate) struct Harness {
    pub(crate) memory: Memory,
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// An error's code, wherever its protocol has it.
    pub(crate) fn code(&self) -> String {
        let text = self.text();
        match text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"))
        {
            Some((code, _)) => code.to_owned(),
            None => self.header("x-amzn-errortype").to_owned(),
        }
    }
}

impl Harness {
    /// A control plane whose callers are known.
    pub(crate) async fn new() -> Self {
        Self::with(ServerConfig::default()).await
    }

    /// The same with a configuration of its own.
    pub(crate) async fn with(config: ServerConfig) -> Self {
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
        ports
            .agents
            .add(&operator, &sample::token(OPERATORS), &sample::added())
            .await
            .unwrap();
        let capabilities = Capabilities {
            doors: vec![cc_devops_wire::door()],
            ..Capabilities::from(Arc::new(sample::control_plane(ports)))
        };
        Self {
            memory,
            router: Service::new(config, capabilities).router(),
        }
    }

    /// The answer to any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    /// The answer to a call that is signed now.
    pub(crate) async fn ask(&self, ask: &Ask, key: &Key) -> Answer {
        self.send(ask.signed(key, self.now())).await
    }

    /// The time.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.memory.clock().now()
    }

    /// A new access key of the agent's.
    pub(crate) async fn key(&self) -> Key {
        self.key_of(AGENT).await
    }

    /// A new access key of anybody's.
    pub(crate) async fn key_of(&self, agent: &str) -> Key {
        let path = format!("/v1/agents/{agent}/keys");
        let made = self.over_the_api(OPERATORS, Method::POST, &path).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
        Key {
            id: text("awsAccessKeyId"),
            secret: text("awsSecretAccessKey"),
        }
    }

    /// Ends it.
    pub(crate) async fn end(&self, key: &Key) {
        let path = format!("/v1/agents/{AGENT}/keys/{}", key.id);
        let ended = self.over_the_api(OPERATORS, Method::DELETE, &path).await;
        assert!(ended.status < 300, "{}", ended.text());
    }

    /// The answer to what the owner of a token asks over the API.
    pub(crate) async fn over_the_api(&self, token: u8, method: Method, path: &str) -> Answer {
        let token = Token::from_random([token; 32]);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", crate::signing::HOST);
        let request = request.header("authorization", format!("Bearer {}", token.expose()));
        self.send(request.body(Body::empty()).unwrap()).await
    }
}
