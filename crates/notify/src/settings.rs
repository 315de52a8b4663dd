//! `[[alerts.channels]]`: how a channel is configured, in one flat form, so that everything that is wrong with all of
//! them can be said at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a channel speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Mail.
    Smtp,
    /// A Slack incoming webhook.
    Slack,
    /// A webhook by the Standard Webhooks specification.
    Webhook,
    /// A topic of Amazon SNS.
    Sns,
    /// PagerDuty's Events API v2.
    Pagerduty,
    /// A workflow of Microsoft Teams that takes adaptive cards.
    Teams,
    /// A topic of ntfy.
    Ntfy,
    /// The log of this program.
    Log,
}

impl ChannelKind {
    /// Its name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
            Self::Sns => "sns",
            Self::Pagerduty => "pagerduty",
            Self::Teams => "teams",
            Self::Ntfy => "ntfy",
            Self::Log => "log",
        }
    }

    /// The keys that it takes beside those of every kind.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Smtp => &[
                "host",
                "port",
                "tls",
                "username",
                "password_secret",
                "password_env",
                "from",
                "to",
            ],
            Self::Teams => &["url", "url_secret", "url_env"],
            Self::Slack | Self::Webhook => &["url", "url_secret", "url_env", "signing_secret", "signing_env"],
            Self::Sns => &["topic_arn"],
            Self::Pagerduty => &["url", "routing_key", "routing_key_secret", "routing_key_env"],
            Self::Ntfy => &["url", "url_secret", "url_env", "token_secret", "token_env"],
            Self::Log => &[],
        }
    }
}

/// How mail is encrypted on its way to the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// It begins plain and must become encrypted before anything is sent (RFC 3207); port 587.
    #[default]
    Starttls,
    /// It is encrypted from the first byte on (RFC 8314); port 465.
    Implicit,
    /// It is not. Refused with a user name. Port 25.
    None,
}

/// One of `[[alerts.channels]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// What routes and commands call it: 1 to 64 of `A-Za-z0-9._-`.
    pub name: String,
    /// What it speaks.
    pub kind: ChannelKind,
    /// Whether it shows what an agent sent with its last ping. Our own tokens in it are blotted out.
    #[serde(default)]
    pub bodies: bool,
    /// smtp: the mail server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// smtp: its port; by default 587, 465 or 25, as `tls` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// smtp: how it is encrypted, by default `starttls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<MailTls>,
    /// smtp: who logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// smtp: the secret that holds the password, below the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<String>,
    /// smtp: the environment variable that holds the password instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// smtp: the sender, `DevOps <devops@example.com>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// smtp: the recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<String>>,
    /// webhook, ntfy: where it is sent. pagerduty: where its Events API answers. Slack's and Teams' are secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The secret that holds the address, below the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret: Option<String>,
    /// The environment variable that holds the address instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// webhook: the secret that holds `whsec_…`, below the namespace. Without it the copies are not signed. slack: the
    /// secret that holds the signing secret of the Slack app. With it a plan that waits has buttons; without, commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// webhook, slack: the environment variable that holds it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_env: Option<String>,
    /// sns: the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_arn: Option<String>,
    /// pagerduty: refused here, it is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_key: Option<String>,
    /// pagerduty: the secret that holds the routing key, below the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_key_secret: Option<String>,
    /// pagerduty: the environment variable that holds the routing key instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_key_env: Option<String>,
    /// ntfy: the secret that holds an access token, below the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<String>,
    /// ntfy: the environment variable that holds an access token instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
}

impl ChannelSettings {
    /// A channel of that name and kind, and nothing else of it.
    pub fn new(name: impl Into<String>, kind: ChannelKind) -> Self {
        Self {
            name: name.into(),
            kind,
            bodies: false,
            host: None,
            port: None,
            tls: None,
            username: None,
            password_secret: None,
            password_env: None,
            from: None,
            to: None,
            url: None,
            url_secret: None,
            url_env: None,
            signing_secret: None,
            signing_env: None,
            topic_arn: None,
            routing_key: None,
            routing_key_secret: None,
            routing_key_env: None,
            token_secret: None,
            token_env: None,
        }
    }

    /// The keys beside those of every kind that are given.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let keys = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("tls", self.tls.is_some()),
            ("username", self.username.is_some()),
            ("password_secret", self.password_secret.is_some()),
            ("password_env", self.password_env.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("url", self.url.is_some()),
            ("url_secret", self.url_secret.is_some()),
            ("url_env", self.url_env.is_some()),
            ("signing_secret", self.signing_secret.is_some()),
            ("signing_env", self.signing_env.is_some()),
            ("topic_arn", self.topic_arn.is_some()),
            ("routing_key", self.routing_key.is_some()),
            ("routing_key_secret", self.routing_key_secret.is_some()),
            ("routing_key_env", self.routing_key_env.is_some()),
            ("token_secret", self.token_secret.is_some()),
            ("token_env", self.token_env.is_some()),
        ];
        keys.into_iter()
            .filter(|(_, given)| *given)
            .map(|(key, _)| key)
            .collect()
    }
}
