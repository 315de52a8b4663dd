//! A message for a topic of Amazon SNS.

use cc_devops_alerts::Message;

use super::{cut_bytes, plain};

/// The longest subject, in characters of ASCII. Source:
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>, as of the body.
pub const MAX_SUBJECT: usize = 100;

/// The largest body, in bytes.
pub const MAX_BODY: usize = 262_144;

/// The subject: one line of ASCII that begins with a letter, a digit or a mark.
pub fn subject(message: &Message) -> String {
    let ascii = message
        .title
        .chars()
        .map(|c| if c.is_ascii_graphic() { c } else { ' ' });
    let subject: String = ascii.collect();
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = subject.chars().take(MAX_SUBJECT).collect();
    if cut.is_empty() {
        format!("Alert: {}", message.kind.as_str())
    } else {
        cut.trim_end().to_owned()
    }
}

/// The body.
pub fn body(message: &Message) -> String {
    cut_bytes(&plain(message), MAX_BODY).into_owned()
}
