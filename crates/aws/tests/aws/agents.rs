//! The agents and their heartbeats on the emulator, and the race for the parameter.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};
use aws_sdk_ssm::types::ParameterType;
use cc_devops_aws::Backend;
use cc_devops_fleet::Beat;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Clock as _, PortErrorKind, SystemClock};
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::sample::{AGENT, OTHER_AGENT, after, agent, agent_name, token};
use cc_devops_testkit::{Memory, peers, sample};
use jiff::Timestamp;

use crate::harness;
use crate::line::{Fault, Line};

/// The agents' ports; the others are the fakes.
fn ports(backend: &Backend) -> Ports {
    Ports {
        agents: backend.agents(),
        heartbeats: backend.heartbeats(),
        audit: backend.audit(),
        state: backend.state(),
        ..Memory::new().ports()
    }
}

contracts!(agents, heartbeats);

/// The parameter's text, written by somebody else.
async fn write(backend: &Backend, text: &str) {
    let call = backend
        .clients()
        .ssm()
        .put_parameter()
        .name(&backend.resources().enabled_agents);
    let call = call.value(text).r#type(ParameterType::String).overwrite(true);
    call.send().await.unwrap();
}

/// The parameter's text.
async fn text(backend: &Backend) -> String {
    let call = backend
        .clients()
        .ssm()
        .get_parameter()
        .name(&backend.resources().enabled_agents);
    call.send().await.unwrap().parameter.unwrap().value.unwrap()
}

