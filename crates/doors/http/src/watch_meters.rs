//! What is measured of agents and of alerts at each scrape.

use std::collections::BTreeMap;

use cc_devops_alerts::Severity;
use cc_devops_fleet::watch::Status;
use cc_devops_fleet::watching::WatchedAgent;
use cc_devops_fleet::{AgentStatus, HeartbeatInterval, Liveness};
use cc_devops_kernel::names::AgentName;
use cc_devops_notify::{ChannelHealth, ChannelState};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::gauges::{StateLabel, age, gauge};

/// Of how many agents there are series of their own, by name: more would be a burden to whoever keeps them.
const MOST_AGENTS: usize = 1_000;

/// An agent.
pub(crate) struct AgentMeasure {
    pub(crate) name: AgentName,
    pub(crate) status: Status,
    /// When it was last heard.
    pub(crate) last_heard: Option<Timestamp>,
}

impl AgentMeasure {
    /// As its watch has it, or by its last heartbeat where it has none.
    pub(crate) fn of(
        status: &AgentStatus,
        watched: Option<&WatchedAgent>,
        now: Timestamp,
        interval: HeartbeatInterval,
    ) -> Self {
        let last = status.last_beat.as_ref();
        let by_heartbeat = match Liveness::of(last, now, interval) {
            Liveness::New => Status::New,
            Liveness::Up => Status::Up,
            Liveness::Late => Status::Late,
            Liveness::Down => Status::Down,
        };
        Self {
            name: status.agent.name.clone(),
            status: watched.map_or(by_heartbeat, |watched| watched.state.status),
            last_heard: watched.map_or(last.map(|beat| beat.at), |watched| watched.state.heard),
        }
    }
}

/// Alerts, and how people are told.
pub(crate) struct AlertMeasures {
    /// How many are open, by severity.
    pub(crate) open: BTreeMap<Severity, u64>,
    /// How each channel does.
    pub(crate) channels: Vec<ChannelHealth>,
    /// Whether nothing is done unasked.
    pub(crate) maintenance: bool,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AgentLabel {
    agent: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SeverityLabel {
    severity: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChannelLabel {
    channel: String,
}

/// What a family says of a channel.
type Measure = fn(&ChannelHealth) -> i64;

/// Registers what is measured of agents.
pub(crate) fn of_agents(registry: &mut Registry, agents: &[AgentMeasure]) {
    let states = Family::<StateLabel, Gauge>::default();
    for state in Status::ALL {
        let count = agents.iter().filter(|agent| agent.status == state).count();
        let label = StateLabel { state: state.as_str() };
        states
            .get_or_create(&label)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("agents", "Agents by state", states);
    let up = Family::<AgentLabel, Gauge>::default();
    let heard = Family::<AgentLabel, Gauge>::default();
    for agent in agents.iter().take(MOST_AGENTS) {
        let label = AgentLabel {
            agent: agent.name.to_string(),
        };
        let is_up = matches!(agent.status, Status::Up | Status::Late);
        if !matches!(agent.status, Status::New | Status::Paused) {
            up.get_or_create(&label).set(i64::from(is_up));
        }
        if let Some(at) = agent.last_heard {
            heard.get_or_create(&label).set(at.as_second());
        }
    }
    registry.register(
        "agent_up",
        "Whether an agent is not down: 1 while up or late, none while new or paused; of the first 1,000 by name",
        up,
    );
    registry.register(
        "agent_last_heard_timestamp_seconds",
        "When an agent was last heard, in seconds since 1970; of the first 1,000 by name",
        heard,
    );
}

/// Registers what is measured of alerts.
pub(crate) fn of_alerts(registry: &mut Registry, alerts: &AlertMeasures, now: Timestamp) {
    let open = Family::<SeverityLabel, Gauge>::default();
    for severity in Severity::ALL {
        let count = alerts.open.get(&severity).copied().unwrap_or_default();
        let label = SeverityLabel {
            severity: severity.as_str(),
        };
        open.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("alerts_open", "Alerts that are open, by severity", open);
    let maintenance = Gauge::<i64>::default();
    maintenance.set(i64::from(alerts.maintenance));
    registry.register("maintenance", "Whether nothing is done unasked", maintenance);
    let oldest = alerts.channels.iter().filter_map(|channel| channel.oldest).min();
    let unsent = Gauge::<i64>::default();
    unsent.set(age(oldest, now));
    registry.register(
        "alerts_oldest_unsent_seconds",
        "Age of the oldest message that has not reached its channel",
        unsent,
    );
    let families: [(&str, &str, Measure); 3] = [
        (
            "alert_messages_waiting",
            "Messages that wait for a channel",
            |channel| gauge(channel.waiting),
        ),
        (
            "alert_messages_given_up",
            "Messages that were given up for a channel",
            |channel| gauge(channel.dead_letters),
        ),
        (
            "alert_channel_up",
            "Whether what was sent last by a channel arrived",
            |channel| i64::from(channel.state == ChannelState::Working && channel.error.is_none()),
        ),
    ];
    for (name, help, measure) in families {
        let family = Family::<ChannelLabel, Gauge>::default();
        for channel in &alerts.channels {
            let label = ChannelLabel {
                channel: channel.name.clone(),
            };
            family.get_or_create(&label).set(measure(channel));
        }
        registry.register(name, help, family);
    }
}
