//! Requests, conclusions, agents and events to test with: plain, and alike in every test.

use std::sync::{Arc, LazyLock};

use cc_devops_fleet::{NewAgent, NewToken, Token};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{AgentName, FullStackName, Namespace, RequestId, SecretName, StackName, Stage};
use cc_devops_kernel::outcome::{Completed, Reason, Status};
use cc_devops_kernel::ports::PutSecret;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_policy::PolicySet;
use cc_devops_requests::DeployLambda;
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::{Fingerprint, FingerprintKey};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::{Conclusion, NewRequest, RequestHead};
use cc_devops_requests::settings::RequestSettings;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::movements::{Movements, Previous};
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::report::Summary;
use cc_devops_revenue::run::Run;
use cc_devops_revenue::transactions::Transactions;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// When every test begins.
pub const START: Timestamp = Timestamp::constant(1_750_000_000, 0);

/// The agent that asks, where a test does not say otherwise.
pub const AGENT: &str = "ContentOrchestrator";

/// Another agent.
pub const OTHER_AGENT: &str = "CostSentinel";

/// A value that must never be seen outside the secret store.
pub const PLANTED_SECRET: &str = "planted-7f3a-sesame-open-9d1c";

/// The stack whose changes succeed; the contract suite of the stacks needs it configured.
pub const STACK_SUCCEEDS: &str = "cc-agent-content-orchestrator";

/// The stack whose changes fail; the contract suite of the stacks needs it configured.
pub const STACK_FAILS: &str = "sample-fails";

/// The stack whose changes go on for the length of a test; the contract suite of the stacks needs
/// it configured.
pub const STACK_KEEPS_CHANGING: &str = "sample-keeps-changing";

/// The stack that nothing knows.
pub const STACK_UNKNOWN: &str = "sample-unknown";

/// So many seconds after [`START`].
pub fn after(seconds: i64) -> Timestamp {
    START
        .checked_add(SignedDuration::from_secs(seconds))
        .expect("a test stays within the calendar")
}

/// An agent's name.
pub fn agent_name(name: &str) -> AgentName {
    AgentName::new(name).expect("a sample name is valid")
}

/// A request's id.
pub fn request_id(id: &str) -> RequestId {
    RequestId::new(id).expect("a sample id is valid")
}

/// A secret's name.
pub fn secret_name(name: &str) -> SecretName {
    SecretName::new(name).expect("a sample secret name is valid")
}

/// The stage `dev`.
pub fn stage() -> Stage {
    Stage::new("dev").expect("`dev` is a stage")
}

/// A stack on the stage `dev`.
pub fn stack(name: &str) -> FullStackName {
    StackName::new(name).expect("a sample stack name is valid").on(&stage())
}

/// The installation the wire contract describes.
pub fn installation() -> Installation {
    Installation {
        agent: agent_name("DevOpsAutomation"),
        namespace: Namespace::new("contentcraft").expect("`contentcraft` is a namespace"),
        stages: Stages::new(stage(), vec![Stage::new("prod").expect("`prod` is a stage")]),
        credentials: ["/contentcraft/github/token", "/contentcraft/stripe/reporting_api_key"]
            .map(|name| SecretName::new(name).expect("a sample secret's name is valid"))
            .to_vec(),
        cost_control: agent_name("CostSentinel"),
    }
}

/// A control plane of the sample installation over these ports, where an agent has its own prefix and stack.
pub fn control_plane(ports: Ports) -> ControlPlane {
    control_plane_with(ports, RequestSettings::default())
}

/// The same, with these settings.
pub fn control_plane_with(ports: Ports, settings: RequestSettings) -> ControlPlane {
    // Read and checked once: who lives through every crash builds some ten thousand of these.
    static POLICY: LazyLock<Arc<cc_devops_policy::Policy>> = LazyLock::new(|| {
        let policy = cc_devops_policy::Policy::shipped(PolicySet::OwnPrefixes, &installation(), vocabulary());
        Arc::new(policy)
    });
    let (policy, fingerprints) = (Arc::clone(&POLICY), FingerprintKey::new([7; 32]));
    ControlPlane::new(installation(), ports, policy, fingerprints, settings)
}

