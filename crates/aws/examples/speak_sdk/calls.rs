//! The calls on identities, secrets and events; what is answered has AWS's names again.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use serde_json::{Map, Value, json};

use crate::call::{Answer, Call, Refused, elements, moment, number, text, texts};
use crate::more_calls;

fn stages(versions: Option<&HashMap<String, Vec<String>>>) -> Value {
    let stages = versions.into_iter().flatten();
    let stages: Map<String, Value> = stages.map(|(id, stages)| (id.clone(), json!(stages))).collect();
    Value::Object(stages)
}

/// Makes a call.
pub(crate) async fn made(call: &Call, config: &SdkConfig) -> Answer {
    match call.service.as_str() {
        "sts" => identity(call, config).await,
        "secretsmanager" => secrets(call, config).await,
        "events" => events(call, config).await,
        _ => more_calls::made(call, config).await,
    }
}

async fn identity(call: &Call, config: &SdkConfig) -> Answer {
    let client = aws_sdk_sts::Client::new(config);
    Ok(match call.operation.as_str() {
        "GetCallerIdentity" => {
            let told = client.get_caller_identity().send().await?;
            json!({"Account": told.account(), "Arn": told.arn(), "UserId": told.user_id()})
        }
        "GetSessionToken" => {
            client.get_session_token().send().await?;
            json!({})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

async fn secrets(call: &Call, config: &SdkConfig) -> Answer {
    let (client, with) = (aws_sdk_secretsmanager::Client::new(config), &call.arguments);
    let (id, value) = (text(with, "SecretId"), text(with, "SecretString"));
    let token = text(with, "ClientRequestToken");
    Ok(match call.operation.as_str() {
        "CreateSecret" => {
            let made = client
                .create_secret()
                .set_name(text(with, "Name"))
                .set_secret_string(value);
            let tags: Vec<Tag> = elements(with, "Tags")
                .map(|tag| {
                    Tag::builder()
                        .set_key(text(tag, "Key"))
                        .set_value(text(tag, "Value"))
                        .build()
                })
                .collect();
            let made = made
                .set_client_request_token(token)
                .set_description(text(with, "Description"))
                .set_tags((!tags.is_empty()).then_some(tags));
            let made = made.send().await?;
            json!({"ARN": made.arn(), "Name": made.name(), "VersionId": made.version_id()})
        }
        "PutSecretValue" => {
            let put = client.put_secret_value().set_secret_id(id).set_secret_string(value);
            let put = put
                .set_client_request_token(token)
                .set_version_stages(texts(with, "VersionStages"));
            let put = put.send().await?;
            json!({
                "ARN": put.arn(), "Name": put.name(), "VersionId": put.version_id(),
                "VersionStages": put.version_stages(),
            })
        }
        "UpdateSecret" => {
            let updated = client.update_secret().set_secret_id(id).set_secret_string(value);
            let updated = updated.set_client_request_token(token);
            let updated = updated.set_description(text(with, "Description")).send().await?;
            json!({"ARN": updated.arn(), "Name": updated.name(), "VersionId": updated.version_id()})
        }
        "GetSecretValue" => {
            let got = client.get_secret_value().set_secret_id(id);
            let got = got
                .set_version_id(text(with, "VersionId"))
                .set_version_stage(text(with, "VersionStage"));
            let got = got.send().await?;
            json!({
                "ARN": got.arn(), "Name": got.name(), "VersionId": got.version_id(), "SecretString": got.secret_string(),
                "SecretBinary": got.secret_binary().map(|_| "some"), "VersionStages": got.version_stages(),
                "CreatedDate": moment(got.created_date()),
            })
        }
        "DescribeSecret" => {
            let told = client.describe_secret().set_secret_id(id).send().await?;
            let tag = |tag: &Tag| json!({"Key": tag.key(), "Value": tag.value()});
            let tags: Vec<Value> = told.tags().iter().map(tag).collect();
            json!({
                "ARN": told.arn(), "Name": told.name(), "Description": told.description(),
                "VersionIdsToStages": stages(told.version_ids_to_stages()),
                "CreatedDate": moment(told.created_date()), "LastChangedDate": moment(told.last_changed_date()),
                "Tags": tags,
            })
        }
        "ListSecrets" => {
            let filters: Vec<Filter> = elements(with, "Filters").map(filter).collect();
            let list = client
                .list_secrets()
                .set_filters((!filters.is_empty()).then_some(filters));
            let list = list
                .set_max_results(number(with, "MaxResults"))
                .set_next_token(text(with, "NextToken"));
            let list = list.send().await?;
            let secret = |secret: &aws_sdk_secretsmanager::types::SecretListEntry| {
                json!({
                    "ARN": secret.arn(), "Name": secret.name(),
                    "SecretVersionsToStages": stages(secret.secret_versions_to_stages()),
                })
            };
            let secrets: Vec<Value> = list.secret_list().iter().map(secret).collect();
            json!({"SecretList": secrets, "NextToken": list.next_token()})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

fn filter(filter: &Value) -> Filter {
    let key = text(filter, "Key").map(|key| FilterNameStringType::from(key.as_str()));
    Filter::builder()
        .set_key(key)
        .set_values(texts(filter, "Values"))
        .build()
}

async fn events(call: &Call, config: &SdkConfig) -> Answer {
    if call.operation != "PutEvents" {
        return Err(Refused::unknown(call));
    }
    let entry = |entry: &Value| {
        let made = PutEventsRequestEntry::builder().set_source(text(entry, "Source"));
        let made = made
            .set_detail_type(text(entry, "DetailType"))
            .set_detail(text(entry, "Detail"));
        made.set_event_bus_name(text(entry, "EventBusName")).build()
    };
    let entries: Vec<PutEventsRequestEntry> = elements(&call.arguments, "Entries").map(entry).collect();
    let client = aws_sdk_eventbridge::Client::new(config);
    let put = client.put_events().set_entries(Some(entries)).send().await?;
    let entry = |entry: &aws_sdk_eventbridge::types::PutEventsResultEntry| json!({"EventId": entry.event_id(), "ErrorCode": entry.error_code(), "ErrorMessage": entry.error_message()});
    let entries: Vec<Value> = put.entries().iter().map(entry).collect();
    Ok(json!({"FailedEntryCount": put.failed_entry_count(), "Entries": entries}))
}
