//! Channels over a store in memory, with a clock that the test moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cc_devops_alerts::{
    ConditionChange, ConditionKind, ConditionSink, Delivery, Message, MessageKind, Named, Severity,
};
use cc_devops_kernel::names::{AgentName, SecretName, Stage};
use cc_devops_kernel::ports::{Clock, PortResult, PutSecret, RecordKind, SecretStore, SecretWrite, StateStore};
use cc_devops_kernel::records::RecordsInMemory;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_notify::{Channel, ChannelSettings, Delivering, Parts, SendOptions, Topics, check};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::Allowed;
use cc_devops_testkit::clock::ManualClock;
use cc_devops_testkit::memory::Memory;
use jiff::{SignedDuration, Timestamp};

/// What was noted of channels.
#[derive(Default)]
pub(crate) struct Noted(Mutex<Vec<ConditionChange>>);

#[async_trait]
impl ConditionSink for Noted {
    async fn note(&self, changes: &[ConditionChange], _now: Timestamp) -> PortResult<()> {
        self.0.lock().unwrap().extend_from_slice(changes);
        Ok(())
    }
}

pub(crate) struct Harness {
    pub(crate) memory: Memory,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<RecordsInMemory>,
    pub(crate) noted: Arc<Noted>,
    pub(crate) variables: Arc<Mutex<BTreeMap<String, String>>>,
    pub(crate) guard: Guard,
    pub(crate) certificates: Option<Vec<u8>>,
    pub(crate) topics: Option<Arc<dyn Topics>>,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let memory = Memory::new();
        Self {
            clock: memory.clock().clone(),
            memory,
            store: Arc::new(RecordsInMemory::default()),
            noted: Arc::default(),
            variables: Arc::default(),
            guard: Guard::new(Allowed::default()),
            certificates: None,
            topics: None,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) fn variable(&self, name: &str, value: &str) {
        self.variables.lock().unwrap().insert(name.into(), value.into());
    }

    pub(crate) async fn secret(&self, name: &str, value: &str) {
        let put = PutSecret {
            name: secret_name(name),
            value: SecretValue::new(value.to_owned()),
            kms_key: None,
        };
        let token = format!("{:064x}", self.memory.secret_writes(&put.name) + 1);
        let write = SecretWrite {
            put: &put,
            token: &token,
            may_be_repeat: false,
            agent: &AgentName::new("A").unwrap(),
            stage: &Stage::new("dev").unwrap(),
            at: self.now(),
        };
        self.memory.put(write).await.unwrap();
    }

    pub(crate) fn checked(&self, toml: &str) -> Vec<Channel> {
        #[derive(serde::Deserialize)]
        struct File {
            channels: Vec<ChannelSettings>,
        }
        let file: File = toml::from_str(toml).unwrap();
        let below = |name: &str| SecretName::new(format!("/contentcraft/{name}"));
        check(&file.channels, &self.guard, &below).unwrap()
    }

    pub(crate) fn delivering(&self, toml: &str) -> Delivering {
        self.delivering_of(self.checked(toml))
    }

    pub(crate) fn delivering_of(&self, channels: Vec<Channel>) -> Delivering {
        let variables = self.variables.clone();
        Delivering::new(
            channels,
            Parts {
                store: self.store.clone(),
                conditions: self.noted.clone(),
                secrets: self.memory.ports().secrets,
                variables: Arc::new(move |name| variables.lock().unwrap().get(name).cloned()),
                clock: Arc::new(self.clock.clone()),
                send_options: SendOptions {
                    guard: self.guard.clone(),
                    certificates: self.certificates.clone(),
                    topics: self.topics.clone(),
                },
            },
        )
    }

    /// Puts a message into the outbox of a channel.
    pub(crate) async fn put(&self, channel: &str, message: &Message) {
        let name = Delivery::name_of(message.at, 0, &message.id, channel);
        let delivery = Delivery::new(message.clone(), channel, None);
        let change = delivery.change(&name, 0, Some(self.now())).unwrap();
        self.store.write(&[change], None).await.unwrap();
    }

    /// How many wait, in whatever list.
    pub(crate) async fn waiting(&self, list: &str) -> usize {
        self.store
            .list(RecordKind::Delivery, Some(list), None, 1_000)
            .await
            .unwrap()
            .len()
    }

    /// The titles of what was opened, and of what is over.
    pub(crate) fn noted(&self) -> Vec<String> {
        let noted = self.noted.0.lock().unwrap();
        let said = noted.iter().map(|change| match change {
            ConditionChange::Opened(condition) => format!("open {}: {}", condition.key, condition.text),
            ConditionChange::Resolved { key, .. } => format!("over {key}"),
            ConditionChange::Closed { key, .. } => format!("closed {key}"),
        });
        said.collect()
    }
}

pub(crate) fn secret_name(name: &str) -> SecretName {
    SecretName::new(format!("/contentcraft/{name}")).unwrap()
}

/// Sends what is due, to the end.
pub(crate) async fn turn(harness: &Harness, delivering: &Delivering) -> Option<Timestamp> {
    let next = delivering.turn(harness.now()).await.unwrap();
    delivering.settled().await;
    next
}

/// Sends what is due each second for so long.
pub(crate) async fn pass(harness: &Harness, delivering: &Delivering, seconds: i64) {
    for _ in 0..seconds {
        harness.advance(1);
        turn(harness, delivering).await;
    }
}

pub(crate) fn message(harness: &Harness, id: &str, thread: &str, agent: &str) -> Message {
    let named = Named {
        key: format!("agent/{agent}"),
        alert: format!("a-{agent}"),
        kind: ConditionKind::Agent,
        severity: Severity::Critical,
        agent: Some(AgentName::new(agent).unwrap()),
        open: true,
        since: harness.now(),
        title: format!("{agent} is down"),
        text: String::new(),
        body: None,
        plan: None,
    };
    Message {
        id: id.into(),
        kind: MessageKind::Down,
        at: harness.now(),
        since: harness.now(),
        agent: named.agent.clone(),
        count: None,
        new: None,
        channel: None,
        reason: "no heartbeat came".into(),
        severity: Severity::Critical,
        thread: thread.into(),
        threads: vec![thread.into()],
        over: Vec::new(),
        labels: BTreeMap::new(),
        title: named.title.clone(),
        alerts: vec![named],
        left_out: 0,
        maintenance: None,
    }
}
