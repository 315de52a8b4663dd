//! What settings of channels mean, and everything that is wrong with them at once.

use std::collections::BTreeSet;
use std::fmt;

use cc_devops_kernel::names::{NameError, SecretName};
use cc_devops_outbound::Guard;
use lettre::message::Mailbox;

use crate::channel::{Channel, Mail, Transport, Value};
use crate::settings::{ChannelKind, ChannelSettings, MailTls};

/// Where PagerDuty's Events API v2 answers; `https://events.eu.pagerduty.com/v2/enqueue` for accounts in the EU.
/// Source: <https://developer.pagerduty.com/docs/send-alert-event>.
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// The longest name of a channel, in characters.
const MAX_NAME: usize = 64;

/// Something that is wrong with a channel's settings. It holds no value that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which of the channels, from 0 on.
    pub index: usize,
    /// Its name.
    pub channel: String,
    /// The key.
    pub key: &'static str,
    /// What is wrong, and what to write instead.
    pub text: String,
}

impl Problem {
    /// Where it is in the file: `alerts.channels[0].url`.
    pub fn path(&self) -> String {
        format!("alerts.channels[{}].{}", self.index, self.key)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channel {:?}: {}: {}", self.channel, self.key, self.text)
    }
}

/// Checks the channels. `guard` knows what `[egress] allow` names, and `secret` gives a secret's whole name.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn check(
    settings: &[ChannelSettings],
    guard: &Guard,
    secret: &dyn Fn(&str) -> Result<SecretName, NameError>,
) -> Result<Vec<Channel>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut channels = Vec::with_capacity(settings.len());
    let mut names = BTreeSet::new();
    for (index, channel) in settings.iter().enumerate() {
        let mut look = Look {
            index,
            settings: channel,
            guard,
            secret,
            problems: &mut problems,
        };
        look.name(!names.insert(channel.name.as_str()));
        look.foreign();
        let transport = look.transport();
        channels.extend(transport.map(|transport| Channel {
            name: channel.name.clone(),
            bodies: channel.bodies,
            transport,
        }));
    }
    if problems.is_empty() {
        Ok(channels)
    } else {
        Err(problems)
    }
}

/// A look at one channel.
struct Look<'a> {
    index: usize,
    settings: &'a ChannelSettings,
    guard: &'a Guard,
    secret: &'a dyn Fn(&str) -> Result<SecretName, NameError>,
    problems: &'a mut Vec<Problem>,
}

/// Something is wrong, and it was said what.
struct Said;

/// One value that may be given in three ways.
struct Given<'a> {
    keys: [&'static str; 3],
    plain: Option<&'a str>,
    secret: Option<&'a str>,
    env: Option<&'a str>,
}

