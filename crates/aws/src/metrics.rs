//! Request metrics: CloudWatch for alarms and graphs, a row of sums for those who ask here.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};
use cc_devops_core::ports::{Metrics, PortResult, RequestSample, RequestTotals};
use cc_devops_core::requests::Action;
use cc_devops_core::requests::envelope::UNKNOWN;
use cc_devops_core::requests::outcome::Status;
use jiff::Timestamp;

use crate::error::port_error;
use crate::heartbeats::{OLDEST, date_time, namespace};
use crate::table::{key, number};
use crate::{Backend, Shared};

/// How many values one datum takes.
const VALUES: usize = 150;

impl Backend {
    /// Where request metrics go.
    pub fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::new(CloudWatchMetrics(self.shared.clone()))
    }
}

struct CloudWatchMetrics(Arc<Shared>);

/// The action, where it is one of ours.
fn known(action: &str) -> &'static str {
    Action::find(action).map_or(UNKNOWN, Action::as_str)
}

#[async_trait]
impl Metrics for CloudWatchMetrics {
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let (counted, sent) = tokio::join!(self.count(samples), self.send(samples));
        counted.and(sent)
    }

    async fn totals(&self) -> PortResult<Vec<RequestTotals>> {
        let call = self.0.clients.dynamodb().get_item().table_name(self.0.table());
        let call = call.set_key(Some(key("METRICS", "TOTALS"))).consistent_read(true);
        let answer = call
            .send()
            .await
            .map_err(|error| port_error("dynamodb:GetItem", error))?;
        let sums = answer.item.unwrap_or_default();
        let sum = |name: &str| {
            sums.get(name)
                .and_then(|sum| sum.as_n().ok()?.parse().ok())
                .unwrap_or(0)
        };
        let actions = Action::ALL.map(Action::as_str).into_iter().chain([UNKNOWN]);
        Ok(actions
            .flat_map(|action| [Status::Success, Status::Error].map(|status| (action, status)))
            .map(|(action, status)| RequestTotals {
                action: action.to_owned(),
                status,
                count: sum(&format!("{action}|{}|count", status.as_str())),
                latency_ms_sum: sum(&format!("{action}|{}|ms", status.as_str())),
            })
            .filter(|totals| totals.count > 0)
            .collect())
    }
}

impl CloudWatchMetrics {
    /// Adds to the sums.
    async fn count(&self, samples: &[RequestSample]) -> PortResult<()> {
        let mut sums = BTreeMap::<String, u64>::new();
        for sample in samples {
            let of = format!("{}|{}", known(&sample.action), sample.status.as_str());
            *sums.entry(format!("{of}|count")).or_default() += 1;
            *sums.entry(format!("{of}|ms")).or_default() += sample.latency_ms;
        }
        let mut call = self.0.clients.dynamodb().update_item().table_name(self.0.table());
        let mut adds = Vec::new();
        for (place, (name, sum)) in sums.into_iter().enumerate() {
            adds.push(format!("#n{place} :v{place}"));
            call = call
                .expression_attribute_names(format!("#n{place}"), name)
                .expression_attribute_values(format!(":v{place}"), number(sum));
        }
        let call = call
            .set_key(Some(key("METRICS", "TOTALS")))
            .update_expression(format!("ADD {}", adds.join(", ")));
        call.send()
            .await
            .map(drop)
            .map_err(|error| port_error("dynamodb:UpdateItem", error))
    }

    /// Sends to CloudWatch what is not too old for it.
    async fn send(&self, samples: &[RequestSample]) -> PortResult<()> {
        let now = Timestamp::now();
        let (fresh, old): (Vec<&RequestSample>, Vec<_>) = samples
            .iter()
            .partition(|sample| now.duration_since(sample.at) <= OLDEST);
        if !old.is_empty() {
            tracing::warn!(
                count = old.len(),
                "outcomes too old for CloudWatch are not in its metrics"
            );
        }
        let mut data = Vec::new();
        for samples in fresh.chunks(VALUES) {
            let Some(at) = samples.iter().map(|sample| sample.at).max() else {
                continue;
            };
            let datum = |name: &str, unit| {
                MetricDatum::builder()
                    .metric_name(name)
                    .unit(unit)
                    .timestamp(date_time(at))
            };
            data.push(
                datum("RequestLatency", StandardUnit::Milliseconds)
                    .set_values(Some(samples.iter().map(|sample| float(sample.latency_ms)).collect()))
                    .build(),
            );
            data.push(
                datum("RequestCount", StandardUnit::Count)
                    .value(float(samples.len() as u64))
                    .build(),
            );
            // A value for each request, 0 or 1: the sum counts errors, the average is their rate.
            let failed = |sample: &&RequestSample| f64::from(u8::from(sample.status == Status::Error));
            data.push(
                datum("ErrorCount", StandardUnit::Count)
                    .set_values(Some(samples.iter().map(failed).collect()))
                    .build(),
            );
        }
        if data.is_empty() {
            return Ok(());
        }
        let call = self.0.clients.cloudwatch().put_metric_data();
        let call = call
            .namespace(namespace(&self.0.installation.agent))
            .set_metric_data(Some(data));
        call.send()
            .await
            .map(drop)
            .map_err(|error| port_error("cloudwatch:PutMetricData", error))
    }
}

/// Milliseconds and counts stay far below where a float stops counting.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}
