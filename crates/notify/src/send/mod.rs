//! One try to send one message by one channel.
//!
//! LOGGING: no address, no key, no password and no body of an answer is logged or becomes part of an error.

mod http;
mod outside_watch;
mod smtp;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cc_devops_alerts::Message;
use cc_devops_kernel::ports::Clock;
use cc_devops_outbound::{Certificates, Error, Guard, HttpClient, HttpOptions, Trust};
use jiff::SignedDuration;

use crate::channel::{Channel, Transport, Value};
use crate::ports::Topics;
use crate::render;
use crate::values::{Known, Values};

use http::{Post, Receiver};
use smtp::Mails;

/// The longest that one try may take. A receiver that thinks for half a minute is heard out.
pub(crate) const LONGEST_TRY: Duration = Duration::from_secs(40);

/// The longest wait that a receiver may ask for.
pub(crate) const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Why a message did not arrive, and what is to be done. The text names no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotSent {
    /// A lowercase fragment: what happened, and what a person can do.
    pub(crate) error: String,
    /// When another try is of use.
    pub(crate) again: Again,
}

/// When another try is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It may pass by itself.
    Later,
    /// The receiver asks to be left alone for so long, with everything.
    After(SignedDuration),
    /// A value is missing, which may be given any minute.
    WhenGiven,
    /// Not before somebody changes something.
    WhenChanged,
    /// Never: it is this message that cannot be sent.
    Never,
}

impl NotSent {
    pub(crate) fn new(again: Again, error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            again,
        }
    }
}

/// With what is sent.
pub struct SendOptions {
    /// Which addresses are called.
    pub guard: Guard,
    /// Certificates that are trusted beside the machine's, as PEM.
    pub certificates: Option<Vec<u8>>,
    /// Topics of SNS; none where there is no AWS.
    pub topics: Option<Arc<dyn Topics>>,
}

/// Sends.
pub(crate) struct Sender {
    pub(crate) values: Values,
    send_options: SendOptions,
    clock: Arc<dyn Clock>,
    client: OnceLock<HttpClient>,
    mails: Mails,
}

impl Sender {
    pub(crate) fn new(values: Values, send_options: SendOptions, clock: Arc<dyn Clock>) -> Self {
        Self {
            values,
            mails: Mails::new(send_options.certificates.clone()),
            send_options,
            clock,
            client: OnceLock::new(),
        }
    }

    /// The client is made when it is first needed: reading the machine's certificates takes time and memory.
    fn client(&self) -> Result<&HttpClient, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let trust = match &self.send_options.certificates {
            Some(pem) => Trust::Also(Certificates::from_pem(pem)?),
            None => Trust::System,
        };
        let options = HttpOptions {
            total_timeout: LONGEST_TRY,
            trust,
            ..HttpOptions::default()
        };
        let client = HttpClient::guarded(&self.send_options.guard, options)?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn value(&self, value: &Value) -> Result<Known, NotSent> {
        let read = self.values.read(value).await;
        read.map_err(|error| NotSent::new(Again::WhenGiven, error))
    }

    async fn optional(&self, value: Option<&Value>) -> Result<Option<Known>, NotSent> {
        match value {
            Some(value) => self.value(value).await.map(Some),
            None => Ok(None),
        }
    }

    /// Sends a message once.
    ///
    /// # Errors
    /// It did not arrive, or nobody knows.
    pub(crate) async fn send(&self, channel: &Channel, message: &Message) -> Result<(), NotSent> {
        let message = render::shown(message, channel.bodies);
        match &channel.transport {
            Transport::Smtp(mail) => {
                let password = self.optional(mail.login.as_ref().map(|(_, password)| password)).await?;
                self.mails.send(mail, password, &message).await
            }
            Transport::Slack { url, signing } => {
                let post = Post::json(render::slack::body(&message, signing.is_some()));
                self.post(Receiver::Slack, url, post).await
            }
            Transport::Teams { url } => {
                let post = Post::json(render::teams::body(&message));
                self.post(Receiver::Teams, url, post).await
            }
            Transport::Webhook { url, signing } => {
                let signing = self.optional(signing.as_ref()).await?;
                let body = render::webhook::body(&message);
                let secret = signing.as_ref().map(|known| known.value.expose());
                let headers = render::webhook::headers(&message.id, &body, secret, self.clock.now());
                let headers = headers.map_err(|error| NotSent::new(Again::WhenGiven, error))?;
                self.post(
                    Receiver::Webhook,
                    url,
                    Post {
                        headers,
                        body,
                        bearer: None,
                    },
                )
                .await
            }
            Transport::Pagerduty { url, routing_key } => {
                let key = self.value(routing_key).await?;
                for event in render::pagerduty::events(&message) {
                    let body = render::pagerduty::body(&message, key.value.expose(), &event);
                    self.post(Receiver::Pagerduty(routing_key), url, Post::json(body))
                        .await?;
                }
                Ok(())
            }
            Transport::Ntfy { url, token } => {
                let token = self.optional(token.as_ref()).await?;
                self.ntfy(url, token, &message).await
            }
            Transport::Sns { topic_arn } => self.topic(topic_arn, &message).await,
            Transport::Log => {
                render::log::write(&channel.name, &message);
                Ok(())
            }
        }
    }

    async fn topic(&self, topic_arn: &str, message: &Message) -> Result<(), NotSent> {
        let Some(topics) = &self.send_options.topics else {
            return Err(NotSent::new(
                Again::WhenChanged,
                "this server runs without AWS and can publish to no topic of SNS; use another kind of channel",
            ));
        };
        let (subject, body) = (render::sns::subject(message), render::sns::body(message));
        let published = tokio::time::timeout(LONGEST_TRY, topics.publish(topic_arn, &subject, &body)).await;
        match published {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind.is_transient() => Err(NotSent::new(
                error
                    .retry_after
                    .map_or(Again::Later, |wait| Again::After(wait.min(LONGEST_WAIT))),
                format!("SNS did not take it: {error}"),
            )),
            Ok(Err(error)) => Err(NotSent::new(
                Again::WhenChanged,
                format!("SNS refused it: {error}; look at the topic and at the permission sns:Publish"),
            )),
            Err(_) => Err(NotSent::new(Again::Later, "SNS did not answer in time")),
        }
    }

    /// What tells whether a channel's values were changed; none where they cannot be read.
    pub(crate) async fn versions(&self, channel: &Channel) -> Option<Vec<String>> {
        let mut versions = Vec::new();
        for value in channel.values() {
            versions.extend(self.values.read(value).await.ok()?.version);
        }
        Some(versions)
    }
}