/// Adds [`AGENT`] with its first token.
pub async fn add_agent(ports: &Ports) {
    let added = ports.agents.add(&agent(AGENT), &token(1), &added()).await;
    added.expect("a fresh backend takes an agent");
}

/// A proven service of that name.
pub fn principal(name: &str) -> Principal {
    Principal {
        agent: agent_name(name),
        role: Role::Agent,
    }
}

/// An agent of that name, with nothing beside its own prefix and stack.
pub fn agent(name: &str) -> NewAgent {
    NewAgent {
        agent: Agent {
            name: agent_name(name),
            role: Role::Agent,
            secret_prefixes: Vec::new(),
            stacks: Vec::new(),
        },
        created_at: START,
    }
}

/// The token number `number`; the same number gives the same token.
pub fn token(number: u8) -> NewToken {
    NewToken {
        hash: Token::from_random([number; 32]).hash(),
        created_at: START,
    }
}

/// The head of a `putSecret` by [`AGENT`], received at [`START`].
pub fn head(id: &str) -> RequestHead {
    RequestHead {
        id: request_id(id),
        principal: agent_name(AGENT),
        role: Role::Agent,
        agent: agent_name(AGENT),
        action: "putSecret".to_owned(),
        stage: "dev".to_owned(),
        resource: Some("/contentcraft/contentorchestrator/key".to_owned()),
        fingerprint: Fingerprint([1; 32]),
        received_at: START,
        via: Door::Api,
    }
}

/// A request with that head, whose detail holds [`PLANTED_SECRET`].
pub fn request_of(head: RequestHead) -> NewRequest {
    let detail = json!({"requestId": head.id, "params": {"value": PLANTED_SECRET}});
    NewRequest {
        head,
        detail: SecretValue::new(detail.to_string()),
    }
}

/// A request with the head of that id.
pub fn request(id: &str) -> NewRequest {
    request_of(head(id))
}

/// The successful end of a request, `seconds` after [`START`].
pub fn success(head: &RequestHead, seconds: i64) -> Conclusion {
    conclusion(
        head,
        seconds,
        Ok(json!({"secretName": head.resource, "action": "created"})),
    )
}

/// The failed end of a request, `seconds` after [`START`].
pub fn failure(head: &RequestHead, seconds: i64, reason: Reason) -> Conclusion {
    conclusion(head, seconds, Err(reason))
}

fn conclusion(head: &RequestHead, seconds: i64, outcome: Result<Value, Reason>) -> Conclusion {
    let at = after(seconds);
    let (status, reason) = match &outcome {
        Ok(_) => (Status::Success, None),
        Err(reason) => (Status::Error, Some(*reason)),
    };
    Conclusion {
        completed: Completed {
            request_id: head.id.to_string(),
            action: head.action.clone(),
            status,
            result: outcome.ok(),
            error: reason.map(|reason| format!("the request ended with {reason}")),
            reason,
            latency_ms: 25,
            requested_by: head.agent.to_string(),
            timestamp: at,
            approval: None,
        },
        audit: AuditEntry {
            at,
            principal: Some(head.principal.clone()),
            agent: Some(head.agent.clone()),
            action: head.action.clone(),
            request_id: Some(head.id.to_string()),
            stage: Some(head.stage.clone()),
            resource: head.resource.clone(),
            status,
            reason,
            detail: json!({"policies": ["own-prefixes"]}),
        },
        output: None,
        keeps_stack: false,
    }
}

/// An agent's act on record: [`actions`](cc_devops_kernel::audit::actions) names them.
pub fn act(action: &str, agent: &str) -> AuditEntry {
    AuditEntry {
        agent: Some(agent_name(agent)),
        request_id: None,
        stage: None,
        resource: Some(agent.to_owned()),
        ..audit_entry(action, 0)
    }
}

/// An audit entry that belongs to no request.
pub fn audit_entry(action: &str, seconds: i64) -> AuditEntry {
    AuditEntry {
        at: after(seconds),
        principal: None,
        agent: Some(agent_name(AGENT)),
        action: action.to_owned(),
        request_id: None,
        stage: None,
        resource: None,
        status: Status::Success,
        reason: None,
        detail: json!({"n": seconds}),
    }
}

