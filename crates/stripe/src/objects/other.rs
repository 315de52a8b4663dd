//! What is no subscription, in words: another object of Stripe's, or its answer to a request that failed.

use std::borrow::Cow;

use serde::Deserialize;

use super::name::field;
use super::wire::Text;

/// What an object says of itself, if that is something else than `wanted`.
pub(crate) fn is_another(json: &[u8], wanted: &[&str]) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        object: Option<Text<'a>>,
    }
    let kind: Kind<'_> = serde_json::from_slice(json).ok()?;
    let object = kind.object?.0;
    (!wanted.contains(&&*object)).then(|| named(&object))
}

/// What the JSON is in place of a subscription; `None` if that cannot be told.
pub(crate) fn other_object(json: &[u8]) -> Option<String> {
    if let Some(said) = refusal(json) {
        return Some(format!("this is Stripe's answer to a request that failed: {said}"));
    }
    let is_event = field(json, "data").is_some_and(|data| field(data, "object").is_some());
    match is_another(json, &["subscription"]) {
        Some(what) if is_event => Some(format!(
            "this is {what}, not a subscription; what it happened to is its data.object: give that, if it is a \
             subscription"
        )),
        Some(what) => Some(format!("this is {what}, not a subscription")),
        None if is_event => Some(
            "this looks like an event, not a subscription; what it happened to is its data.object: give that, if it \
             is a subscription"
                .to_owned(),
        ),
        None => None,
    }
}

/// The message of an error as Stripe answers it.
fn refusal(json: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        error: Refusal<'a>,
    }
    #[derive(Deserialize)]
    struct Refusal<'a> {
        #[serde(borrow)]
        message: Option<Text<'a>>,
        #[serde(borrow, rename = "type")]
        kind: Option<Text<'a>>,
    }
    let answer: Answer<'_> = serde_json::from_slice(json).ok()?;
    let said = answer.error.message.or(answer.error.kind)?;
    Some(said.0)
}

fn named(object: &str) -> String {
    let article = if object.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {object}")
}

/// What is wrong, without serde's place: a line within one line of the input would mislead.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) if error.line() > 0 => what.to_owned(),
        _ => text,
    }
}
