//! The queue of requests: taken by a process that runs all the time instead of by the function.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use crate::error::port_error;
use crate::{Backend, Shared};

/// How many messages one call takes; the most SQS gives.
const BATCH: usize = 10;
/// How long one call waits for messages, in seconds; the longest SQS allows.
const HOLD: i32 = 20;
/// How many messages are carried out at once.
const AT_ONCE: usize = 32;

/// A queue that exists.
pub struct Queue {
    shared: Arc<Shared>,
    url: String,
}

impl Backend {
    /// The queue of requests.
    ///
    /// # Errors
    /// As [`Backend::queue`].
    pub async fn request_queue(&self) -> PortResult<Queue> {
        self.queue(&self.shared.resources.request_queue).await
    }

    /// A queue of that name.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn queue(&self, name: &str) -> PortResult<Queue> {
        match self.shared.clients.sqs().get_queue_url().queue_name(name).send().await {
            Ok(answer) => Ok(Queue {
                shared: self.shared.clone(),
                url: answer.queue_url.unwrap_or_default(),
            }),
            // The code differs between SQS's two protocols.
            Err(error)
                if error
                    .code()
                    .is_some_and(|code| code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist")) =>
            {
                let message =
                    format!("there is no queue {name} in this account and region: deploy the stack with `make deploy`");
                Err(PortError::new(PortErrorKind::NotFound, message).because(error))
            }
            Err(error) => Err(port_error("sqs:GetQueueUrl", error)),
        }
    }
}

impl Queue {
    /// Takes messages and hands each one's text to `take` until `stop` comes true; what was taken
    /// is finished first. A message is removed when `take` says so; else it comes again after the
    /// queue's visibility timeout, and after five times it is a dead letter.
    pub async fn consume<F, T>(&self, take: F, stop: impl Future<Output = ()>)
    where
        F: Fn(String) -> T,
        T: Future<Output = bool>,
    {
        let mut stop = std::pin::pin!(stop);
        let mut delays = delays();
        let mut running = FuturesUnordered::new();
        loop {
            let room = AT_ONCE.saturating_sub(running.len()).min(BATCH);
            if room == 0 {
                running.next().await;
                continue;
            }
            let received = {
                let mut receive = std::pin::pin!(self.receive(room));
                // A message that ends does not cut the call off: what it was given would be hidden
                // from everybody. A stop does, because it may not take so long.
                loop {
                    tokio::select! {
                        biased;
                        () = &mut stop => break None,
                        Some(()) = running.next() => {}
                        received = &mut receive => break Some(received),
                    }
                }
            };
            let pause = match received {
                None => break,
                Some(Ok(messages)) => {
                    delays = self::delays();
                    running.extend(messages.into_iter().map(|message| self.one(message, &take)));
                    continue;
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "no requests were taken from the queue; it is tried again");
                    delays.next().unwrap_or(LONGEST_DELAY)
                }
            };
            let mut pause = std::pin::pin!(tokio::time::sleep(pause));
            let stopped = loop {
                tokio::select! {
                    () = &mut stop => break true,
                    Some(()) = running.next() => {}
                    () = &mut pause => break false,
                }
            };
            if stopped {
                break;
            }
        }
        while running.next().await.is_some() {}
    }

    async fn receive(&self, most: usize) -> PortResult<Vec<Message>> {
        let call = self.shared.clients.sqs().receive_message().queue_url(&self.url);
        let call = call
            .max_number_of_messages(i32::try_from(most).unwrap_or(1))
            .wait_time_seconds(HOLD);
        // Longer than the clients' own timeouts, because the service holds the answer back.
        let patient = aws_sdk_sqs::config::Config::builder().timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(Duration::from_secs(30))
                .operation_timeout(Duration::from_mins(1))
                .build(),
        );
        let answer = call.customize().config_override(patient).send().await;
        let answer = answer.map_err(|error| port_error("sqs:ReceiveMessage", error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn one<F, T>(&self, message: Message, take: &F)
    where
        F: Fn(String) -> T,
        T: Future<Output = bool>,
    {
        let body = message.body().unwrap_or_default().to_owned();
        match AssertUnwindSafe(take(body)).catch_unwind().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(_panic) => {
                tracing::error!("panicked over a message; it is given again");
                return;
            }
        }
        let call = self.shared.clients.sqs().delete_message().queue_url(&self.url);
        if let Err(error) = call.set_receipt_handle(message.receipt_handle).send().await {
            // It comes again, and changes nothing more.
            let error = port_error("sqs:DeleteMessage", error);
            tracing::warn!(%error, "a message was taken and could not be removed");
        }
    }

    /// How many messages stand in the queue, waiting or taken.
    pub async fn length(&self) -> PortResult<u64> {
        let call = self.shared.clients.sqs().get_queue_attributes().queue_url(&self.url);
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

/// The longest to wait after a call that failed.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}
