//! The contract of the agents' register and of their heartbeats.

use cc_devops_fleet::{Beat, TokenHash};
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::names::{SecretPrefix, StackName};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::ports::Ports;

use super::refused;
use crate::sample::{self, AGENT, OTHER_AGENT, after, agent_name, token};

/// The register keeps what it promises: names that could pass for one another are refused, and a
/// token is good from its making to its end.
pub async fn agents(fresh: impl AsyncFn() -> Ports) {
    an_agent_is_found_by_name_and_token(&fresh().await).await;
    a_name_too_much_alike_is_refused(&fresh().await).await;
    rotated_tokens_overlap_as_long_as_asked(&fresh().await).await;
    a_revoked_agent_is_out_and_on_record(&fresh().await).await;
    the_control_plane_registers_without_a_token(&fresh().await).await;
    agents_are_read_in_pages_and_alone(&fresh().await).await;
    a_change_is_on_record_with_it(&fresh().await).await;
    the_same_change_again_is_none(&fresh().await).await;
    super::slack_users::a_slack_user_is_one_operator(&fresh().await).await;
}

/// Heartbeats keep what they promise: the last one is shown, and strangers have none.
pub async fn heartbeats(fresh: impl AsyncFn() -> Ports) {
    the_last_heartbeat_is_shown(&fresh().await).await;
    a_stranger_has_no_heartbeat(&fresh().await).await;
}

/// The name of the agent a token is good for.
async fn owner(ports: &Ports, number: u8, seconds: i64) -> Option<String> {
    let found = ports
        .agents
        .by_token(&token(number).hash, after(seconds))
        .await
        .expect("by_token");
    found.map(|agent| agent.name.to_string())
}

async fn an_agent_is_found_by_name_and_token(ports: &Ports) {
    let mut one = sample::agent(AGENT);
    one.agent.role = Role::Admin;
    one.agent.secret_prefixes = vec![
        SecretPrefix::new("/contentcraft/shared/").unwrap(),
        SecretPrefix::new("/contentcraft/billing/").unwrap(),
    ];
    one.agent.stacks = vec![StackName::new("shared-stack").unwrap()];
    ports.agents.add(&one, &token(1), &sample::added()).await.unwrap();
    ports
        .agents
        .add(&sample::agent(OTHER_AGENT), &token(2), &sample::added())
        .await
        .unwrap();

    assert_eq!(
        ports.agents.find(&one.agent.name).await.unwrap(),
        Some(one.agent.clone()),
        "found by name"
    );
    assert_eq!(
        ports.agents.find(&agent_name("Nobody")).await.unwrap(),
        None,
        "a stranger is not"
    );
    let found = ports.agents.by_token(&token(1).hash, after(1)).await.unwrap();
    assert_eq!(found, Some(one.agent.clone()), "found by token, with all it was given");
    assert_eq!(
        owner(ports, 2, 1).await.as_deref(),
        Some(OTHER_AGENT),
        "each token finds its own agent"
    );
    assert_eq!(owner(ports, 3, 1).await, None, "an unknown token finds nobody");
    let nothing = ports.agents.by_token(&TokenHash::of(""), after(1)).await.unwrap();
    assert_eq!(nothing, None, "and so does an empty one");

    let list = ports.agents.list().await.unwrap();
    let names: Vec<&str> = list.iter().map(|status| status.agent.name.as_str()).collect();
    assert_eq!(names, [AGENT, OTHER_AGENT], "the list goes by name");
    assert_eq!(list[0].agent, one.agent, "it shows the whole agent");
    assert_eq!(list[0].created_at, sample::START, "and when it was added");
    assert_eq!(
        (list[0].revoked_at, list[0].last_beat.as_ref()),
        (None, None),
        "nothing has happened yet"
    );
}

async fn a_name_too_much_alike_is_refused(ports: &Ports) {
    ports
        .agents
        .add(&sample::agent("FooBar"), &token(1), &sample::added())
        .await
        .unwrap();
    for name in ["FooBar", "foobar", "Foo_Bar", "foo-bar"] {
        refused(
            ports
                .agents
                .add(&sample::agent(name), &token(2), &sample::added())
                .await,
            PortErrorKind::Exists,
            name,
        );
        assert_eq!(owner(ports, 2, 1).await, None, "the token of {name} is not taken");
    }
    ports
        .agents
        .add(&sample::agent("FooBaz"), &token(2), &sample::added())
        .await
        .expect("another name is free");
    ports
        .agents
        .revoke(&agent_name("FooBar"), after(2), &sample::revoked())
        .await
        .unwrap();
    refused(
        ports
            .agents
            .add(&sample::agent("Foo_Bar"), &token(3), &sample::added())
            .await,
        PortErrorKind::Exists,
        "a name too much like a revoked agent's",
    );
    assert_eq!(ports.agents.list().await.unwrap().len(), 2, "nobody else was added");
}

