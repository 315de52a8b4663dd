//! Blots secrets out of a stream of bytes, however it is cut into reads.
//!
//! A secret is known by its parts: every [`PART`] bytes in a row of each of its forms (`forms`), or the whole of a
//! shorter one. The text is read in every way in which its characters may be meant (`reading`), over the line
//! breaks of whoever wrapped it, and whatever says a part so is blotted out: a secret that is printed to a half, or
//! in several pieces, loses each piece that is long enough to be known. What could begin a part is held back until
//! the next bytes decide.

mod forms;
mod parts;
mod reading;
mod search;
#[cfg(test)]
mod writings;

use std::ops::Range;

use cc_devops_fleet::token::TOKEN_PREFIX;

use forms::forms;
use parts::Parts;
use search::search;

/// What stands where a secret stood.
pub(super) const BLOT: &str = "[redacted]";
/// The shortest secret that is looked for, in bytes. A shorter one stands in any text by chance.
const SHORTEST: usize = 4;
/// How much of a secret is enough to know it by, in bytes. Less would blot out words that a secret, such as a
/// database's address, has in common with any log.
const PART: usize = 12;
/// How many digits behind its prefix make a bearer token of ours.
const TOKEN_DIGITS: usize = 4;

/// The secrets that are looked for.
pub(super) struct Secrets {
    parts: Parts,
}

impl Secrets {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self {
            parts: Parts::of(secrets.into_iter().flat_map(forms)),
        }
    }
}

/// One pipe's bytes, redacted as they come.
#[derive(Default)]
pub(super) struct Stream {
    /// What may turn out to be a secret's beginning.
    held: Vec<u8>,
    /// Which of the held bytes belong to a secret, whatever comes.
    covered: Vec<bool>,
    /// Whether the last byte was a bearer token's digit.
    in_token: bool,
    /// Whether the last byte that was given was blotted out.
    blotted: bool,
}

impl Stream {
    /// Takes the next bytes, and adds what is decided to `clean`.
    pub(super) fn push(&mut self, secrets: &Secrets, bytes: &[u8], clean: &mut Vec<u8>) {
        let held = self.held.len();
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(bytes);
        let mut covered = std::mem::take(&mut self.covered);
        covered.resize(text.len(), false);
        if self.in_token && !bytes.is_empty() {
            let end = held + hex_digits(bytes);
            cover(&mut covered, held..end);
            self.in_token = end == text.len();
        }
        let undecided = search(&secrets.parts, &text, &mut covered, false);
        let decided = self.cover_tokens(&text, undecided, &mut covered);
        self.held = text.split_off(decided);
        self.covered = covered.split_off(decided);
        self.give(&text, &covered, clean);
    }

    /// Gives the rest. Whoever printed it may have been stopped within a secret, so that what could have
    /// become one is blotted out.
    pub(super) fn finish(mut self, secrets: &Secrets, clean: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        let mut covered = std::mem::take(&mut self.covered);
        search(&secrets.parts, &text, &mut covered, true);
        self.cover_tokens(&text, text.len(), &mut covered);
        self.give(&text, &covered, clean);
    }

    /// Marks the bearer tokens that begin before `end`, and gives where that is, or the place before it of which
    /// nobody can say yet whether one begins there.
    fn cover_tokens(&mut self, text: &[u8], end: usize, covered: &mut [bool]) -> usize {
        for at in 0..end {
            let rest = text.get(at..).unwrap_or_default();
            if let Some(token) = token_at_beginning_of(rest) {
                cover(covered, at..at + token);
                self.in_token |= at + token == text.len();
            } else if may_become_a_token(rest) {
                return at;
            }
        }
        end
    }

    /// Adds a text, or the blot in the place of what is covered.
    fn give(&mut self, text: &[u8], covered: &[bool], clean: &mut Vec<u8>) {
        for (byte, covered) in text.iter().zip(covered) {
            match (*covered, self.blotted) {
                (false, _) => clean.push(*byte),
                (true, false) => clean.extend_from_slice(BLOT.as_bytes()),
                (true, true) => {}
            }
            self.blotted = *covered;
        }
    }
}

