//! Adding, rotating and revoking agents: an act and its audit row, whatever happens in between.

use std::task::{Context, Waker};

use cc_devops_fleet::parameters::{NotWritten, Parameters};
use cc_devops_fleet::{Enrolment, Token};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, agent_name};
use jiff::SignedDuration;

fn token(number: u8) -> Token {
    Token::from_random([number; 32])
}

fn agent(name: &str) -> Agent {
    sample::agent(name).agent
}

/// What is on record, oldest first.
async fn trail(ports: &Ports) -> Vec<AuditEntry> {
    let mut rows = ports
        .audit
        .list(&AuditFilter::default(), None, 100)
        .await
        .unwrap()
        .items;
    rows.reverse();
    rows.into_iter().map(|row| row.entry).collect()
}

async fn actions_of(ports: &Ports) -> Vec<String> {
    trail(ports).await.into_iter().map(|entry| entry.action).collect()
}

/// Whether a token opens anything.
async fn opens(ports: &Ports, token: &Token) -> bool {
    let now = ports.clock.now();
    ports.agents.by_token(&token.hash(), now).await.unwrap().is_some()
}

#[tokio::test]
async fn a_name_that_another_writer_adds_meanwhile_is_no_obstacle() {
    let (ports, installation) = (Memory::new().ports(), sample::installation());
    let parameters = Parameters {
        ports: (&ports).into(),
        installation: &installation,
    };
    let enabled = "/contentcraft/agents/enabled";
    // The list has been read when the token is made.
    let made = || {
        let (new, other, added) = (sample::agent(OTHER_AGENT), sample::token(9), sample::added());
        let mut adding = ports.agents.add(&new, &other, &added);
        assert!(adding.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        Ok(token(8))
    };
    let written = parameters.write((enabled, OTHER_AGENT), true, Actor::Operator, made);
    assert_eq!(written.await.unwrap(), 1);
    let alike = OTHER_AGENT.to_uppercase();
    let written = parameters.write((enabled, &alike), true, Actor::Operator, || Ok(token(8)));
    let refused = written.await.unwrap_err();
    assert!(matches!(refused, NotWritten::Act(ActError::Port(_))), "{refused:?}");
}

#[tokio::test]
async fn an_operators_acts_are_on_record_with_whom_they_are_about() {
    let ports = Memory::new().ports();
    let installation = sample::installation();
    let enrolment = Enrolment::new(&ports, &installation, Actor::Operator);
    let name = agent_name(AGENT);
    enrolment.add(agent(AGENT), &token(1)).await.unwrap();
    let until = enrolment
        .rotate(&name, &token(2), SignedDuration::from_secs(60))
        .await
        .unwrap();
    enrolment.revoke(&name).await.unwrap();
    enrolment.revoke(&name).await.expect("twice is no error");
    let trail = trail(&ports).await;
    let said: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        said,
        [actions::AGENT_ADDED, actions::TOKEN_ROTATED, actions::AGENT_REVOKED]
    );
    for entry in &trail {
        assert_eq!((&entry.principal, &entry.agent), (&None, &Some(name.clone())));
        assert_eq!(entry.resource.as_deref(), Some(AGENT));
        assert_eq!(
            (&entry.detail["by"], entry.status),
            (&"operator".into(), Status::Success)
        );
    }
    assert_eq!(trail[1].detail["oldTokensEnd"], until.to_string());
    let all = format!("{trail:?}");
    for number in [1, 2] {
        let hash = hex::encode(token(number).hash().0);
        assert!(!all.contains(token(number).expose()) && !all.contains(&hash), "{all}");
    }
}

