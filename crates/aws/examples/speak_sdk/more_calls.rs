//! The calls on metrics, parameters, figures and queues.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{
    Datapoint, Metric, MetricDataQuery, MetricDataResult, MetricDatum, MetricStat, StandardUnit, Statistic, StatusCode,
};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_sqs::types::{BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use aws_sdk_ssm::types::{Parameter, ParameterType};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

use crate::alerts_and_stacks;
use crate::call::{Answer, Call, Refused, elements, flag, moment, number, text, texts};

/// Makes a call.
pub(crate) async fn made(call: &Call, config: &SdkConfig) -> Answer {
    match call.service.as_str() {
        "cloudwatch" => metrics(call, config).await,
        "ssm" => parameters(call, config).await,
        "dynamodb" => figures(call, config).await,
        "sqs" => queues(call, config).await,
        "sns" => alerts_and_stacks::topics(call, config).await,
        "cloudformation" => alerts_and_stacks::stacks(call, config).await,
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
        "GetMetricData" => {
            let queries: Vec<MetricDataQuery> = elements(with, "MetricDataQueries").map(query).collect();
            let asked = client.get_metric_data().set_metric_data_queries(Some(queries));
            let asked = asked
                .set_start_time(time(with, "StartTime"))
                .set_end_time(time(with, "EndTime"));
            let told = asked.send().await?;
            let results: Vec<Value> = told.metric_data_results().iter().map(result).collect();
            json!({"MetricDataResults": results})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

fn query(query: &Value) -> MetricDataQuery {
    let stat = query.get("MetricStat").map(|asked| {
        let metric = asked.get("Metric").map(|metric| {
            Metric::builder()
                .set_namespace(text(metric, "Namespace"))
                .set_metric_name(text(metric, "MetricName"))
                .build()
        });
        let made = MetricStat::builder().set_metric(metric);
        made.set_period(number(asked, "Period"))
            .set_stat(text(asked, "Stat"))
            .build()
    });
    MetricDataQuery::builder()
        .set_id(text(query, "Id"))
        .set_metric_stat(stat)
        .build()
}

fn result(result: &MetricDataResult) -> Value {
    let timestamps: Vec<String> = result.timestamps().iter().map(ToString::to_string).collect();
    json!({
        "Id": result.id(), "Label": result.label(), "Timestamps": timestamps, "Values": result.values(),
        "StatusCode": result.status_code().map(StatusCode::as_str),
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
        "GetParameters" => {
            let got = client.get_parameters().set_names(texts(with, "Names")).send().await?;
            let parameters: Vec<Value> = got.parameters().iter().map(parameter).collect();
            json!({"Parameters": parameters, "InvalidParameters": got.invalid_parameters()})
        }
        "GetParametersByPath" => {
            let asked = client.get_parameters_by_path().set_path(text(with, "Path"));
            let got = asked.set_recursive(flag(with, "Recursive")).send().await?;
            let parameters: Vec<Value> = got.parameters().iter().map(parameter).collect();
            json!({"Parameters": parameters, "NextToken": got.next_token()})
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

/// What the names in an expression stand for.
fn names(arguments: &Value) -> Option<HashMap<String, String>> {
    let names = arguments.get("ExpressionAttributeNames")?.as_object()?.iter();
    Some(
        names
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
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
            let got = got.set_key(attributes(with.get("Key")));
            let got = got
                .set_projection_expression(text(with, "ProjectionExpression"))
                .set_expression_attribute_names(names(with));
            let got = got.send().await?;
            json!({"Item": got.item().map(item)})
        }
        "BatchGetItem" => {
            let mut asked = client.batch_get_item();
            for (table, keys) in with
                .get("RequestItems")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let keys = elements(keys, "Keys").filter_map(|key| attributes(Some(key))).collect();
                let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build()?;
                asked = asked.request_items(table, keys);
            }
            let told = asked.send().await?;
            let responses = told.responses().into_iter().flatten();
            let responses: Map<String, Value> = responses
                .map(|(table, items)| (table.clone(), items.iter().map(item).collect()))
                .collect();
            let unprocessed: Vec<&String> = told.unprocessed_keys().into_iter().flat_map(HashMap::keys).collect();
            json!({"Responses": responses, "UnprocessedKeys": unprocessed})
        }
        "PutItem" => {
            let put = client.put_item().set_table_name(text(with, "TableName"));
            put.set_item(attributes(with.get("Item"))).send().await?;
            json!({})
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
        "DeleteMessageBatch" => {
            let entry = |entry: &Value| {
                let made = DeleteMessageBatchRequestEntry::builder().set_id(text(entry, "Id"));
                made.set_receipt_handle(text(entry, "ReceiptHandle")).build()
            };
            let entries = elements(with, "Entries").map(entry).collect::<Result<Vec<_>, _>>()?;
            let asked = client.delete_message_batch().set_queue_url(url);
            let told = asked.set_entries(Some(entries)).send().await?;
            let successful: Vec<Value> = told.successful().iter().map(|one| json!({"Id": one.id()})).collect();
            let failed: Vec<Value> = told.failed().iter().map(failure).collect();
            json!({"Successful": successful, "Failed": failed})
        }
        "CreateQueue" => {
            let made = client
                .create_queue()
                .set_queue_name(text(with, "QueueName"))
                .send()
                .await?;
            json!({"QueueUrl": made.queue_url()})
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

fn failure(failure: &BatchResultErrorEntry) -> Value {
    json!({
        "Id": failure.id(), "SenderFault": failure.sender_fault(), "Code": failure.code(), "Message": failure.message(),
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
