//! Request metrics: CloudWatch for alarms and graphs, a row of sums for those who ask here.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::builders::MetricDatumBuilder;
use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};
use cc_devops_core::names::Stage;
use cc_devops_core::ports::{Metrics, PortError, PortErrorKind, PortResult, RequestSample, RequestTotals};
use cc_devops_core::requests::Action;
use cc_devops_core::requests::envelope::UNKNOWN;
use cc_devops_core::requests::outcome::Status;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::port_error;
use crate::heartbeats::{OLDEST, STAGE, date_time, namespace, stage_dimension};
use crate::table::{key, number};
use crate::{Backend, Shared};

/// How many values one datum takes.
const VALUES: usize = 150;

impl Backend {
    /// Where request metrics go.
    pub fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::new(CloudWatchMetrics(self.shared.clone()))
    }

    /// The same for a function: as lines of its log, which CloudWatch reads.
    pub fn logged_metrics(&self) -> Arc<dyn Metrics> {
        Arc::new(LoggedMetrics(CloudWatchMetrics(self.shared.clone())))
    }
}

/// The same metrics as log lines in CloudWatch's embedded metric format, which a function's log
/// group turns into metrics: no call, no wait, and nothing to pay for each request. The sums stay
/// as they are; nobody asks a function for them.
struct LoggedMetrics(CloudWatchMetrics);

struct CloudWatchMetrics(Arc<Shared>);

#[async_trait]
impl Metrics for LoggedMetrics {
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()> {
        let own = namespace(&self.0.0.installation.agent);
        let mut out = std::io::stdout().lock();
        for samples in samples.chunks(FORMAT_VALUES) {
            let line = embedded_metrics(&own, &self.0.0.resources.stage, samples);
            writeln!(out, "{line}").map_err(|error| {
                PortError::new(PortErrorKind::Unavailable, "the log cannot be written").because(error)
            })?;
        }
        Ok(())
    }

    async fn totals(&self) -> PortResult<Vec<RequestTotals>> {
        self.0.totals().await
    }
}

/// How many values the embedded metric format takes for a metric.
const FORMAT_VALUES: usize = 100;

/// One line of the embedded metric format.
fn embedded_metrics(namespace: &str, stage: &Stage, samples: &[RequestSample]) -> Value {
    let at = samples.iter().map(|sample| sample.at).max().unwrap_or_default();
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    json!({
        "_aws": {"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [{
            "Namespace": namespace, "Dimensions": [[], [STAGE]],
            "Metrics": [metric("RequestLatency", "Milliseconds"), metric("RequestCount", "Count"), metric("ErrorCount", "Count")],
        }]},
        STAGE: stage,
        "RequestLatency": samples.iter().map(|sample| sample.latency_ms).collect::<Vec<_>>(),
        "RequestCount": samples.len(),
        "ErrorCount": samples.iter().map(|sample| u8::from(sample.status == Status::Error)).collect::<Vec<_>>(),
    })
}

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
        let mut call = self.0.update(key("METRICS", "TOTALS"));
        let mut adds = Vec::new();
        for (place, (name, sum)) in sums.into_iter().enumerate() {
            adds.push(format!("#n{place} :v{place}"));
            call = call
                .expression_attribute_names(format!("#n{place}"), name)
                .expression_attribute_values(format!(":v{place}"), number(sum));
        }
        let call = call.update_expression(format!("ADD {}", adds.join(", ")));
        call.send()
            .await
            .map(drop)
            .map_err(|error| port_error("dynamodb:UpdateItem", error))
    }

    /// Sends to CloudWatch what is not too old for it.
    async fn send(&self, samples: &[RequestSample]) -> PortResult<()> {
        let now = self.0.clock.now();
        let (fresh, old): (Vec<&RequestSample>, Vec<_>) = samples
            .iter()
            .partition(|sample| now.duration_since(sample.at) <= OLDEST);
        if !old.is_empty() {
            tracing::warn!(
                count = old.len(),
                "outcomes too old for CloudWatch are not in its metrics"
            );
        }
        let mut data: Vec<MetricDatumBuilder> = Vec::new();
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
                    .set_values(Some(samples.iter().map(|sample| float(sample.latency_ms)).collect())),
            );
            data.push(datum("RequestCount", StandardUnit::Count).value(float(samples.len() as u64)));
            // A value for each request, 0 or 1: the sum counts errors, the average is their rate.
            let failed = |sample: &&RequestSample| f64::from(u8::from(sample.status == Status::Error));
            data.push(datum("ErrorCount", StandardUnit::Count).set_values(Some(samples.iter().map(failed).collect())));
        }
        if data.is_empty() {
            return Ok(());
        }
        let stage = stage_dimension(&self.0.resources.stage);
        let of_stage: Vec<_> = data
            .iter()
            .map(|datum| datum.clone().dimensions(stage.clone()))
            .collect();
        let data = data
            .into_iter()
            .chain(of_stage)
            .map(MetricDatumBuilder::build)
            .collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_holds_what_cloudwatch_reads() {
        let sample = |status, latency_ms| RequestSample {
            action: "putSecret".into(),
            status,
            latency_ms,
            at: Timestamp::from_second(1_750_000_000).unwrap(),
        };
        let stage = Stage::new("dev").unwrap();
        let line = embedded_metrics(
            "Agent/A",
            &stage,
            &[sample(Status::Success, 7), sample(Status::Error, 9)],
        );
        assert_eq!(line["_aws"]["Timestamp"], 1_750_000_000_000_i64);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Agent/A");
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([[], ["Stage"]])
        );
        assert_eq!(line["Stage"], "dev");
        let names: Vec<&str> = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["Name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["RequestLatency", "RequestCount", "ErrorCount"]);
        assert_eq!(line["RequestLatency"], json!([7, 9]));
        assert_eq!(line["ErrorCount"], json!([0, 1]));
        assert_eq!(line["RequestCount"], 2);
    }
}
