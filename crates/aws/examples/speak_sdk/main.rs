//! A driver of the table in tests/wire: AWS's SDK for Rust, as the AWS backend uses it. A line on its standard input is a call in
//! JSON; the next line of its output is the answer.

mod alerts_and_stacks;
mod call;
mod calls;
mod more_calls;
mod tries;

use std::io::{BufRead, Write};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::{Value, json};

use crate::call::{Call, Key, Refused};
use crate::tries::Tries;

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
