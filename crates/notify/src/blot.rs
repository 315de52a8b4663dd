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
    (bare && is_uuid(rest)).then_some((0, UUID))
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

/// Whether the text begins with a UUID (RFC 9562, 4) and nothing else.
fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let form = bytes.iter().take(UUID).enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    form && bytes.len() >= UUID && !bytes.get(UUID).is_some_and(u8::is_ascii_alphanumeric)
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
    fn text_of_any_script_keeps_its_letters() {
        let text = "日本語 ccd_12345678 ünï\u{1f600}";
        assert_eq!(blotted(text, true), "日本語 ccd_[blotted out] ünï\u{1f600}");
    }
}
