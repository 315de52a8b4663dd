//! PutMetricData.

use std::fmt;

use cc_devops_http::access::{NotReported, ReportMetrics};
use cc_devops_http::reported::{Datum, Metric, NoRoom, Sample};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Dimension, at_odds, invalid, metric, missing};
use crate::fault::{Failed, Fault};
use crate::operation::Call;

/// How many metrics one call reports at most.
const MOST_DATA: usize = 1_000;

/// How many values a metric has at once at most.
const MOST_VALUES: usize = 150;

/// The largest power of two that a value may be, or be below.
const LARGEST: i32 = 360;

/// How far back a metric may be reported.
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How far ahead.
const NEWEST: SignedDuration = SignedDuration::from_hours(2);

/// How long the names of a metric and of its dimensions are together at most, in bytes.
const LONGEST: usize = 4_096;

/// The unit of what names none.
const NO_UNIT: &str = "None";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<Given>,
    #[serde(default)]
    entity_metric_data: Vec<OfEntity>,
}

/// What is reported of something; what of is not kept.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfEntity {
    #[serde(default)]
    metric_data: Vec<Given>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<Timestamp>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    values: Option<Vec<f64>>,
    counts: Option<Vec<f64>>,
    unit: Option<String>,
    storage_resolution: Option<i64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

/// Nothing is answered.
#[derive(Serialize)]
pub(super) struct Taken {}

/// Takes metrics, heartbeats among them.
pub(super) async fn put_metric_data(call: Call, asked: Asked) -> Result<Taken, Failed> {
    let Asked {
        namespace,
        metric_data,
        entity_metric_data,
    } = asked;
    if namespace.starts_with("AWS/") {
        return Err(invalid("The value AWS/ for parameter Namespace is invalid.").into());
    }
    check_text(&namespace, "Namespace")?;
    let mut named: Vec<(String, Given)> = Vec::with_capacity(metric_data.len());
    for (place, given) in metric_data.into_iter().enumerate() {
        named.push((format!("MetricData.member.{}", place + 1), given));
    }
    for (entity, of) in entity_metric_data.into_iter().enumerate() {
        let before = format!("EntityMetricData.member.{}.MetricData.member", entity + 1);
        for (place, given) in of.metric_data.into_iter().enumerate() {
            named.push((format!("{before}.{}", place + 1), given));
        }
    }
    if named.is_empty() {
        return Err(missing("The parameter MetricData is required.").into());
    }
    if named.len() > MOST_DATA {
        return Err(invalid("The collection MetricData must not have a size greater than 1000.").into());
    }
    let now = call.app.now();
    let mut data = Vec::with_capacity(named.len());
    for (at, given) in named {
        data.push(given.read(&namespace, &at, now)?);
    }
    let permitted = call.permitted::<ReportMetrics>()?;
    match permitted.report(&namespace, data, call.signed_at).await {
        Ok(()) => Ok(Taken {}),
        Err(NotReported::Problem(problem)) => Err(problem.into()),
        Err(NotReported::NoRoom(why)) => Err(no_room(why).into()),
    }
}

/// What is said of metrics that are not kept.
fn no_room(why: NoRoom) -> Fault {
    let message = match why {
        NoRoom::SwitchedOff => {
            "metrics are not kept here, heartbeats alone are taken (the metric Heartbeat in the namespace \
             Agent/<Name>): aws_door.metric_series in the server's configuration is 0"
                .to_owned()
        }
        NoRoom::Full { most } => format!(
            "nothing of it was taken: with what is new in it there would be more than {most} series of metrics; report \
             fewer dimensions, or have aws_door.metric_series raised in the server's configuration"
        ),
        NoRoom::FullForAgent { most } => format!(
            "nothing of it was taken: with what is new in it the agent would have more than {most} series of metrics, \
             its share; report fewer dimensions, or have aws_door.metric_series raised in the server's configuration"
        ),
    };
    Fault::sender("LimitExceeded", message)
}

