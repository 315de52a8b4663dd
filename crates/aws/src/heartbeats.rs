//! Heartbeats: a metric of each agent's own namespace in CloudWatch, where agents that do not speak
//! to this control plane send theirs as well.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, StandardUnit, StatusCode,
};
use cc_devops_fleet::ports::Heartbeats;
use cc_devops_fleet::{AgentStatus, Beat};
use cc_devops_kernel::names::{AgentName, Stage};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::{SignedDuration, Timestamp};

use crate::agents::{DynamoAgents, plain, unknown};
use crate::error::port_error;
use crate::times::{date_time, timestamp};
use crate::{Backend, Shared};

/// The metric.
pub(crate) const HEARTBEAT: &str = "Heartbeat";

/// How far back heartbeats are looked for in CloudWatch.
const HEARD: SignedDuration = SignedDuration::from_hours(3);

/// How many agents one GetMetricData asks for.
pub(crate) const QUERIES: usize = 500;

/// CloudWatch takes nothing older; with an hour to spare.
pub(crate) const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24 - 1);

/// What the namespaces of agents' metrics begin with.
const OF_AGENTS: &str = "Agent/";

/// The namespace of an agent's metrics.
pub(crate) fn namespace(agent: &AgentName) -> String {
    format!("{OF_AGENTS}{agent}")
}

/// Whose metrics a namespace has; nobody's where no agent could be called so.
pub(crate) fn agent_of(namespace: &str) -> Option<AgentName> {
    AgentName::new(namespace.strip_prefix(OF_AGENTS)?).ok()
}

/// What tells one stage's metrics from another's. The contract's metrics have no dimension, and the
/// stages share them; alarms need each stage's own.
pub(crate) const STAGE: &str = "Stage";

/// The dimension of a stage's own metrics.
pub(crate) fn stage_dimension(stage: &Stage) -> Dimension {
    Dimension::builder().name(STAGE).value(stage.as_str()).build()
}

impl Backend {
    /// Where heartbeats go.
    pub fn heartbeats(&self) -> Arc<dyn Heartbeats> {
        Arc::new(CloudWatchHeartbeats {
            shared: self.shared.clone(),
            agents: DynamoAgents::new(self.shared.clone()),
        })
    }
}

struct CloudWatchHeartbeats {
    shared: Arc<Shared>,
    agents: DynamoAgents,
}

#[async_trait]
impl Heartbeats for CloudWatchHeartbeats {
    async fn beat(&self, name: &AgentName, beat: &Beat) -> PortResult<()> {
        // The row first: it tells whether the agent is one, and a stranger's metric costs money.
        if !self.agents.keep_beat(name, beat).await? {
            self.agents.adopt(name, beat.at).await?;
            if !self.agents.keep_beat(name, beat).await? {
                return Err(unknown(name));
            }
        }
        if self.shared.clock.now().duration_since(beat.at) > OLDEST {
            tracing::warn!(agent = %name, "a heartbeat is too old for CloudWatch");
            return Ok(());
        }
        let datum = MetricDatum::builder()
            .metric_name(HEARTBEAT)
            .unit(StandardUnit::Count)
            .value(if beat.healthy { 1.0 } else { 0.0 })
            .timestamp(date_time(beat.at));
        // Two stages share the contract's metric; each one's alarm looks at its own.
        let of_stage = (*name == self.shared.installation.agent).then(|| {
            datum
                .clone()
                .dimensions(stage_dimension(&self.shared.resources.stage))
                .build()
        });
        let data = [Some(datum.build()), of_stage].into_iter().flatten().collect();
        let call = self
            .shared
            .clients
            .cloudwatch()
            .put_metric_data()
            .namespace(namespace(name))
            .set_metric_data(Some(data));
        let sent = call.send().await;
        sent.map(drop)
            .map_err(|error| port_error("cloudwatch:PutMetricData", error))
    }
}

impl Backend {
    /// This control plane's own newest heartbeat as CloudWatch has it, which is what the alarm sees.
    pub async fn own_heartbeat(&self) -> PortResult<Option<Beat>> {
        self.shared.own_heartbeat().await
    }
}