impl Look<'_> {
    fn add(&mut self, key: &'static str, text: impl Into<String>) {
        self.problems.push(Problem {
            index: self.index,
            channel: self.settings.name.clone(),
            key,
            text: text.into(),
        });
    }

    fn name(&mut self, taken: bool) {
        let name = &self.settings.name;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(good) {
            self.add(
                "name",
                format!("must be 1 to {MAX_NAME} of A-Z, a-z, 0-9, `.`, `_` and `-`"),
            );
        } else if taken {
            self.add("name", "is the name of another channel");
        }
    }

    fn foreign(&mut self) {
        let kind = self.settings.kind;
        for key in self.settings.given() {
            if !kind.keys().contains(&key) {
                // Those that are refused as plain text are known, so that it can be said why, and not offered.
                let plain = |key: &&&str| match kind {
                    ChannelKind::Slack | ChannelKind::Teams => **key != "url",
                    ChannelKind::Pagerduty => **key != "routing_key",
                    _ => true,
                };
                let known: Vec<&str> = kind.keys().iter().filter(plain).copied().collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                self.add(
                    key,
                    format!(
                        "is no key of a channel of kind {:?}, whose own keys are: {known}",
                        kind.as_str()
                    ),
                );
            }
        }
    }

    fn transport(&mut self) -> Option<Transport> {
        let settings = self.settings;
        match settings.kind {
            ChannelKind::Smtp => self.mail().map(|mail| Transport::Smtp(Box::new(mail))),
            ChannelKind::Slack => {
                let url = self.secret_url();
                let signing = self.signing();
                Some(Transport::Slack {
                    url: url?,
                    signing: signing.ok()?,
                })
            }
            ChannelKind::Teams => self.secret_url().map(|url| Transport::Teams { url }),
            ChannelKind::Webhook => {
                let url = self.url();
                let signing = self.signing();
                Some(Transport::Webhook {
                    url: url?,
                    signing: signing.ok()?,
                })
            }
            ChannelKind::Sns => self.topic(),
            ChannelKind::Pagerduty => self.pagerduty(),
            ChannelKind::Ntfy => {
                let url = self.url();
                let token = Given {
                    keys: ["token", "token_secret", "token_env"],
                    plain: None,
                    secret: settings.token_secret.as_deref(),
                    env: settings.token_env.as_deref(),
                };
                let token = self.optional(&token);
                Some(Transport::Ntfy {
                    url: url?,
                    token: token.ok()?,
                })
            }
            ChannelKind::Log => Some(Transport::Log),
        }
    }

    /// Where one value stands; none where it is not given.
    fn optional(&mut self, given: &Given<'_>) -> Result<Option<Value>, Said> {
        let [_, secret_key, env_key] = given.keys;
        if [given.plain, given.secret, given.env].iter().flatten().count() > 1 {
            let [plain, ..] = given.keys;
            let at = if given.secret.is_some() { secret_key } else { env_key };
            self.add(
                at,
                format!("`{plain}` is given twice; keep one of the keys that begin so"),
            );
            return Err(Said);
        }
        if let Some(name) = given.secret {
            return match (self.secret)(name) {
                Ok(name) => Ok(Some(Value::Secret(name))),
                Err(error) => {
                    self.add(secret_key, error.to_string());
                    Err(Said)
                }
            };
        }
        if let Some(variable) = given.env {
            if variable.is_empty() || variable.contains(['=', '\0']) {
                self.add(env_key, "must be the name of an environment variable");
                return Err(Said);
            }
            return Ok(Some(Value::Env(variable.to_owned())));
        }
        Ok(given.plain.map(|plain| Value::Plain(plain.to_owned())))
    }

    /// What is signed with.
    fn signing(&mut self) -> Result<Option<Value>, Said> {
        let settings = self.settings;
        self.optional(&Given {
            keys: ["signing", "signing_secret", "signing_env"],
            plain: None,
            secret: settings.signing_secret.as_deref(),
            env: settings.signing_env.as_deref(),
        })
    }

    /// An address that may stand in the file.
    fn url(&mut self) -> Option<Value> {
        let settings = self.settings;
        let given = Given {
            keys: ["url", "url_secret", "url_env"],
            plain: settings.url.as_deref(),
            secret: settings.url_secret.as_deref(),
            env: settings.url_env.as_deref(),
        };
        let Some(value) = self.optional(&given).ok()? else {
            self.add("url", "is required: where it is sent; or url_secret, or url_env");
            return None;
        };
        if let Value::Plain(url) = &value
            && let Err(refused) = self.guard.read(url)
        {
            self.add("url", refused.to_string());
            return None;
        }
        Some(value)
    }

    /// An address that is a secret.
    fn secret_url(&mut self) -> Option<Value> {
        if self.settings.url.is_some() {
            self.add(
                "url",
                "is a secret and must not stand in the file: put it into the vault and name it with url_secret, or \
                 name an environment variable with url_env",
            );
            return None;
        }
        let settings = self.settings;
        let given = Given {
            keys: ["url", "url_secret", "url_env"],
            plain: None,
            secret: settings.url_secret.as_deref(),
            env: settings.url_env.as_deref(),
        };
        let value = self.optional(&given).ok()?;
        if value.is_none() {
            self.add(
                "url_secret",
                "is required: the secret that holds the address; or url_env",
            );
        }
        value
    }

    fn pagerduty(&mut self) -> Option<Transport> {
        let settings = self.settings;
        let url = settings.url.as_deref().unwrap_or(PAGERDUTY_URL);
        let admitted = self.guard.read(url).map_err(|refused| refused.to_string());
        if let Err(refused) = &admitted {
            self.add("url", refused.clone());
        }
        if settings.routing_key.is_some() {
            self.add(
                "routing_key",
                "is a secret and must not stand in the file: put it into the vault and name it with \
                 routing_key_secret, or name an environment variable with routing_key_env",
            );
            return None;
        }
        let given = Given {
            keys: ["routing_key", "routing_key_secret", "routing_key_env"],
            plain: None,
            secret: settings.routing_key_secret.as_deref(),
            env: settings.routing_key_env.as_deref(),
        };
        let key = self.optional(&given).ok()?;
        if key.is_none() {
            self.add(
                "routing_key_secret",
                "is required: the secret that holds the integration key; or routing_key_env",
            );
        }
        admitted.ok()?;
        Some(Transport::Pagerduty {
            url: Value::Plain(url.to_owned()),
            routing_key: key?,
        })
    }

    /// `arn:aws:sns:REGION:ACCOUNT:NAME`, source:
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>.
    fn topic(&mut self) -> Option<Transport> {
        let Some(arn) = &self.settings.topic_arn else {
            self.add(
                "topic_arn",
                "is required: the topic, as arn:aws:sns:REGION:ACCOUNT:NAME",
            );
            return None;
        };
        let parts: Vec<&str> = arn.split(':').collect();
        let good = match parts.as_slice() {
            ["arn", partition, "sns", region, account, name] => {
                let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
                [partition, region, account, name].into_iter().all(|part| plain(part))
            }
            _ => false,
        };
        if !good {
            self.add("topic_arn", "is no topic; write arn:aws:sns:REGION:ACCOUNT:NAME");
            return None;
        }
        Some(Transport::Sns { topic_arn: arn.clone() })
    }

    fn mail(&mut self) -> Option<Mail> {
        let settings = self.settings;
        let host = self.host();
        let tls = settings.tls.unwrap_or_default();
        let port = settings.port.unwrap_or(match tls {
            MailTls::Starttls => 587,
            MailTls::Implicit => 465,
            MailTls::None => 25,
        });
        if port == 0 {
            self.add("port", "must be 1 to 65535");
        }
        let login = self.login(tls);
        let from = if let Some(from) = settings.from.as_deref() {
            self.mailbox("from", from)
        } else {
            self.add("from", "is required: the sender, as \"DevOps <devops@example.com>\"");
            None
        };
        let mut to = Vec::new();
        match settings.to.as_deref() {
            None | Some([]) => self.add("to", "is required: who gets it, as [\"ops@example.com\"]"),
            Some(all) => to.extend(all.iter().filter_map(|one| self.mailbox("to", one))),
        }
        Some(Mail {
            host: host?,
            port,
            tls,
            login: login.ok()?,
            from: from?,
            to,
        })
    }

    fn host(&mut self) -> Option<String> {
        let Some(host) = self.settings.host.as_deref() else {
            self.add("host", "is required: the mail server");
            return None;
        };
        // A name, an IPv4 or an IPv6 address without brackets; no port, no scheme.
        let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let port = host.matches(':').count() == 1;
        if host.is_empty() || port || !host.chars().all(good) {
            self.add(
                "host",
                "must be the name or address of the mail server alone; its port is `port`",
            );
            return None;
        }
        Some(host.to_owned())
    }

    fn login(&mut self, tls: MailTls) -> Result<Option<(String, Value)>, Said> {
        let settings = self.settings;
        let given = Given {
            keys: ["password", "password_secret", "password_env"],
            plain: None,
            secret: settings.password_secret.as_deref(),
            env: settings.password_env.as_deref(),
        };
        let password = self.optional(&given);
        if tls == MailTls::None && (settings.username.is_some() || matches!(password, Ok(Some(_)))) {
            self.add(
                "tls",
                "must not be \"none\" with a username: the password would be sent unencrypted; use \"starttls\" or \
                 \"implicit\"",
            );
            return Err(Said);
        }
        match (settings.username.as_deref(), password?) {
            (Some(""), _) => {
                self.add("username", "is empty");
                Err(Said)
            }
            (Some(user), Some(password)) => Ok(Some((user.to_owned(), password))),
            (Some(_), None) => {
                self.add("password_secret", "is required with a username; or password_env");
                Err(Said)
            }
            (None, Some(_)) => {
                self.add("username", "is required with a password");
                Err(Said)
            }
            (None, None) => Ok(None),
        }
    }

    fn mailbox(&mut self, key: &'static str, text: &str) -> Option<Mailbox> {
        if text.chars().any(char::is_control) {
            self.add(key, "must not have line breaks or other control characters");
            return None;
        }
        let read = text.parse().ok();
        if read.is_none() {
            self.add(
                key,
                format!("{text:?} is no mail address; write \"ops@example.com\" or \"Name <ops@example.com>\""),
            );
        }
        read
    }
}