impl Given {
    /// The metric, and what is reported of it. `at` is how it is called.
    fn read(self, namespace: &str, at: &str, now: Timestamp) -> Result<(Metric, Datum), Fault> {
        let sample = self.sample(at)?;
        if let Some(resolution) = self.storage_resolution.filter(|seconds| !matches!(seconds, 1 | 60)) {
            return Err(invalid(format!(
                "The value {resolution} for parameter {at}.StorageResolution is invalid: it is 1 or 60."
            )));
        }
        if let Some(timestamp) = self.timestamp {
            check_time(timestamp, now, at)?;
        }
        check_text(&self.metric_name, format_args!("{at}.MetricName"))?;
        for (place, dimension) in self.dimensions.iter().enumerate() {
            let number = place + 1;
            check_text(&dimension.name, format_args!("{at}.Dimensions.member.{number}.Name"))?;
            check_text(&dimension.value, format_args!("{at}.Dimensions.member.{number}.Value"))?;
        }
        let dimensions = self.dimensions.iter();
        let length: usize = dimensions.map(|of| of.name.len() + of.value.len()).sum();
        if self.metric_name.len() + length > LONGEST {
            return Err(invalid(format!(
                "The value for parameter {at}.Dimensions is invalid: a metric's name and its dimensions must have no more \
                 than {LONGEST} bytes together."
            )));
        }
        let datum = Datum {
            at: self.timestamp,
            unit: self.unit.unwrap_or_else(|| NO_UNIT.to_owned()),
            sample,
        };
        Ok((metric(namespace, self.metric_name, self.dimensions)?, datum))
    }

    /// The values taken together; they are given in one of three ways.
    fn sample(&self, at: &str) -> Result<Sample, Fault> {
        let both = |one: &str, other: &str| {
            format!("The parameters {at}.{one} and {at}.{other} are mutually exclusive and you have specified both.")
        };
        let values = self.values.as_deref().filter(|values| !values.is_empty());
        let counts = self.counts.as_deref().filter(|counts| !counts.is_empty());
        if counts.is_some() && values.is_none() {
            return Err(missing(format!(
                "The parameter {at}.Values is required where {at}.Counts is given."
            )));
        }
        match (self.value, self.statistic_values, values) {
            (Some(_), Some(_), _) => Err(at_odds(both("Value", "StatisticValues"))),
            // AWS has another code for this pair.
            (Some(_), _, Some(_)) => Err(invalid(both("Value", "Values"))),
            (_, Some(_), Some(_)) => Err(at_odds(both("StatisticValues", "Values"))),
            (Some(value), None, None) => {
                check_value(value, format_args!("{at}.Value"))?;
                Ok(Sample::of(value))
            }
            (None, Some(set), None) => set.sample(&format!("{at}.StatisticValues")),
            (None, None, Some(values)) => several(values, counts, at),
            (None, None, None) => Err(missing(format!(
                "At least one of the parameters {at}.Value, {at}.Values and {at}.StatisticValues is required."
            ))),
        }
    }
}

impl StatisticSet {
    fn sample(self, at: &str) -> Result<Sample, Fault> {
        check_value(self.sum, format_args!("{at}.Sum"))?;
        check_value(self.minimum, format_args!("{at}.Minimum"))?;
        check_value(self.maximum, format_args!("{at}.Maximum"))?;
        check_count(self.sample_count, format_args!("{at}.SampleCount"))?;
        if self.minimum > self.maximum {
            return Err(at_odds(format!(
                "The parameter {at}.Maximum must be greater than or equal to {at}.Minimum."
            )));
        }
        Ok(Sample {
            count: self.sample_count,
            sum: self.sum,
            minimum: self.minimum,
            maximum: self.maximum,
        })
    }
}

fn several(values: &[f64], counts: Option<&[f64]>, at: &str) -> Result<Sample, Fault> {
    if values.len() > MOST_VALUES {
        return Err(invalid(format!(
            "The collection {at}.Values must not have a size greater than {MOST_VALUES}."
        )));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(invalid(format!(
            "The parameters {at}.Values and {at}.Counts must be of the same size."
        )));
    }
    let mut sum = Sample::default();
    for (place, value) in values.iter().enumerate() {
        let count = counts.and_then(|counts| counts.get(place)).copied().unwrap_or(1.0);
        check_value(*value, format_args!("{at}.Values.member.{}", place + 1))?;
        check_count(count, format_args!("{at}.Counts.member.{}", place + 1))?;
        sum = sum.and(Sample::repeated(*value, count));
    }
    Ok(sum)
}

fn check_value(value: f64, parameter: impl fmt::Display) -> Result<(), Fault> {
    if value.is_finite() && value.abs() <= 2_f64.powi(LARGEST) {
        return Ok(());
    }
    Err(invalid(format!(
        "The value {value:e} for parameter {parameter} is invalid."
    )))
}

fn check_count(count: f64, parameter: impl fmt::Display) -> Result<(), Fault> {
    if count > 0.0 && count <= 2_f64.powi(LARGEST) {
        return Ok(());
    }
    Err(invalid(format!(
        "The value {count:e} for parameter {parameter} is invalid: it must be greater than 0."
    )))
}

