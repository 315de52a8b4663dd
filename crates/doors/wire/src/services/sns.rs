//! SNS: a message to the alert topic, which people are told of as of any other alert.

use std::collections::BTreeMap;

use cc_devops_alerts::{Notice, Severity};
use cc_devops_http::access::PublishAlerts;
use cc_devops_kernel::input::typed;
use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use crate::fault::{Failed, Fault};
use crate::model::{Map, Member, Shape, Text};
use crate::operation::{Call, Operation, Service};
use crate::services::made_ids::uuid_of;

/// The alert topic's name, section 4 of the wire contract.
const TOPIC: &str = "ops-cost-alerts";

/// How many elements an ARN has at least.
const ELEMENTS: usize = 6;

/// How long a message may be, in bytes.
const MOST_BYTES: usize = 262_144;

/// How long a subject may be, in characters.
const MOST_SUBJECT: usize = 100;

/// The attribute that says how much a message matters.
const SEVERITY: &str = "severity";

static ATTRIBUTE: [Member; 3] = [
    Member::required("DataType", Text::ANY.shape()),
    Member::optional("StringValue", Text::ANY.shape()),
    Member::optional("BinaryValue", Shape::Blob { max: usize::MAX }),
];
static ATTRIBUTES: Map = Map {
    key_name: "Name",
    value_name: "Value",
    ..Map::of(Text::ANY, Shape::Structure(&ATTRIBUTE), usize::MAX)
};
static PUBLISH: [Member; 9] = [
    Member::optional("TopicArn", Text::ANY.shape()),
    Member::optional("TargetArn", Text::ANY.shape()),
    Member::optional("PhoneNumber", Text::ANY.shape()),
    Member::required("Message", Text::ANY.shape()),
    Member::optional("Subject", Text::ANY.shape()),
    Member::optional("MessageStructure", Text::ANY.shape()),
    Member::optional("MessageAttributes", Shape::Map(&ATTRIBUTES)),
    Member::optional("MessageDeduplicationId", Text::ANY.shape()),
    Member::optional("MessageGroupId", Text::ANY.shape()),
];
static PUBLISHED: [Member; 1] = [Member::optional("MessageId", Text::ANY.shape())];

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    vec![Operation::of(Service::Sns, "Publish", (&PUBLISH, &PUBLISHED), publish)]
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Publish {
    topic_arn: Option<String>,
    target_arn: Option<String>,
    phone_number: Option<String>,
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl Attribute {
    /// Why SNS does not take it, where it does not.
    fn wrong(&self, name: &str) -> Option<String> {
        let (kind, label) = match self.data_type.split_once('.') {
            Some((kind, label)) => (kind, Some(label)),
            None => (self.data_type.as_str(), None),
        };
        let name: String = name.chars().take(256).collect();
        if !matches!(kind, "String" | "Number" | "Binary") || label == Some("") {
            return Some(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes \
                 is Binary, Number, and String."
            ));
        }
        let (field, value, other) = match kind {
            "Binary" => ("Binary", &self.binary_value, &self.string_value),
            _ => ("String", &self.string_value, &self.binary_value),
        };
        match value.as_deref() {
            None if other.is_some() => Some(format!(
                "The message attribute '{name}' with type '{kind}' must use field '{field}'."
            )),
            None | Some("") => Some(format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type \
                 '{kind}'."
            )),
            Some(number) if kind == "Number" && !number.parse::<f64>().is_ok_and(f64::is_finite) => {
                Some(format!("Could not cast message attribute '{name}' value to number."))
            }
            Some(_) => None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    message_id: String,
}

async fn publish(call: Call, input: Publish) -> Result<Published, Failed> {
    let (topic, name) = topic(&input)?;
    if name != TOPIC {
        let shown: String = topic.chars().take(256).collect();
        let message = format!(
            "Topic does not exist: {shown}. This control plane serves {} alone; to reach your other topics leave \
             AWS_ENDPOINT_URL_SNS unset for them.",
            call.arn("sns", TOPIC)
        );
        return Err(Fault::sender("NotFound", message)
            .with_status(axum::http::StatusCode::NOT_FOUND)
            .into());
    }
    let notice = notice(&input)?;
    let key = call.permitted::<PublishAlerts>()?.publish(&notice).await?;
    let at = call.signed_at.as_nanosecond();
    Ok(Published {
        // Made of what was published and when.
        message_id: uuid_of(&format!("{key}\n{at}")),
    })
}

/// The topic that is meant: its ARN, and its name.
fn topic(input: &Publish) -> Result<(&str, &str), Fault> {
    let named = [&input.topic_arn, &input.target_arn, &input.phone_number];
    let (parameter, arn) = match named.map(Option::as_deref) {
        [Some(topic), None, None] => ("TopicArn", topic),
        [None, Some(target), None] => ("TargetArn", target),
        [None, None, Some(_)] => {
            return Err(invalid(
                "PhoneNumber Reason: no text message is sent from here; publish to the alert topic",
            ));
        }
        [None, None, None] => return Err(invalid("TopicArn or TargetArn Reason: no value for required parameter")),
        _ => {
            return Err(invalid(
                "TopicArn Reason: Both TopicArn and TargetArn were specified, or a PhoneNumber beside them",
            ));
        }
    };
    let name = name_of(arn).ok_or_else(|| match arn.split(':').count() {
        found @ ..ELEMENTS => invalid(format!(
            "{parameter} Reason: An ARN must have at least {ELEMENTS} elements, not {found}"
        )),
        _ => invalid(format!("{parameter} Reason: it is not the ARN of a topic")),
    })?;
    Ok((arn, name))
}

/// The topic's name: whatever account and region its ARN has, so that an agent needs no other ARN here.
fn name_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let is_arn = parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("sns");
    let (region, account, name, more) = (parts.next(), parts.next(), parts.next(), parts.next());
    (is_arn && region.is_some() && account.is_some() && more.is_none())
        .then_some(name)
        .flatten()
        .filter(|name| !name.is_empty())
}

