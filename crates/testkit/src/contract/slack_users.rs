//! The contract of which Slack user is which operator.

use cc_devops_fleet::{SlackUserId, SlackUsers};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Content, PortErrorKind, RecordKey, RecordKind, StateChange};
use cc_devops_requests::ports::Ports;
use serde_json::json;

use crate::sample::{self, AGENT, OTHER_AGENT, after, agent_name, token};

fn of(ports: &Ports) -> SlackUsers<'_> {
    SlackUsers {
        state: &*ports.state,
        agents: &*ports.agents,
        audit: &*ports.audit,
        clock: &*ports.clock,
    }
}

fn id(text: &str) -> SlackUserId {
    text.parse().unwrap()
}

/// An id is one operator's, an operator has one, and who is revoked or no operator has none.
pub(super) async fn a_slack_user_is_one_operator(ports: &Ports) {
    let third = "ThirdOperator";
    let (no_operator, nobody) = (agent_name(third), agent_name("Nobody"));
    for (number, name, role) in [
        (1, AGENT, Role::Admin),
        (2, OTHER_AGENT, Role::Admin),
        (3, third, Role::Agent),
    ] {
        let mut new = sample::agent(name);
        new.agent.role = role;
        ports.agents.add(&new, &token(number), &sample::added()).await.unwrap();
    }
    let users = of(ports);
    let (ana, bob) = (agent_name(AGENT), agent_name(OTHER_AGENT));
    let operator = async |user: &str| {
        let found = users.operator(&id(user)).await.unwrap();
        found.map(|agent| agent.name)
    };
    let set =
        async |name: &AgentName, user: Option<&str>| users.set(name, user.map(id).as_ref(), Actor::Operator).await;

    assert_eq!(operator("U001").await, None, "nobody is known at first");
    set(&ana, Some("U001")).await.unwrap();
    set(&ana, Some("U001")).await.unwrap();
    assert_eq!(operator("U001").await, Some(ana.clone()));
    assert_eq!(users.of(&ana).await.unwrap(), Some(id("U001")));

    let taken = set(&bob, Some("U001")).await;
    assert!(
        matches!(&taken, Err(ActError::Port(error)) if error.kind == PortErrorKind::Exists),
        "{taken:?}"
    );
    set(&bob, Some("U002")).await.unwrap();
    set(&ana, Some("U003")).await.unwrap();
    assert_eq!(operator("U001").await, None, "the id before is nobody's");
    assert_eq!(operator("U003").await, Some(ana.clone()));
    let all: Vec<_> = users.all().await.unwrap().into_iter().collect();
    assert_eq!(all, [(ana.clone(), id("U003")), (bob.clone(), id("U002"))]);

    let refused = set(&no_operator, Some("U004")).await;
    assert!(matches!(refused, Err(ActError::Refused(_))), "{refused:?}");
    let nobody = set(&nobody, Some("U004")).await;
    assert!(
        matches!(&nobody, Err(ActError::Port(error)) if error.kind == PortErrorKind::NotFound),
        "{nobody:?}"
    );

    ports.agents.revoke(&bob, after(10), &sample::revoked()).await.unwrap();
    assert_eq!(operator("U002").await, None, "who is revoked decides nothing");
    set(&ana, None).await.unwrap();
    set(&ana, None).await.unwrap();
    assert_eq!((operator("U003").await, users.of(&ana).await.unwrap()), (None, None));

    // By the Slack user alone, as somebody put it back who can write what is kept.
    let put_back = StateChange {
        key: RecordKey::new(RecordKind::SlackUser, "U001"),
        version: 0,
        content: Some(Content {
            due_at: None,
            list: None,
            body: json!({"agent": AGENT, "slackUser": "U001"}).to_string(),
        }),
    };
    ports.state.write(&[put_back], None).await.unwrap();
    assert_eq!(operator("U001").await, Some(ana.clone()));
    set(&ana, None).await.unwrap();
    assert_eq!(operator("U001").await, None, "whoever is told to be nobody is nobody");

    let filter = AuditFilter {
        action: Some(actions::SLACK_USER_SET.to_owned()),
        ..AuditFilter::default()
    };
    let rows = ports.audit.list(&filter, None, 100).await.unwrap().items;
    assert_eq!(rows.len(), 5, "each change once, and nothing that was refused");
}
