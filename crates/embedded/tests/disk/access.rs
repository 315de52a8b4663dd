//! Who is let in beside agents' tokens: access keys, sessions, Slack users.

use cc_devops_embedded::Store;
use cc_devops_fleet::aws_keys::{AwsKey, AwsKeys};
use cc_devops_fleet::ports::{Agents, EnrolmentPorts};
use cc_devops_fleet::sessions::{SessionSecret, Sessions};
use cc_devops_fleet::{Enrolment, SlackUserId, SlackUsers, Token};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_testkit::sample::{self, AGENT, START, after, agent_name, token};
use jiff::SignedDuration;

/// Asks for something about access keys.
pub(crate) async fn of_keys<T>(store: &Store, ask: impl AsyncFnOnce(AwsKeys<'_>) -> T) -> T {
    let (state, agents, audit) = (store.state(), store.agents(), store.audit());
    ask(AwsKeys {
        state: &*state,
        agents: &*agents,
        audit: &*audit,
        clock: &SystemClock,
        key: [8; 32],
    })
    .await
}

pub(crate) async fn add_key(store: &Store, name: &str, number: u8) -> AwsKey {
    of_keys(store, async |keys: AwsKeys<'_>| {
        let added = keys.add(&agent_name(name), [number; 32], Actor::Operator).await;
        added.unwrap()
    })
    .await
}

pub(crate) async fn signs(store: &Store, key: &AwsKey) -> bool {
    of_keys(store, async |keys: AwsKeys<'_>| {
        let found = keys.find(key.id.as_str(), None, SystemClock.now()).await;
        found.unwrap().is_some()
    })
    .await
}

/// Ends a key at once.
pub(crate) async fn end_key(store: &Store, key: &AwsKey) {
    of_keys(store, async |keys: AwsKeys<'_>| {
        keys.end(&key.id, None, Actor::Operator).await.unwrap();
    })
    .await;
}

/// Gives an agent a new token; its old one and its keys end in an hour.
pub(crate) async fn rotate(store: &Store, name: &str) {
    let (agents, state, audit) = (store.agents(), store.state(), store.audit());
    let ports = EnrolmentPorts {
        agents: &*agents,
        state: &*state,
        audit: &*audit,
        clock: &SystemClock,
    };
    let installation = sample::installation();
    let enrolment = Enrolment::new(ports, &installation, Actor::Operator).with_aws_keys([8; 32]);
    let (name, new) = (agent_name(name), Token::from_random([7; 32]));
    let rotated = enrolment.rotate(&name, &new, SignedDuration::from_hours(1)).await;
    rotated.unwrap();
}

/// Asks for something about sessions.
pub(crate) async fn of_sessions<T>(store: &Store, ask: impl AsyncFnOnce(Sessions<'_>) -> T) -> T {
    let state = store.state();
    ask(Sessions {
        state: &*state,
        key: [9; 32],
    })
    .await
}

/// The secret of the session of that number.
pub(crate) fn session(number: u8) -> SessionSecret {
    SessionSecret::from_random([number; 32])
}

pub(crate) async fn sign_in(store: &Store, number: u8) {
    let agent = sample::agent(AGENT).agent;
    of_sessions(store, async |sessions: Sessions<'_>| {
        let begun = sessions.begin(&agent, &token(1).hash, &session(number), START).await;
        begun.unwrap();
    })
    .await;
}

pub(crate) async fn sign_out(store: &Store, number: u8) {
    of_sessions(store, async |sessions: Sessions<'_>| {
        sessions.end(&session(number), after(1)).await.unwrap();
    })
    .await;
}

pub(crate) async fn is_signed_in(store: &Store, number: u8) -> bool {
    of_sessions(store, async |sessions: Sessions<'_>| {
        let found = sessions.look(&session(number), after(2)).await;
        found.unwrap().is_some()
    })
    .await
}

/// Asks for something about Slack users.
async fn of_slack_users<T>(store: &Store, ask: impl AsyncFnOnce(SlackUsers<'_>) -> T) -> T {
    let (state, agents, audit) = (store.state(), store.agents(), store.audit());
    ask(SlackUsers {
        state: &*state,
        agents: &*agents,
        audit: &*audit,
        clock: &SystemClock,
    })
    .await
}

/// Adds an operator with the token of that number.
pub(crate) async fn add_operator(store: &Store, name: &str, number: u8) {
    let mut operator = sample::agent(name);
    operator.agent.role = Role::Admin;
    let added = store.agents().add(&operator, &token(number), &sample::added()).await;
    added.unwrap();
}

/// Says which Slack user an operator is; none says that it is none any more.
pub(crate) async fn set_slack_user(store: &Store, name: &str, user: Option<&str>) {
    let user = user.map(|user| user.parse::<SlackUserId>().unwrap());
    of_slack_users(store, async |users: SlackUsers<'_>| {
        let set = users.set(&agent_name(name), user.as_ref(), Actor::Operator).await;
        set.unwrap();
    })
    .await;
}

/// The operator that a Slack user is.
pub(crate) async fn operator(store: &Store, user: &str) -> Option<String> {
    let user = user.parse::<SlackUserId>().unwrap();
    of_slack_users(store, async |users: SlackUsers<'_>| {
        let found = users.operator(&user).await.unwrap();
        found.map(|agent| agent.name.to_string())
    })
    .await
}
