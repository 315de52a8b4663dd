//! A channel whose settings were checked.

use std::fmt;

use cc_devops_kernel::names::SecretName;
use lettre::message::Mailbox;

use crate::settings::{ChannelKind, MailTls};

/// Where a value stands that is, or may be, a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// In the configuration itself.
    Plain(String),
    /// In the vault.
    Secret(SecretName),
    /// In an environment variable of the server.
    Env(String),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(..)"),
            Self::Secret(name) => f.debug_tuple("Secret").field(name).finish(),
            Self::Env(name) => f.debug_tuple("Env").field(name).finish(),
        }
    }
}

/// A mail server, and who writes to whom by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is encrypted.
    pub tls: MailTls,
    /// Who logs in, and with which password. Never there without encryption.
    pub login: Option<(String, Value)>,
    /// The sender.
    pub from: Mailbox,
    /// The recipients; at least one.
    pub to: Vec<Mailbox>,
}

/// How a channel is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// By mail.
    Smtp(Box<Mail>),
    /// By a Slack incoming webhook.
    Slack {
        /// The webhook's address.
        url: Value,
        /// What Slack signs clicks with; without it there are no buttons.
        signing: Option<Value>,
    },
    /// By a Standard Webhook.
    Webhook {
        /// The receiver's address.
        url: Value,
        /// What signs the copies.
        signing: Option<Value>,
    },
    /// By a topic of SNS.
    Sns {
        /// The topic.
        topic_arn: String,
    },
    /// By PagerDuty's Events API v2.
    Pagerduty {
        /// Where it answers.
        url: Value,
        /// Whose incidents they are.
        routing_key: Value,
    },
    /// By a workflow of Teams.
    Teams {
        /// The workflow's address.
        url: Value,
    },
    /// By a topic of ntfy.
    Ntfy {
        /// The topic's address.
        url: Value,
        /// The access token.
        token: Option<Value>,
    },
    /// By this program's log.
    Log,
}

/// A channel whose settings were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// Whether it shows bodies of pings.
    pub bodies: bool,
    /// How it is reached.
    pub transport: Transport,
}

impl Channel {
    /// What it speaks.
    pub fn kind(&self) -> ChannelKind {
        match self.transport {
            Transport::Smtp(_) => ChannelKind::Smtp,
            Transport::Slack { .. } => ChannelKind::Slack,
            Transport::Webhook { .. } => ChannelKind::Webhook,
            Transport::Sns { .. } => ChannelKind::Sns,
            Transport::Pagerduty { .. } => ChannelKind::Pagerduty,
            Transport::Teams { .. } => ChannelKind::Teams,
            Transport::Ntfy { .. } => ChannelKind::Ntfy,
            Transport::Log => ChannelKind::Log,
        }
    }

    /// What Slack signs clicks on its messages with, where it has buttons.
    pub fn clicks_signed_with(&self) -> Option<&Value> {
        match &self.transport {
            Transport::Slack { signing, .. } => signing.as_ref(),
            _ => None,
        }
    }

    /// The values that it needs before anything can be sent.
    pub fn values(&self) -> Vec<&Value> {
        match &self.transport {
            Transport::Smtp(mail) => mail.login.iter().map(|(_, password)| password).collect(),
            // What clicks are signed with is not needed to send.
            Transport::Slack { url, .. } | Transport::Teams { url } => vec![url],
            Transport::Webhook { url, signing } => [Some(url), signing.as_ref()].into_iter().flatten().collect(),
            Transport::Pagerduty { url, routing_key } => vec![url, routing_key],
            Transport::Ntfy { url, token } => [Some(url), token.as_ref()].into_iter().flatten().collect(),
            Transport::Sns { .. } | Transport::Log => Vec::new(),
        }
    }
}
