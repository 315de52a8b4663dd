//! Clicks in Slack: a chat with a plan in it, and clicks as Slack sends them.

mod decisions;
mod signatures;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::Method;
use cc_devops_deploys::PlanRecord;
use cc_devops_fleet::{NewAgent, SlackUsers};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::actions;
use cc_devops_notify::{Channel, Transport, Value as Place};
use cc_devops_policy::Policy;
use cc_devops_slack::{Answer as SlackAnswer, Answers, SigningParts, SlackClicks};
use cc_devops_testkit::{Memory, sample};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::deploys::{kept, plan};
use crate::harness::{ADMIN, Answer, As, Harness, OTHER_AGENT, request, until};

/// The app's signing secret, which stands in no answer and no record.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// The Slack user of [`ADMIN`].
const ADMINS_ID: &str = "U0ADMIN1";

/// The path.
const ACTIONS: &str = "/v1/slack/actions";

/// Keeps what would be sent to Slack.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<Value>>>);

#[async_trait]
impl Answers for Sent {
    async fn send(&self, answer: SlackAnswer) {
        let body = serde_json::from_str(&answer.body).unwrap();
        self.0.lock().unwrap().push(body);
    }
}

impl Sent {
    /// The last of so many answers, when it is there.
    async fn answer(&self, number: usize) -> Value {
        until(async || self.0.lock().unwrap().get(number - 1).cloned()).await
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn channel(signing: Place) -> Channel {
    Channel {
        name: "chat".to_owned(),
        bodies: false,
        transport: Transport::Slack {
            url: Place::Env("URL".to_owned()),
            signing: Some(signing),
        },
    }
}

fn clicks(memory: &Memory, signing: Place, sent: &Sent) -> SlackClicks {
    let ports = memory.ports();
    let given = SigningParts {
        secrets: ports.secrets,
        variables: Arc::new(|name| (name == "SIGNING").then(|| SECRET.to_owned())),
        clock: ports.clock,
    };
    SlackClicks::of(&[channel(signing)], given, Arc::new(sent.clone())).unwrap()
}

/// A control plane in which a plan waits, and the operator is known in Slack.
struct Chat {
    harness: Harness,
    plan: PlanRecord,
    sent: Sent,
}

impl Chat {
    async fn new() -> Self {
        Self::by(None).await
    }

    async fn by(policy: Option<Policy>) -> Self {
        let (memory, sent) = (Memory::new(), Sent::default());
        let slack = clicks(&memory, Place::Env("SIGNING".to_owned()), &sent);
        let harness = Harness::with_slack(memory, policy, slack).await;
        let chat = Self {
            plan: plan(&harness, "s1", "shop", OTHER_AGENT),
            harness,
            sent,
        };
        kept(&chat.harness, &chat.plan).await;
        chat.knows(ADMIN, ADMINS_ID).await;
        chat
    }

    /// Says which Slack user an operator is.
    async fn knows(&self, name: &str, user: &str) {
        let ports = self.harness.control.ports();
        let users = SlackUsers {
            state: &*ports.state,
            agents: &*ports.agents,
            audit: &*ports.audit,
            clock: &*ports.clock,
        };
        let user = user.parse().unwrap();
        users
            .set(&sample::agent_name(name), Some(&user), Actor::Operator)
            .await
            .unwrap();
    }

    /// Adds an operator who is known in Slack.
    async fn operator(&self, number: u8, name: &str, user: &str) {
        let agent = Agent {
            role: Role::Admin,
            ..sample::agent(name).agent
        };
        let new = NewAgent {
            agent,
            created_at: sample::START,
        };
        let agents = &self.harness.control.ports().agents;
        agents
            .add(&new, &sample::token(number), &sample::added())
            .await
            .unwrap();
        self.knows(name, user).await;
    }

    fn now(&self) -> i64 {
        self.harness.control.ports().clock.now().as_second()
    }

    /// A click as Slack sends it.
    fn click(&self, user: &str, action: &str) -> Value {
        let value = format!("{} {}", self.plan.id, self.plan.digest);
        json!({
            "type": "block_actions",
            "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": "T9TK3CUKW"},
            "api_app_id": "AABA1ABCD",
            "token": "9s8d9as89d8as9d8as989",
            "container": {"type": "message", "message_ts": "1548261231.000200", "channel_id": "CBR2V3XEX"},
            "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
            "team": {"id": "T9TK3CUKW", "domain": "example"},
            "channel": {"id": "CBR2V3XEX", "name": "deploys"},
            "message": {"type": "message", "text": "shop-prod waits", "blocks": [
                {"type": "header", "block_id": "m-1"},
                {"type": "actions", "block_id": self.plan.id},
                {"type": "context", "block_id": "end"},
            ]},
            "response_url": "https://hooks.slack.com/actions/T9TK3CUKW/1/CANARYADDRESS",
            "actions": [{
                "action_id": action, "block_id": self.plan.id, "value": value, "type": "button",
                "action_ts": "1548426417.840180",
            }],
        })
    }

    async fn post(&self, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            request(Method::POST, ACTIONS, As::Nobody).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.harness.call(request.body(body.to_owned().into()).unwrap()).await
    }

    /// Sends a body as Slack would now.
    async fn signed(&self, body: &str) -> Answer {
        let at = self.now().to_string();
        let signature = signature(&at, body.as_bytes(), SECRET);
        let headers = [("x-slack-request-timestamp", &*at), ("x-slack-signature", &*signature)];
        self.post(body, &headers).await
    }

    async fn clicked(&self, user: &str, action: &str) -> Answer {
        self.signed(&form(&self.click(user, action))).await
    }

    async fn record(&self) -> PlanRecord {
        let found = self.harness.control.plan(&self.plan.id).await.unwrap();
        found.unwrap().record
    }

    fn decisions(&self) -> usize {
        let decided = [actions::PLAN_APPROVED, actions::PLAN_DENIED];
        let rows = self.harness.rows().into_iter();
        rows.filter(|row| decided.contains(&row.entry.action.as_str())).count()
    }
}

fn signature(at: &str, body: &[u8], secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{at}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn form(payload: &Value) -> String {
    let mut form = "payload=".to_owned();
    for byte in payload.to_string().bytes() {
        write!(form, "%{byte:02X}").unwrap();
    }
    form
}

const APPROVE: &str = "cc-devops-approve";
const DENY: &str = "cc-devops-deny";
