//! The queue of requests: taken by a process that runs all the time instead of by the function.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, QueueAttributeName};
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_core::ports::PortResult;
use futures::{FutureExt, StreamExt, stream};
use serde_json::Value;

use crate::Backend;
use crate::error::port_error;

/// How many messages one call takes.
const BATCH: i32 = 10;
/// How long one call waits for messages, in seconds; the longest SQS allows.
const HOLD: i32 = 20;
/// How many messages are carried out at once.
const AT_ONCE: usize = 10;

impl Backend {
    /// Takes messages and hands each one's event to `take` until `stop` comes true; what was taken
    /// is finished first. A message is removed when `take` says so; else it comes again after the
    /// queue's visibility timeout, and after five times it is a dead letter.
    ///
    /// # Errors
    /// There is no such queue, or it may not be read.
    pub async fn consume<F, T>(&self, take: F, stop: impl Future<Output = ()>) -> PortResult<()>
    where
        F: Fn(Value) -> T,
        T: Future<Output = bool>,
    {
        let sqs = self.shared.clients.sqs();
        let url = self.queue_url(&self.shared.resources.request_queue).await?;
        let mut stop = std::pin::pin!(stop);
        let mut delays = delays();
        loop {
            let call = sqs
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(BATCH)
                .wait_time_seconds(HOLD);
            // Longer than the clients' own timeouts, because the service holds the answer back.
            let patient = aws_sdk_sqs::config::Config::builder().timeout_config(
                aws_config::timeout::TimeoutConfig::builder()
                    .operation_attempt_timeout(Duration::from_secs(30))
                    .operation_timeout(Duration::from_mins(1))
                    .build(),
            );
            let received = tokio::select! {
                () = &mut stop => return Ok(()),
                received = call.customize().config_override(patient).send() => received,
            };
            let messages = match received {
                Ok(answer) => {
                    delays = self::delays();
                    answer.messages.unwrap_or_default()
                }
                Err(error) => {
                    let error = port_error("sqs:ReceiveMessage", error);
                    tracing::warn!(%error, "no requests were taken from the queue; it is tried again");
                    tokio::select! {
                        () = &mut stop => return Ok(()),
                        () = tokio::time::sleep(delays.next().unwrap_or(Duration::from_secs(30))) => continue,
                    }
                }
            };
            stream::iter(messages)
                .for_each_concurrent(AT_ONCE, |message| self.one(&url, message, &take))
                .await;
        }
    }

    async fn one<F, T>(&self, url: &str, message: Message, take: &F)
    where
        F: Fn(Value) -> T,
        T: Future<Output = bool>,
    {
        let Ok(event) = serde_json::from_str(message.body().unwrap_or_default()) else {
            tracing::error!("a message is no JSON, so it did not come over the bus; it ends in the dead letters");
            return;
        };
        match AssertUnwindSafe(take(event)).catch_unwind().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(_panic) => {
                tracing::error!("panicked over a message; it is given again");
                return;
            }
        }
        let call = self.shared.clients.sqs().delete_message().queue_url(url);
        if let Err(error) = call.set_receipt_handle(message.receipt_handle).send().await {
            // It comes again, and changes nothing more.
            let error = port_error("sqs:DeleteMessage", error);
            tracing::warn!(%error, "a message was taken and could not be removed");
        }
    }

    async fn queue_url(&self, name: &str) -> PortResult<String> {
        let call = self.shared.clients.sqs().get_queue_url().queue_name(name);
        let answer = call
            .send()
            .await
            .map_err(|error| port_error("sqs:GetQueueUrl", error))?;
        Ok(answer.queue_url.unwrap_or_default())
    }

    /// How many messages stand in a queue, waiting or taken.
    pub async fn queue_length(&self, name: &str) -> PortResult<u64> {
        let url = self.queue_url(name).await?;
        let call = self.shared.clients.sqs().get_queue_attributes().queue_url(url);
        let call = call
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
        let answer = call
            .send()
            .await
            .map_err(|error| port_error("sqs:GetQueueAttributes", error))?;
        let counts = answer.attributes.unwrap_or_default();
        Ok(counts.values().filter_map(|count| count.parse::<u64>().ok()).sum())
    }
}

fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}
