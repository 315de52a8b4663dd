//! Blots secrets out of a stream of bytes, however it is cut into reads.
//!
//! A secret is known by its parts: every [`PART`] bytes in a row of each of its forms, or the whole of a
//! shorter one. What a part covers is blotted out, so that a secret that is printed to a half, or in several
//! pieces, loses each piece that is long enough to be known. What could begin a part is held back until the
//! next bytes decide.

mod forms;

use cc_devops_fleet::token::TOKEN_PREFIX;

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
    /// Sorted, each once.
    parts: Vec<Vec<u8>>,
    /// The lengths that parts have.
    lengths: Vec<usize>,
    beginnings: Beginnings,
}

impl Secrets {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            for form in forms::forms(secret) {
                if form.len() >= SHORTEST {
                    parts.extend(form.windows(PART.min(form.len())).map(<[u8]>::to_vec));
                }
            }
        }
        parts.sort_unstable();
        parts.dedup();
        let mut lengths: Vec<usize> = parts.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut beginnings = Beginnings::default();
        for part in &parts {
            beginnings.add(part);
        }
        Self {
            parts,
            lengths,
            beginnings,
        }
    }

    /// The length of the longest part that `text` begins with; 0 where it begins with none.
    fn at_beginning_of(&self, text: &[u8]) -> usize {
        if !self.beginnings.may_have(text) {
            return 0;
        }
        let lengths = self.lengths.iter().rev().copied();
        let known = |part: &[u8]| self.parts.binary_search_by(|known| known.as_slice().cmp(part)).is_ok();
        let mut fitting = lengths.filter(|length| text.get(..*length).is_some_and(known));
        fitting.next().unwrap_or(0)
    }

    /// Whether a part begins with `text` and goes on.
    fn may_go_on_from(&self, text: &[u8]) -> bool {
        let behind = self.parts.partition_point(|part| part.as_slice() <= text);
        self.parts.get(behind).is_some_and(|part| part.starts_with(text))
    }

    /// Where in `text` that begins of which nobody can say yet whether it is a part.
    fn undecided(&self, text: &[u8]) -> usize {
        let earliest = text.len().saturating_sub(PART - 1);
        (earliest..text.len())
            .find(|at| {
                let rest = text.get(*at..).unwrap_or_default();
                self.may_go_on_from(rest) || may_become_a_token(rest)
            })
            .unwrap_or(text.len())
    }
}

/// Which first bytes parts have: says no quickly, and yes at times where it is none.
struct Beginnings(Vec<u64>);

const BEGINNINGS_BITS: u32 = 20;

impl Default for Beginnings {
    fn default() -> Self {
        Self(vec![0; 1 << (BEGINNINGS_BITS - 6)])
    }
}

impl Beginnings {
    fn place(text: &[u8]) -> Option<(usize, u64)> {
        let first = text.first_chunk::<SHORTEST>()?;
        let mixed = u32::from_le_bytes(*first).wrapping_mul(0x9E37_79B1) >> (32 - BEGINNINGS_BITS);
        Some((usize::try_from(mixed >> 6).ok()?, 1 << (mixed & 63)))
    }

    fn add(&mut self, part: &[u8]) {
        if let Some((word, bit)) = Self::place(part)
            && let Some(word) = self.0.get_mut(word)
        {
            *word |= bit;
        }
    }

    fn may_have(&self, text: &[u8]) -> bool {
        Self::place(text).is_some_and(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// One pipe's bytes, redacted as they come.
#[derive(Default)]
pub(super) struct Stream {
    /// What may turn out to be a secret's beginning.
    held: Vec<u8>,
    /// How many of the held bytes belong to a part that began before them.
    covered: usize,
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
        if self.in_token && !bytes.is_empty() {
            let end = held + hex_digits(bytes);
            self.covered = self.covered.max(end);
            self.in_token = end == text.len();
        }
        let decided = secrets.undecided(&text);
        self.give(secrets, &text, decided, clean);
        self.held = text.split_off(decided);
        self.covered = self.covered.saturating_sub(decided);
    }

    /// Gives the rest. Whoever printed it may have been stopped within a secret, so that what could have
    /// become one is blotted out.
    pub(super) fn finish(mut self, secrets: &Secrets, clean: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        let cut_off = (0..text.len()).find(|at| {
            let rest = text.get(*at..).unwrap_or_default();
            rest.len() >= SHORTEST && secrets.may_go_on_from(rest)
        });
        let (decided, covered) = (cut_off.unwrap_or(text.len()), text.len());
        self.give(secrets, &text, decided, clean);
        if cut_off.is_some() {
            self.covered = covered;
            self.give_from(secrets, &text, decided..covered, clean);
        }
    }

    fn give(&mut self, secrets: &Secrets, text: &[u8], decided: usize, clean: &mut Vec<u8>) {
        self.give_from(secrets, text, 0..decided, clean);
    }

    /// Adds the bytes in `range` of `text`, or the blot in the place of those that a part covers.
    fn give_from(&mut self, secrets: &Secrets, text: &[u8], range: std::ops::Range<usize>, clean: &mut Vec<u8>) {
        for at in range {
            let Some((byte, rest)) = text.get(at).zip(text.get(at..)) else {
                return;
            };
            self.covered = self.covered.max(at + secrets.at_beginning_of(rest));
            if let Some(token) = token_at_beginning_of(rest) {
                self.covered = self.covered.max(at + token);
                self.in_token |= at + token == text.len();
            }
            if at >= self.covered {
                clean.push(*byte);
            } else if !self.blotted {
                clean.extend_from_slice(BLOT.as_bytes());
            }
            self.blotted = at < self.covered;
        }
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
