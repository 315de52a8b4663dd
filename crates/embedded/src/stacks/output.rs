//! What a command printed: bounded, and without the secrets we know of.

use std::collections::VecDeque;

use cc_devops_core::fleet::token::TOKEN_PREFIX;
use cc_devops_core::secret::SecretValue;

/// How much is kept from the start and from the end, in bytes each.
const KEPT: usize = 32 * 1024;
const BLOT: &str = "[redacted]";
/// A bearer token's length after its prefix.
const TOKEN_DIGITS: usize = 64;

/// Collects output as it comes and forgets its middle.
#[derive(Default)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: usize,
}

impl Output {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        self.dropped += excess;
    }

    /// The text to keep. Where the middle was dropped, the edges give up as many bytes as the
    /// longest secret has, so that half of one cannot stand there.
    pub(super) fn finish(self, secrets: &[SecretValue]) -> String {
        let (front, back) = self.tail.as_slices();
        if self.dropped == 0 {
            let whole = [self.head.as_slice(), front, back].concat();
            return redact(&String::from_utf8_lossy(&whole), secrets);
        }
        let longest = secrets
            .iter()
            .map(SecretValue::len)
            .max()
            .unwrap_or(0)
            .max(TOKEN_PREFIX.len() + TOKEN_DIGITS);
        let tail = [front, back].concat();
        let head = self
            .head
            .get(..self.head.len().saturating_sub(longest))
            .unwrap_or_default();
        let tail = tail.get(longest.min(tail.len())..).unwrap_or_default();
        let left_out = self.dropped + 2 * longest;
        format!(
            "{}\n[… {left_out} bytes left out …]\n{}",
            redact(&String::from_utf8_lossy(head), secrets),
            redact(&String::from_utf8_lossy(tail), secrets),
        )
    }
}

/// Blots out known secrets and anything that looks like one of our bearer tokens.
fn redact(text: &str, secrets: &[SecretValue]) -> String {
    let mut text = text.to_owned();
    // Longest first: a secret that contains another must not leave its rest behind.
    let mut secrets: Vec<&SecretValue> = secrets.iter().filter(|secret| !secret.is_empty()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret.expose(), BLOT);
    }
    let mut rest = text.as_str();
    let mut clean = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(TOKEN_PREFIX) {
        clean.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits >= TOKEN_DIGITS {
            clean.push_str(BLOT);
            rest = after.get(digits..).unwrap_or_default();
        } else {
            clean.push_str(TOKEN_PREFIX);
            rest = after;
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pushes: &[&str], secrets: &[&str]) -> String {
        let mut output = Output::default();
        for text in pushes {
            output.push(text.as_bytes());
        }
        let secrets: Vec<SecretValue> = secrets.iter().map(|s| SecretValue::new((*s).to_owned())).collect();
        output.finish(&secrets)
    }

    #[test]
    fn short_output_is_kept_whole_and_secrets_are_blotted_out_across_reads() {
        assert_eq!(kept(&["key=hun", "ter2;\n"], &["hunter2"]), "key=[redacted];\n");
        assert_eq!(kept(&["ab abc"], &["ab", "abc"]), "[redacted] [redacted]");
        assert_eq!(kept(&["plain"], &[""]), "plain");
    }

    #[test]
    fn our_own_tokens_are_blotted_out() {
        let token = format!("{TOKEN_PREFIX}{}", "a1".repeat(32));
        assert_eq!(kept(&[&format!("t={token}.")], &[]), "t=[redacted].");
        assert_eq!(kept(&["ccd_short ccd_"], &[]), "ccd_short ccd_");
    }

    #[test]
    fn long_output_keeps_both_ends_and_no_half_secret() {
        let secret = "s3cret-value";
        let filler = "x".repeat(KEPT - 6);
        let text = kept(
            &[&filler, secret, &"y".repeat(2 * KEPT), secret, &filler, "end"],
            &[secret],
        );
        assert!(text.len() < 2 * KEPT + 200);
        assert!(text.starts_with('x') && text.ends_with("end"));
        assert!(text.contains("bytes left out"));
        assert!(
            !text.contains("s3cret") && !text.contains("-value"),
            "half a secret is left"
        );
    }
}
