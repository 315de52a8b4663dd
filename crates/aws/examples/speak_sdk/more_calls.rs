//! The calls on metrics, parameters, figures and queues.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{Datapoint, MetricDatum, StandardUnit, Statistic};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use aws_sdk_ssm::types::{Parameter, ParameterType};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

use crate::calls::{Answer, elements, flag, moment, number, text, texts};
use crate::{Call, Refused};

/// Makes a call.
pub(crate) async fn made(call: &Call, config: &SdkConfig) -> Answer {
    match call.service.as_str() {
        "cloudwatch" => metrics(call, config).await,
        "ssm" => parameters(call, config).await,
        "dynamodb" => figures(call, config).await,
        "sqs" => queues(call, config).await,
        _ => Err(Refused::unknown(call)),
    }
}

fn time(arguments: &Value, name: &str) -> Option<DateTime> {
    Some(DateTime::from_secs_f64(arguments.get(name)?.get("$time")?.as_f64()?))
}

async fn metrics(call: &Call, config: &SdkConfig) -> Answer {
    let (client, with) = (aws_sdk_cloudwatch::Client::new(config), &call.arguments);
    Ok(match call.operation.as_str() {
        "PutMetricData" => {
            let datum = |datum: &Value| {
                let unit = text(datum, "Unit").map(|unit| StandardUnit::from(unit.as_str()));
                let made = MetricDatum::builder()
                    .set_metric_name(text(datum, "MetricName"))
                    .set_unit(unit);
                made.set_value(datum.get("Value").and_then(Value::as_f64)).build()
            };
            let data: Vec<MetricDatum> = elements(with, "MetricData").map(datum).collect();
            let put = client.put_metric_data().set_namespace(text(with, "Namespace"));
            put.set_metric_data(Some(data)).send().await?;
            json!({})
        }
        "GetMetricStatistics" => {
            let statistics = texts(with, "Statistics").unwrap_or_default();
            let statistics: Vec<Statistic> = statistics.iter().map(|name| Statistic::from(name.as_str())).collect();
            let asked = client.get_metric_statistics().set_namespace(text(with, "Namespace"));
            let asked = asked
                .set_metric_name(text(with, "MetricName"))
                .set_statistics(Some(statistics));
            let asked = asked
                .set_start_time(time(with, "StartTime"))
                .set_end_time(time(with, "EndTime"));
            let told = asked.set_period(number(with, "Period")).send().await?;
            let datapoints: Vec<Value> = told.datapoints().iter().map(datapoint).collect();
            json!({"Label": told.label(), "Datapoints": datapoints})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

fn datapoint(point: &Datapoint) -> Value {
    json!({
        "Timestamp": moment(point.timestamp()), "Sum": point.sum(), "SampleCount": point.sample_count(),
        "Average": point.average(), "Maximum": point.maximum(), "Minimum": point.minimum(),
        "Unit": point.unit().map(StandardUnit::as_str),
    })
}

async fn parameters(call: &Call, config: &SdkConfig) -> Answer {
    let (client, with) = (aws_sdk_ssm::Client::new(config), &call.arguments);
    Ok(match call.operation.as_str() {
        "GetParameter" => {
            let got = client.get_parameter().set_name(text(with, "Name"));
            let got = got.set_with_decryption(flag(with, "WithDecryption")).send().await?;
            json!({"Parameter": got.parameter().map(parameter)})
        }
        "PutParameter" => {
            let kind = text(with, "Type").map(|kind| ParameterType::from(kind.as_str()));
            let put = client
                .put_parameter()
                .set_name(text(with, "Name"))
                .set_value(text(with, "Value"));
            let put = put.set_type(kind).set_overwrite(flag(with, "Overwrite")).send().await?;
            json!({"Version": put.version()})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "Name": parameter.name(), "Type": parameter.r#type().map(ParameterType::as_str), "Value": parameter.value(),
        "Version": parameter.version(), "ARN": parameter.arn(), "DataType": parameter.data_type(),
    })
}

/// A value of the two types that keys and figures have.
fn attribute(value: &Value) -> Option<AttributeValue> {
    let of_text = || text(value, "S").map(AttributeValue::S);
    text(value, "N").map(AttributeValue::N).or_else(of_text)
}

fn attributes(value: Option<&Value>) -> Option<HashMap<String, AttributeValue>> {
    let attributes = value?.as_object()?.iter();
    Some(
        attributes
            .filter_map(|(name, value)| Some((name.clone(), attribute(value)?)))
            .collect(),
    )
}

fn item(item: &HashMap<String, AttributeValue>) -> Value {
    let shown = |value: &AttributeValue| match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        other => json!(format!("{other:?}")),
    };
    let item: Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
    Value::Object(item)
}

async fn figures(call: &Call, config: &SdkConfig) -> Answer {
    let (client, with) = (aws_sdk_dynamodb::Client::new(config), &call.arguments);
    Ok(match call.operation.as_str() {
        "GetItem" => {
            let got = client.get_item().set_table_name(text(with, "TableName"));
            let got = got.set_key(attributes(with.get("Key"))).send().await?;
            json!({"Item": got.item().map(item)})
        }
        "Query" => {
            let asked = client.query().set_table_name(text(with, "TableName"));
            let asked = asked.set_key_condition_expression(text(with, "KeyConditionExpression"));
            let asked = asked.set_expression_attribute_values(attributes(with.get("ExpressionAttributeValues")));
            let asked = asked.set_limit(number(with, "Limit"));
            let told = asked
                .set_scan_index_forward(flag(with, "ScanIndexForward"))
                .send()
                .await?;
            let items: Vec<Value> = told.items().iter().map(item).collect();
            json!({"Count": told.count(), "Items": items, "LastEvaluatedKey": told.last_evaluated_key().map(item)})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

async fn queues(call: &Call, config: &SdkConfig) -> Answer {
    let (client, with) = (aws_sdk_sqs::Client::new(config), &call.arguments);
    let (url, handle) = (text(with, "QueueUrl"), text(with, "ReceiptHandle"));
    Ok(match call.operation.as_str() {
        "GetQueueUrl" => {
            let told = client
                .get_queue_url()
                .set_queue_name(text(with, "QueueName"))
                .send()
                .await?;
            json!({"QueueUrl": told.queue_url()})
        }
        "ReceiveMessage" => {
            let names = texts(with, "AttributeNames").unwrap_or_default();
            let names: Vec<_> = names
                .iter()
                .map(|name| MessageSystemAttributeName::from(name.as_str()))
                .collect();
            let asked = client.receive_message().set_queue_url(url);
            let asked = asked.set_max_number_of_messages(number(with, "MaxNumberOfMessages"));
            let asked = asked.set_wait_time_seconds(number(with, "WaitTimeSeconds"));
            let asked = asked.set_visibility_timeout(number(with, "VisibilityTimeout"));
            let told = asked.set_message_system_attribute_names(Some(names)).send().await?;
            let messages: Vec<Value> = told.messages().iter().map(message).collect();
            json!({"Messages": messages})
        }
        "DeleteMessage" => {
            let deleted = client.delete_message().set_queue_url(url);
            deleted.set_receipt_handle(handle).send().await?;
            json!({})
        }
        "ChangeMessageVisibility" => {
            let changed = client
                .change_message_visibility()
                .set_queue_url(url)
                .set_receipt_handle(handle);
            let changed = changed.set_visibility_timeout(number(with, "VisibilityTimeout"));
            changed.send().await?;
            json!({})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

fn message(message: &Message) -> Value {
    let attributes = message.attributes().into_iter().flatten();
    let attributes: Map<String, Value> = attributes
        .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
        .collect();
    json!({
        "MessageId": message.message_id(), "ReceiptHandle": message.receipt_handle(), "Body": message.body(),
        "MD5OfBody": message.md5_of_body(), "Attributes": attributes,
    })
}
