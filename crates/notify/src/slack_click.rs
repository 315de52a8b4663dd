//! A click on a button under a plan: what is put into the button, and what Slack sends of the click. Source:
//! <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>.

use std::fmt;

use cc_devops_kernel::input;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The plan may be carried out.
    Approve,
    /// It is not.
    Deny,
}

impl Choice {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Approve, Self::Deny];

    /// The `action_id` of its button.
    pub fn action_id(self) -> &'static str {
        match self {
            Self::Approve => "cc-devops-approve",
            Self::Deny => "cc-devops-deny",
        }
    }
}

/// The `value` of a plan's buttons.
pub(crate) fn button_value(plan: &str, digest: &str) -> String {
    format!("{plan} {digest}")
}

/// A click on one of our buttons.
#[derive(Clone, PartialEq)]
pub struct Click {
    /// Who clicked: the Slack user's id, `U…` or `W…`.
    pub user: String,
    /// Whether that user belongs to the workspace in which it was clicked. Others are guests of a shared channel, and an
    /// id is unique within its workspace only.
    pub at_home: bool,
    /// Which button.
    pub choice: Choice,
    /// The plan that was shown.
    pub plan: String,
    /// The digest that was shown.
    pub digest: String,
    /// Where an answer goes, for half an hour. Whoever has it can write there.
    pub answer_to: Option<String>,
    /// The blocks of the message, as Slack has them; none where it does not say.
    pub blocks: Vec<Value>,
}

impl fmt::Debug for Click {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Click")
            .field("user", &self.user)
            .field("choice", &self.choice)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// A body that is no interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no interaction of Slack: a form whose one field `payload` is JSON")]
pub struct NoInteraction;

#[derive(Deserialize)]
struct Payload {
    r#type: String,
    user: Option<User>,
    team: Option<Team>,
    #[serde(default)]
    actions: Vec<Action>,
    response_url: Option<String>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Team {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    blocks: Vec<Value>,
}

/// Reads what Slack sent: the body of a request that it signed. None for an interaction with something else than one of
/// our buttons.
///
/// # Errors
/// The body is no interaction.
pub fn read(body: &[u8]) -> Result<Option<Click>, NoInteraction> {
    let mut fields = form_urlencoded::parse(body);
    let payload = match (fields.next(), fields.next()) {
        (Some((name, payload)), None) if name == "payload" => payload,
        _ => return Err(NoInteraction),
    };
    let payload: Payload = input::typed(payload.as_bytes()).map_err(|_| NoInteraction)?;
    let ([action], Some(user)) = (payload.actions.as_slice(), payload.user) else {
        return Ok(None);
    };
    let choice = Choice::ALL
        .into_iter()
        .find(|choice| choice.action_id() == action.action_id);
    let value = action.value.as_deref().and_then(|value| value.split_once(' '));
    let (Some(choice), Some((plan, digest)), "block_actions") = (choice, value, payload.r#type.as_str()) else {
        return Ok(None);
    };
    let homes = (user.team_id, payload.team.map(|team| team.id));
    Ok(Some(Click {
        at_home: !matches!(&homes, (Some(home), Some(here)) if home != here),
        user: user.id,
        choice,
        plan: plan.to_owned(),
        digest: digest.to_owned(),
        answer_to: payload.response_url,
        blocks: payload.message.map(|message| message.blocks).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(payload: &Value) -> Vec<u8> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &payload.to_string()).finish().into_bytes()
    }

    fn payload() -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": "U0123", "username": "ana", "team_id": "T1"},
            "team": {"id": "T1", "domain": "acme"},
            "api_app_id": "A1",
            "trigger_id": "1.2.3",
            "response_url": "https://hooks.slack.com/actions/T1/1/x",
            "message": {"blocks": [{"type": "header"}]},
            "actions": [{
                "type": "button", "action_id": "cc-devops-approve", "block_id": "plan-1",
                "value": "plan-1 abc", "action_ts": "1.2",
            }],
        })
    }

    #[test]
    fn a_click_is_read_as_slack_sends_it() {
        let click = read(&form(&payload())).unwrap().unwrap();
        assert_eq!(
            (click.user.as_str(), click.choice, click.at_home),
            ("U0123", Choice::Approve, true)
        );
        assert_eq!((click.plan.as_str(), click.digest.as_str()), ("plan-1", "abc"));
        assert_eq!(click.blocks.len(), 1);
        let shown = format!("{click:?}");
        assert!(!shown.contains("hooks.slack.com") && !shown.contains("abc"), "{shown}");
    }

    #[test]
    fn a_guest_of_a_shared_channel_is_not_at_home() {
        let mut payload = payload();
        payload["user"]["team_id"] = json!("T2");
        assert!(!read(&form(&payload)).unwrap().unwrap().at_home);
    }

    #[test]
    fn what_is_no_button_of_ours_is_let_pass() {
        for (pointer, value) in [
            ("/type", json!("view_submission")),
            ("/actions", json!([])),
            ("/actions/0/action_id", json!("another")),
            ("/actions/0/value", json!("plan-1")),
            ("/actions/0/value", json!(null)),
            ("/user", json!(null)),
        ] {
            let mut payload = payload();
            *payload.pointer_mut(pointer).unwrap() = value;
            assert_eq!(read(&form(&payload)), Ok(None), "{pointer}");
        }
        let mut twice = payload();
        let action = twice["actions"][0].clone();
        twice["actions"].as_array_mut().unwrap().push(action);
        assert_eq!(read(&form(&twice)), Ok(None));
    }

    #[test]
    fn what_is_no_form_is_no_interaction() {
        let json = payload().to_string();
        for body in [
            b"".as_slice(),
            json.as_bytes(),
            b"payload=",
            b"payload=%7B",
            b"payload=[]",
            b"other=%7B%7D",
            b"payload=%7B%22type%22%3A%22x%22%7D&payload=%7B%7D",
            b"\xff\xfe",
        ] {
            assert_eq!(read(body), Err(NoInteraction), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn one_depth_holds_and_no_key_is_obeyed() {
        let deep = (0..70).fold(json!([]), |inner, _| json!([inner]));
        let obeyed = json!({"$serde_json::private::RawValue": "{}"});
        for block in [deep, obeyed] {
            let mut payload = payload();
            payload["message"]["blocks"][0] = block;
            assert_eq!(read(&form(&payload)), Err(NoInteraction));
        }
    }
}
