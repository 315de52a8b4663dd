//! What a schedule promises, beside the cases from the field: words, refusals, the stored form, early heartbeats;
//! every minute around changes of the clocks; systemd's own answers.

mod cases;
mod early;
mod every_minute;
mod refusals;
mod stored;
mod systemd;
mod words;

use jiff::Timestamp;

use super::{Cron, OnCalendar, Schedule};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn cron(expression: &str, zone: &str) -> Schedule {
    Schedule::Cron(Cron::new(expression, zone).unwrap())
}

fn calendar(expressions: &str, zone: &str) -> Schedule {
    Schedule::OnCalendar(OnCalendar::new(expressions, zone).unwrap())
}

/// Numbers that are the same at each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `first` to `last`.
    fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[usize::try_from(self.between(0, all.len() as u64 - 1)).unwrap()]
    }
}
