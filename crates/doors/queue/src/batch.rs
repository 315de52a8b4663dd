//! A batch of messages as Lambda hands it over, and the answer that says which of them failed.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use tracing::{Instrument, info_span};

use crate::Delivered;

/// How many messages of a batch are carried out at once.
pub const AT_ONCE: usize = 10;

/// A message from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How the queue knows it.
    pub id: String,
    /// Its body; none where there is no text.
    pub body: Option<String>,
}

/// Messages that came together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Each of them, in the order in which they came.
    pub messages: Vec<Message>,
}

/// What was meant as a batch, and of which not every message can be named. Answered in whatever way, it would count as
/// done and be deleted, so the whole must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBatch;

/// The messages that are to be given again, by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub Vec<String>);

impl Batch {
    /// Reads the `Records` of an invocation.
    ///
    /// # Errors
    /// One of them has no id, so that nobody could say that it failed.
    pub fn read(records: Value) -> Result<Self, NoBatch> {
        let Value::Array(records) = records else {
            return Err(NoBatch);
        };
        let text = |value: Option<&mut Value>| match value.map(Value::take) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let message = |mut record: Value| {
            Some(Message {
                id: text(record.get_mut("messageId")).filter(|id| !id.is_empty())?,
                body: text(record.get_mut("body")),
            })
        };
        let messages: Option<Vec<Message>> = records.into_iter().map(message).collect();
        messages.map(|messages| Self { messages }).ok_or(NoBatch)
    }

    /// Hands each message's text to `take`, ten at once, and says which are to be given again. One that panics is, and
    /// holds up no other.
    pub async fn hand_over<F, T>(self, take: F) -> Failed
    where
        F: Fn(String) -> T,
        T: Future<Output = Delivered>,
    {
        let take = &take;
        let failed: Vec<Option<String>> = stream::iter(self.messages)
            .map(|Message { id, body }| async move {
                let span = info_span!("message", message_id = id);
                let done = AssertUnwindSafe(async { take(body.unwrap_or_default()).await })
                    .catch_unwind()
                    .instrument(span)
                    .await;
                match done {
                    Ok(Delivered::Taken) => None,
                    Ok(Delivered::Again) => Some(id),
                    Err(_panic) => {
                        tracing::error!(message_id = id, "panicked over a message; it is given again");
                        Some(id)
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        Failed(failed.into_iter().flatten().collect())
    }
}

impl Failed {
    /// The answer that Lambda expects: all other messages are deleted.
    pub fn answer(&self) -> Value {
        let failures = self.0.iter().map(|id| json!({"itemIdentifier": id}));
        json!({"batchItemFailures": failures.collect::<Vec<Value>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_with_a_message_that_cannot_be_named_is_none() {
        let named = json!({"messageId": "1", "body": "{}"});
        for records in [
            json!(null),
            json!({}),
            json!([named, {"body": "{}"}]),
            json!([named, {"messageId": "", "body": "{}"}]),
            json!([named, null]),
        ] {
            assert_eq!(Batch::read(records.clone()), Err(NoBatch), "{records}");
        }
        let batch = Batch::read(json!([named, {"messageId": "2", "body": 7}])).unwrap();
        assert!(batch.messages[0].body.is_some() && batch.messages[1].body.is_none());
    }

    #[tokio::test]
    async fn those_that_fail_and_those_that_panic_are_named_and_no_other() {
        let records = ["taken", "again", "panic"].map(|word| json!({"messageId": word, "body": word}));
        let batch = Batch::read(json!(records)).unwrap();
        let failed = batch.hand_over(|body| async move {
            match body.as_str() {
                "taken" => Delivered::Taken,
                "again" => Delivered::Again,
                _ => panic!("a fault"),
            }
        });
        let mut failed = failed.await;
        failed.0.sort();
        assert_eq!(failed.0, ["again", "panic"]);
        let answer = json!({"batchItemFailures": [{"itemIdentifier": "again"}, {"itemIdentifier": "panic"}]});
        assert_eq!(failed.answer(), answer);
    }
}
