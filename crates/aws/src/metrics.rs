//! Request metrics: CloudWatch for alarms and graphs, a row of sums for those who ask here.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::builders::MetricDatumBuilder;
use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricDatum, MetricStat, StandardUnit, StatusCode};
use cc_devops_kernel::names::Stage;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_outbox::ports::{
    Counted, Metrics, RequestSample, RequestStep, RequestTotals, Standing, Steps, minute_of, start_of,
};
use cc_devops_requests::Action;
use cc_devops_requests::actions::Registry;
use cc_devops_requests::envelope::UNKNOWN;
use cc_devops_requests::ports::Backlog;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::port_error;
use crate::heartbeats::{OLDEST, STAGE, namespace, stage_dimension};
use crate::table::{key, number};
use crate::times::{date_time, timestamp};
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

    async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>> {
        self.0.by_step(steps).await
    }
}

impl Backend {
    /// Writes how far behind everything is into a function's log, as metrics of the stage.
    pub fn log_standing(&self, standings: &[Standing], backlog: &Backlog, now: Timestamp) {
        let own = namespace(&self.shared.installation.agent);
        let mut out = std::io::stdout().lock();
        for line in standing_metrics(&own, &self.shared.resources.stage, (standings, backlog), now) {
            if let Err(error) = writeln!(out, "{line}") {
                tracing::warn!(%error, "the log cannot be written");
            }
        }
    }
}

/// What a metric of one consumer is told from another's by.
const CONSUMER: &str = "Consumer";

/// The lines that say how each consumer stands, and how everything does.
fn standing_metrics(
    namespace: &str,
    stage: &Stage,
    (standings, backlog): (&[Standing], &Backlog),
    now: Timestamp,
) -> Vec<Value> {
    let age = |at: Option<Timestamp>| at.map_or(0, |at| now.duration_since(at).as_secs().max(0));
    let line = |dimensions: &[&str], metrics: Value, values: Value| {
        let mut line = json!({
            "_aws": {"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [{
                "Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics,
            }]},
            STAGE: stage,
        });
        if let (Some(line), Value::Object(values)) = (line.as_object_mut(), values) {
            line.extend(values);
        }
        line
    };
    let seconds = |name: &str| json!({"Name": name, "Unit": "Seconds"});
    let count = |name: &str| json!({"Name": name, "Unit": "Count"});
    let mut lines: Vec<Value> = standings
        .iter()
        .map(|standing| {
            let values = json!({"OutboxAge": age(standing.oldest), CONSUMER: standing.consumer.as_str()});
            line(&[STAGE, CONSUMER], json!([seconds("OutboxAge")]), values)
        })
        .collect();
    let oldest = standings.iter().filter_map(|standing| standing.oldest).min();
    let aside: u64 = standings.iter().map(|standing| standing.set_aside).sum();
    let metrics = json!([seconds("OutboxAge"), seconds("OpenRequestAge"), count("EventsSetAside")]);
    let values = json!({
        "OutboxAge": age(oldest), "OpenRequestAge": age(backlog.oldest_open), "EventsSetAside": aside,
    });
    lines.push(line(&[STAGE], metrics, values));
    lines
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
        let actions = Registry::shipped().actions().map(Action::as_str).chain([UNKNOWN]);
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

    async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>> {
        let shared = &self.0;
        let queries = COUNTS.map(|(id, name)| {
            let metric = Metric::builder()
                .namespace(namespace(&shared.installation.agent))
                .metric_name(name)
                .dimensions(stage_dimension(&shared.resources.stage))
                .build();
            let period = i32::try_from(steps.length() * 60).unwrap_or(i32::MAX);
            let stat = MetricStat::builder().metric(metric).period(period).stat("Sum").build();
            MetricDataQuery::builder().id(id).metric_stat(stat).build()
        });
        let call = shared.clients.cloudwatch().get_metric_data();
        let call = call
            .set_metric_data_queries(Some(queries.to_vec()))
            .start_time(date_time(start_of(steps.first_minute())))
            .end_time(date_time(start_of(steps.end_minute())));
        let mut pages = call.into_paginator().send();
        let mut counted = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("cloudwatch:GetMetricData", error))?;
            for result in page.metric_data_results.unwrap_or_default() {
                if let Some(StatusCode::InternalError | StatusCode::Forbidden) = result.status_code() {
                    return Err(PortError::new(
                        PortErrorKind::Unavailable,
                        "cloudwatch:GetMetricData could not tell how many requests there were; ask again in a minute",
                    ));
                }
                let is_failures = result.id() == Some(FAILED);
                for (at, value) in result.timestamps().iter().zip(result.values()) {
                    let Some(at) = timestamp(at) else { continue };
                    let count = whole(*value);
                    let (ended, failed) = if is_failures { (0, count) } else { (count, 0) };
                    counted.push(Counted {
                        minute: minute_of(at),
                        ended,
                        failed,
                        ..Counted::default()
                    });
                }
            }
        }
        Ok(steps.add_up(counted))
    }
}

/// What stands for the sums of failed requests in an answer.
const FAILED: &str = "failed";

/// What is asked for by which metric.
const COUNTS: [(&str, &str); 2] = [("ended", "RequestCount"), (FAILED, "ErrorCount")];

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

/// A sum of counts as a count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not below zero, and far below 2^53"
)]
fn whole(sum: f64) -> u64 {
    sum.round().max(0.0) as u64
}

/// Milliseconds and counts stay far below where a float stops counting.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use cc_devops_outbox::ports::Consumer;

    use super::*;

    #[test]
    fn each_consumers_age_is_a_metric_and_the_oldest_of_all_is_one() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let standing = |consumer, oldest, set_aside| Standing {
            consumer,
            oldest,
            waiting: 1,
            failing: 0,
            set_aside,
        };
        let standings = [
            standing(Consumer::Bus, Some(at(900)), 0),
            standing(Consumer::People, Some(at(400)), 2),
            standing(Consumer::Metrics, None, 0),
        ];
        let backlog = Backlog {
            oldest_open: Some(at(970)),
            ..Backlog::default()
        };
        let stage = Stage::new("dev").unwrap();
        let lines = standing_metrics("Agent/A", &stage, (&standings, &backlog), at(1_000));
        let ages: Vec<_> = lines
            .iter()
            .map(|line| (line["Consumer"].as_str(), &line["OutboxAge"]))
            .collect();
        assert_eq!(
            ages,
            [
                (Some("bus"), &json!(100)),
                (Some("people"), &json!(600)),
                (Some("metrics"), &json!(0)),
                (None, &json!(600))
            ]
        );
        assert_eq!(
            lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Stage", "Consumer"]])
        );
        let all = &lines[3];
        assert_eq!(
            (&all["OpenRequestAge"], &all["EventsSetAside"]),
            (&json!(30), &json!(2))
        );
    }

    #[test]
    fn a_line_of_the_log_holds_what_cloudwatch_reads() {
        let sample = |status, latency_ms| RequestSample {
            event: 1,
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