/// On record: an agent was added.
pub fn added() -> AuditEntry {
    audit_entry(actions::AGENT_ADDED, 0)
}

/// On record: an agent was given a new token.
pub fn rotated() -> AuditEntry {
    audit_entry(actions::TOKEN_ROTATED, 1)
}

/// On record: an agent was revoked.
pub fn revoked() -> AuditEntry {
    audit_entry(actions::AGENT_REVOKED, 2)
}

/// News that no request asked for.
pub fn announcement(key: &str) -> Announcement {
    Announcement {
        key: key.to_owned(),
        source: "contentcraft.billing".to_owned(),
        detail_type: "MRR Calculation Complete".to_owned(),
        detail: r#"{"action":"mrr_calculated","mrrUSD":1234.50}"#.to_owned(),
        timestamp: after(0),
    }
}

fn tenths(number: i64) -> Exact {
    Exact::fraction(number, 10).expect("ten is not zero")
}

/// A day's MRR of that many US cents, from one customer who was there before.
pub fn mrr_day(date: Date, cents: i64) -> Day {
    let figure = Figure {
        id: "sub_1".into(),
        customer: "cus_1".into(),
        currency: Some(Currency::USD),
        mrr: Ok(Exact::whole(cents)),
        excluded: None,
        collection_paused: false,
        tax_unknown: false,
        customer_discount_unknown: false,
        lines: Vec::new(),
        shares: Vec::new(),
        country: None,
        outlook: None,
    };
    let mut run = Run::default();
    run.add(&figure).expect("a sample figure is small");
    let at = date
        .to_zoned(TimeZone::UTC)
        .expect("a sample date has a midnight")
        .timestamp();
    let rates = Rates::new(Currency::USD, "table", Some(date), [(Currency::EUR, tenths(9))]);
    let rates = rates.expect("a sample rate is positive");
    let as_of = at.as_second() + 21_600;
    let transactions = Transactions::default().figure(&rates).expect("nothing is in range");
    let summary = Summary::new(&run, &Policy::default(), as_of, &rates, Some(transactions));
    let mut movements = Movements::new(run);
    let before = Previous {
        customer: "cus_1",
        currency: Currency::USD,
        amount: Exact::whole(50),
    };
    movements.previous(before).expect("a customer named once");
    let movements = movements.finish().expect("a sample adds up").statement;
    Day {
        date,
        at: at + SignedDuration::from_secs(21_605),
        summary: summary.expect("a sample is in range"),
        movements_usd: movements.converted(Currency::USD, &rates, &rates).ok(),
        rates,
        period: (as_of - 2_591_999, as_of),
        compared_with: date.yesterday().ok(),
        policy_changed: false,
        movements,
        customer_movements: None,
        reconstructed: None,
        by_product: None,
    }
}

/// The parameters of a `putSecret`.
pub fn put_secret(name: &str, value: &str) -> PutSecret {
    PutSecret {
        name: secret_name(name),
        value: SecretValue::new(value.to_owned()),
        kms_key: None,
    }
}

/// The parameters of a `deployLambda` on the stage `dev`.
pub fn deploy_lambda(stack: &str) -> DeployLambda {
    DeployLambda {
        stack: StackName::new(stack).expect("a sample stack name is valid"),
        stage: stage(),
        template: None,
        parameters: std::collections::BTreeMap::new(),
        capabilities: Vec::new(),
        tags: std::collections::BTreeMap::new(),
    }
}

/// The event of a `putSecret` by [`AGENT`], as it comes over the wire.
pub fn put_secret_event(id: &str, name: &str, value: &str) -> Value {
    event(id, "putSecret", &json!({"name": name, "value": value}))
}

/// The event of a `deployLambda` by [`AGENT`], as it comes over the wire.
pub fn deploy_event(id: &str, stack: &str) -> Value {
    event(id, "deployLambda", &json!({"stackName": stack}))
}

/// The event of a request by [`AGENT`], as it comes over the wire.
pub fn event(id: &str, action: &str, params: &Value) -> Value {
    json!({
        "source": format!("agent.{AGENT}"),
        "detail-type": "devops.request",
        "detail": {
            "requestId": id,
            "action": action,
            "stage": "dev",
            "params": params,
            "requestedBy": AGENT,
            "ts": START,
        },
    })
}
