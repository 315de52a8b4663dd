//! A driver of the table in tests/wire: AWS's SDK for Rust, as the AWS backend uses it. A line on its standard input is a call in
//! JSON; the next line of its output is the answer.

mod alerts_and_stacks;
mod calls;
mod more_calls;
mod tries;

use std::io::{BufRead, Write};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tries::Tries;

/// A call, as the table has it.
#[derive(Deserialize)]
struct Call {
    service: String,
    operation: String,
    #[serde(rename = "with")]
    arguments: Value,
    endpoint: String,
    region: String,
    key: Key,
}

/// What it is signed with.
#[derive(Deserialize)]
struct Key {
    id: String,
    secret: String,
    token: Option<String>,
}

/// Why there is no answer to show, in the form of an answer.
struct Refused(Value);

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
    fn unknown(call: &Call) -> Self {
        Self(json!({"broken": format!("this driver does not know {}:{}", call.service, call.operation)}))
    }
}

fn config(call: &Call, tries: &Tries) -> SdkConfig {
    let Key { id, secret, token } = &call.key;
    let credentials = Credentials::new(id, secret, token.clone(), None, "table");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(call.region.clone()))
        .endpoint_url(&call.endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(tries.client())
        .build()
}

async fn answered(line: &str) -> Value {
    let call = match serde_json::from_str::<Call>(line) {
        Ok(call) => call,
        Err(error) => return json!({"broken": error.to_string()}),
    };
    let tries = Tries::default();
    let mut told = match calls::made(&call, &config(&call, &tries)).await {
        Ok(answer) => json!({"ok": answer, "status": 200}),
        Err(Refused(told)) => told,
    };
    if let Some(told) = told.as_object_mut() {
        told.insert("tries".to_owned(), json!(tries.counted()));
    }
    told
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answered(&line?).await;
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
