//! The function's own address: an event as the documentation shows it, and what is no event of Slack's.
#![cfg(test)]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use cc_devops_fleet::SlackUsers;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::Role;
use cc_devops_notify::{Channel, Transport, Value as Place};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_slack::function_url::handle;
use cc_devops_slack::{Answer, Answers, SigningParts, SlackClicks};
use cc_devops_testkit::{Memory, sample};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl Answers for Sent {
    async fn send(&self, answer: Answer) {
        self.0.lock().unwrap().push(answer.body);
    }
}

struct Function {
    clicks: SlackClicks,
    plane: ControlPlane,
    sent: Sent,
}

impl Function {
    async fn new() -> Self {
        let memory = Memory::new();
        let (ports, sent) = (memory.ports(), Sent::default());
        let mut operator = sample::agent(sample::AGENT);
        operator.agent.role = Role::Admin;
        ports
            .agents
            .add(&operator, &sample::token(1), &sample::added())
            .await
            .unwrap();
        let users = SlackUsers {
            state: &*ports.state,
            agents: &*ports.agents,
            audit: &*ports.audit,
            clock: &*ports.clock,
        };
        let user = "U0ADMIN1".parse().unwrap();
        users
            .set(&operator.agent.name, Some(&user), Actor::Operator)
            .await
            .unwrap();
        let channel = Channel {
            name: "chat".to_owned(),
            bodies: false,
            transport: Transport::Slack {
                url: Place::Env("URL".to_owned()),
                signing: Some(Place::Env("SIGNING".to_owned())),
            },
        };
        let given = SigningParts {
            secrets: Arc::clone(&ports.secrets),
            variables: Arc::new(|_| Some(SECRET.to_owned())),
            clock: Arc::clone(&ports.clock),
        };
        Self {
            clicks: SlackClicks::of(&[channel], given, Arc::new(sent.clone())).unwrap(),
            plane: sample::control_plane(ports),
            sent,
        }
    }

    /// An event of payload format 2.0, signed now.
    fn event(&self, body: &str) -> Value {
        let at = self.plane.ports().clock.now().as_second().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("v0:{at}:{body}").as_bytes());
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/",
            "rawQueryString": "",
            "headers": {
                "content-type": "application/x-www-form-urlencoded",
                "host": "id.lambda-url.us-east-1.on.aws",
                "x-slack-request-timestamp": at,
                "x-slack-signature": format!("v0={}", hex::encode(mac.finalize().into_bytes())),
            },
            "requestContext": {
                "accountId": "anonymous", "apiId": "id", "stage": "$default",
                "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            },
            "body": body,
            "isBase64Encoded": false,
        })
    }

    async fn status(&self, event: &Value) -> (u64, String) {
        let answer = handle(&self.clicks, &self.plane, event).await;
        let body = answer["body"].as_str().unwrap().to_owned();
        assert!(!body.contains(SECRET));
        (answer["statusCode"].as_u64().unwrap(), body)
    }
}

fn click(user: &str) -> String {
    let payload = json!({
        "type": "block_actions",
        "user": {"id": user},
        "response_url": "https://hooks.slack.com/actions/T/1/x",
        "actions": [{
            "action_id": "cc-devops-approve",
            "value": format!("plan-{} {}", "0".repeat(24), "a".repeat(64)),
        }],
    });
    let mut form = "payload=".to_owned();
    for byte in payload.to_string().bytes() {
        write!(form, "%{byte:02X}").unwrap();
    }
    form
}

#[tokio::test]
async fn a_click_is_taken_as_it_is_and_in_base64() {
    use base64::Engine as _;

    let function = Function::new().await;
    let body = click("U0ADMIN1");
    let plain = function.event(&body);
    assert_eq!(function.status(&plain).await, (200, String::new()));
    let said = function.sent.0.lock().unwrap()[0].clone();
    assert!(said.contains("there is no such plan"), "{said}");
    // Taken before.
    assert_eq!(function.status(&plain).await.0, 200);
    assert_eq!(function.sent.0.lock().unwrap().len(), 1);

    let body = click("U0STRANGER");
    let mut encoded = function.event(&body);
    encoded["body"] = json!(base64::engine::general_purpose::STANDARD.encode(&body));
    encoded["isBase64Encoded"] = json!(true);
    assert_eq!(function.status(&encoded).await.0, 200);
    let said = function.sent.0.lock().unwrap()[1].clone();
    assert!(
        said.contains("you are not known here") && said.contains("ephemeral"),
        "{said}"
    );
}

#[tokio::test]
async fn what_slack_did_not_send_is_refused() {
    let function = Function::new().await;
    let good = function.event(&click("U0ADMIN1"));
    let changed = |pointer: &str, value: Value| {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    for (event, status) in [
        (json!({}), 405),
        (json!({"task_type": "health_check"}), 405),
        (changed("/requestContext/http/method", json!("GET")), 405),
        (changed("/headers", json!({})), 403),
        (changed("/headers", json!(null)), 403),
        (changed("/headers/x-slack-signature", json!("v0=00")), 403),
        (changed("/headers/x-slack-request-timestamp", json!("1")), 403),
        (changed("/body", json!(click("U0OTHER"))), 403),
        (changed("/body", json!(null)), 403),
        (changed("/body", json!({})), 400),
        (changed("/isBase64Encoded", json!(true)), 400),
        (function.event("text=hello"), 400),
        (changed("/body", json!("x".repeat((1 << 20) + 1))), 413),
    ] {
        let (answered, body) = function.status(&event).await;
        assert_eq!(answered, status, "{body}");
    }
    assert!(function.sent.0.lock().unwrap().is_empty());
}