/// What people are told.
fn notice(input: &Publish) -> Result<Notice, Fault> {
    for (is_given, name) in [
        (input.message_group_id.is_some(), "MessageGroupId"),
        (input.message_deduplication_id.is_some(), "MessageDeduplicationId"),
    ] {
        if is_given {
            return Err(invalid(format!(
                "{name} Reason: The request includes {name} parameter that is not valid for this topic type"
            )));
        }
    }
    let text = match input.message_structure.as_deref() {
        None => input.message.clone(),
        Some("json") => by_protocol(&input.message)?,
        Some(_) => return Err(invalid("MessageStructure Reason: it is `json` or not given")),
    };
    if text.trim().is_empty() {
        return Err(invalid("Empty message"));
    }
    if input.message.len() > MOST_BYTES {
        return Err(invalid("Message too long"));
    }
    let subject = match &input.subject {
        Some(subject) => {
            let fits = !subject.is_empty()
                && subject.chars().count() <= MOST_SUBJECT
                && subject.chars().all(|c| c == ' ' || c.is_ascii_graphic());
            if !fits {
                return Err(invalid(format!(
                    "Subject Reason: 1 to {MOST_SUBJECT} printable ASCII characters, without line breaks"
                )));
            }
            subject.clone()
        }
        // Without a subject the first line says it.
        None => text.trim().lines().next().unwrap_or_default().to_owned(),
    };
    let attributes = &input.message_attributes;
    if let Some(why) = attributes.iter().find_map(|(name, given)| given.wrong(name)) {
        // As AWS's model names what is wrong with an attribute's value.
        return Err(Fault::sender("ParameterValueInvalid", why));
    }
    Ok(Notice {
        subject,
        severity: severity(attributes),
        text,
    })
}

/// Of a message that has a text for each protocol, the one that people read in mails.
fn by_protocol(message: &str) -> Result<String, Fault> {
    let read: Result<Object<String, Value>, _> = typed(message.as_bytes());
    let texts = read.map_err(|_| invalid("Message Structure - JSON message body failed to parse"))?;
    let text = |name| texts.get(name).and_then(Value::as_str);
    let Some(default) = text("default") else {
        return Err(invalid("Message Structure - No default entry in JSON message body"));
    };
    Ok(text("email").unwrap_or(default).to_owned())
}

/// How much it matters: a warning, unless it says otherwise in a word that is known here. For another word no alert is to
/// be lost.
fn severity(attributes: &BTreeMap<String, Attribute>) -> Severity {
    let given = attributes.get(SEVERITY);
    let word = given.and_then(|given| given.string_value.as_deref());
    word.and_then(Severity::named).unwrap_or_default()
}

fn invalid(why: impl std::fmt::Display) -> Fault {
    Fault::sender("InvalidParameter", format!("Invalid parameter: {why}"))
}

#[cfg(test)]
mod tests;