#[tokio::test]
async fn a_prefix_outside_the_namespace_is_refused_and_nothing_is_written() {
    let ports = Memory::new().ports();
    let installation = sample::installation();
    let enrolment = Enrolment::new(&ports, &installation, Actor::Operator);
    let mut outside = agent(AGENT);
    outside.secret_prefixes = vec![SecretPrefix::new("/elsewhere/x/").unwrap()];
    let error = enrolment.add(outside, &token(1)).await.unwrap_err();
    assert!(
        matches!(&error, ActError::Refused(failure) if failure.reason == Reason::InvalidParameter),
        "{error}"
    );
    assert!(trail(&ports).await.is_empty() && ports.agents.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_agent_acts_by_the_policies_alone_and_what_it_may_not_is_on_record() {
    let ports = Memory::new().ports();
    let installation = sample::installation();
    let policy = Policy::shipped(PolicySet::default(), &installation, vocabulary());
    let plain = agent(OTHER_AGENT);
    let enrolment = Enrolment::new(&ports, &installation, Actor::Agent(&plain, &policy, Door::Api));
    let error = enrolment.add(agent(AGENT), &token(1)).await.unwrap_err();
    assert!(
        matches!(&error, ActError::Refused(failure) if failure.reason == Reason::SecurityViolation),
        "{error}"
    );
    assert!(!opens(&ports, &token(1)).await);
    let denied = trail(&ports).await.remove(0);
    assert_eq!(
        (denied.status, denied.reason),
        (Status::Error, Some(Reason::SecurityViolation))
    );
    assert_eq!(denied.principal, Some(plain.name.clone()));

    let admin = Agent {
        role: Role::Admin,
        ..agent("Boss")
    };
    let enrolment = Enrolment::new(&ports, &installation, Actor::Agent(&admin, &policy, Door::Api));
    enrolment.add(agent(AGENT), &token(1)).await.unwrap();
    let added = trail(&ports).await.remove(1);
    assert_eq!(
        (added.principal, added.agent),
        (Some(admin.name.clone()), Some(agent_name(AGENT)))
    );
    assert_eq!(added.detail["policies"][0], "admin-everything");
}

#[tokio::test]
async fn no_agent_gets_a_name_or_prefix_under_which_the_control_plane_keeps_its_own() {
    let ports = Memory::new().ports();
    let installation = sample::installation();
    let enrolment = Enrolment::new(&ports, &installation, Actor::Operator);
    let mut given = agent(AGENT);
    given.secret_prefixes = vec![SecretPrefix::new("/contentcraft/stripe/").unwrap()];
    let refused = [agent("GitHub"), agent("stripe"), agent("DevOpsAutomation"), given];
    for (number, agent) in (1..).zip(refused) {
        let name = agent.name.clone();
        let error = enrolment.add(agent, &token(number)).await.unwrap_err();
        assert!(
            matches!(&error, ActError::Refused(failure) if failure.reason == Reason::InvalidParameter),
            "{name}: {error}"
        );
        assert!(!opens(&ports, &token(number)).await, "{name}");
    }
    assert_eq!(actions_of(&ports).await, Vec::<String>::new());
    let elsewhere = Installation {
        credentials: vec![SecretName::new("/contentcraft/billing/key").unwrap()],
        ..installation.clone()
    };
    let enrolment = Enrolment::new(&ports, &elsewhere, Actor::Operator);
    enrolment.add(agent("GitHub"), &token(9)).await.unwrap();
    assert!(
        enrolment.add(agent("Billing"), &token(8)).await.is_err(),
        "as it is configured"
    );
}

/// One of the acts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Add,
    Rotate,
    Revoke,
}

impl Act {
    async fn done(self, ports: &Ports, number: u8) -> Result<(), ActError> {
        let installation = sample::installation();
        let enrolment = Enrolment::new(ports, &installation, Actor::Operator);
        match self {
            Self::Add => enrolment.add(agent(AGENT), &token(number)).await,
            Self::Rotate => {
                let (name, token) = (agent_name(AGENT), token(number));
                enrolment.rotate(&name, &token, SignedDuration::ZERO).await.map(drop)
            }
            Self::Revoke => enrolment.revoke(&agent_name(AGENT)).await,
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Add => actions::AGENT_ADDED,
            Self::Rotate => actions::TOKEN_ROTATED,
            Self::Revoke => actions::AGENT_REVOKED,
        }
    }

    /// Whether it has taken place, by what the register says.
    async fn has_taken_place(self, ports: &Ports) -> bool {
        match self {
            Self::Add => ports.agents.find(&agent_name(AGENT)).await.unwrap().is_some(),
            Self::Rotate => opens(ports, &token(2)).await,
            Self::Revoke => !opens(ports, &token(1)).await,
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_and_loses_no_token() {
    for act in [Act::Add, Act::Rotate, Act::Revoke] {
        let memory = Memory::new();
        let ports = memory.ports();
        if act != Act::Add {
            Act::Add.done(&ports, 1).await.unwrap();
        }
        let unsteady = Ports {
            agents: std::sync::Arc::new(unsteady::LosesAnswers::of(&ports)),
            ..ports.clone()
        };
        act.done(&unsteady, 2).await.unwrap();
        assert!(act.has_taken_place(&ports).await || act == Act::Revoke);
        assert_eq!(opens(&ports, &token(2)).await, act != Act::Revoke, "{act:?}");
        let rows = actions_of(&ports).await;
        assert_eq!(rows.iter().filter(|row| *row == act.action()).count(), 1, "{rows:?}");
    }
}

mod unsteady {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use cc_devops_fleet::ports::Agents;
    use cc_devops_fleet::{AgentStatus, NewAgent, NewToken, TokenHash};
    use cc_devops_kernel::agent::Agent;
    use cc_devops_kernel::audit::AuditEntry;
    use cc_devops_kernel::names::AgentName;
    use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
    use cc_devops_requests::ports::Ports;
    use jiff::Timestamp;

    /// Loses the first answer to a change.
    pub(super) struct LosesAnswers {
        agents: Arc<dyn Agents>,
        lost: AtomicBool,
    }

    impl LosesAnswers {
        pub(super) fn of(ports: &Ports) -> Self {
            Self {
                agents: Arc::clone(&ports.agents),
                lost: AtomicBool::new(false),
            }
        }

        fn heard(&self, answer: PortResult<()>) -> PortResult<()> {
            if self.lost.swap(true, Ordering::SeqCst) {
                return answer;
            }
            Err(PortError::new(PortErrorKind::Timeout, "the answer was lost"))
        }
    }

    #[async_trait]
    impl Agents for LosesAnswers {
        async fn add(&self, agent: &NewAgent, token: &NewToken, audit: &AuditEntry) -> PortResult<()> {
            self.heard(self.agents.add(agent, token, audit).await)
        }

        async fn rotate(
            &self,
            name: &AgentName,
            token: &NewToken,
            old_until: Timestamp,
            audit: &AuditEntry,
        ) -> PortResult<()> {
            self.heard(self.agents.rotate(name, token, old_until, audit).await)
        }

        async fn revoke(&self, name: &AgentName, at: Timestamp, audit: &AuditEntry) -> PortResult<()> {
            self.heard(self.agents.revoke(name, at, audit).await)
        }

        async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>> {
            self.agents.by_token(token, now).await
        }

        async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
            self.agents.find(name).await
        }

        async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
            self.agents.register(name, at).await
        }

        async fn list(&self) -> PortResult<Vec<AgentStatus>> {
            self.agents.list().await
        }

        async fn page(&self, after: Option<&AgentName>, limit: usize) -> PortResult<Vec<AgentStatus>> {
            self.agents.page(after, limit).await
        }

        async fn status(&self, name: &AgentName) -> PortResult<Option<AgentStatus>> {
            self.agents.status(name).await
        }
    }
}
