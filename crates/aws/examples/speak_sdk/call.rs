//! A call of the table: what it says, its arguments, and why there is no answer to it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use serde::Deserialize;
use serde_json::{Value, json};

/// A call, as the table has it.
#[derive(Deserialize)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
    #[serde(rename = "with")]
    pub(crate) arguments: Value,
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) key: Key,
}

/// What it is signed with.
#[derive(Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

/// Why there is no answer to show, in the form of an answer.
pub(crate) struct Refused(pub(crate) Value);

impl<E> From<SdkError<E, HttpResponse>> for Refused
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (&error, status) {
            (SdkError::ServiceError(_), Some(status)) => Self(json!({
                "error": {"code": error.code(), "message": error.message().unwrap_or_default()},
                "status": status,
            })),
            _ => Self(json!({"broken": DisplayErrorContext(&error).to_string()})),
        }
    }
}

impl From<BuildError> for Refused {
    fn from(error: BuildError) -> Self {
        Self(json!({"broken": error.to_string()}))
    }
}

impl Refused {
    pub(crate) fn unknown(call: &Call) -> Self {
        Self(json!({"broken": format!("this driver does not know {}:{}", call.service, call.operation)}))
    }
}

pub(crate) type Answer = Result<Value, Refused>;

/// An argument that is a text.
pub(crate) fn text(arguments: &Value, name: &str) -> Option<String> {
    Some(arguments.get(name)?.as_str()?.to_owned())
}

/// An argument that is a number of 32 bits.
pub(crate) fn number(arguments: &Value, name: &str) -> Option<i32> {
    i32::try_from(arguments.get(name)?.as_i64()?).ok()
}

/// An argument that is yes or no.
pub(crate) fn flag(arguments: &Value, name: &str) -> Option<bool> {
    arguments.get(name)?.as_bool()
}

/// An argument that is a list of texts.
pub(crate) fn texts(arguments: &Value, name: &str) -> Option<Vec<String>> {
    let list = arguments.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The elements of an argument that is a list.
pub(crate) fn elements<'a>(arguments: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    arguments.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A moment as an answer shows it.
pub(crate) fn moment(at: Option<&DateTime>) -> Option<String> {
    at.map(ToString::to_string)
}