fn check_time(timestamp: Timestamp, now: Timestamp, at: &str) -> Result<(), Fault> {
    let age = now.duration_since(timestamp);
    if age > OLDEST {
        return Err(invalid(format!(
            "The parameter {at}.Timestamp must specify a time no more than two weeks in the past."
        )));
    }
    if age < -NEWEST {
        return Err(invalid(format!(
            "The parameter {at}.Timestamp must specify a time no more than two hours in the future."
        )));
    }
    Ok(())
}

/// Names are shown where people and programs read them line by line.
fn check_text(text: &str, parameter: impl fmt::Display) -> Result<(), Fault> {
    if text.chars().any(char::is_control) || text.trim().is_empty() {
        return Err(invalid(format!(
            "The value for parameter {parameter} is invalid: it must hold something but spaces, and no control \
             characters."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn read(mut given: Value) -> Result<(Metric, Datum), Fault> {
        given["MetricName"] = json!("Depth");
        let given: Given = serde_json::from_value(given).unwrap();
        given.read("Queue", "MetricData.member.1", NOW)
    }

    fn sample(given: Value) -> Sample {
        read(given).unwrap().1.sample
    }

    fn refused(given: Value) -> (String, String) {
        let fault = read(given).unwrap_err();
        (fault.code.into_owned(), fault.message)
    }

    #[test]
    fn values_are_given_in_one_of_three_ways() {
        assert_eq!(sample(json!({"Value": 2})), Sample::of(2.0));
        let set = json!({"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5.5});
        let expected = Sample {
            count: 4.0,
            sum: 10.0,
            minimum: 1.0,
            maximum: 5.5,
        };
        assert_eq!(sample(json!({"StatisticValues": set})), expected);
        let several = json!({"Values": [1, 3], "Counts": [2, 1]});
        assert_eq!(
            sample(several),
            Sample {
                count: 3.0,
                sum: 5.0,
                minimum: 1.0,
                maximum: 3.0
            }
        );
        let (metric, datum) =
            read(json!({"Value": 1, "Unit": "Percent", "Timestamp": "1969-12-31T00:00:00Z"})).unwrap();
        assert_eq!((metric.namespace.as_str(), metric.name.as_str()), ("Queue", "Depth"));
        assert_eq!(
            (datum.unit.as_str(), datum.at.map(Timestamp::as_second)),
            ("Percent", Some(-86_400))
        );
    }

    /// Four dimensions whose values are so long.
    fn long(each: usize) -> Value {
        let of = ["a", "b", "c", "d"].map(|name| json!({"Name": name, "Value": "x".repeat(each)}));
        json!(of)
    }

    #[test]
    fn what_cannot_be_is_refused_as_it_is_there() {
        let (value, set) = (
            json!(1),
            json!({"SampleCount": 1, "Sum": 1, "Minimum": 2, "Maximum": 1}),
        );
        let cases = [
            (json!({}), "MissingParameter"),
            (json!({"Counts": [1]}), "MissingParameter"),
            (json!({"Value": value, "Values": [1]}), "InvalidParameterValue"),
            (
                json!({"StatisticValues": set, "Values": [1]}),
                "InvalidParameterCombination",
            ),
            (
                json!({"Value": value, "StatisticValues": set}),
                "InvalidParameterCombination",
            ),
            (json!({"StatisticValues": set}), "InvalidParameterCombination"),
            (json!({"Values": [1, 2], "Counts": [1]}), "InvalidParameterValue"),
            (json!({"Values": [1], "Counts": [0]}), "InvalidParameterValue"),
            (json!({"Values": vec![1; 151]}), "InvalidParameterValue"),
            (json!({"Value": 1e109}), "InvalidParameterValue"),
            (json!({"Value": 1, "StorageResolution": 5}), "InvalidParameterValue"),
            (
                json!({"Value": 1, "Timestamp": "1969-12-17T23:59:59Z"}),
                "InvalidParameterValue",
            ),
            (
                json!({"Value": 1, "Timestamp": "1970-01-01T02:00:01Z"}),
                "InvalidParameterValue",
            ),
            (
                json!({"Value": 1, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}),
                "InvalidParameterValue",
            ),
            (
                json!({"Value": 1, "Dimensions": [{"Name": "a", "Value": "x\ny"}]}),
                "InvalidParameterValue",
            ),
            (json!({"Value": 1, "Dimensions": long(1_024)}), "InvalidParameterValue"),
        ];
        for (given, code) in cases {
            let shown = given.to_string();
            assert_eq!(refused(given).0, code, "{shown}");
        }
        let (_, message) = refused(json!({"Value": 1, "Values": [1]}));
        assert_eq!(
            message,
            "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you \
             have specified both."
        );
        assert!(read(json!({"Value": 1, "Dimensions": long(1_000)})).is_ok());
        assert!(no_room(NoRoom::SwitchedOff).message.contains("aws_door.metric_series"));
    }
}
