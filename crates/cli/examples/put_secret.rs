//! Writes a secret through the control plane and reads it back.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env;
use std::error::Error;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// The detail of `devops.completed`, as far as this example reads it.
#[derive(Deserialize)]
struct Completed {
    status: String,
    result: Option<Value>,
    reason: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    name: String,
    version_id: String,
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // reqwest brings a TLS provider of its own unless it is built without one, as it is here.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let url = env::var("CC_DEVOPS_URL").unwrap_or_else(|_| "http://127.0.0.1:8787".to_owned());
    let token = env::var("CC_DEVOPS_TOKEN")?;
    let client = Client::builder().timeout(Duration::from_mins(1)).build()?;
    let event = json!({
        "source": "agent.ContentOrchestrator",
        "detail-type": "devops.request",
        "detail": {
            "requestId": format!("ContentOrchestrator-{}", uuid::Uuid::now_v7()),
            "action": "putSecret",
            "params": {"name": "/contentcraft/contentorchestrator/from-rust", "value": "not-a-real-key"},
        },
    });
    let done = send(&client, &url, &token, &event).await?;
    if done.status != "success" {
        let (reason, error) = (done.reason.unwrap_or_default(), done.error.unwrap_or_default());
        return Err(format!("{reason}: {error}").into());
    }
    println!("{:#}", done.result.unwrap_or_default());

    let path = "contentcraft/contentorchestrator/from-rust";
    let read = client
        .get(format!("{url}/v1/secrets/{path}"))
        .bearer_auth(&token)
        .send()
        .await?;
    let secret: Secret = read.error_for_status()?.json().await?;
    println!("{} is at version {}", secret.name, secret.version_id);
    Ok(())
}

/// Sends a request until it has its outcome: the detail of `devops.completed`.
///
/// A repeat with the same requestId is never carried out twice, so "it did not arrive", "come back
/// later" and "not ended yet" are all answered in the same way: by sending it again.
async fn send(client: &Client, url: &str, token: &str, event: &Value) -> Result<Completed, Box<dyn Error>> {
    let mut failures = 0;
    loop {
        let request = client
            .post(format!("{url}/v1/events?wait=30"))
            .bearer_auth(token)
            .json(event);
        let pause = match request.send().await {
            Ok(answer) if answer.status() == StatusCode::OK => return Ok(answer.json().await?),
            Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                failures = 0;
                continue;
            }
            Ok(answer) if failures < 5 && matches!(answer.status().as_u16(), 429 | 503 | 504) => {
                let seconds = answer.headers().get("retry-after");
                let seconds = seconds.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
                Duration::from_secs(seconds.unwrap_or(1))
            }
            Ok(answer) => return Err(answer.json::<Problem>().await?.detail.into()),
            Err(_) if failures < 5 => Duration::from_secs(1 << failures),
            Err(error) => return Err(error.into()),
        };
        failures += 1;
        tokio::time::sleep(pause).await;
    }
}
