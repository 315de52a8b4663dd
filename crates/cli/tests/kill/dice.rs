//! Random moments that can be repeated from a printed seed.

use std::time::Duration;

/// Random numbers that one seed decides (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    /// The seed to use: a given one, or another each time.
    pub(crate) fn seed() -> u64 {
        std::env::var("CC_DEVOPS_KILL_SEED").map_or_else(
            |_| uuid::Uuid::now_v7().as_u64_pair().1,
            |text| text.parse().expect("CC_DEVOPS_KILL_SEED must be a number"),
        )
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A time from `first` to `last` milliseconds.
    pub(crate) fn between_ms(&mut self, first: u64, last: u64) -> Duration {
        Duration::from_micros(first * 1000 + self.below((last - first) * 1000))
    }

    /// Dice of their own, for somebody who throws at times of his own.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }
}
