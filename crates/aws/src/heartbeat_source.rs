//! What CloudWatch heard of agents that put their heartbeats there: asked for when an agent's deadline has come, since
//! each metric that is asked for costs.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::RecentlyActive;
use cc_devops_fleet::Beat;
use cc_devops_fleet::ports::HeartbeatSource;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use jiff::{SignedDuration, Timestamp};

use crate::error::port_error;
use crate::heartbeats::{HEARTBEAT, OLDEST, QUERIES, agent_of};
use crate::{Backend, Shared};

/// How many agents are asked for at once where the answer reaches two weeks back: 20,160 minutes of each.
const FAR_BACK: usize = 20;

impl Backend {
    /// What CloudWatch heard of agents.
    pub fn heartbeat_source(&self) -> Arc<dyn HeartbeatSource> {
        Arc::new(CloudWatchHeartbeatSource(self.shared.clone()))
    }

    /// The agents that are enabled, whoever enabled them.
    ///
    /// # Errors
    /// The parameter cannot be read.
    pub async fn enabled_agents(&self) -> PortResult<Vec<AgentName>> {
        Ok(self.shared.enabled().await?.agents().collect())
    }

    /// The newest heartbeat of agents of whom nothing is known yet, up to two weeks back.
    ///
    /// # Errors
    /// CloudWatch cannot be asked.
    pub async fn last_heard(
        &self,
        agents: Vec<AgentName>,
        now: Timestamp,
    ) -> PortResult<Vec<(AgentName, Option<Beat>)>> {
        let mut known = Vec::with_capacity(agents.len());
        for agents in agents.chunks(FAR_BACK) {
            let names: Vec<&AgentName> = agents.iter().collect();
            let mut beats = self.shared.beats(&names, oldest(now), now).await?;
            for (number, name) in agents.iter().enumerate() {
                let newest = beats.remove(&number).into_iter().flatten().max_by_key(|beat| beat.at);
                known.push((name.clone(), newest));
            }
        }
        Ok(known)
    }
}

impl Backend {
    /// Who sent a heartbeat to CloudWatch within the last three hours, enabled or not, by name. One call for 500 metrics
    /// of that name; whoever asks needs `cloudwatch:ListMetrics`.
    ///
    /// # Errors
    /// CloudWatch cannot be asked.
    pub async fn reporting(&self) -> PortResult<Vec<AgentName>> {
        let call = self.shared.clients.cloudwatch().list_metrics();
        let call = call.metric_name(HEARTBEAT).recently_active(RecentlyActive::Pt3H);
        let mut pages = call.into_paginator().send();
        let mut names = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("cloudwatch:ListMetrics", error))?;
            let of_agents = page.metrics().iter().filter_map(|metric| agent_of(metric.namespace()?));
            names.extend(of_agents);
        }
        Ok(names.into_iter().collect())
    }
}

struct CloudWatchHeartbeatSource(Arc<Shared>);

/// CloudWatch knows the minute of nothing older.
fn oldest(now: Timestamp) -> Timestamp {
    now.saturating_sub(OLDEST).unwrap_or(Timestamp::MIN)
}

#[async_trait]
impl HeartbeatSource for CloudWatchHeartbeatSource {
    async fn heard(&self, asked: &[(AgentName, Timestamp)], now: Timestamp) -> PortResult<Vec<(AgentName, Vec<Beat>)>> {
        // By how far back they are asked for, so that a daily job makes nobody else's answer long.
        let mut asked: Vec<&(AgentName, Timestamp)> = asked.iter().collect();
        asked.sort_by_key(|(_, since)| *since);
        let mut heard = Vec::with_capacity(asked.len());
        for agents in asked.chunks(QUERIES) {
            let names: Vec<&AgentName> = agents.iter().map(|(name, _)| name).collect();
            // CloudWatch wants a span, and counts in minutes.
            let a_minute_ago = now.saturating_sub(SignedDuration::from_mins(1)).unwrap_or(now);
            let since = agents
                .iter()
                .map(|(_, since)| *since)
                .fold(a_minute_ago, Timestamp::min);
            let mut beats = self.0.beats(&names, since.max(oldest(now)), now).await?;
            for (number, (name, since)) in agents.iter().enumerate() {
                let mut of_one = beats.remove(&number).unwrap_or_default();
                of_one.retain(|beat| beat.at > *since && beat.at <= now);
                of_one.sort_by_key(|beat| beat.at);
                if !of_one.is_empty() {
                    heard.push((name.clone(), of_one));
                }
            }
        }
        Ok(heard)
    }
}
