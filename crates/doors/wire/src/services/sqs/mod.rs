//! SQS: each agent's queue of completions, `devops-completed-<agent>`, so that an agent gets its outcomes as on AWS. There is no
//! other queue, and nobody but the control plane puts anything into one.

mod message;
mod model;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use cc_devops_http::access::{Permitted, ReceiveCompletions, Receiving};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::paging::Cursor;
use cc_devops_outbox::completion_queue::{Hiding, KEPT_FOR, queue_name};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::fault::{Failed, Fault};
use crate::operation::{ACCOUNT, Call, Operation, Service};
use message::{Message, place_of};

/// What AWS's codes of before JSON begin with, most of them.
const NAMESPACE: &str = "AWS.SimpleQueueService.";

/// The name that JSON has for a fault's code, which is the one of the query protocol: SDKs of either look for their own.
pub(crate) fn shape_of(code: &str) -> &str {
    match code.strip_prefix(NAMESPACE) {
        Some("NonExistentQueue") => "QueueDoesNotExist",
        Some(shape) => shape,
        None => code,
    }
}

/// How many messages or deletions one call may have.
const MOST: usize = 10;

/// The longest that a message is hidden at a time, in seconds: 12 hours.
const LONGEST_HIDDEN: i64 = 43_200;

/// How long a message is hidden where nothing is said, in seconds.
const HIDDEN: i64 = 30;

/// The longest that a call waits, in seconds.
const LONGEST_WAIT: i64 = 20;

/// The longest id of an entry of a batch.
const LONGEST_ID: usize = 80;

/// What is served of SQS.
pub(crate) fn operations() -> Vec<Operation> {
    let sqs = Service::Sqs;
    vec![
        Operation::of(
            sqs,
            "GetQueueUrl",
            (model::GET_QUEUE_URL, model::QUEUE_URL_GOT),
            get_queue_url,
        ),
        Operation::of(
            sqs,
            "GetQueueAttributes",
            (model::GET_QUEUE_ATTRIBUTES, model::QUEUE_ATTRIBUTES_GOT),
            get_queue_attributes,
        ),
        Operation::of(
            sqs,
            "ReceiveMessage",
            (model::RECEIVE_MESSAGE, model::MESSAGES_RECEIVED),
            receive_message,
        ),
        Operation::of(
            sqs,
            "DeleteMessage",
            (model::DELETE_MESSAGE, model::NOTHING),
            delete_message,
        ),
        Operation::of(
            sqs,
            "DeleteMessageBatch",
            (model::DELETE_MESSAGE_BATCH, model::BATCH_DELETED),
            delete_message_batch,
        ),
        Operation::of(
            sqs,
            "ChangeMessageVisibility",
            (model::CHANGE_MESSAGE_VISIBILITY, model::NOTHING),
            change_message_visibility,
        ),
    ]
}

/// Nothing is answered.
#[derive(Serialize)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl {
    queue_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueueUrl {
    queue_url: String,
}

