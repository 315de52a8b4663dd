//! The calls on the alert topic and on stacks.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::{Output, Stack, StackStatus};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Refused, moment, text};

/// Makes a call on topics.
pub(crate) async fn topics(call: &Call, config: &SdkConfig) -> Answer {
    let (client, with) = (aws_sdk_sns::Client::new(config), &call.arguments);
    Ok(match call.operation.as_str() {
        "Publish" => {
            let said = client
                .publish()
                .set_topic_arn(text(with, "TopicArn"))
                .set_subject(text(with, "Subject"));
            let told = said.set_message(text(with, "Message")).send().await?;
            json!({"MessageId": told.message_id()})
        }
        "CreateTopic" => {
            let made = client.create_topic().set_name(text(with, "Name")).send().await?;
            json!({"TopicArn": made.topic_arn()})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

/// Makes a call on stacks.
pub(crate) async fn stacks(call: &Call, config: &SdkConfig) -> Answer {
    let client = aws_sdk_cloudformation::Client::new(config);
    let name = text(&call.arguments, "StackName");
    Ok(match call.operation.as_str() {
        "DescribeStacks" => {
            let told = client.describe_stacks().set_stack_name(name).send().await?;
            let stacks: Vec<Value> = told.stacks().iter().map(stack).collect();
            json!({"Stacks": stacks, "NextToken": told.next_token()})
        }
        "DeleteStack" => {
            client.delete_stack().set_stack_name(name).send().await?;
            json!({})
        }
        _ => return Err(Refused::unknown(call)),
    })
}

fn stack(stack: &Stack) -> Value {
    let outputs: Vec<_> = stack.outputs().iter().map(Output::output_key).collect();
    json!({
        "StackId": stack.stack_id(), "StackName": stack.stack_name(), "CreationTime": moment(stack.creation_time()),
        "StackStatus": stack.stack_status().map(StackStatus::as_str), "Outputs": outputs,
    })
}
