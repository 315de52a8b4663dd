//! The route as a Lambda function's own address. Source of both forms:
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads> (payload format 2.0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use cc_devops_requests::engine::ControlPlane;
use serde_json::{Value, json};

use crate::clicks::{NotTaken, SIGNATURE_HEADER, SlackClicks, TIMESTAMP_HEADER};

/// The largest body, in bytes. A message of Slack's is far smaller.
const LARGEST: usize = 1 << 20;

/// Answers an invocation: the decision is written, and said in Slack. Whoever sweeps carries it out.
pub async fn handle(clicks: &SlackClicks, plane: &ControlPlane, event: &Value) -> Value {
    if event.pointer("/requestContext/http/method").and_then(Value::as_str) != Some("POST") {
        return refused(405, "this address takes what Slack posts, and nothing else");
    }
    // Header names come in lower case.
    let header = |name: &str| event.get("headers")?.get(name)?.as_str();
    let (timestamp, signature) = (header(TIMESTAMP_HEADER), header(SIGNATURE_HEADER));
    if let Err(error) = clicks.admits(timestamp, signature) {
        return not_taken(&error);
    }
    let Some(body) = body(event) else {
        return refused(400, "the body cannot be read");
    };
    if body.len() > LARGEST {
        return refused(413, "the body is too large");
    }
    let signed = (timestamp.unwrap_or_default(), signature.unwrap_or_default());
    match clicks.take(plane, signed, &body).await {
        Ok(answer) => {
            if let Some(answer) = answer {
                clicks.answer(answer).await;
            }
            json!({"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": ""})
        }
        Err(error) => not_taken(&error),
    }
}

/// The body as it was sent.
fn body(event: &Value) -> Option<Vec<u8>> {
    let text = match event.get("body") {
        None | Some(Value::Null) => "",
        Some(body) => body.as_str()?,
    };
    match event.get("isBase64Encoded").and_then(Value::as_bool) {
        Some(true) => STANDARD.decode(text).ok(),
        _ => Some(text.as_bytes().to_vec()),
    }
}

fn not_taken(error: &NotTaken) -> Value {
    match error {
        NotTaken::NotSlack(error) => refused(403, &error.to_string()),
        NotTaken::NoInteraction(error) => refused(400, &error.to_string()),
        NotTaken::Port(error) => failed(error),
    }
}

/// What a stranger may be told of a port that failed.
fn failed(error: &PortError) -> Value {
    tracing::error!(%error, "a click in Slack was not taken");
    if error.kind == PortErrorKind::NotFound {
        refused(404, &error.message)
    } else {
        refused(503, "the decision could not be written; click again")
    }
}

fn refused(status: u16, detail: &str) -> Value {
    json!({
        "statusCode": status,
        "headers": {"content-type": "application/problem+json"},
        "body": json!({"type": "about:blank", "status": status, "detail": detail}).to_string(),
    })
}