fn cover(covered: &mut [bool], range: Range<usize>) {
    if let Some(covered) = covered.get_mut(range) {
        covered.fill(true);
    }
}

/// The length of what looks like one of our bearer tokens, as far as it is there.
fn token_at_beginning_of(text: &[u8]) -> Option<usize> {
    let digits = hex_digits(text.strip_prefix(TOKEN_PREFIX.as_bytes())?);
    (digits >= TOKEN_DIGITS).then_some(TOKEN_PREFIX.len() + digits)
}

/// Whether a text may be a token's beginning, and is too short to tell.
fn may_become_a_token(text: &[u8]) -> bool {
    match text.strip_prefix(TOKEN_PREFIX.as_bytes()) {
        Some(digits) => digits.len() < TOKEN_DIGITS && hex_digits(digits) == digits.len(),
        None => TOKEN_PREFIX.as_bytes().starts_with(text),
    }
}

fn hex_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secrets: &[&str], reads: &[&[u8]]) -> String {
        let secrets = Secrets::new(secrets.iter().map(|secret| secret.as_bytes()));
        let (mut stream, mut clean) = (Stream::default(), Vec::new());
        for read in reads {
            stream.push(&secrets, read, &mut clean);
        }
        stream.finish(&secrets, &mut clean);
        String::from_utf8(clean).unwrap()
    }

    fn whole(secrets: &[&str], text: &str) -> String {
        redacted(secrets, &[text.as_bytes()])
    }

    const LONG: &str = "kQ7zT0pLx2VbN9cR4mYs8WdG1hJf6AuE5iZo3XtB";

    #[test]
    fn a_secret_is_blotted_out_however_it_is_cut_into_reads() {
        for secret in ["hunter2", LONG] {
            let text = format!("key={secret};{secret}{secret}\n");
            let clean = "key=[redacted];[redacted]\n";
            assert_eq!(whole(&[secret], &text), clean);
            for cut in 0..text.len() {
                let (before, after) = text.as_bytes().split_at(cut);
                assert_eq!(redacted(&[secret], &[before, after]), clean, "cut at {cut}");
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(redacted(&[secret], &bytes), clean);
        }
    }

    #[test]
    fn what_only_begins_like_a_secret_stays() {
        assert_eq!(
            whole(&["hunter2"], "a hunter, hunting hunte\n"),
            "a hunter, hunting hunte\n"
        );
        assert_eq!(whole(&[], "plain"), "plain");
        assert_eq!(
            whole(&["", "abc"], "abc stays: it is too short"),
            "abc stays: it is too short"
        );
    }

    #[test]
    fn a_secret_that_is_cut_off_by_the_end_is_blotted_out() {
        for end in SHORTEST..LONG.len() {
            assert_eq!(
                whole(&[LONG], &format!("key={}", &LONG[..end])),
                "key=[redacted]",
                "{end}"
            );
        }
    }

    #[test]
    fn every_part_of_a_secret_is_known() {
        for begin in 0..LONG.len() - PART {
            let part = &LONG[begin..begin + PART];
            assert_eq!(whole(&[LONG], &format!("<{part}>")), "<[redacted]>", "{begin}");
        }
        let wrapped = format!("{}\n{}\n", &LONG[..20], &LONG[20..]);
        assert_eq!(whole(&[LONG], &wrapped), "[redacted]\n[redacted]\n");
    }

    #[test]
    fn secrets_that_overlap_or_hold_one_another_leave_nothing() {
        assert_eq!(whole(&["abcd", "cdef"], "abcdef"), "[redacted]");
        assert_eq!(whole(&["abcd", "abcdef"], "abcd abcdef"), "[redacted] [redacted]");
    }

    #[test]
    fn our_own_tokens_are_blotted_out_however_they_are_cut() {
        let token = format!("{TOKEN_PREFIX}{}", "a1".repeat(32));
        let text = format!("t={token}. ccd_short ccd_");
        for cut in 0..text.len() {
            let (before, after) = text.as_bytes().split_at(cut);
            assert_eq!(
                redacted(&[LONG], &[before, after]),
                "t=[redacted]. ccd_short ccd_",
                "{cut}"
            );
        }
    }
}
