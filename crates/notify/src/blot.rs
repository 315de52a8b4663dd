//! What would open a door, blotted out of text that others wrote: tokens of agents, signing secrets of webhooks, and
//! addresses that take pings.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const BLOT: &str = "[blotted out]";

/// The shortest rest of a token that is taken for one. A body that was cut may end within one.
const LEAST: usize = 4;

/// The text without our own tokens (`ccd_…`), signing secrets (`whsec_…`) and ping addresses. `bare` blots out every
/// UUID as well, because one alone is enough to ping.
pub fn blotted(text: &str, bare: bool) -> Cow<'_, str> {
    let mut clean = String::new();
    let (mut kept, mut at) = (0, 0);
    let mut before = None;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((keep, length)) = secret(rest, before, bare) {
            clean.push_str(text.get(kept..at + keep).unwrap_or_default());
            clean.push_str(BLOT);
            at += length;
            kept = at;
            before = None;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        before = Some(c);
        at += c.len_utf8();
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(clean)
}

/// Whether a secret begins here: how many of its bytes are shown, and how many it has.
fn secret(rest: &str, before: Option<char>, bare: bool) -> Option<(usize, usize)> {
    if let Some(path) = begins(rest, "/ping/") {
        let end = path.find(|c: char| c.is_whitespace() || "\"'<>()[]{}\\,;".contains(c));
        let length = end.unwrap_or(path.len());
        return (length > 0).then_some((6, 6 + length));
    }
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    if let Some(token) = begins(rest, "ccd_") {
        let length = run(token, |b| b.is_ascii_alphanumeric());
        return (length >= LEAST).then_some((4, 4 + length));
    }
    if let Some(secret) = begins(rest, "whsec_") {
        let length = run(secret, |b| b.is_ascii_alphanumeric() || b"+/=-_".contains(&b));
        return (length >= LEAST).then_some((6, 6 + length));
    }
    let length = uuid(rest).filter(|_| bare)?;
    Some((0, length))
}

fn begins<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| text.get(prefix.len()..))
        .flatten()
}

fn run(text: &str, of: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| of(*byte)).count()
}

/// The length of a UUID with its hyphens.
const UUID: usize = 36;

/// The shortest beginning of a UUID that is taken for one where the text was cut within it: two of its five groups and
/// the hyphen behind them. A day with its time looks like less, and from less nobody can guess the rest.
const LEAST_OF_UUID: usize = 14;

/// The length of the UUID (RFC 9562, 4) that the text begins with, or of what is there of one where the text was cut.
fn uuid(text: &str) -> Option<usize> {
    let has_form = |&(at, byte): &(usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let length = text.bytes().enumerate().take(UUID).take_while(has_form).count();
    let behind = text.get(length..)?;
    let is_one = if length == UUID {
        !behind.starts_with(|c: char| c.is_ascii_alphanumeric())
    } else {
        length >= LEAST_OF_UUID && matches!(behind, "" | "\u{2026}")
    };
    is_one.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_secrets_are_blotted_out_and_nothing_else_is() {
        let token = format!("ccd_{}", "ab".repeat(32));
        let uuid = "5BD6e8c1-1b2c-4d3e-8f90-a1b2c3d4e5f6";
        for (text, shown) in [
            ("plain", "plain"),
            (&*format!("token={token}!"), "token=ccd_[blotted out]!"),
            (&*format!("é{token}"), &*format!("é{token}")),
            ("accd_abcd", "accd_abcd"),
            ("CCD_abcdef", "CCD_[blotted out]"),
            ("cut: ccd_abcd", "cut: ccd_[blotted out]"),
            ("the prefix ccd_ alone", "the prefix ccd_ alone"),
            ("whsec_MfKQ9r8/GKYq+x==, then", "whsec_[blotted out], then"),
            (
                &*format!("curl https://x.example/ping/{uuid}/fail?rid=1 now"),
                "curl https://x.example/ping/[blotted out] now",
            ),
            ("\"/ping/key/slug\"", "\"/ping/[blotted out]\""),
            ("/ping/", "/ping/"),
            (uuid, uuid),
        ] {
            assert_eq!(blotted(text, false), shown, "{text}");
        }
        assert_eq!(blotted(uuid, true), BLOT);
        assert_eq!(
            blotted(&format!("a {uuid}, {uuid}0"), true),
            format!("a {BLOT}, {uuid}0")
        );
    }

    #[test]
    fn a_uuid_that_was_cut_is_blotted_out() {
        let uuid = "5BD6e8c1-1b2c-4d3e-8f90-a1b2c3d4e5f6";
        for end in 0..=uuid.len() {
            let part = &uuid[..end];
            let hidden = end >= LEAST_OF_UUID;
            let shown = if hidden { BLOT } else { part };
            for more in ["", "\u{2026}"] {
                let text = format!("id: {part}{more}");
                assert_eq!(blotted(&text, true), format!("id: {shown}{more}"));
                assert_eq!(blotted(&text, false), text);
            }
            if end < uuid.len() {
                let goes_on = format!("id: {part} and more");
                assert_eq!(blotted(&goes_on, true), goes_on);
            }
        }
        for kept in ["backup-20240102-1530", "at 5bd6e8c1", "é-5bd6e8c1-1b2c\u{2026}"] {
            assert_eq!(blotted(kept, true), kept);
        }
    }

    #[test]
    fn text_of_any_script_keeps_its_letters() {
        let text = "日本語 ccd_12345678 ünï\u{1f600}";
        assert_eq!(blotted(text, true), "日本語 ccd_[blotted out] ünï\u{1f600}");
    }
}
