//! Access keys: whose they are, and that they end with their agent, whatever happens in between.

use cc_devops_fleet::aws_keys::{AwsKey, AwsKeyId, AwsKeys, ListedKey, MOST_KEYS, newest};
use cc_devops_fleet::{Enrolment, Token};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::{Content, PortErrorKind, Record, RecordKey, RecordKind, StateChange};
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, agent_name};
use jiff::SignedDuration;

/// The store's key for them.
const KEY: [u8; 32] = [8; 32];

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A control plane with two agents.
struct Harness {
    memory: Memory,
    ports: Ports,
}

impl Harness {
    async fn new() -> Self {
        let memory = Memory::new();
        let ports = memory.ports();
        for (name, number) in [(AGENT, 1), (OTHER_AGENT, 2)] {
            let new = (sample::agent(name), sample::token(number));
            ports.agents.add(&new.0, &new.1, &sample::added()).await.unwrap();
        }
        Self { memory, ports }
    }

    fn keys(&self) -> AwsKeys<'_> {
        self.ports.aws_keys(KEY)
    }

    async fn add(&self, number: u8) -> AwsKey {
        let added = self.keys().add(&agent_name(AGENT), [number; 32], Actor::Operator).await;
        added.unwrap()
    }

    async fn list(&self) -> Vec<ListedKey> {
        self.keys().list(&agent_name(AGENT)).await.unwrap()
    }

    /// Whose a key is, if it is good.
    async fn owner(&self, id: &AwsKeyId) -> Option<String> {
        let found = self
            .keys()
            .find(id.as_str(), None, self.ports.clock.now())
            .await
            .unwrap();
        found.map(|(agent, _)| agent.name.to_string())
    }

    async fn rotate(&self, number: u8, keep_old: SignedDuration) {
        let installation = sample::installation();
        let enrolment = Enrolment::new(&self.ports, &installation, Actor::Operator).with_aws_keys(KEY);
        let token = Token::from_random([number; 32]);
        enrolment.rotate(&agent_name(AGENT), &token, keep_old).await.unwrap();
    }

    async fn revoke(&self) {
        let installation = sample::installation();
        let enrolment = Enrolment::new(&self.ports, &installation, Actor::Operator);
        enrolment.revoke(&agent_name(AGENT)).await.unwrap();
    }

    /// What is on record, but that the agents were added.
    fn acts(&self) -> Vec<String> {
        let rows = self.memory.audit_rows().into_iter();
        let acts = rows.map(|row| row.entry.action);
        acts.filter(|action| *action != actions::AGENT_ADDED).collect()
    }

    async fn record(&self, id: &AwsKeyId) -> Record {
        let key = RecordKey::new(RecordKind::AwsKey, id.as_str());
        self.ports.state.read_one(&key).await.unwrap().unwrap()
    }

    /// Writes a record as somebody would who has the file.
    async fn forge(&self, name: &str, version: u64, content: Content) {
        let key = RecordKey::new(RecordKind::AwsKey, name);
        let content = Some(content);
        let forged = StateChange { key, version, content };
        self.ports.state.write(&[forged], None).await.unwrap();
    }
}

#[tokio::test]
async fn an_agent_has_several_keys_and_its_secrets_are_kept_nowhere() {
    let harness = Harness::new().await;
    let (one, other) = (harness.add(1).await, harness.add(2).await);
    assert_ne!(one.id, other.id);
    assert_ne!(one.secret.expose(), other.secret.expose());
    for key in [&one, &other] {
        let now = harness.ports.clock.now();
        let (agent, secret) = harness.keys().find(key.id.as_str(), None, now).await.unwrap().unwrap();
        assert_eq!((agent.name.as_str(), secret.expose()), (AGENT, key.secret.expose()));
        let told = format!("{:?} {:?}", harness.record(&key.id).await, harness.memory.audit_rows());
        assert!(!told.contains(key.secret.expose()), "{told}");
    }
    assert!(harness.keys().list(&agent_name(OTHER_AGENT)).await.unwrap().is_empty());

    let ended = harness.keys().end(&one.id, None, Actor::Operator).await.unwrap();
    assert_eq!(ended, agent_name(AGENT));
    assert_eq!(harness.owner(&one.id).await, None);
    assert_eq!(harness.owner(&other.id).await.as_deref(), Some(AGENT));
    let again = harness.keys().end(&one.id, None, Actor::Operator).await;
    assert!(matches!(again, Err(ActError::Port(error)) if error.kind == PortErrorKind::NotFound));
    assert_eq!(
        harness.acts(),
        [actions::AWS_KEY_ADDED, actions::AWS_KEY_ADDED, actions::AWS_KEY_ENDED]
    );
}