async fn rotated_tokens_overlap_as_long_as_asked(ports: &Ports) {
    let name = agent_name(AGENT);
    ports
        .agents
        .add(&sample::agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap();
    ports
        .agents
        .rotate(&name, &token(2), after(100), &sample::rotated())
        .await
        .unwrap();
    assert_eq!(
        owner(ports, 1, 99).await.as_deref(),
        Some(AGENT),
        "the old token is good in the overlap"
    );
    assert_eq!(
        owner(ports, 2, 99).await.as_deref(),
        Some(AGENT),
        "and so is the new one"
    );
    assert_eq!(owner(ports, 1, 101).await, None, "after it the old one is not");
    assert_eq!(
        owner(ports, 2, 101).await.as_deref(),
        Some(AGENT),
        "and the new one still is"
    );

    ports
        .agents
        .rotate(&name, &token(3), after(-1), &sample::rotated())
        .await
        .unwrap();
    assert_eq!(
        owner(ports, 2, 50).await,
        None,
        "without an overlap the old token ends at once"
    );
    assert_eq!(owner(ports, 1, 50).await, None, "and so does an older one");
    assert_eq!(owner(ports, 3, 50).await.as_deref(), Some(AGENT), "the newest is good");

    ports
        .agents
        .rotate(&name, &token(4), after(1_000), &sample::rotated())
        .await
        .unwrap();
    assert_eq!(owner(ports, 2, 60).await, None, "a later overlap wakes no ended token");
    refused(
        ports
            .agents
            .rotate(&agent_name("Nobody"), &token(5), after(1), &sample::rotated())
            .await,
        PortErrorKind::NotFound,
        "a token for a stranger",
    );
}

/// The actions on record, oldest first.
async fn on_record(ports: &Ports) -> Vec<String> {
    let mut rows = ports
        .audit
        .list(&AuditFilter::default(), None, 100)
        .await
        .unwrap()
        .items;
    rows.reverse();
    rows.into_iter().map(|row| row.entry.action).collect()
}

async fn a_change_is_on_record_with_it(ports: &Ports) {
    let (agents, name) = (&ports.agents, agent_name(AGENT));
    agents
        .add(&sample::agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap();
    agents
        .rotate(&name, &token(2), after(100), &sample::rotated())
        .await
        .unwrap();
    agents.revoke(&name, after(2), &sample::revoked()).await.unwrap();
    let all = [actions::AGENT_ADDED, actions::TOKEN_ROTATED, actions::AGENT_REVOKED];
    assert_eq!(on_record(ports).await, all);

    let nobody = agent_name("Nobody");
    let again = agents.add(&sample::agent(AGENT), &token(3), &sample::added()).await;
    refused(again, PortErrorKind::Exists, "another token for a name that is taken");
    let rotated = agents.rotate(&nobody, &token(4), after(1), &sample::rotated()).await;
    refused(rotated, PortErrorKind::NotFound, "a token for a stranger");
    let revoked = agents.revoke(&nobody, after(1), &sample::revoked()).await;
    refused(revoked, PortErrorKind::NotFound, "revoking a stranger");
    assert_eq!(
        on_record(ports).await,
        all,
        "what was not done is not on record as done"
    );
    assert!(ports.audit.verify().await.unwrap().breaks.is_empty(), "the chain holds");
}

async fn the_same_change_again_is_none(ports: &Ports) {
    let (agents, name) = (&ports.agents, agent_name(AGENT));
    for _ in 0..2 {
        agents
            .add(&sample::agent(AGENT), &token(1), &sample::added())
            .await
            .expect("the same addition again: its answer was lost");
    }
    for _ in 0..2 {
        agents
            .rotate(&name, &token(2), after(100), &sample::rotated())
            .await
            .expect("the same rotation again");
    }
    assert_eq!(
        owner(ports, 1, 99).await.as_deref(),
        Some(AGENT),
        "the overlap is as it was"
    );
    assert_eq!(owner(ports, 2, 101).await.as_deref(), Some(AGENT));
    for seconds in [3, 4] {
        agents
            .revoke(&name, after(seconds), &sample::revoked())
            .await
            .expect("the same revocation again");
    }
    let status = ports.agents.list().await.unwrap().remove(0);
    assert_eq!(status.revoked_at, Some(after(3)), "revoked since the first time");
    let all = [actions::AGENT_ADDED, actions::TOKEN_ROTATED, actions::AGENT_REVOKED];
    assert_eq!(on_record(ports).await, all, "each is on record once");
}

async fn a_revoked_agent_is_out_and_on_record(ports: &Ports) {
    let name = agent_name(AGENT);
    ports
        .agents
        .add(&sample::agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap();
    ports
        .agents
        .add(&sample::agent(OTHER_AGENT), &token(9), &sample::added())
        .await
        .unwrap();
    ports
        .agents
        .rotate(&name, &token(2), after(1_000), &sample::rotated())
        .await
        .unwrap();
    ports.agents.revoke(&name, after(10), &sample::revoked()).await.unwrap();
    for number in [1, 2] {
        assert_eq!(
            owner(ports, number, 11).await,
            None,
            "no token of a revoked agent is good"
        );
    }
    assert_eq!(
        ports.agents.find(&name).await.unwrap(),
        None,
        "nor is it found by name: what it asked for before is not carried out"
    );
    assert_eq!(
        owner(ports, 9, 11).await.as_deref(),
        Some(OTHER_AGENT),
        "others are not touched"
    );
    let status = ports.agents.list().await.unwrap().remove(0);
    assert_eq!(
        (status.agent.name, status.revoked_at),
        (name, Some(after(10))),
        "its record stays"
    );
    refused(
        ports
            .agents
            .revoke(&agent_name("Nobody"), after(1), &sample::revoked())
            .await,
        PortErrorKind::NotFound,
        "revoking a stranger",
    );
}

async fn the_control_plane_registers_without_a_token(ports: &Ports) {
    let name = agent_name("DevOpsAutomation");
    ports.agents.register(&name, after(1)).await.unwrap();
    ports
        .agents
        .register(&name, after(2))
        .await
        .expect("doing it again is nothing");
    let list = ports.agents.list().await.unwrap();
    assert_eq!(list.len(), 1, "it is registered once");
    assert_eq!(
        (&list[0].agent.name, list[0].created_at),
        (&name, after(1)),
        "since the first time"
    );
    assert!(ports.agents.find(&name).await.unwrap().is_some(), "it is found by name");

    let mut admin = sample::agent(AGENT);
    admin.agent.role = Role::Admin;
    ports.agents.add(&admin, &token(1), &sample::added()).await.unwrap();
    ports.agents.register(&admin.agent.name, after(3)).await.unwrap();
    let found = ports.agents.by_token(&token(1).hash, after(4)).await.unwrap();
    assert_eq!(
        found,
        Some(admin.agent),
        "registering an agent that was added changes nothing"
    );
}

async fn agents_are_read_in_pages_and_alone(ports: &Ports) {
    let names = ["Alpha", "Beta", "Delta", "Gamma", "Omega"];
    for (number, name) in (1..).zip(names) {
        let (agent, token, added) = (sample::agent(name), token(number), sample::added());
        ports.agents.add(&agent, &token, &added).await.unwrap();
    }
    let revoked = agent_name("Beta");
    ports
        .agents
        .revoke(&revoked, after(5), &sample::revoked())
        .await
        .unwrap();
    let beaten = beat(7, true, Some("fine"));
    ports.heartbeats.beat(&agent_name("Delta"), &beaten).await.unwrap();
    let all = ports.agents.list().await.unwrap();
    assert_eq!(all.len(), 5);
    for limit in [1, 2, 5, 9] {
        let (mut read, mut last) = (Vec::new(), None);
        loop {
            let page = ports.agents.page(last.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(end) = page.last() else { break };
            last = Some(end.agent.name.clone());
            read.extend(page);
        }
        assert_eq!(read, all, "in pages of {limit}");
    }
    assert_eq!(ports.agents.page(None, 0).await.unwrap(), []);
    let behind = ports.agents.page(Some(&agent_name("Dzeta")), 1).await.unwrap();
    assert_eq!(
        behind[0].agent.name.as_str(),
        "Gamma",
        "from behind a name that there need not be"
    );
    for status in all {
        let alone = ports.agents.status(&status.agent.name).await.unwrap();
        assert_eq!(alone, Some(status), "a revoked one too");
    }
    assert_eq!(ports.agents.status(&agent_name("Nobody")).await.unwrap(), None);
}

fn beat(seconds: i64, healthy: bool, message: Option<&str>) -> Beat {
    Beat {
        at: after(seconds),
        healthy,
        message: message.map(str::to_owned),
    }
}

async fn the_last_heartbeat_is_shown(ports: &Ports) {
    let (name, other) = (agent_name(AGENT), agent_name(OTHER_AGENT));
    ports
        .agents
        .add(&sample::agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap();
    ports.agents.register(&other, after(1)).await.unwrap();
    let last = async || -> Vec<Option<Beat>> {
        let list = ports.agents.list().await.expect("list");
        list.into_iter().map(|status| status.last_beat).collect()
    };
    ports.heartbeats.beat(&name, &beat(5, true, None)).await.unwrap();
    assert_eq!(
        last().await,
        [Some(beat(5, true, None)), None],
        "the first is shown, for its agent"
    );
    let second = beat(10, false, Some("queue is full é\u{1f511}"));
    ports.heartbeats.beat(&name, &second).await.unwrap();
    ports.heartbeats.beat(&other, &beat(11, true, None)).await.unwrap();
    assert_eq!(
        last().await,
        [Some(second), Some(beat(11, true, None))],
        "then the next"
    );
}

async fn a_stranger_has_no_heartbeat(ports: &Ports) {
    refused(
        ports.heartbeats.beat(&agent_name("Nobody"), &beat(1, true, None)).await,
        PortErrorKind::NotFound,
        "a stranger's heartbeat",
    );
    assert!(
        ports.agents.list().await.unwrap().is_empty(),
        "and it does not become an agent by it"
    );
}
