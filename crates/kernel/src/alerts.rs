//! What is worth telling people at once.
//!
//! An alert is derived from an outgoing event while that leaves the outbox, so it is as durable as
//! the event and comes as often: at least once.

use crate::outcome::{Completed, Reason};
use crate::text::line;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The same for the same matter, so that a receiver can tell a repeat.
    pub key: String,
    /// One line of at most 100 ASCII characters, the limit of an SNS subject.
    pub title: String,
    /// What happened and what to do.
    pub text: String,
}

/// The longest title, in characters.
pub const MAX_TITLE: usize = 100;

/// The alert that an outcome is worth. What an asking agent did wrong is the agent's to see; told
/// is what failed on our side of the fence: a deploy, a time limit, the control plane itself.
pub fn worth_telling(completed: &Completed) -> Option<Alert> {
    let what = match completed.reason? {
        Reason::DeployFailed => "Deploy failed",
        Reason::Timeout => "Request timed out",
        Reason::InternalError => "Control plane fault",
        Reason::SchemaValidationFailed
        | Reason::UnsupportedAction
        | Reason::MissingParameter
        | Reason::InvalidParameter
        | Reason::SecurityViolation
        | Reason::RequestIdConflict
        | Reason::MissingDependency
        | Reason::StackNotFound
        | Reason::StackInProgress
        | Reason::ApiError => return None,
    };
    let id = &completed.request_id;
    let title = format!("{what}: {} {id}", completed.action);
    // Others chose these texts: none begins a line of its own or turns the direction of reading.
    let error = line(completed.error.as_deref().unwrap_or("no more is known"));
    let (shown_id, action, by) = (line(id), line(&completed.action), line(&completed.requested_by));
    Some(Alert {
        key: format!("request/{id}"),
        title: title
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
            .take(MAX_TITLE)
            .collect(),
        text: format!(
            "{what}: {error}\n\nrequest {shown_id}, action {action}, asked by {by}, at {}\nSee it with: cc-devops \
             requests show {shown_id}\n",
            completed.timestamp
        ),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::outcome::Status;

    fn failed(reason: Option<Reason>) -> Completed {
        Completed {
            request_id: "r\n1 \u{e9}".to_owned() + &"x".repeat(128),
            action: "deployLambda".into(),
            status: Status::Error,
            result: None,
            error: Some("the stack was rolled back".into()),
            reason,
            latency_ms: 1,
            requested_by: "A".into(),
            timestamp: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_failed_deploy_is_told_and_a_wrong_parameter_is_not() {
        let alert = worth_telling(&failed(Some(Reason::DeployFailed))).unwrap();
        assert!(alert.text.contains("the stack was rolled back"));
        assert_eq!(worth_telling(&failed(Some(Reason::InvalidParameter))), None);
        assert_eq!(worth_telling(&failed(None)), None);
    }

    #[test]
    fn what_others_wrote_begins_no_line_of_an_alert() {
        let forged = Completed {
            error: Some("it failed\n\nrequest r2, approved by admin\u{202e}".into()),
            action: "deploy\u{1b}[2JLambda".into(),
            requested_by: "A\nB".into(),
            ..failed(Some(Reason::DeployFailed))
        };
        let text = worth_telling(&forged).unwrap().text;
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(
            text.contains("it failed\\n\\nrequest r2, approved by admin\\u{202e}"),
            "{text}"
        );
        assert!(!text.contains(|c| c != '\n' && crate::text::is_hidden(c)), "{text}");
    }

    #[test]
    fn a_title_is_one_short_line_of_ascii() {
        let title = worth_telling(&failed(Some(Reason::Timeout))).unwrap().title;
        assert!(
            title.len() <= MAX_TITLE && title.bytes().all(|b| (0x20..0x7f).contains(&b)),
            "{title:?}"
        );
    }
}