#[tokio::test]
async fn keys_end_with_their_agent_and_do_not_come_back_with_it() {
    let harness = Harness::new().await;
    let (one, other) = (harness.add(1).await, harness.add(2).await);
    harness.revoke().await;
    for key in [&one, &other] {
        assert_eq!(harness.owner(&key.id).await, None);
    }
    assert_eq!(
        harness.acts()[2..],
        [actions::AGENT_REVOKED, actions::AWS_KEY_ENDED],
        "one row for both"
    );
    let added = harness.keys().add(&agent_name(AGENT), [3; 32], Actor::Operator).await;
    assert!(
        matches!(added, Err(ActError::Port(error)) if error.kind == PortErrorKind::NotFound),
        "a revoked agent is given none"
    );
    harness.rotate(4, HOUR).await;
    for key in [&one, &other] {
        assert_eq!(
            harness.owner(&key.id).await,
            None,
            "it is let in again by its new token alone"
        );
    }
}

#[tokio::test]
async fn what_a_revocation_left_does_not_come_back_either() {
    let harness = Harness::new().await;
    let key = harness.add(1).await;
    // As if the process had died between the register and the keys.
    let agents = &harness.ports.agents;
    agents
        .revoke(&agent_name(AGENT), harness.ports.clock.now(), &sample::revoked())
        .await
        .unwrap();
    assert_eq!(harness.owner(&key.id).await, None, "of a revoked agent no key is good");
    harness.rotate(4, HOUR).await;
    assert_eq!(harness.owner(&key.id).await, None);
    assert_eq!(harness.list().await, []);
}

#[tokio::test]
async fn a_revocation_that_is_made_again_ends_what_was_left() {
    let harness = Harness::new().await;
    let key = harness.add(1).await;
    let agents = &harness.ports.agents;
    agents
        .revoke(&agent_name(AGENT), harness.ports.clock.now(), &sample::revoked())
        .await
        .unwrap();
    harness.revoke().await;
    let left = harness
        .ports
        .state
        .list(RecordKind::AwsKey, None, None, 10)
        .await
        .unwrap();
    assert_eq!(left, [], "{}", key.id);
}

#[tokio::test]
async fn a_new_token_ends_keys_as_it_ends_older_tokens() {
    let harness = Harness::new().await;
    let key = harness.add(1).await;
    harness.rotate(3, HOUR).await;
    assert_eq!(harness.owner(&key.id).await.as_deref(), Some(AGENT));
    let until = harness.ports.clock.now().checked_add(HOUR).unwrap();
    let listed = harness.list().await;
    assert_eq!(listed.iter().map(|key| key.ends_at).collect::<Vec<_>>(), [Some(until)]);

    // A key that was made since goes on; what ends earlier is not prolonged.
    let younger = harness.add(2).await;
    assert_eq!(newest(harness.list().await).unwrap().id, younger.id);
    harness.rotate(4, HOUR * 2).await;
    let ends = harness.list().await.into_iter().map(|key| key.ends_at.unwrap());
    let later = until.checked_add(HOUR).unwrap();
    assert_eq!(ends.collect::<Vec<_>>(), [until, later]);

    harness.memory.clock().advance(HOUR);
    assert_eq!(harness.owner(&key.id).await, None);
    assert_eq!(harness.owner(&younger.id).await.as_deref(), Some(AGENT));
    harness.rotate(5, SignedDuration::ZERO).await;
    assert_eq!(harness.owner(&younger.id).await, None, "at once");
    harness.memory.clock().set(sample::START);
    assert_eq!(
        harness.owner(&key.id).await,
        None,
        "a clock that goes back brings none to life"
    );
    assert_eq!(harness.owner(&younger.id).await, None);
}

#[tokio::test]
async fn without_the_stores_key_for_them_keys_end_at_once() {
    let harness = Harness::new().await;
    let key = harness.add(1).await;
    let installation = sample::installation();
    let enrolment = Enrolment::new(&harness.ports, &installation, Actor::Operator);
    let token = Token::from_random([3; 32]);
    enrolment.rotate(&agent_name(AGENT), &token, HOUR).await.unwrap();
    assert_eq!(harness.owner(&key.id).await, None);
}

