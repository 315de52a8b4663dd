//! A completion as a message: the whole event, as a rule's target gets it, under ids that stay the same.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cc_devops_kernel::events::{COMPLETED_DETAIL_TYPE, COMPLETED_SOURCE};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::paging::Cursor;
use cc_devops_outbox::completion_queue::QueuedCompletion;
use md5::Md5;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::operation::ACCOUNT;

/// A message as it is received.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    #[serde(rename = "MessageId")]
    id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

/// The event as EventBridge hands it to a rule's target.
#[derive(Serialize)]
struct Event<'a> {
    version: &'static str,
    id: String,
    #[serde(rename = "detail-type")]
    detail_type: &'static str,
    source: &'static str,
    account: &'static str,
    time: String,
    region: &'a str,
    resources: [&'static str; 0],
    detail: &'a Completed,
}

impl Message {
    /// A completion of an agent's queue, with those of its attributes that are wanted.
    ///
    /// # Errors
    /// An outcome that cannot be written as JSON.
    pub(super) fn of(
        queued: &QueuedCompletion,
        agent: &AgentName,
        region: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> serde_json::Result<Self> {
        let event = Event {
            version: "0",
            id: stable_id("event", queued, agent).to_string(),
            detail_type: COMPLETED_DETAIL_TYPE,
            source: COMPLETED_SOURCE,
            account: ACCOUNT,
            time: queued.completed.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            region,
            resources: [],
            detail: &queued.completed,
        };
        let body = serde_json::to_string(&event)?;
        let mut attributes = BTreeMap::from([
            ("SenderId", ACCOUNT.to_owned()),
            ("SentTimestamp", queued.sent_at.as_millisecond().to_string()),
            ("ApproximateReceiveCount", queued.receives.to_string()),
            (
                "ApproximateFirstReceiveTimestamp",
                queued.first_received_at.as_millisecond().to_string(),
            ),
        ]);
        attributes.retain(|name, _| wanted(name));
        Ok(Self {
            id: stable_id("message", queued, agent).to_string(),
            receipt_handle: receipt_handle(queued, agent),
            md5_of_body: hex::encode(Md5::digest(&body)),
            body,
            attributes,
        })
    }
}

/// An id that is the same whenever the completion is received, and no other completion's: by its place in the log and by when
/// it came there, because another store's log has the same places.
fn stable_id(of: &str, queued: &QueuedCompletion, agent: &AgentName) -> Uuid {
    let (Cursor(place), at) = (queued.place, queued.sent_at.as_nanosecond());
    let digest = Sha256::digest(format!("{of}\n{agent}\n{place}\n{at}"));
    let mut bytes = [0; 16];
    for (byte, digit) in bytes.iter_mut().zip(digest) {
        *byte = digit;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// What a message is deleted by. It holds the message's place and is another one each time the message is received; it keeps
/// nobody out, because nobody but the queue's agent gets to the queue.
fn receipt_handle(queued: &QueuedCompletion, agent: &AgentName) -> String {
    let receipt = format!("{}.{}", queued.place.0, queued.receives);
    URL_SAFE_NO_PAD.encode(format!("{receipt}.{}", check(&receipt, agent)))
}

/// The place of the message that a handle is of; none where it is no handle of this agent's queue.
pub(super) fn place_of(handle: &str, agent: &AgentName) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(handle).ok()?).ok()?;
    let (receipt, checked) = text.rsplit_once('.')?;
    let (place, _receives) = receipt.split_once('.')?;
    let place = place.parse().ok().map(Cursor);
    place.filter(|_| check(receipt, agent) == checked)
}

/// Tells a handle of another queue, or one that was cut off.
fn check(receipt: &str, agent: &AgentName) -> String {
    let digest = hex::encode(Sha256::digest(format!("receipt\n{agent}\n{receipt}")));
    digest.chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, after, agent_name};
    use serde_json::{Value, json};

    use super::*;

    fn queued(place: i64, receives: u32) -> QueuedCompletion {
        QueuedCompletion {
            place: Cursor(place),
            completed: sample::success(&sample::head("r1"), 1).completed,
            sent_at: after(1),
            first_received_at: after(2),
            receives,
        }
    }

    fn message(queued: &QueuedCompletion, wanted: impl Fn(&str) -> bool) -> Message {
        Message::of(queued, &agent_name(AGENT), "eu-west-1", wanted).unwrap()
    }

    #[test]
    fn a_message_is_the_event_as_a_rules_target_gets_it() {
        let message = message(&queued(7, 1), |_| false);
        let body: Value = serde_json::from_str(&message.body).unwrap();
        let id = body["id"].as_str().unwrap();
        assert_eq!(Uuid::parse_str(id).unwrap().to_string(), id);
        let expected = json!({
            "version": "0", "id": id, "detail-type": "devops.completed", "source": "devops.automation",
            "account": "000000000000", "time": "2025-06-15T15:06:41Z", "region": "eu-west-1", "resources": [],
            "detail": queued(7, 1).completed,
        });
        assert_eq!(body, expected);
        assert_eq!(message.md5_of_body, hex::encode(Md5::digest(&message.body)));
        assert!(message.attributes.is_empty(), "none were asked for");
    }

    /// RFC 1321, appendix A.5.
    #[test]
    fn the_digest_is_md5() {
        let digest = hex::encode(Md5::digest("message digest"));
        assert_eq!(digest, "f96b697d7cb7938d525a2f31aaf161d0");
    }

    #[test]
    fn a_message_keeps_its_ids_and_has_another_handle_each_time() {
        let (first, again, other) = (queued(7, 1), queued(7, 2), queued(8, 1));
        let [first, again, other] = [first, again, other].map(|queued| message(&queued, |_| false));
        assert_eq!((&first.id, &first.body), (&again.id, &again.body));
        assert_ne!(first.receipt_handle, again.receipt_handle);
        assert_ne!(first.id, other.id);
        assert_ne!(first.body, other.body, "its event has an id of its own");
    }

    #[test]
    fn attributes_are_those_that_are_wanted() {
        let attributes = |wanted: fn(&str) -> bool| json!(message(&queued(7, 2), wanted).attributes);
        assert_eq!(
            attributes(|name| name.starts_with("Approximate")),
            json!({"ApproximateReceiveCount": "2", "ApproximateFirstReceiveTimestamp": "1750000002000"})
        );
        assert_eq!(
            attributes(|name| name == "SentTimestamp"),
            json!({"SentTimestamp": "1750000001000"})
        );
    }

    #[test]
    fn a_handle_is_of_one_agents_queue() {
        let handle = message(&queued(7, 3), |_| false).receipt_handle;
        assert_eq!(place_of(&handle, &agent_name(AGENT)), Some(Cursor(7)));
        assert_eq!(place_of(&handle, &agent_name(OTHER_AGENT)), None);
        for broken in ["", "x", "Ny4z", &handle[1..], format!("{handle}A").as_str(), "é"] {
            assert_eq!(place_of(broken, &agent_name(AGENT)), None, "{broken:?}");
        }
    }
}
