//! Places in lists: of requests and of audit rows, as people read them.
//!
//! A place is the time in microseconds by its writer's clock, so a list read in the order of its places
//! is read in the order of time, as far as the writers' clocks agree. One writer never gives a place
//! twice. What must not depend on clocks, the event log, counts its places instead (`log::sequencer`).
//!
//! A list is spread over [`SHARDS`] keys of an index, which readers merge (`walk`): a key of DynamoDB
//! takes 1,000 writes a second.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Over how many keys a list or a state is spread.
pub(crate) const SHARDS: u8 = 16;

/// Gives out places.
#[derive(Debug, Default)]
pub(crate) struct Places(AtomicI64);

impl Places {
    /// A place behind all that this writer has given out.
    pub(crate) fn next(&self, now: Timestamp) -> i64 {
        let now = now.as_microsecond();
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
        // The update never declines, so both arms hold what was there before.
        let (Ok(last) | Err(last)) = before;
        now.max(last + 1)
    }
}

/// The key of the shard of a list where something stands; `what` is its own name, and decides for good.
pub(crate) fn sharded(list: &str, what: &str) -> String {
    let digest = Sha256::digest(what);
    shard(list, digest.first().copied().unwrap_or_default() % SHARDS)
}

/// The keys of a list: its shards, and the one key that older versions wrote it under.
pub(crate) fn keys_of(list: &str) -> Vec<String> {
    let shards = (0..SHARDS).map(|number| shard(list, number));
    shards.chain([list.to_owned()]).collect()
}

fn shard(list: &str, number: u8) -> String {
    format!("{list}#{number:02}")
}

/// A place as text that sorts like the number.
pub(crate) fn sortable(place: i64) -> String {
    format!("{place:016}")
}

/// A time as text that sorts like the time, to the nanosecond.
pub(crate) fn sortable_time(at: Timestamp) -> String {
    // Shifted, so that times before 1970 keep their order.
    format!("{:024}", at.as_nanosecond() + SHIFT)
}

/// How far [`sortable_time`] shifts, in nanoseconds.
const SHIFT: i128 = 10_i128.pow(21);

/// The time of a [`sortable_time`].
pub(crate) fn time_of(text: &str) -> Option<Timestamp> {
    let nanos: i128 = text.parse().ok()?;
    Timestamp::from_nanosecond(nanos.checked_sub(SHIFT)?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn places_only_grow() {
        let places = Places::default();
        let given: Vec<i64> = (0..10_000).map(|_| places.next(Timestamp::UNIX_EPOCH)).collect();
        assert!(given.is_sorted_by(|a, b| a < b));
        assert!(sortable(9) < sortable(10));
        assert!(sortable_time(Timestamp::MIN) < sortable_time(Timestamp::UNIX_EPOCH));
        assert!(sortable_time(Timestamp::UNIX_EPOCH) < sortable_time(Timestamp::MAX));
        for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            assert_eq!(time_of(&sortable_time(at)), Some(at));
        }
    }

    #[test]
    fn a_list_is_spread_evenly_over_keys_that_readers_know() {
        let mut found = BTreeMap::<String, u32>::new();
        for number in 0..16_000 {
            *found.entry(sharded("requests", &format!("REQ#r{number}"))).or_default() += 1;
        }
        let known = keys_of("requests");
        assert!(found.keys().all(|key| known.contains(key)));
        assert_eq!(found.len(), usize::from(SHARDS));
        assert!(found.values().all(|count| (850..1_150).contains(count)), "{found:?}");
    }
}