#[tokio::test]
async fn what_somebody_else_wrote_is_no_key() {
    let harness = Harness::new().await;
    let key = harness.add(1).await;
    let whole = harness.record(&key.id).await;
    // Given to another agent; under another id; of another store.
    let given = Content {
        list: Some(OTHER_AGENT.to_owned()),
        body: whole.content.body.replace(AGENT, OTHER_AGENT),
        ..whole.content.clone()
    };
    harness.forge(key.id.as_str(), whole.version, given).await;
    assert_eq!(harness.owner(&key.id).await, None);
    harness.forge("AKIAIOSFODNN7EXAMPLE", 0, whole.content.clone()).await;
    assert_eq!(harness.owner(&"AKIAIOSFODNN7EXAMPLE".parse().unwrap()).await, None);
    let stranger = harness.ports.aws_keys([9; 32]);
    let theirs = stranger
        .add(&agent_name(AGENT), [2; 32], Actor::Operator)
        .await
        .unwrap();
    assert_eq!(harness.owner(&theirs.id).await, None);
    assert_eq!(harness.list().await, []);
    // It is taken away where keys end, and stands in nobody's way.
    harness.rotate(3, HOUR).await;
    let left = harness
        .ports
        .state
        .list(RecordKind::AwsKey, Some(AGENT), None, 10)
        .await
        .unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn an_agent_has_a_bounded_number_of_keys_and_those_with_an_end_do_not_count() {
    let harness = Harness::new().await;
    for number in 0..u8::try_from(MOST_KEYS).unwrap() {
        harness.add(number).await;
    }
    let one_more = harness.keys().add(&agent_name(AGENT), [100; 32], Actor::Operator).await;
    assert!(matches!(one_more, Err(ActError::Refused(failure)) if failure.reason == Reason::InvalidParameter));
    harness.rotate(3, HOUR).await;
    harness.add(101).await;
    harness.memory.clock().advance(HOUR);
    assert_eq!(harness.list().await.len(), 1);
}

#[tokio::test]
async fn a_secret_is_shown_again_on_record_alone() {
    let harness = Harness::new().await;
    let nothing = harness
        .keys()
        .reveal(&agent_name(AGENT), Actor::Operator)
        .await
        .unwrap();
    assert!(nothing.is_none() && harness.acts().is_empty());
    let key = harness.add(1).await;
    let shown = harness
        .keys()
        .reveal(&agent_name(AGENT), Actor::Operator)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&shown.id, shown.secret.expose()), (&key.id, key.secret.expose()));
    assert_eq!(harness.acts(), [actions::AWS_KEY_ADDED, actions::AWS_KEY_READ]);
}

#[tokio::test]
async fn the_policies_decide_who_manages_keys() {
    let harness = Harness::new().await;
    let key = harness.add(1).await;
    let policy = Policy::shipped(PolicySet::default(), &sample::installation(), vocabulary());
    let plain = sample::agent(OTHER_AGENT).agent;
    let actor = Actor::Agent(&plain, &policy, Door::Api);
    let (keys, name) = (harness.keys(), agent_name(AGENT));
    let refused = [
        keys.add(&name, [2; 32], actor).await.err(),
        keys.end(&key.id, None, actor).await.err(),
        keys.reveal(&name, actor).await.err(),
    ];
    for error in refused {
        assert!(
            matches!(&error, Some(ActError::Refused(failure)) if failure.reason == Reason::SecurityViolation),
            "{error:?}"
        );
    }
    assert_eq!(harness.owner(&key.id).await.as_deref(), Some(AGENT));
    let denied = harness.memory.audit_rows().into_iter().map(|row| row.entry);
    let denied: Vec<_> = denied.filter(|entry| entry.status == Status::Error).collect();
    assert_eq!(denied.len(), 3);
    let admin = Agent {
        role: Role::Admin,
        ..plain
    };
    let actor = Actor::Agent(&admin, &policy, Door::Api);
    assert!(keys.add(&name, [3; 32], actor).await.is_ok());
}

#[tokio::test]
async fn a_short_lived_key_is_ended_by_no_id() {
    let harness = Harness::new().await;
    let token = sample::token(1).hash;
    let key = harness.keys().short_lived(&token, harness.ports.clock.now());
    let ended = harness.keys().end(&key.id, None, Actor::Operator).await;
    assert!(matches!(ended, Err(ActError::Refused(failure)) if failure.message.contains("agents rotate")));
    let now = harness.ports.clock.now();
    let again = harness.keys().short_lived(&token, now);
    assert_eq!(
        (&again.id, again.secret.expose()),
        (&key.id, key.secret.expose()),
        "the same in the same second"
    );
    let found = async |id: &str, token: &str| harness.keys().find(id, Some(token), now).await.unwrap().is_some();
    assert!(found(key.id.as_str(), key.session_token.expose()).await);
    let other = harness.keys().short_lived(&sample::token(2).hash, now);
    assert!(!found(key.id.as_str(), other.session_token.expose()).await);
    let nobodys = harness.keys().short_lived(&sample::token(7).hash, now);
    assert!(!found(nobodys.id.as_str(), nobodys.session_token.expose()).await);
}
