//! GetMetricData.

use std::collections::BTreeSet;

use cc_devops_http::access::{CountedSteps, Permitted, SeeMetrics};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::periods::{Span, checked_period, moment};
use super::statistic::Statistic;
use super::{Dimension, invalid, metric, missing};
use crate::fault::{Failed, Fault};
use crate::operation::Call;

/// How many queries a call has at most.
const MOST_QUERIES: usize = 500;

/// How many datapoints an answer has at most.
const MOST_POINTS: i64 = 100_800;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    metric_data_queries: Vec<Query>,
    start_time: Timestamp,
    end_time: Timestamp,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
    label: Option<String>,
    return_data: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: MetricOf,
    period: i64,
    stat: String,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricOf {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    metric_data_results: Vec<MetricData>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricData {
    id: String,
    label: String,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
    status_code: &'static str,
}

/// Tells values of metrics by period, query by query. The answer is whole, and has no next page, however few datapoints are
/// asked for at once: a page that is cut and names no next one would lose them.
pub(super) async fn get_metric_data(call: Call, asked: Asked) -> Result<Answer, Failed> {
    check(&asked)?;
    let permitted = call.permitted::<SeeMetrics>()?;
    let (start, end) = (asked.start_time, asked.end_time);
    let is_ascending = asked.scan_by.as_deref() == Some("TimestampAscending");
    let mut left = usize::try_from(MOST_POINTS).unwrap_or(usize::MAX);
    let mut counted = CountedSteps::default();
    let mut results = Vec::with_capacity(asked.metric_data_queries.len());
    for (place, query) in asked.metric_data_queries.into_iter().enumerate() {
        let at = format!("MetricDataQueries.member.{}", place + 1);
        let is_wanted = query.return_data.unwrap_or(true);
        let mut result = data(&permitted, query, (start, end), (&at, &mut counted)).await?;
        if !is_wanted {
            continue;
        }
        if !is_ascending {
            result.timestamps.reverse();
            result.values.reverse();
        }
        if result.values.len() > left {
            result.timestamps.truncate(left);
            result.values.truncate(left);
            result.status_code = "PartialData";
        }
        left -= result.values.len();
        results.push(result);
    }
    Ok(Answer {
        metric_data_results: results,
    })
}

/// What can be said before anything is looked for.
fn check(asked: &Asked) -> Result<(), Fault> {
    let refused = |message: &str| Err(Fault::sender("ValidationError", message));
    if asked.start_time > asked.end_time {
        return refused("The parameter EndTime must be greater than StartTime.");
    }
    if asked.start_time == asked.end_time {
        return refused("The parameter StartTime must not equal parameter EndTime.");
    }
    if asked.next_token.is_some() {
        return Err(Fault::sender(
            "InvalidNextToken",
            "The value for parameter NextToken is invalid: no answer here has a next page.",
        ));
    }
    if asked
        .max_datapoints
        .is_some_and(|most| !(1..=MOST_POINTS).contains(&most))
    {
        return refused("The parameter MaxDatapoints must be between 1 and 100800.");
    }
    if asked.metric_data_queries.is_empty() {
        return Err(missing("The parameter MetricDataQueries is required."));
    }
    if asked.metric_data_queries.len() > MOST_QUERIES {
        return refused("The collection MetricDataQueries must not have a size greater than 500.");
    }
    let mut ids = BTreeSet::new();
    for (place, query) in asked.metric_data_queries.iter().enumerate() {
        let is_id = query.id.starts_with(|first: char| first.is_ascii_lowercase())
            && query
                .id
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_id {
            return Err(invalid(format!(
                "The parameter MetricDataQueries.member.{}.Id must begin with a lower case letter and hold letters, \
                 digits and underscores alone.",
                place + 1
            )));
        }
        if !ids.insert(query.id.as_str()) {
            return refused(&format!(
                "The values for parameter id in MetricDataQueries are not unique: {}.",
                query.id
            ));
        }
    }
    Ok(())
}

async fn data(
    permitted: &Permitted<SeeMetrics>,
    query: Query,
    (start, end): (Timestamp, Timestamp),
    (at, counted): (&str, &mut CountedSteps),
) -> Result<MetricData, Failed> {
    let wanted = match (query.metric_stat, query.expression) {
        (Some(wanted), None) => wanted,
        (None, Some(_)) => {
            let message = format!(
                "The parameter {at}.Expression is not supported here: ask for the metrics by MetricStat, and compute \
                 from what is answered."
            );
            return Err(Fault::sender("ValidationError", message).into());
        }
        (Some(_), Some(_)) => {
            let message = format!("The parameters {at}.MetricStat and {at}.Expression are mutually exclusive.");
            return Err(Fault::sender("ValidationError", message).into());
        }
        (None, None) => {
            let message = format!("The parameter {at}.MetricStat is required.");
            return Err(Fault::sender("ValidationError", message).into());
        }
    };
    let required = |name: &str| missing(format!("The parameter {at}.MetricStat.Metric.{name} is required."));
    let namespace = wanted.metric.namespace.ok_or_else(|| required("Namespace"))?;
    let name = wanted.metric.metric_name.ok_or_else(|| required("MetricName"))?;
    let metric = metric(&namespace, name, wanted.metric.dimensions)?;
    let parameter = format!("{at}.MetricStat.Stat");
    let statistic = Statistic::find(&wanted.stat);
    let statistic = statistic.ok_or_else(|| invalid(Statistic::unknown(&wanted.stat, &parameter)))?;
    let period = checked_period(wanted.period, &format!("{at}.MetricStat.Period"))?;
    let span = Span::from_the_period(start, end, period);
    let points = permitted.points(&metric, span.minutes(), counted).await?;
    let gathered = span.gathered(&points, wanted.unit.as_deref());
    let (timestamps, values): (Vec<_>, Vec<_>) = gathered
        .into_iter()
        .filter_map(|((second, _), sample)| Some((moment(second), statistic.of(sample)?)))
        .unzip();
    Ok(MetricData {
        id: query.id,
        label: query.label.unwrap_or(metric.name),
        timestamps,
        values,
        status_code: "Complete",
    })
}