impl Shared {
    /// Adds what CloudWatch has heard of agents, where that is newer. What it does not answer is
    /// left out: what the table knows is still worth showing.
    pub(crate) async fn add_heard_beats(&self, agents: &mut [AgentStatus]) {
        for agents in agents.chunks_mut(QUERIES) {
            match self.heard(agents).await {
                Ok(heard) => {
                    for (at, beat) in heard {
                        if let Some(status) = agents.get_mut(at)
                            && status.last_beat.as_ref().is_none_or(|last| last.at < beat.at)
                        {
                            status.last_beat = Some(beat);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "CloudWatch was not asked for heartbeats"),
            }
        }
    }

    /// This control plane's own newest heartbeat.
    pub(crate) async fn own_heartbeat(&self) -> PortResult<Option<Beat>> {
        let own = AgentStatus {
            agent: plain(&self.installation.agent),
            created_at: Timestamp::UNIX_EPOCH,
            revoked_at: None,
            last_beat: None,
        };
        Ok(self.heard(&[own]).await?.pop().map(|(_, beat)| beat))
    }

    /// The newest heartbeat of each agent, by its index.
    async fn heard(&self, agents: &[AgentStatus]) -> PortResult<Vec<(usize, Beat)>> {
        let now = self.clock.now();
        let names: Vec<&AgentName> = agents.iter().map(|status| &status.agent.name).collect();
        let from = now.saturating_sub(HEARD).unwrap_or(Timestamp::MIN);
        let beats = self.beats(&names, from, now).await?;
        let newest = |beats: Vec<Beat>| beats.into_iter().max_by_key(|beat| beat.at);
        Ok(beats
            .into_iter()
            .filter_map(|(at, beats)| Some((at, newest(beats)?)))
            .collect())
    }

    /// The heartbeats of agents between two times, by the agents' index. CloudWatch says in which minute an agent was
    /// heard, and that minute's beginning is the time. At most [`QUERIES`] agents.
    pub(crate) async fn beats(
        &self,
        agents: &[&AgentName],
        from: Timestamp,
        until: Timestamp,
    ) -> PortResult<HashMap<usize, Vec<Beat>>> {
        let queries = agents.iter().enumerate().map(|(number, name)| {
            let own = **name == self.installation.agent;
            let metric = Metric::builder()
                .namespace(namespace(name))
                .metric_name(HEARTBEAT)
                .set_dimensions(own.then(|| vec![stage_dimension(&self.resources.stage)]))
                .build();
            let stat = MetricStat::builder().metric(metric).period(60).stat("Minimum").build();
            MetricDataQuery::builder()
                .id(format!("a{number}"))
                .metric_stat(stat)
                .build()
        });
        let call = self
            .clients
            .cloudwatch()
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()));
        let call = call.start_time(date_time(from)).end_time(date_time(until));
        let mut pages = call.into_paginator().send();
        let mut heard: HashMap<usize, Vec<Beat>> = HashMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("cloudwatch:GetMetricData", error))?;
            for result in page.metric_data_results.unwrap_or_default() {
                let Some(number) = result.id().and_then(|id| id.strip_prefix('a')?.parse().ok()) else {
                    continue;
                };
                // Of a part of its metrics CloudWatch may say that it cannot tell; that is no silence.
                if matches!(
                    result.status_code(),
                    Some(StatusCode::InternalError | StatusCode::Forbidden)
                ) {
                    return Err(PortError::new(
                        PortErrorKind::Unavailable,
                        "cloudwatch:GetMetricData could not tell of every agent; the next look asks again",
                    ));
                }
                for (at, value) in result.timestamps().iter().zip(result.values()) {
                    let Some(at) = timestamp(at) else { continue };
                    heard.entry(number).or_default().push(Beat {
                        at,
                        healthy: *value >= 1.0,
                        message: None,
                    });
                }
            }
        }
        Ok(heard)
    }
}
