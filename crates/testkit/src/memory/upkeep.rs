//! The fake schedule, the request metrics and the health checks: what keeps the house running.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_alerts::{AlertPolicy, Alerts, Condition, ConditionChange, ConditionSink};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::health::Check;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{Checks, PortResult, Schedule};
use cc_devops_kernel::schedule::Job;
use cc_devops_outbox::ports::{Metrics, RequestSample, RequestStep, RequestTotals, Steps, minute_of};
use cc_devops_requests::Action;
use jiff::Timestamp;

use super::Memory;

/// What is known of conditions.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) noted: Vec<ConditionChange>,
    pub(super) opened: Vec<Condition>,
    pub(super) open: BTreeMap<String, Condition>,
}

#[async_trait]
impl ConditionSink for Memory {
    async fn note(&self, changes: &[ConditionChange], _: Timestamp) -> PortResult<()> {
        let Conditions { noted, opened, open } = &mut self.lock()?.conditions;
        for change in changes {
            noted.push(change.clone());
            match change {
                ConditionChange::Opened(condition) => {
                    if open.insert(condition.key.clone(), (**condition).clone()).is_none() {
                        opened.push((**condition).clone());
                    }
                }
                ConditionChange::Resolved { key, .. } | ConditionChange::Closed { key, .. } => {
                    open.remove(key);
                }
            }
        }
        Ok(())
    }
}

impl Memory {
    /// Switches maintenance mode in the store, as `cc-devops maintenance` does.
    pub async fn maintenance(&self, on: bool) {
        let (ports, actor) = (self.ports(), Actor::Operator);
        let policy = Arc::new(AlertPolicy::plain(Vec::new()));
        let alerts = Alerts::new(ports.state, policy, ports.audit, ports.clock);
        if on {
            let switched = alerts
                .maintenance_on("the disks are replaced", None, "ana", actor)
                .await;
            switched.expect("the operator may");
        } else {
            alerts.maintenance_off("ana", actor).await.expect("the operator may");
        }
    }
}

#[async_trait]
impl Schedule for Memory {
    async fn due(&self, job: Job, first: Timestamp) -> PortResult<Timestamp> {
        Ok(*self.lock()?.schedule.entry(job.as_str()).or_insert(first))
    }

    async fn advance(&self, job: Job, from: Timestamp, to: Timestamp) -> PortResult<bool> {
        let mut model = self.lock()?;
        let Some(due) = model.schedule.get_mut(job.as_str()).filter(|due| **due == from) else {
            return Ok(false);
        };
        *due = to;
        Ok(true)
    }
}

#[async_trait]
impl Metrics for Memory {
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()> {
        let mut model = self.lock()?;
        for sample in samples {
            if !model.counted.insert(sample.event) {
                continue;
            }
            let minute = model.minutes.entry(minute_of(sample.at)).or_default();
            minute.minute = minute_of(sample.at);
            minute.ended += 1;
            minute.failed += u64::from(sample.status == Status::Error);
            minute.latency_ms_sum += sample.latency_ms;
            minute.latency_ms_max = minute.latency_ms_max.max(sample.latency_ms);
            let action = Action::find(&sample.action).map_or("unknown", Action::as_str);
            let same = |totals: &&mut RequestTotals| totals.action == action && totals.status == sample.status;
            if let Some(totals) = model.metrics.iter_mut().find(same) {
                totals.count += 1;
                totals.latency_ms_sum += sample.latency_ms;
            } else {
                model.metrics.push(RequestTotals {
                    action: action.to_owned(),
                    status: sample.status,
                    count: 1,
                    latency_ms_sum: sample.latency_ms,
                });
            }
        }
        Ok(())
    }

    async fn totals(&self) -> PortResult<Vec<RequestTotals>> {
        Ok(self.lock()?.metrics.clone())
    }

    async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>> {
        let model = self.lock()?;
        Ok(steps.add_up(model.minutes.values().copied()))
    }
}

#[async_trait]
impl Checks for Memory {
    async fn check(&self) -> Vec<Check> {
        vec![match self.lock() {
            Ok(_) => Check::healthy("memory"),
            Err(error) => Check::degraded("memory", error.to_string()),
        }]
    }
}
