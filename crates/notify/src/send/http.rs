//! Channels that are reached over HTTP, and what their answers mean.

use cc_devops_alerts::Message;
use cc_devops_outbound::header::{HeaderName, HeaderValue};
use cc_devops_outbound::{Answer, Error, Request, StatusCode, Url, bearer};
use jiff::SignedDuration;

use super::{Again, LONGEST_WAIT, NotSent, Sender};
use crate::channel::Value;
use crate::render;
use crate::values::{Known, place};

/// Who answers. What a status means is theirs to say.
#[derive(Clone, Copy)]
pub(super) enum Receiver<'a> {
    Slack,
    Teams,
    Webhook,
    /// With the place of the routing key.
    Pagerduty(&'a Value),
    Ntfy,
}

impl Receiver<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Teams => "Teams",
            Self::Webhook => "the receiver",
            Self::Pagerduty(_) => "PagerDuty",
            Self::Ntfy => "ntfy",
        }
    }

    /// Whether a refusal with this status stays until somebody changes something. A webhook's receiver may be away
    /// while it is renewed, and only 410 is meant for ever (Standard Webhooks).
    fn is_final(self, status: StatusCode) -> bool {
        if matches!(self, Self::Webhook) {
            return status == StatusCode::GONE || status.is_redirection();
        }
        let passes = matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
        status.is_redirection() || (status.is_client_error() && !passes)
    }

    /// What a person can do about a refusal that stays.
    fn remedy(self, url: &Value) -> String {
        let url = place(url);
        match self {
            Self::Slack => format!("make a new incoming webhook in Slack and put its address into {url}"),
            Self::Teams => format!("make a new workflow in Teams and put its address into {url}"),
            Self::Webhook => format!("look at the receiver, and at its address in {url}"),
            Self::Pagerduty(key) => format!("look at the integration key in {}", place(key)),
            Self::Ntfy => format!("look at the topic's address in {url} and at the access token"),
        }
    }
}

/// What is sent.
pub(super) struct Post {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) bearer: Option<Known>,
}

impl Post {
    pub(super) fn json(body: String) -> Self {
        Self {
            headers: Vec::new(),
            body,
            bearer: None,
        }
    }
}

/// What Slack says with a refusal, and nothing else of its answer, which may repeat the address. Source:
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>.
const SLACK_SAYS: [&str; 17] = [
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "no_text",
    "posting_to_general_channel_denied",
    "rollup_error",
    "team_disabled",
    "too_many_attachments",
    "user_not_found",
];

impl Sender {
    pub(super) async fn post(&self, receiver: Receiver<'_>, url: &Value, post: Post) -> Result<(), NotSent> {
        let known = self.value(url).await?;
        let address = self.send_options.guard.read(known.value.expose()).map_err(|refused| {
            let text = format!("the address in {} is not called: {refused}", place(url));
            NotSent::new(Again::WhenChanged, text)
        })?;
        self.post_to(receiver, (url, address), post).await
    }

    async fn post_to(&self, receiver: Receiver<'_>, (url, address): (&Value, Url), post: Post) -> Result<(), NotSent> {
        let client = self.client().map_err(|_| {
            NotSent::new(
                Again::Later,
                "the HTTP client could not be set up; look at this machine's certificates",
            )
        })?;
        let mut request = Request::post(address).json(post.body);
        for (name, value) in post.headers {
            let value = HeaderValue::try_from(value)
                .map_err(|_| NotSent::new(Again::Never, "a header of the message cannot be sent"))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        if let Some(token) = &post.bearer {
            let value = bearer(token.value.expose())
                .map_err(|_| NotSent::new(Again::WhenGiven, "the access token has characters that none has"))?;
            request = request.authorization(value);
        }
        match client.send(request).await {
            Ok(answer) => self.judge(receiver, url, &answer),
            // The head came, and that is all that counts.
            Err(Error::TooLarge { .. }) => Ok(()),
            Err(error) => Err(unreachable(receiver, url, &error)),
        }
    }

    fn judge(&self, receiver: Receiver<'_>, url: &Value, answer: &Answer) -> Result<(), NotSent> {
        let status = answer.status;
        if status.is_success() {
            return Ok(());
        }
        let said = said(receiver, answer).map(|said| format!(" ({said})"));
        let text = format!(
            "{} answered {}{}",
            receiver.name(),
            status.as_u16(),
            said.unwrap_or_default()
        );
        if receiver.is_final(status) {
            let text = if status.is_redirection() {
                format!("{text}, and redirects are not followed: use the address that it leads to")
            } else {
                format!("{text}: {}", receiver.remedy(url))
            };
            return Err(NotSent::new(Again::WhenChanged, text));
        }
        let busy = status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE;
        let wait = answer.retry_after(Some(self.clock.now())).filter(|_| busy);
        let again = match wait {
            Some(wait) => {
                let wait = SignedDuration::try_from(wait).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
                Again::After(wait)
            }
            None => Again::Later,
        };
        Err(NotSent::new(again, text))
    }

    /// The address of a topic is that of its server and the topic; JSON goes to the server and names the topic.
    pub(super) async fn ntfy(&self, url: &Value, token: Option<Known>, message: &Message) -> Result<(), NotSent> {
        let known = self.value(url).await?;
        let wrong = |what: String| NotSent::new(Again::WhenChanged, format!("the address in {} {what}", place(url)));
        let mut address = self
            .send_options
            .guard
            .read(known.value.expose())
            .map_err(|refused| wrong(format!("is not called: {refused}")))?;
        let no_topic = || wrong("names no topic; write it as https://ntfy.sh/TOPIC".to_owned());
        let path = address.path().trim_end_matches('/').to_owned();
        let (server, topic) = path.rsplit_once('/').ok_or_else(no_topic)?;
        if topic.is_empty() {
            return Err(no_topic());
        }
        address.set_path(&format!("{server}/"));
        let post = Post {
            headers: Vec::new(),
            body: render::ntfy::body(message, topic),
            bearer: token,
        };
        self.post_to(Receiver::Ntfy, (url, address), post).await
    }
}

fn said(receiver: Receiver<'_>, answer: &Answer) -> Option<&'static str> {
    let body = std::str::from_utf8(&answer.body).ok()?.trim();
    match receiver {
        Receiver::Slack => SLACK_SAYS.into_iter().find(|known| *known == body),
        _ => None,
    }
}

fn unreachable(receiver: Receiver<'_>, url: &Value, error: &Error) -> NotSent {
    let (name, at) = (receiver.name(), place(url));
    match error {
        Error::Refused(refused) => NotSent::new(
            Again::WhenChanged,
            format!("the address in {at} is not called: {refused}"),
        ),
        Error::TimedOut(_) => NotSent::new(Again::Later, format!("{name} did not answer in time")),
        error if error.is_tls() => NotSent::new(
            Again::Later,
            format!("{name} could not prove who it is: look at its certificate, and at the address in {at}"),
        ),
        Error::NotConnected(_) => NotSent::new(
            Again::Later,
            format!("{name} cannot be reached: look at the network, and at the host's name in {at}"),
        ),
        _ => NotSent::new(Again::Later, format!("the connection to {name} broke")),
    }
}
