//! What secrets are known by.

use super::forms::Form;
use super::reading::is_special;
use super::{PART, SHORTEST};

/// The parts of all forms of all secrets, to be looked up byte by byte.
pub(super) struct Parts {
    /// The forms, one behind the other.
    text: Vec<u8>,
    /// By what they say, each once.
    sorted: Vec<Part>,
    beginnings: Beginnings,
}

#[derive(Clone, Copy)]
struct Part {
    begin: usize,
    end: usize,
    /// Whether it is known only where enough of it stands together: it is short and may be a word or a number, and
    /// lines end and begin with pieces of such by chance.
    is_common: bool,
}

impl Part {
    fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.begin..self.end).unwrap_or_default()
    }
}

/// What parts begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    /// The first of the parts that begin with it, and the one behind the last.
    parts: (usize, usize),
    length: usize,
}

impl Prefix {
    pub(super) fn length(self) -> usize {
        self.length
    }
}

impl Parts {
    pub(super) fn of(forms: impl IntoIterator<Item = Form>) -> Self {
        let mut text: Vec<u8> = Vec::new();
        let mut sorted: Vec<Part> = Vec::new();
        for Form { bytes, plain } in forms {
            let length = PART.min(bytes.len());
            let behind = text.len();
            text.extend_from_slice(&bytes);
            // Numbers stand in columns, however they came to be.
            let is_common = length < PART && (plain || bytes.iter().all(u8::is_ascii_digit));
            let parts = (behind..=text.len() - length).map(|begin| Part {
                begin,
                end: begin + length,
                is_common,
            });
            // Blanks alone tell nothing, and stand in any table.
            sorted.extend(parts.filter(|part| !part.of(&text).trim_ascii().is_empty()));
        }
        sorted.sort_unstable_by(|a, b| (a.of(&text), a.is_common).cmp(&(b.of(&text), b.is_common)));
        sorted.dedup_by(|later, earlier| later.of(&text) == earlier.of(&text));
        let mut beginnings = Beginnings::default();
        for part in &sorted {
            beginnings.add(part.of(&text));
        }
        Self {
            text,
            sorted,
            beginnings,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// What every part begins with: nothing.
    pub(super) fn nothing(&self) -> Prefix {
        Prefix {
            parts: (0, self.sorted.len()),
            length: 0,
        }
    }

    /// The prefix with one more byte, if parts begin with that.
    pub(super) fn longer(&self, prefix: Prefix, byte: u8) -> Option<Prefix> {
        let (first, end) = prefix.parts;
        let among = self.sorted.get(first..end)?;
        let next = |part: &Part| part.of(&self.text).get(prefix.length).copied();
        let before = among.partition_point(|part| next(part) < Some(byte));
        let behind = among.partition_point(|part| next(part) <= Some(byte));
        (before < behind).then_some(Prefix {
            parts: (first + before, first + behind),
            length: prefix.length + 1,
        })
    }

    /// Whether it is a part: `together` says whether enough of it stands together.
    pub(super) fn is_part(&self, prefix: Prefix, together: bool) -> bool {
        self.whole(prefix).is_some_and(|part| together || !part.is_common)
    }

    /// Whether a part goes on behind it.
    pub(super) fn goes_on(&self, prefix: Prefix) -> bool {
        let (first, end) = prefix.parts;
        end - first > usize::from(self.whole(prefix).is_some())
    }

    /// The part that is no longer than that; it is the first of those that begin so.
    fn whole(&self, prefix: Prefix) -> Option<&Part> {
        let first = self.sorted.get(prefix.parts.0)?;
        (first.end - first.begin == prefix.length).then_some(first)
    }

    /// Whether a part may begin with what the text says first. Says no quickly, and yes at times where none does.
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        let plain = text
            .iter()
            .take(SHORTEST)
            .take_while(|byte| !is_special(**byte))
            .count();
        plain == 0 || text.get(..plain).is_some_and(|plain| self.beginnings.may_have(plain))
    }
}

/// Which first bytes parts have, one up to [`SHORTEST`] of them.
struct Beginnings(Vec<u64>);

const BEGINNINGS_BITS: u32 = 20;

impl Default for Beginnings {
    fn default() -> Self {
        Self(vec![0; 1 << (BEGINNINGS_BITS - 6)])
    }
}

impl Beginnings {
    fn place(first: &[u8]) -> Option<(usize, u64)> {
        // The one before the bytes tells how many they are.
        let packed = first
            .iter()
            .fold(1_u32, |packed, byte| (packed << 8) | u32::from(*byte));
        let mixed = packed.wrapping_mul(0x9E37_79B1) >> (32 - BEGINNINGS_BITS);
        Some((usize::try_from(mixed >> 6).ok()?, 1 << (mixed & 63)))
    }

    fn add(&mut self, part: &[u8]) {
        for length in 1..=SHORTEST {
            if let Some((word, bit)) = part.get(..length).and_then(Self::place)
                && let Some(word) = self.0.get_mut(word)
            {
                *word |= bit;
            }
        }
    }

    fn may_have(&self, first: &[u8]) -> bool {
        Self::place(first).is_some_and(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }
}