/// Lets writers register so many agents each, all at once, and looks for every name.
async fn race(writers: &[&'static str], rounds: usize) {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    write(&backend, "Somebody, not an agent!").await;
    let names = move |writer: &'static str| (0..rounds).map(move |round| agent_name(&format!("{writer}{round}")));
    let racing: Vec<_> = writers
        .iter()
        .map(|writer| {
            // Each a process of its own, with nothing shared but the account.
            let backend = harness::on(peer.url(), backend.resources());
            let names = names(writer);
            tokio::spawn(async move {
                let agents = backend.agents();
                for name in names {
                    agents.register(&name, after(1)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in racing {
        writer.await.unwrap();
    }
    let text = text(&backend).await;
    let found: Vec<&str> = text.split(',').collect();
    assert_eq!(
        found[..2],
        ["Somebody", "not an agent!"],
        "what stood there stays, in its place"
    );
    let found: BTreeSet<&str> = found.into_iter().collect();
    for name in writers.iter().flat_map(|writer| names(writer)) {
        assert!(found.contains(name.as_str()), "{name} is lost");
    }
    assert_eq!(found.len(), writers.len() * rounds + 2, "and nothing else came in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_race_200_times_and_no_name_is_lost() {
    race(&["North", "South"], 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_one_of_four_writers() {
    race(&["North", "East", "South", "West"], 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_adds_while_another_removes() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let agents = backend.agents();
    let leaving: Vec<AgentName> = (0..20).map(|round| agent_name(&format!("Leaving{round}"))).collect();
    for name in &leaving {
        agents.register(name, after(1)).await.unwrap();
    }
    let other = harness::on(peer.url(), backend.resources());
    let adder = tokio::spawn(async move {
        for round in 0..20 {
            let name = agent_name(&format!("Coming{round}"));
            other.agents().register(&name, after(2)).await.unwrap();
        }
    });
    for name in &leaving {
        agents.revoke(name, after(2), &sample::revoked()).await.unwrap();
    }
    adder.await.unwrap();
    let text = text(&backend).await;
    let mut found: Vec<&str> = text.split(',').collect();
    found.sort_unstable();
    let mut expected: Vec<String> = (0..20).map(|round| format!("Coming{round}")).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_another_enabled_is_one() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let agents = backend.agents();
    assert_eq!(
        agents.find(&agent_name(AGENT)).await.unwrap(),
        None,
        "there is no parameter yet"
    );
    write(&backend, &format!(" {AGENT} ,,{AGENT}, 7 up")).await;

    let found = agents
        .find(&agent_name(AGENT))
        .await
        .unwrap()
        .expect("it is found at once");
    assert_eq!(found, agent(AGENT).agent, "with an agent's plain rights");
    let list = agents.list().await.unwrap();
    assert_eq!(list.len(), 1, "what is no agent's name is not listed");
    assert_eq!(list[0].agent.name.as_str(), AGENT);
    backend
        .heartbeats()
        .beat(&agent_name(AGENT), &beat(after(9), true))
        .await
        .unwrap();
    assert_eq!(agents.list().await.unwrap()[0].last_beat, Some(beat(after(9), true)));

    let alike = agents
        .add(&agent("Content-Orchestrator"), &token(3), &sample::added())
        .await;
    assert_eq!(
        alike.unwrap_err().kind,
        PortErrorKind::Exists,
        "a name that passes for it"
    );
    agents
        .rotate(&agent_name(AGENT), &token(1), after(1), &sample::rotated())
        .await
        .unwrap();
    let by_token = agents.by_token(&token(1).hash, after(1)).await.unwrap();
    assert_eq!(
        by_token.map(|agent| agent.name),
        Some(agent_name(AGENT)),
        "it can be given a token"
    );
    assert_eq!(
        text(&backend).await,
        format!(" {AGENT} ,,{AGENT}, 7 up"),
        "nobody's text was touched"
    );

    agents
        .revoke(&agent_name(AGENT), after(3), &sample::revoked())
        .await
        .unwrap();
    assert_eq!(text(&backend).await, "7 up");
    write(&backend, AGENT).await;
    assert_eq!(
        agents.find(&agent_name(AGENT)).await.unwrap(),
        None,
        "revoked stays revoked"
    );
    agents.register(&agent_name(AGENT), after(4)).await.unwrap();
    assert_eq!(
        agents.find(&agent_name(AGENT)).await.unwrap(),
        None,
        "registered or not"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_under_which_the_control_plane_keeps_secrets_is_no_agents_whoever_enables_it() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    write(&backend, &format!("GitHub,{AGENT},stripe,DevOpsAutomation")).await;
    let agents = backend.agents();
    for reserved in ["GitHub", "stripe"] {
        let name = agent_name(reserved);
        assert_eq!(agents.find(&name).await.unwrap(), None, "{reserved}");
        let beat = backend.heartbeats().beat(&name, &beat(after(9), true)).await;
        assert_eq!(beat.unwrap_err().kind, PortErrorKind::NotFound, "{reserved}");
        let rotated = agents.rotate(&name, &token(1), after(1), &sample::rotated()).await;
        assert_eq!(rotated.unwrap_err().kind, PortErrorKind::NotFound, "{reserved}");
    }
    let listed = agents.list().await.unwrap();
    let names: Vec<&str> = listed.iter().map(|status| status.agent.name.as_str()).collect();
    assert_eq!(names, [AGENT, "DevOpsAutomation"]);
    let own = agent_name("DevOpsAutomation");
    agents.register(&own, after(2)).await.unwrap();
    assert!(
        agents.find(&own).await.unwrap().is_some(),
        "the control plane knows itself"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_another_disabled_is_none() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let mut admin = agent(AGENT);
    admin.agent.role = Role::Admin;
    backend.agents().add(&admin, &token(1), &sample::added()).await.unwrap();
    backend
        .agents()
        .add(&agent(OTHER_AGENT), &token(2), &sample::added())
        .await
        .unwrap();
    write(&backend, OTHER_AGENT).await;

    let agents = backend.agents();
    assert_eq!(agents.find(&admin.agent.name).await.unwrap(), None);
    assert_eq!(agents.by_token(&token(1).hash, after(1)).await.unwrap(), None);
    assert!(agents.by_token(&token(2).hash, after(1)).await.unwrap().is_some());
    let list = agents.list().await.unwrap();
    assert!(list[0].revoked_at.is_some() && list[1].revoked_at.is_none(), "{list:?}");
    write(&backend, &format!("{AGENT},{OTHER_AGENT}")).await;
    let found = agents.find(&admin.agent.name).await.unwrap();
    assert_eq!(found, Some(admin.agent), "enabled again it is what it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_addition_may_be_repeated() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let agents = backend.agents();
    agents.add(&agent(AGENT), &token(1), &sample::added()).await.unwrap();
    agents
        .add(&agent(AGENT), &token(1), &sample::added())
        .await
        .expect("the same again: its answer was lost");
    let other = agents.add(&agent(AGENT), &token(2), &sample::added()).await;
    assert_eq!(
        other.unwrap_err().kind,
        PortErrorKind::Exists,
        "another token is another addition"
    );
}

/// The actions on record, oldest first.
async fn on_record(backend: &Backend) -> Vec<String> {
    let rows = backend.audit().list(&AuditFilter::default(), None, 100).await.unwrap();
    let mut actions: Vec<String> = rows.items.into_iter().map(|row| row.entry.action).collect();
    actions.reverse();
    actions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_another_process_revoked_or_changed_is_seen_so_at_once() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let other = harness::on(peer.url(), backend.resources());
    let (agents, name) = (backend.agents(), agent_name(AGENT));
    agents.add(&agent(AGENT), &token(1), &sample::added()).await.unwrap();
    assert!(agents.find(&name).await.unwrap().is_some(), "it is known here");
    other
        .agents()
        .revoke(&name, after(3), &sample::revoked())
        .await
        .unwrap();
    assert_eq!(agents.find(&name).await.unwrap(), None);
    assert_eq!(agents.by_token(&token(1).hash, after(4)).await.unwrap(), None);
    other
        .agents()
        .rotate(&name, &token(2), after(5), &sample::rotated())
        .await
        .unwrap();
    assert!(agents.find(&name).await.unwrap().is_some(), "nor does it stay out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_and_its_audit_row_are_one_transaction() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let line = Line::default();
    // One try of the SDK: what fails is seen.
    let agents = line.to(&backend, 1).agents();
    let name = agent_name(AGENT);
    agents.add(&agent(AGENT), &token(1), &sample::added()).await.unwrap();
    let sent = line.calls("TransactWriteItems");
    let writes = sent[0]["TransactItems"].as_array().unwrap();
    let partitions: Vec<&str> = writes
        .iter()
        .map(|write| write["Put"]["Item"]["PK"]["S"].as_str().unwrap())
        .collect();
    assert_eq!((sent.len(), partitions[0]), (1, "AGENTS"));
    assert!(partitions.last().unwrap().starts_with("AUDIT#"), "{partitions:?}");

    line.fails(1, "TransactWriteItems", &Fault::refused(400, "AccessDeniedException"));
    let refused = agents.rotate(&name, &token(2), after(1), &sample::rotated()).await;
    assert_eq!(refused.unwrap_err().kind, PortErrorKind::Refused);
    assert!(
        agents.by_token(&token(1).hash, after(1)).await.unwrap().is_some(),
        "what is not on record is not done"
    );
    assert_eq!(on_record(&backend).await, [actions::AGENT_ADDED]);

    line.fails(1, "TransactWriteItems", &Fault::LostAnswer);
    let lost = agents.rotate(&name, &token(2), after(1), &sample::rotated()).await;
    assert!(lost.unwrap_err().kind.is_transient());
    agents
        .rotate(&name, &token(2), after(1), &sample::rotated())
        .await
        .expect("the same again");
    // The chain that was lost track of is left, and another conflict is waited out.
    let met = Fault::cancelled(&["TransactionConflict", "None", "None"]);
    line.fails(1, "TransactWriteItems", &met);
    agents.revoke(&name, after(3), &sample::revoked()).await.unwrap();
    let all = [actions::AGENT_ADDED, actions::TOKEN_ROTATED, actions::AGENT_REVOKED];
    assert_eq!(on_record(&backend).await, all);
    assert!(backend.audit().verify().await.unwrap().breaks.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_at_once_leave_every_new_token_good() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    backend
        .agents()
        .add(&agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap();
    let rotations = (2..=5).map(|number| {
        let agents = backend.agents();
        tokio::spawn(async move {
            agents
                .rotate(&agent_name(AGENT), &token(number), after(100), &sample::rotated())
                .await
        })
    });
    for rotation in rotations.collect::<Vec<_>>() {
        rotation.await.unwrap().unwrap();
    }
    for number in 1..=5 {
        let found = backend.agents().by_token(&token(number).hash, after(50)).await.unwrap();
        assert!(found.is_some(), "token {number} is good in the overlap");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_parameter_says_so() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let full: Vec<String> = (0..64).map(|n| format!("{}{n:02}", "A".repeat(60))).collect();
    let full = format!("{},{}", full.join(","), "B".repeat(60));
    write(&backend, &full).await;
    let error = backend
        .agents()
        .add(&agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Full, "{error}");
    assert!(error.message.contains("revoke"), "{error}");
    assert_eq!(text(&backend).await, full, "nothing was written");
    assert!(
        backend
            .agents()
            .by_token(&token(1).hash, after(1))
            .await
            .unwrap()
            .is_none()
    );
}

fn beat(at: Timestamp, healthy: bool) -> Beat {
    Beat {
        at,
        healthy,
        message: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_goes_to_cloudwatch_and_one_from_there_is_shown() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let agents = backend.agents();
    for name in [AGENT, OTHER_AGENT] {
        agents.register(&agent_name(name), after(1)).await.unwrap();
    }
    let now = SystemClock.now();
    backend
        .heartbeats()
        .beat(&agent_name(AGENT), &beat(now, false))
        .await
        .unwrap();
    // The other sends its own.
    let datum = MetricDatum::builder()
        .metric_name("Heartbeat")
        .unit(StandardUnit::Count)
        .value(1.0);
    let minutes_ago = aws_smithy_types::DateTime::from_secs(now.as_second() - 120);
    let put = backend.clients().cloudwatch().put_metric_data();
    let put = put.namespace(format!("Agent/{OTHER_AGENT}"));
    put.metric_data(datum.timestamp(minutes_ago).build())
        .send()
        .await
        .unwrap();

    let sent = backend
        .clients()
        .cloudwatch()
        .get_metric_statistics()
        .namespace(format!("Agent/{AGENT}"))
        .metric_name("Heartbeat")
        .start_time(aws_smithy_types::DateTime::from_secs(now.as_second() - 300))
        .end_time(aws_smithy_types::DateTime::from_secs(now.as_second() + 60))
        .period(60)
        .statistics(aws_sdk_cloudwatch::types::Statistic::Minimum)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.datapoints().len(), 1);
    assert_eq!(sent.datapoints()[0].minimum(), Some(0.0), "a failing agent's is nought");

    let list = agents.list().await.unwrap();
    assert_eq!(list[0].last_beat, Some(beat(now, false)), "the exact time is the newer");
    let other = list[1].last_beat.as_ref().expect("one from CloudWatch");
    assert!(other.healthy);
    let age = now.duration_since(other.at).as_secs();
    assert!((120..=180).contains(&age), "at its minute: {age}");
}
