//! What is answered to a click, and where to. Source:
//! <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>: what a request with a click is answered
//! changes no message; that is done by a call of the address that came with it.
//!
//! LOGGING: the address is as good as a key and is never logged.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_notify::render::slack::{MAX_BLOCKS, escaped};
use cc_devops_outbound::{Error, Guard, HttpClient, HttpOptions, Request, Url};
use serde_json::{Value, json};

/// The one host that is answered to.
const HOST: &str = "hooks.slack.com";

/// The longest that an answer may take. On AWS the click is answered after it, and Slack waits for 3 seconds in all.
const LONGEST: Duration = Duration::from_millis(1_500);

/// The longest text, in characters. Slack takes 3,000, escapes included.
const MAX_TEXT: usize = 1_500;

/// What is answered to a click.
#[derive(Clone, PartialEq)]
pub struct Answer {
    pub(crate) to: String,
    /// The message, as JSON.
    pub body: String,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// What is said of a click.
pub(crate) struct Said {
    /// In words.
    pub(crate) text: String,
    /// Whom it is said to.
    pub(crate) to: Audience,
}

/// Whom something is said to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// To the one who clicked alone.
    Clicker,
    /// To all, beside the buttons.
    All,
    /// To all, in the place of the buttons.
    AllWithoutButtons,
}

impl Said {
    /// As Slack takes it. `blocks` are those of the message, in which the plan's buttons have its name.
    pub(crate) fn body(&self, blocks: &[Value], plan: &str) -> String {
        let text: String = self.text.chars().take(MAX_TEXT).collect();
        if self.to == Audience::Clicker {
            let answer = json!({"response_type": "ephemeral", "replace_original": false, "text": escaped(&text)});
            return answer.to_string();
        }
        let id = format!("{plan}-said");
        let line = json!({
            "type": "context",
            "block_id": id,
            "elements": [{"type": "plain_text", "text": text, "emoji": false}],
        });
        let mut shown: Vec<Value> = blocks.iter().filter(|block| block["block_id"] != id).cloned().collect();
        match shown.iter().position(|block| block["block_id"] == plan) {
            Some(place) => {
                if self.to == Audience::AllWithoutButtons {
                    shown.remove(place);
                }
                shown.insert(place, line);
            }
            None => shown.push(line),
        }
        // What a message has too many of is at its end.
        shown.truncate(MAX_BLOCKS);
        json!({"replace_original": true, "text": escaped(&text), "blocks": shown}).to_string()
    }
}

/// Sends answers.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Sends one. What goes wrong is logged: the decision stands.
    async fn send(&self, answer: Answer);
}

/// Sends answers to Slack.
pub struct HooksOfSlack {
    guard: Guard,
    client: OnceLock<HttpClient>,
}

impl HooksOfSlack {
    /// By a guard that knows which addresses are called. Nothing is called yet.
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&HttpClient, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let options = HttpOptions {
            connect_timeout: LONGEST,
            total_timeout: LONGEST,
            largest_answer: 16_384,
            ..HttpOptions::default()
        };
        let client = HttpClient::guarded(&self.guard, options)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The address, if it is Slack's own.
    fn address(&self, text: &str) -> Option<Url> {
        let url = self.guard.read(text).ok()?;
        let is_slacks = url.scheme() == "https" && url.host_str() == Some(HOST) && url.port().is_none();
        is_slacks.then_some(url)
    }
}

#[async_trait]
impl Answers for HooksOfSlack {
    async fn send(&self, answer: Answer) {
        let Some(url) = self.address(&answer.to) else {
            tracing::warn!("a click in Slack came with an address that is not Slack's; it was not answered");
            return;
        };
        let sent = match self.client() {
            Ok(client) => client.send(Request::post(url).json(answer.body)).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => tracing::warn!(
                status = answer.status.as_u16(),
                "Slack did not take the answer to a click"
            ),
            Err(error) => tracing::warn!(reason = error.reason(), "Slack was not reached to answer a click"),
        }
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_outbound::egress::Allowed;

    use super::*;

    #[test]
    fn only_slacks_own_address_is_answered_to() {
        let hooks = HooksOfSlack::new(Guard::new(Allowed::default()));
        assert!(hooks.address("https://hooks.slack.com/actions/T1/2/x").is_some());
        for other in [
            "http://hooks.slack.com/actions/T1/2/x",
            "https://hooks.slack.com:8443/x",
            "https://hooks.slack.com.evil.example/x",
            "https://hooks.slack.com@evil.example/x",
            "https://user@hooks.slack.com/x",
            "https://evil.example/hooks.slack.com",
            "https://169.254.169.254/latest/meta-data",
            "https://slack.com/x",
            "",
        ] {
            assert!(hooks.address(other).is_none(), "{other}");
        }
    }

    fn blocks() -> Vec<Value> {
        vec![
            json!({"type": "header", "block_id": "m-1"}),
            json!({"type": "actions", "block_id": "plan-1"}),
            json!({"type": "actions", "block_id": "plan-2"}),
            json!({"type": "context"}),
        ]
    }

    fn said(to: Audience, blocks: &[Value]) -> Value {
        let said = Said {
            text: "Approved by ana <!channel>.".into(),
            to,
        };
        serde_json::from_str(&said.body(blocks, "plan-1")).unwrap()
    }

    #[test]
    fn the_message_keeps_what_it_had_and_says_what_was_decided() {
        let ids = |answer: &Value| -> Vec<String> {
            let blocks = answer["blocks"].as_array().unwrap().iter();
            blocks
                .map(|block| block["block_id"].as_str().unwrap_or("-").to_owned())
                .collect()
        };
        let beside = said(Audience::All, &blocks());
        assert_eq!(ids(&beside), ["m-1", "plan-1-said", "plan-1", "plan-2", "-"]);
        // Said again, it is said once.
        let again = said(Audience::All, beside["blocks"].as_array().unwrap());
        assert_eq!(ids(&again), ids(&beside));
        let instead = said(Audience::AllWithoutButtons, beside["blocks"].as_array().unwrap());
        assert_eq!(ids(&instead), ["m-1", "plan-1-said", "plan-2", "-"]);
        assert_eq!(instead["replace_original"], true);
        assert_eq!(instead["text"], "Approved by ana &lt;!channel&gt;.");
        let many = vec![json!({"type": "divider"}); 60];
        assert_eq!(ids(&said(Audience::All, &many)).len(), MAX_BLOCKS);
    }

    #[test]
    fn who_clicked_alone_is_told_without_touching_the_message() {
        let answer = said(Audience::Clicker, &blocks());
        assert_eq!(answer["response_type"], "ephemeral");
        assert_eq!(answer["replace_original"], false);
        assert!(answer.get("blocks").is_none());
    }
}
