//! Clicks in Slack: whose they are, what they decide, and what is answered.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::{Method, StatusCode};
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_fleet::{NewAgent, SlackUsers};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::SecretName;
use cc_devops_notify::{Channel, Transport, Value as Place};
use cc_devops_policy::Policy;
use cc_devops_requests::actions::vocabulary;
use cc_devops_slack::{Answer as SlackAnswer, Answers, SigningParts, SlackClicks};
use cc_devops_testkit::{Memory, sample};
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::deploys::{kept, plan};
use crate::description::{document, is_as_described};
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

#[tokio::test]
async fn the_same_click_three_times_is_one_decision() {
    let chat = Chat::new().await;
    let body = form(&chat.click(ADMINS_ID, APPROVE));
    // The same request is taken once; three clicks are three requests.
    for _ in 0..3 {
        let taken = chat.signed(&body).await;
        assert_eq!((taken.status, taken.text.as_str()), (StatusCode::OK, ""));
    }
    for second in 1..3 {
        chat.harness.memory.clock().advance(SignedDuration::from_secs(1));
        assert_eq!(chat.signed(&body).await.status, StatusCode::OK, "{second}");
    }
    let record = chat.record().await;
    assert_eq!(record.approvals.len(), 1);
    assert_eq!(record.approvals[0].by.as_str(), ADMIN);
    assert_eq!(json!(record.approvals[0].door), "slack");
    assert_eq!(chat.decisions(), 1);
    let answer = chat.sent.answer(3).await;
    assert_eq!(chat.sent.count(), 3, "what was taken before is answered by itself");
    assert_eq!(answer["replace_original"], true);
    let said = answer["text"].as_str().unwrap();
    assert!(said.contains(&format!("was approved by {ADMIN}.")), "{said}");
    // Others may have to approve it too.
    let ids = answer["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["block_id"]);
    assert!(ids.into_iter().any(|id| *id == chat.plan.id.as_str()), "{answer}");
}

#[tokio::test]
async fn a_denial_takes_the_buttons_away_and_who_comes_later_is_told() {
    let chat = Chat::new().await;
    chat.operator(40, "Second", "U0SECOND").await;
    assert_eq!(chat.clicked(ADMINS_ID, DENY).await.status, StatusCode::OK);
    let record = chat.record().await;
    assert_eq!(record.state, PlanState::Denied);
    let decided = record.decided.unwrap();
    assert_eq!(decided.reason, format!("denied in Slack by {ADMIN}"));
    let answer = chat.sent.answer(1).await;
    let blocks = answer["blocks"].to_string();
    assert!(
        blocks.contains("Denied by Operator in Slack") && !blocks.contains("\"actions\""),
        "{blocks}"
    );

    chat.harness.memory.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(chat.clicked(ADMINS_ID, DENY).await.status, StatusCode::OK);
    let again = chat.sent.answer(2).await;
    assert_eq!(again["text"], answer["text"], "the same click is the same decision");

    assert_eq!(chat.clicked("U0SECOND", APPROVE).await.status, StatusCode::OK);
    let late = chat.sent.answer(3).await;
    let said = late["text"].as_str().unwrap();
    assert!(said.contains("denied") && said.contains(ADMIN), "{said}");
    assert!(!late["blocks"].to_string().contains("\"actions\""), "{late}");
    assert_eq!(chat.decisions(), 1);
}

#[tokio::test]
async fn two_people_at_once_are_two_approvals() {
    let chat = Chat::new().await;
    chat.operator(40, "Second", "U0SECOND").await;
    let (one, two) = tokio::join!(chat.clicked(ADMINS_ID, APPROVE), chat.clicked("U0SECOND", APPROVE));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    let mut by: Vec<String> = chat
        .record()
        .await
        .approvals
        .into_iter()
        .map(|one| one.by.to_string())
        .collect();
    by.sort();
    assert_eq!(by, [ADMIN, "Second"]);
    assert_eq!(chat.decisions(), 2);
}

#[tokio::test]
async fn approved_and_denied_at_once_is_one_of_them_and_the_other_is_told() {
    let chat = Chat::new().await;
    chat.operator(40, "Second", "U0SECOND").await;
    let (one, two) = tokio::join!(chat.clicked(ADMINS_ID, DENY), chat.clicked("U0SECOND", DENY));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(chat.record().await.state, PlanState::Denied);
    assert_eq!(chat.decisions(), 1);
    let (first, second) = (chat.sent.answer(1).await, chat.sent.answer(2).await);
    assert_ne!(first["text"], second["text"]);
}

#[tokio::test]
async fn what_slack_did_not_sign_now_is_refused() {
    let chat = Chat::new().await;
    let body = form(&chat.click(ADMINS_ID, APPROVE));
    let at = |seconds: i64| (chat.now() + seconds).to_string();
    let by = |at: &str, secret: &str| signature(at, body.as_bytes(), secret);
    let (now, old, ahead) = (at(0), at(-301), at(301));
    let good = by(&now, SECRET);
    let cases = [
        ("no headers", None, None),
        ("no time", None, Some(good.clone())),
        ("no signature", Some(now.clone()), None),
        ("another secret", Some(now.clone()), Some(by(&now, "another"))),
        ("another version", Some(now.clone()), Some(good.replace("v0=", "v1="))),
        ("a signature cut short", Some(now.clone()), Some(good[..20].to_owned())),
        ("another time", Some(at(1)), Some(good.clone())),
        ("too old", Some(old.clone()), Some(by(&old, SECRET))),
        ("from the future", Some(ahead.clone()), Some(by(&ahead, SECRET))),
        ("a time that is none", Some("now".to_owned()), Some(good.clone())),
    ];
    let described = document().await;
    for (what, time, signature) in cases {
        let time = time.as_deref().map(|time| ("x-slack-request-timestamp", time));
        let signature = signature.as_deref().map(|signature| ("x-slack-signature", signature));
        let headers: Vec<(&str, &str)> = time.into_iter().chain(signature).collect();
        let refused = chat.post(&body, &headers).await;
        assert!(refused.is_problem(403), "{what}: {refused:?}");
        assert!(!refused.text.contains(SECRET), "{what}");
        is_as_described(&described, "post /v1/slack/actions", &refused);
    }
    assert!(chat.record().await.approvals.is_empty());
    assert_eq!((chat.decisions(), chat.sent.count()), (0, 0));
}

#[tokio::test]
async fn who_may_not_decide_is_told_alone_and_decides_nothing() {
    let forbidding = [(
        "mine.cedar".to_owned(),
        "permit (principal, action == Action::\"applyPlan\", resource);".to_owned(),
    )];
    let policy = Policy::parse(&forbidding, &sample::installation(), vocabulary()).unwrap();
    let chat = Chat::by(Some(policy)).await;
    assert_eq!(chat.clicked(ADMINS_ID, APPROVE).await.status, StatusCode::OK);
    let denied = chat.sent.answer(1).await;
    assert_eq!(denied["response_type"], "ephemeral");
    assert!(
        denied["text"].as_str().unwrap().starts_with("Nothing was decided: "),
        "{denied}"
    );

    let chat = Chat::new().await;
    let mut guest = chat.click(ADMINS_ID, APPROVE);
    guest["user"]["team_id"] = json!("T0OTHER");
    let clicks = [
        (chat.click("U0NOBODY", APPROVE), "agents set NAME --slack-user U0NOBODY"),
        (chat.click("<!channel>", APPROVE), "does not say who you are"),
        (guest, "another workspace"),
    ];
    for (place, (click, part)) in clicks.into_iter().enumerate() {
        assert_eq!(chat.signed(&form(&click)).await.status, StatusCode::OK);
        let answer = chat.sent.answer(place + 1).await;
        assert_eq!(answer["response_type"], "ephemeral", "{answer}");
        assert_eq!(answer["replace_original"], false);
        assert!(answer["text"].as_str().unwrap().contains(part), "{answer}");
    }
    // An operator who was revoked is none any more.
    let agents = &chat.harness.control.ports().agents;
    let now = chat.harness.control.ports().clock.now();
    agents
        .revoke(&sample::agent_name(ADMIN), now, &sample::revoked())
        .await
        .unwrap();
    assert_eq!(chat.clicked(ADMINS_ID, APPROVE).await.status, StatusCode::OK);
    let revoked = chat.sent.answer(4).await;
    assert!(
        revoked["text"].as_str().unwrap().contains("not known here"),
        "{revoked}"
    );
    assert!(chat.record().await.approvals.is_empty());
    assert_eq!(chat.decisions(), 0);
}

#[tokio::test]
async fn a_button_of_another_plan_decides_nothing() {
    let chat = Chat::new().await;
    let value = |plan: &str, digest: &str| json!(format!("{plan} {digest}"));
    let (plan, digest) = (chat.plan.id.as_str(), chat.plan.digest.as_str());
    let values = [
        (value(plan, &"b".repeat(64)), digest),
        (value("plan-000000000000000000000000", digest), "no such plan"),
        (value(plan, "short"), "of no plan"),
        (value("../x", digest), "of no plan"),
    ];
    let mut number = 0;
    for action in [APPROVE, DENY] {
        for (value, part) in &values {
            let mut click = chat.click(ADMINS_ID, action);
            click["actions"][0]["value"] = value.clone();
            assert_eq!(chat.signed(&form(&click)).await.status, StatusCode::OK);
            number += 1;
            let answer = chat.sent.answer(number).await;
            assert_eq!(answer["response_type"], "ephemeral", "{answer}");
            assert!(answer["text"].as_str().unwrap().contains(part), "{answer}");
        }
    }
    let record = chat.record().await;
    assert_eq!((record.state, record.approvals.len()), (PlanState::Waiting, 0));
}

#[tokio::test]
async fn what_is_no_click_of_ours_is_taken_or_told() {
    let chat = Chat::new().await;
    for body in ["", "payload", "payload=%7B", "text=hello", "{\"payload\": {}}"] {
        let refused = chat.signed(body).await;
        assert!(refused.is_problem(400), "{body}: {refused:?}");
    }
    let mut other = chat.click(ADMINS_ID, APPROVE);
    other["actions"][0]["action_id"] = json!("somebody-elses");
    assert_eq!(chat.signed(&form(&other)).await.status, StatusCode::OK);
    assert_eq!((chat.decisions(), chat.sent.count()), (0, 0));
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken() {
    let harness = Harness::new().await;
    let none = harness.send(Method::POST, ACTIONS, As::Nobody).await;
    assert!(none.is_problem(404) && none.text.contains("signing_secret"), "{none:?}");

    let (memory, sent) = (Memory::new(), Sent::default());
    let name = SecretName::new("/contentcraft/alerts/slack-signing").unwrap();
    let slack = clicks(&memory, Place::Secret(name), &sent);
    let harness = Harness::with_slack(memory, None, slack).await;
    let waiting = plan(&harness, "s1", "shop", OTHER_AGENT);
    let chat = Chat {
        plan: waiting,
        harness,
        sent,
    };
    let missing = chat.clicked(ADMINS_ID, APPROVE).await;
    assert!(
        missing.is_problem(404) && missing.text.contains("slack-signing"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn nothing_secret_of_a_click_is_kept_or_answered() {
    let chat = Chat::new().await;
    assert_eq!(chat.clicked(ADMINS_ID, APPROVE).await.status, StatusCode::OK);
    let answer = chat.sent.answer(1).await;
    let rows = format!("{:?}", chat.harness.rows());
    let record = json!(chat.record().await).to_string();
    for canary in [
        SECRET,
        "CANARYADDRESS",
        "9s8d9as89d8as9d8as989",
        "d8c1bb837935619ccad0f624c448ffb3",
    ] {
        for place in [&answer.to_string(), &rows, &record] {
            assert!(!place.contains(canary), "{canary} in {place}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is changed of a signed body, it is not Slack's any more.
    #[test]
    fn a_body_that_was_changed_is_refused(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let chat = Chat::new().await;
            let body = form(&chat.click(ADMINS_ID, APPROVE));
            let at = chat.now().to_string();
            let signature = signature(&at, body.as_bytes(), SECRET);
            let mut changed = body.clone().into_bytes();
            let place = place.index(changed.len());
            if cut {
                changed.truncate(place);
            } else {
                changed[place] = byte;
            }
            if changed == body.as_bytes() {
                return;
            }
            let request = request(Method::POST, ACTIONS, As::Nobody)
                .header("x-slack-request-timestamp", at)
                .header("x-slack-signature", signature);
            let answer = chat.harness.call(request.body(changed.into()).unwrap()).await;
            assert!(answer.is_problem(403), "{answer:?}");
            assert!(chat.record().await.approvals.is_empty());
        });
    }
}
