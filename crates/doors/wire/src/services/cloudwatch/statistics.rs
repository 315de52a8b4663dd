//! GetMetricStatistics.

use cc_devops_http::access::{CountedSteps, SeeMetrics};
use cc_devops_http::reported::Sample;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::periods::{Span, checked_period, moment};
use super::statistic::Statistic;
use super::{Dimension, at_odds, invalid, metric, missing};
use crate::fault::Failed;
use crate::operation::Call;

/// How many datapoints an answer has at most.
const MOST: i64 = 1_440;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    start_time: Timestamp,
    end_time: Timestamp,
    period: i64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    label: String,
    datapoints: Vec<Datapoint>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_count: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<f64>,
    unit: String,
}

impl Datapoint {
    fn new((second, unit): (i64, String), sample: Sample, statistics: &[Statistic]) -> Self {
        let mut point = Self {
            timestamp: moment(second),
            unit,
            ..Self::default()
        };
        for statistic in statistics {
            let told = match statistic {
                Statistic::SampleCount => &mut point.sample_count,
                Statistic::Average => &mut point.average,
                Statistic::Sum => &mut point.sum,
                Statistic::Minimum => &mut point.minimum,
                Statistic::Maximum => &mut point.maximum,
            };
            *told = statistic.of(sample);
        }
        point
    }
}

/// Tells statistics of a metric by period.
pub(super) async fn get_metric_statistics(call: Call, asked: Asked) -> Result<Answer, Failed> {
    if asked.start_time >= asked.end_time {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime.").into());
    }
    let period = checked_period(asked.period, "Period")?;
    if let Some(extended) = asked.extended_statistics.first() {
        return Err(invalid(Statistic::unknown(extended, "ExtendedStatistics")).into());
    }
    let statistics: Vec<Statistic> = asked
        .statistics
        .iter()
        .filter_map(|name| Statistic::find(name))
        .collect();
    if statistics.is_empty() {
        return Err(missing("The parameter Statistics is required.").into());
    }
    let span = Span::from_the_minute(asked.start_time, asked.end_time, period);
    if span.count() > MOST {
        return Err(at_odds(format!(
            "You have requested up to {} datapoints, which exceeds the limit of {MOST}. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range.",
            span.count()
        ))
        .into());
    }
    let metric = metric(&asked.namespace, asked.metric_name, asked.dimensions)?;
    let permitted = call.permitted::<SeeMetrics>()?;
    let counted = &mut CountedSteps::default();
    let points = permitted.points(&metric, span.minutes(), counted).await?;
    let gathered = span.gathered(&points, asked.unit.as_deref());
    let datapoints = gathered
        .into_iter()
        .map(|(at, sample)| Datapoint::new(at, sample, &statistics));
    Ok(Answer {
        label: metric.name,
        datapoints: datapoints.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datapoint_has_what_was_asked_for() {
        let sample = Sample::of(1.0).and(Sample::of(0.0));
        let point = Datapoint::new((300, "Count".to_owned()), sample, &[Statistic::Sum, Statistic::Minimum]);
        let told = serde_json::to_value(&point).unwrap();
        let expected =
            serde_json::json!({"Timestamp": "1970-01-01T00:05:00Z", "Sum": 1.0, "Minimum": 0.0, "Unit": "Count"});
        assert_eq!(told, expected);
    }
}
