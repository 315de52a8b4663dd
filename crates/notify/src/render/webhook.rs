//! A message as a webhook by the Standard Webhooks specification.

use cc_devops_alerts::Message;
use jiff::Timestamp;
use serde_json::json;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// `{"type": "alert.<kind>", "timestamp": …, "data": the message}`; the same bytes at every try.
pub fn body(message: &Message) -> String {
    json!({
        "type": format!("alert.{}", message.kind.as_str()),
        "timestamp": message.at,
        "data": message,
    })
    .to_string()
}

/// The headers that go with it: who sends a body when, signed where there is a secret (`whsec_…`).
///
/// # Errors
/// The secret is none that signs. The text does not hold it.
pub fn headers(
    id: &str,
    body: &str,
    signing: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, &'static str> {
    let mut headers = vec![
        (HEADER_WEBHOOK_ID, id.to_owned()),
        (HEADER_WEBHOOK_TIMESTAMP, now.as_second().to_string()),
    ];
    if let Some(secret) = signing {
        let signature = Webhook::new(secret)
            .and_then(|webhook| webhook.sign(id, now.as_second(), body.as_bytes()))
            .map_err(|_| "the signing secret cannot be used: it must be whsec_ and base64")?;
        headers.push((HEADER_WEBHOOK_SIGNATURE, signature));
    }
    Ok(headers)
}
