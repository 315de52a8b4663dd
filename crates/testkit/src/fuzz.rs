//! Hostile input from a few examples, on stable Rust: each number makes one input, always the same one.
//!
//! A test gives examples and what must hold of any input; this makes as many as `FUZZ_INPUTS` says, or a few where it
//! says nothing. What fails is told with how to make it again: `FUZZ_SEED` and `FUZZ_FIRST`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How many inputs a run has where nobody says.
const FEW: u64 = 2_000;
/// The seed where nobody says: `make test` does the same each time.
const SEED: u64 = 1;
/// The longest input, in bytes.
const LONGEST: usize = 1 << 16;
/// The most changes that make one input.
const CHANGES: u64 = 6;

/// What JSON, YAML, headers and names are made of, and what has broken readers of them.
const WORDS: [&[u8]; 44] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"- ",
    b"# ",
    b"&a ",
    b"*a",
    b"!!binary ",
    b"|\n",
    b">-\n",
    b"? ",
    b"---\n",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"-0.0",
    b"1e999",
    b"1E-400",
    b"9223372036854775808",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\\u202e",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\x80",
    b"$serde_json::private::RawValue",
    b"$serde_json::private::Number",
    b"{\"a\":",
    b"\"\":",
    b"../",
    b"\0",
    b"=",
];

/// What opens a level.
const NESTING: [&[u8]; 4] = [b"[", b"{\"a\":", b"- ", b"{\"$serde_json::private::RawValue\":\""];

/// A run over one property.
#[derive(Debug, Clone, Copy)]
pub struct Fuzz {
    seed: u64,
    first: u64,
    inputs: u64,
}

impl Fuzz {
    /// As the environment says: `FUZZ_INPUTS`, `FUZZ_SEED`, and `FUZZ_FIRST` to begin with another than the first.
    #[expect(
        clippy::new_without_default,
        reason = "it reads the environment, which a default would hide"
    )]
    pub fn new() -> Self {
        let number = |name: &str, default| match std::env::var(name) {
            Ok(text) if !text.is_empty() => text
                .parse()
                .unwrap_or_else(|_| panic!("{name} must be a number: {text}")),
            _ => default,
        };
        Self {
            seed: number("FUZZ_SEED", SEED),
            first: number("FUZZ_FIRST", 0),
            inputs: number("FUZZ_INPUTS", FEW),
        }
    }

    /// Gives every input to `holds`, which panics where something does not.
    ///
    /// # Panics
    /// Where `holds` does; what says how to make the input again is printed before.
    #[expect(clippy::print_stdout, reason = "whoever runs it reads there which seed it was")]
    pub fn run(self, examples: &[&[u8]], mut holds: impl FnMut(&[u8])) {
        for number in self.first..self.first.saturating_add(self.inputs) {
            let input = self.input(examples, number);
            let tried = catch_unwind(AssertUnwindSafe(|| holds(&input)));
            if let Err(panic) = tried {
                println!(
                    "input {number} of seed {} does not hold; again with FUZZ_SEED={} FUZZ_FIRST={number} FUZZ_INPUTS=1\n{}",
                    self.seed,
                    self.seed,
                    input.escape_ascii()
                );
                resume_unwind(panic);
            }
        }
        println!("{} inputs of seed {} hold", self.inputs, self.seed);
    }

    /// The input of that number.
    fn input(self, examples: &[&[u8]], number: u64) -> Vec<u8> {
        let mut chance = Chance(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let mut input = chance.one(examples).map(|example| example.to_vec()).unwrap_or_default();
        // Once in a while an example as it is: the way that is taken where all is well.
        for _ in 0..chance.below(CHANGES + 1) {
            change(&mut input, examples, &mut chance);
            input.truncate(LONGEST);
        }
        input
    }
}

/// Makes one change.
fn change(input: &mut Vec<u8>, examples: &[&[u8]], chance: &mut Chance) {
    let at = chance.place(input.len() + 1);
    let to = at + chance.place((input.len() - at + 1).min(64));
    match chance.below(10) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = chance.byte();
            }
        }
        2 => drop(input.drain(at..to)),
        3 => {
            let again = input[at..to].to_vec();
            insert(input, at, &again);
        }
        4 | 5 => insert(input, at, chance.one(&WORDS).copied().unwrap_or_default()),
        6 => {
            let word = chance.one(&WORDS).copied().unwrap_or_default();
            drop(input.splice(at..to, word.iter().copied()));
        }
        7 => {
            // Nesting without end is made of few bytes.
            let word = chance.one(&NESTING).copied().unwrap_or_default();
            let times = 1 << chance.below(11);
            insert(input, at, &word.repeat(times));
        }
        8 => {
            let other = chance.one(examples).copied().unwrap_or_default();
            let from = chance.place(other.len() + 1);
            let piece = &other[from..];
            insert(input, at, &piece[..chance.place(piece.len() + 1)]);
        }
        _ => input.truncate(at),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(input.splice(at..at, piece.iter().copied()));
}

/// `SplitMix64`: small, fast and always the same. Source: <https://prng.di.unimi.it/splitmix64.c>.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A place below `end`, which is not 0.
    fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).expect("it is below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        (!list.is_empty()).then(|| &list[self.place(list.len())])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const RUN: Fuzz = Fuzz {
        seed: 7,
        first: 0,
        inputs: 500,
    };

    fn inputs(run: Fuzz) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        run.run(&[b"{\"a\": [1, 2]}", b"x"], |input| all.push(input.to_vec()));
        all
    }

    #[test]
    fn a_seed_gives_the_same_inputs_and_another_gives_others() {
        let all = inputs(RUN);
        assert_eq!(all, inputs(RUN));
        assert_ne!(all, inputs(Fuzz { seed: 8, ..RUN }));
        let (first, inputs_left) = (490, 10);
        let rest = Fuzz {
            first,
            inputs: inputs_left,
            ..RUN
        };
        assert_eq!(all[490..], inputs(rest), "a run can begin in the middle");
        let different: BTreeSet<_> = all.iter().collect();
        assert!(different.len() > 300, "{}", different.len());
        assert!(all.iter().any(|input| input.len() > 1_000), "some are deep");
        assert!(all.iter().any(|input| input == b"x"), "some are as they were");
    }

    #[test]
    fn what_does_not_hold_fails_the_run() {
        let tried = catch_unwind(|| RUN.run(&[b"abc"], |input| assert!(input.starts_with(b"abc"))));
        assert!(tried.is_err());
    }
}
