//! Places in lists that grow at the end, given out by several writers without a counter.
//!
//! A place is the time in microseconds, so a list read in the order of its places is read in the
//! order of time, as far as the writers' clocks agree. One writer never gives a place twice.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Gives out places.
#[derive(Debug, Default)]
pub(crate) struct Places(AtomicI64);

impl Places {
    /// A place behind all that this writer has given out.
    pub(crate) fn next(&self) -> i64 {
        let now = Timestamp::now().as_microsecond();
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
        // The update never declines, so both arms hold what was there before.
        let (Ok(last) | Err(last)) = before;
        now.max(last + 1)
    }
}

/// A place as text that sorts like the number.
pub(crate) fn sortable(place: i64) -> String {
    format!("{place:016}")
}

/// A time as text that sorts like the time, to the nanosecond.
pub(crate) fn sortable_time(at: Timestamp) -> String {
    // Shifted, so that times before 1970 keep their order.
    format!("{:024}", at.as_nanosecond() + 10_i128.pow(21))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_only_grow() {
        let places = Places::default();
        let given: Vec<i64> = (0..10_000).map(|_| places.next()).collect();
        assert!(given.is_sorted_by(|a, b| a < b));
        assert!(sortable(9) < sortable(10));
        assert!(sortable_time(Timestamp::MIN) < sortable_time(Timestamp::UNIX_EPOCH));
        assert!(sortable_time(Timestamp::UNIX_EPOCH) < sortable_time(Timestamp::MAX));
    }
}
