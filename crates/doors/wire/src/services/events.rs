//! EventBridge: the default bus, as far as this control plane reads it. An entry of `PutEvents` is a `POST /v1/events`.

use cc_devops_http::access::{Permitted, SubmitOutcome, SubmitRequests};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::input::{self, InputError};
use cc_devops_kernel::outcome::{Failure, Reason};
use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::fault::{Failed, Fault};
use crate::model::{List, Member, Shape, Text};
use crate::operation::{Call, Operation, Service};

/// How many bytes the entries of a call have at most, as EventBridge counts them.
const MOST_BYTES: usize = 256 * 1024;

/// What a time weighs, as EventBridge counts.
const TIME_BYTES: usize = 14;

/// The one bus there is.
const DEFAULT_BUS: &str = "default";

const RESOURCES: List = List::of(Text::of(0, 2048).shape(), 0, usize::MAX);

const ENTRY: &[Member] = &[
    Member::optional("Time", Shape::Timestamp),
    Member::optional("Source", Text::ANY.shape()),
    Member::optional("Resources", Shape::List(&RESOURCES)),
    Member::optional("DetailType", Text::ANY.shape()),
    Member::optional("Detail", Text::ANY.shape()),
    Member::optional(
        "EventBusName",
        Text::of(1, 1600)
            .like(r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+")
            .shape(),
    ),
    Member::optional("TraceHeader", Text::of(1, 500).shape()),
];

const ENTRIES: List = List::of(Shape::Structure(ENTRY), 1, 10);

const INPUT: &[Member] = &[
    Member::required("Entries", Shape::List(&ENTRIES)),
    Member::optional(
        "EndpointId",
        Text::of(1, 50).like(r"^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$").shape(),
    ),
];

const RESULT: &[Member] = &[
    Member::optional("EventId", Text::of(0, 64).shape()),
    Member::optional("ErrorCode", Text::ANY.shape()),
    Member::optional("ErrorMessage", Text::ANY.shape()),
];

const RESULTS: List = List::of(Shape::Structure(RESULT), 0, usize::MAX);

const OUTPUT: &[Member] = &[
    Member::optional(
        "FailedEntryCount",
        Shape::Integer {
            min: i32::MIN as i64,
            max: i32::MAX as i64,
        },
    ),
    Member::optional("Entries", Shape::List(&RESULTS)),
];

/// What is served of EventBridge.
pub(crate) fn operations() -> Vec<Operation> {
    vec![Operation::of(Service::Events, "PutEvents", (INPUT, OUTPUT), put_events)]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
    endpoint_id: Option<String>,
}

/// An event to be put. Its trace header is for AWS's X-Ray, and says nothing here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    time: Option<Timestamp>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    failed_entry_count: usize,
    entries: Vec<EntryResult>,
}

/// What became of an entry: its event's id, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EntryResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl EntryResult {
    fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            event_id: None,
            error_code: Some(code),
            error_message: Some(message.into()),
        }
    }
}

async fn put_events(call: Call, input: PutEvents) -> Result<Put, Failed> {
    if input.endpoint_id.is_some() {
        let message = "There are no global endpoints here: leave EndpointId out.";
        return Err(Fault::sender("ValidationException", message).into());
    }
    if input.entries.iter().map(Entry::bytes).sum::<usize>() > MOST_BYTES {
        let message = "Total size of the entries in the request is over the limit.";
        return Err(Fault::sender("ValidationException", message).into());
    }
    let permitted = call.permitted::<SubmitRequests>()?;
    let mut results = Vec::with_capacity(input.entries.len());
    for entry in input.entries {
        results.push(put(&permitted, entry));
    }
    let results = join_all(results).await;
    // Where nothing at all could be stored, the answer as a whole says so, and clients come again.
    if let Some(Err(problem)) = results.first()
        && results.iter().all(Result::is_err)
    {
        return Err(problem.clone().into());
    }
    let entries: Vec<EntryResult> = results
        .into_iter()
        .map(|result| result.unwrap_or_else(|problem| not_stored(&problem)))
        .collect();
    Ok(Put {
        failed_entry_count: entries.iter().filter(|entry| entry.error_code.is_some()).count(),
        entries,
    })
}

/// Puts one entry on the bus. What is wrong with it is on record, also where nobody can say which request it was to be.
async fn put(permitted: &Permitted<SubmitRequests>, entry: Entry) -> Result<EntryResult, Problem> {
    let id = Uuid::now_v7().to_string();
    let event = match entry.into_event(&id) {
        Ok(event) => event,
        Err((code, message)) => {
            let failure = Failure::new(Reason::SchemaValidationFailed, message.as_str());
            permitted.refuse(failure).await?;
            return Ok(EntryResult::failed(code, message));
        }
    };
    Ok(match permitted.hand_in(event).await? {
        SubmitOutcome::Taken => EntryResult {
            event_id: Some(id),
            error_code: None,
            error_message: None,
        },
        SubmitOutcome::Disowned(sentence) => EntryResult::failed("AccessDeniedException", sentence),
        SubmitOutcome::Unreadable(failure) => EntryResult::failed("InvalidArgument", failure.message),
    })
}

/// An entry that could not be stored beside others that were: clients put it again.
fn not_stored(problem: &Problem) -> EntryResult {
    let code = if problem.status().is_client_error() {
        "ThrottlingException"
    } else {
        "InternalFailure"
    };
    EntryResult::failed(code, problem.detail())
}

impl Entry {
    /// What the entry weighs, as EventBridge counts.
    fn bytes(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts = texts.into_iter().flatten().chain(&self.resources).map(String::len);
        texts.sum::<usize>() + self.time.map_or(0, |_| TIME_BYTES)
    }

    /// The event as the bus hands it on, or the code and the sentence of what is wrong with it.
    fn into_event(self, id: &str) -> Result<Value, (&'static str, String)> {
        if let Some(bus) = self.event_bus_name.as_deref().filter(|bus| !is_default(bus)) {
            return Err((
                "ResourceNotFoundException",
                format!("Event bus {bus} does not exist. There is the default bus alone: leave EventBusName out."),
            ));
        }
        let source = required("Source", self.source)?;
        let detail_type = required("DetailType", self.detail_type)?;
        let detail = match input::document(required("Detail", self.detail)?.as_bytes()) {
            Ok(detail @ Value::Object(_)) => detail,
            Ok(_) => {
                return Err((
                    "MalformedDetail",
                    "Detail is malformed: it must be a JSON object.".to_owned(),
                ));
            }
            Err(InputError::NotJson(error) | InputError::Refused(error)) => {
                return Err(("MalformedDetail", format!("Detail is malformed: {error}.")));
            }
        };
        let mut event = Map::new();
        event.insert("id".to_owned(), Value::String(id.to_owned()));
        event.insert("source".to_owned(), Value::String(source));
        event.insert("detail-type".to_owned(), Value::String(detail_type));
        event.insert("detail".to_owned(), detail);
        Ok(Value::Object(event))
    }
}

/// Whether a bus's name, or its ARN, is the default one's.
fn is_default(bus: &str) -> bool {
    bus == DEFAULT_BUS || (bus.starts_with("arn:") && bus.ends_with(":event-bus/default"))
}

fn required(name: &str, value: Option<String>) -> Result<String, (&'static str, String)> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        (
            "InvalidArgument",
            format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
        )
    })
}

#[cfg(test)]
mod tests;
