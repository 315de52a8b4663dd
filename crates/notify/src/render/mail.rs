//! A message as mail: text and HTML, in one thread for as long as the alert lives.

use cc_devops_alerts::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use maud::{DOCTYPE, Markup, html};

use super::words::{called, closing, decide_with, left_out, maintenance, state, take_on, waits, why};
use super::{cut, plain};

/// The longest subject, in characters.
const MAX_SUBJECT: usize = 200;

/// The mail, whose identity is the decision's: the left side of `Message-ID` is its id, and all mails of one alert
/// have the first one's in `References` (RFC 5322, 3.6.4).
///
/// # Errors
/// An id that no header takes; a mail that cannot be made. The text names no address.
pub fn mail(message: &Message, from: &Mailbox, to: &[Mailbox]) -> Result<lettre::Message, String> {
    let domain = Some(from.email.domain()).filter(|domain| domain.is_ascii());
    let domain = domain.unwrap_or("cc-devops.invalid");
    let identity = |id: &str| -> Result<String, String> {
        let good = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        good.then(|| format!("<{id}@{domain}>"))
            .ok_or_else(|| "the message's id is none that a header takes".to_owned())
    };
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .subject(cut(&message.title, MAX_SUBJECT))
        .date(message.at.into())
        .message_id(Some(identity(&message.id)?))
        // RFC 3834, 5: so that nobody's absence is answered to us.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        // RFC 2369, 3.2.
        .raw_header(raw(
            "List-Unsubscribe",
            &format!("<mailto:{}?subject=unsubscribe>", from.email),
        ));
    for recipient in to {
        builder = builder.to(recipient.clone());
    }
    let earlier = |thread: &&str| !thread.is_empty() && *thread != message.id;
    let threads = std::iter::once(message.thread.as_str()).chain(message.threads.iter().map(String::as_str));
    let mut roots: Vec<String> = Vec::new();
    for thread in threads.filter(earlier) {
        let root = identity(thread)?;
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    if let Some(root) = roots.first() {
        builder = builder.in_reply_to(root.clone()).references(roots.join(" "));
    }
    builder
        .multipart(MultiPart::alternative_plain_html(plain(message), page(message)))
        .map_err(|error| format!("the mail cannot be made: {error}"))
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The HTML part. Everything is escaped, nothing is loaded from elsewhere, and there is no link.
pub fn page(message: &Message) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (message.title) }
            }
            body style="font-family:sans-serif;line-height:1.4" {
                h1 style="font-size:1.2em" { (message.title) }
                @for line in [why(message), maintenance(message)].into_iter().flatten() { p { (line) } }
                @for named in &message.alerts { (alert(message, named)) }
                @if let Some(more) = left_out(message, message.alerts.len()) { p { (more) } }
                p style="color:#667085" { (closing(message)) }
            }
        }
    }
    .into_string()
}

fn alert(message: &Message, named: &cc_devops_alerts::Named) -> Markup {
    html! {
        h2 style="font-size:1em;margin-bottom:0" { (called(named)) ": " (state(named)) }
        @if named.title != message.title { p { (named.title) } }
        @if !named.text.is_empty() { (as_it_is(&named.text)) }
        @if let Some(plan) = &named.plan {
            p { (waits(plan)) }
            @for (what, command) in decide_with(plan) { p { (what) ": " code { (command) } } }
            @if !plan.tree.is_empty() {
                p { "What it changes:" }
                (as_it_is(&plan.tree))
            }
        }
        @if let Some(body) = &named.body {
            p { "What came with the last ping:" }
            (as_it_is(body))
        }
        @if let Some(command) = take_on(message, named) { p { "Take it on with: " code { (command) } } }
    }
}

fn as_it_is(text: &str) -> Markup {
    html! { pre style="white-space:pre-wrap;overflow-wrap:anywhere" { (text) } }
}
