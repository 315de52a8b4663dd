//! CloudWatch: heartbeats and metrics that agents report, and what is known of them.

mod metric_data;
mod model;
mod periods;
mod reporting;
mod statistic;
mod statistics;

use std::collections::BTreeMap;

use cc_devops_http::reported::Metric;
use serde::Deserialize;

use crate::fault::Fault;
use crate::operation::{Operation, Service};

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::of(
            Service::CloudWatch,
            "PutMetricData",
            (&model::PUT_METRIC_DATA, &[]),
            reporting::put_metric_data,
        ),
        Operation::of(
            Service::CloudWatch,
            "GetMetricStatistics",
            (&model::GET_METRIC_STATISTICS, &model::METRIC_STATISTICS),
            statistics::get_metric_statistics,
        ),
        Operation::of(
            Service::CloudWatch,
            "GetMetricData",
            (&model::GET_METRIC_DATA, &model::METRIC_DATA),
            metric_data::get_metric_data,
        ),
    ]
}

/// What tells a metric from others of its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

/// A metric, as its name and its dimensions say.
fn metric(namespace: &str, name: String, dimensions: Vec<Dimension>) -> Result<Metric, Fault> {
    let mut of = BTreeMap::new();
    for Dimension { name, value } in dimensions {
        if of.insert(name, value).is_some() {
            return Err(invalid("No metric may specify the same dimension twice."));
        }
    }
    Ok(Metric {
        namespace: namespace.to_owned(),
        name,
        dimensions: of,
    })
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterValue", message)
}

fn at_odds(message: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterCombination", message)
}

fn missing(message: impl Into<String>) -> Fault {
    Fault::sender("MissingParameter", message)
}