async fn get_queue_url(call: Call, input: GetQueueUrl) -> Result<QueueUrl, Failed> {
    let queue = own_queue(&call, &input.queue_name)?;
    Ok(QueueUrl {
        queue_url: format!("{}/{ACCOUNT}/{}", call.endpoint, queue_name(queue.agent())),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueueAttributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

/// What is known of the queue. What may be set on AWS is as AWS has it where nobody set it.
async fn get_queue_attributes(call: Call, input: GetQueueAttributes) -> Result<QueueAttributes, Failed> {
    let queue = queue_at(&call, &input.queue_url)?;
    let depth = queue.depth().await?;
    let name = queue_name(queue.agent());
    let mut attributes = BTreeMap::from([
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
        ("DelaySeconds", "0".to_owned()),
        ("MaximumMessageSize", (256 * 1024).to_string()),
        ("MessageRetentionPeriod", KEPT_FOR.as_secs().to_string()),
        ("QueueArn", call.arn("sqs", &name)),
        ("ReceiveMessageWaitTimeSeconds", "0".to_owned()),
        ("VisibilityTimeout", HIDDEN.to_string()),
    ]);
    attributes.retain(|name, _| is_wanted(&input.attribute_names, name));
    Ok(QueueAttributes { attributes })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
}

async fn receive_message(call: Call, input: ReceiveMessage) -> Result<Received, Failed> {
    let queue = queue_at(&call, &input.queue_url)?;
    let limit = within("MaxNumberOfMessages", input.max_number_of_messages, (1, 10), 1)?;
    let hidden = within(
        VISIBILITY_TIMEOUT,
        input.visibility_timeout,
        (0, LONGEST_HIDDEN),
        HIDDEN,
    )?;
    let wait = within("WaitTimeSeconds", input.wait_time_seconds, (0, LONGEST_WAIT), 0)?;
    let receiving = Receiving {
        limit: usize::try_from(limit).unwrap_or(1),
        hidden_for: SignedDuration::from_secs(hidden),
        wait: Duration::from_secs(u64::try_from(wait).unwrap_or(0)),
    };
    let received = queue.receive(receiving, call.let_in.as_ref()).await?;
    let wanted =
        |name: &str| is_wanted(&input.attribute_names, name) || is_wanted(&input.message_system_attribute_names, name);
    let messages = received
        .iter()
        .map(|queued| Message::of(queued, queue.agent(), &call.region, wanted))
        .collect::<serde_json::Result<_>>()
        .map_err(|_unserialisable| Problem::internal())?;
    Ok(Received { messages })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

async fn delete_message(call: Call, input: DeleteMessage) -> Result<Nothing, Failed> {
    let queue = queue_at(&call, &input.queue_url)?;
    let place = placed(&input.receipt_handle, &queue)?;
    queue.delete(&[place]).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessageBatch {
    queue_url: String,
    entries: Vec<Deletion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Deletion {
    id: String,
    receipt_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchDeleted {
    successful: Vec<Deleted>,
    failed: Vec<NotDeleted>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Deleted {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NotDeleted {
    id: String,
    sender_fault: bool,
    code: String,
    message: String,
}

async fn delete_message_batch(call: Call, input: DeleteMessageBatch) -> Result<BatchDeleted, Failed> {
    let queue = queue_at(&call, &input.queue_url)?;
    check_batch(&input.entries)?;
    let (mut successful, mut failed, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for Deletion { id, receipt_handle } in input.entries {
        match placed(&receipt_handle, &queue) {
            Ok(place) => {
                places.push(place);
                successful.push(Deleted { id });
            }
            Err(fault) => failed.push(NotDeleted {
                id,
                sender_fault: true,
                code: fault.code.into_owned(),
                message: fault.message,
            }),
        }
    }
    if !places.is_empty() {
        queue.delete(&places).await?;
    }
    Ok(BatchDeleted { successful, failed })
}

/// What holds of a batch as a whole.
fn check_batch(entries: &[Deletion]) -> Result<(), Fault> {
    if entries.is_empty() {
        return Err(Fault::sender(
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one DeleteMessageBatchRequestEntry in the request.",
        ));
    }
    if entries.len() > MOST {
        let sent = entries.len();
        return Err(Fault::sender(
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are {MOST}. You have sent {sent}."),
        ));
    }
    let mut ids = HashSet::new();
    for Deletion { id, .. } in entries {
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(is_id) {
            return Err(Fault::sender(
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                format!(
                    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at \
                     most {LONGEST_ID} letters long."
                ),
            ));
        }
        if !ids.insert(id) {
            return Err(Fault::sender(
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

const VISIBILITY_TIMEOUT: &str = "VisibilityTimeout";

async fn change_message_visibility(call: Call, input: ChangeMessageVisibility) -> Result<Nothing, Failed> {
    let queue = queue_at(&call, &input.queue_url)?;
    let place = placed(&input.receipt_handle, &queue)?;
    let timeout = Some(input.visibility_timeout);
    let hidden = within(VISIBILITY_TIMEOUT, timeout, (0, LONGEST_HIDDEN), HIDDEN)?;
    match queue.hide(place, SignedDuration::from_secs(hidden)).await? {
        Hiding::Changed => Ok(Nothing {}),
        Hiding::NotInFlight => Err(Fault::sender(
            "AWS.SimpleQueueService.MessageNotInflight",
            "The specified message isn't in flight: nobody has it, and whoever asks next gets it.",
        )
        .into()),
        Hiding::Gone => Err(Fault::sender(
            "InvalidParameterValue",
            "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
             visibility timeout change.",
        )
        .into()),
    }
}

/// The caller's own queue, where that is the one it names.
fn own_queue(call: &Call, name: &str) -> Result<Permitted<ReceiveCompletions>, Failed> {
    let own = queue_name(&call.credential.agent().name);
    if name == own {
        return Ok(call.permitted()?);
    }
    if name.starts_with("devops-completed-") {
        let sentence = format!("an agent's queue is its own alone: yours is {own}");
        return Err(Problem::denied(sentence).into());
    }
    Err(Fault::sender(
        "AWS.SimpleQueueService.NonExistentQueue",
        format!("The specified queue does not exist. There is {own} alone here."),
    )
    .into())
}

/// The same by a queue's address, of which the name alone counts: it may be the one that the queue has on AWS.
fn queue_at(call: &Call, url: &str) -> Result<Permitted<ReceiveCompletions>, Failed> {
    let name = url.trim_end_matches('/').rsplit('/').next();
    own_queue(call, name.unwrap_or_default())
}

/// The place of the message that a handle is of.
fn placed(handle: &str, queue: &Permitted<ReceiveCompletions>) -> Result<Cursor, Fault> {
    place_of(handle, queue.agent()).ok_or_else(|| {
        Fault::sender(
            "ReceiptHandleIsInvalid",
            "The input receipt handle is not a valid receipt handle of this queue.",
        )
    })
}

/// Whether an attribute is among those that are asked for.
fn is_wanted(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| wanted == "All" || wanted == name)
}

/// A number within its bounds, or what it is where nothing is said.
fn within(name: &str, value: Option<i64>, (least, most): (i64, i64), default: i64) -> Result<i64, Fault> {
    match value {
        None => Ok(default),
        Some(value) if (least..=most).contains(&value) => Ok(value),
        Some(value) => Err(Fault::sender(
            "InvalidParameterValue",
            format!(
                "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
