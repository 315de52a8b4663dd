//! What each channel sends: one message in the form that its receiver takes. Pure.

pub mod log;
pub mod mail;
pub mod ntfy;
pub mod pagerduty;
pub mod slack;
pub mod sns;
pub mod teams;
pub mod webhook;
mod words;

use std::borrow::Cow;

use cc_devops_alerts::{Message, Named, PlanNotice};
use cc_devops_kernel::text::{cleaned, lines};

use crate::blot::blotted;

pub use words::plain;

/// The message as a channel may show it: titles on one line, nothing hidden, no token of ours and no ping address;
/// bodies only where they are shown.
#[must_use]
pub fn shown(message: &Message, bodies: bool) -> Message {
    let one_line = |text: &str| blotted(&cleaned(text), false).into_owned();
    let many = |text: &str, bare| blotted(&lines(&text.replace("\r\n", "\n")), bare).into_owned();
    Message {
        title: one_line(&message.title),
        reason: one_line(&message.reason),
        maintenance: message.maintenance.as_deref().map(one_line),
        alerts: message
            .alerts
            .iter()
            .map(|named| Named {
                title: one_line(&named.title),
                text: many(&named.text, false),
                body: named.body.as_deref().filter(|_| bodies).map(|body| many(body, true)),
                plan: named.plan.as_ref().map(|plan| PlanNotice {
                    tree: many(&plan.tree, false),
                    ..plan.clone()
                }),
                ..named.clone()
            })
            .collect(),
        ..message.clone()
    }
}

/// At most so many characters, the last of which says that there were more.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect()),
    }
}

/// At most so many bytes, with a last line that says that there were more.
pub(crate) fn cut_bytes(text: &str, most: usize) -> Cow<'_, str> {
    const MORE: &str = "\n… cut here: see all with cc-devops alerts list";
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let mut end = most.saturating_sub(MORE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}{MORE}", text.get(..end).unwrap_or_default()))
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
