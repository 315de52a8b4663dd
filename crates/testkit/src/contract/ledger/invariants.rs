//! What must never happen to a ledger, seen from its answers alone.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Held;

/// What somebody remembers who was given every answer.
#[derive(Debug, Default)]
pub(super) struct InvariantChecker {
    /// Who carries out a request: the claim's number, and until when its lease holds.
    leases: BTreeMap<u8, (u32, i64)>,
    /// The requests that were acknowledged and not forgotten since.
    acknowledged: BTreeSet<u8>,
    /// Those of them that have ended.
    ended: BTreeSet<u8>,
    /// How often requests of an id have ended. An id comes again when its request is forgotten.
    ends: BTreeMap<u8, usize>,
    /// The outbox's own numbers of the events of an id.
    events: BTreeMap<u8, BTreeSet<i64>>,
}

impl InvariantChecker {
    pub(super) fn acknowledged(&mut self, id: u8) {
        let is_new = self.acknowledged.insert(id);
        assert!(is_new, "request {id} was acknowledged as new, and is there already");
    }

    /// Somebody was given a claim at `now`.
    pub(super) fn claimed(&mut self, (id, number): Held, now: i64, until: i64) {
        assert!(!self.ended.contains(&id), "request {id} was handed out after its end");
        let before = self.leases.insert(id, (number, until));
        if let Some((other, ends)) = before {
            assert!(
                ends <= now,
                "request {id} was handed out while a lease holds until {ends}: now it is {now}"
            );
            assert!(
                other < number,
                "claim {number} of request {id} does not supersede claim {other}"
            );
        }
    }

    /// A claim's lease was renewed.
    pub(super) fn renewed(&mut self, claim: Held, now: i64, until: i64) {
        self.holds(claim, now);
        self.leases.insert(claim.0, (claim.1, until));
    }

    /// Whoever had a claim is done with it.
    pub(super) fn gave_up(&mut self, claim: Held, now: i64) {
        self.holds(claim, now);
        self.leases.remove(&claim.0);
    }

    /// Whoever carried something out is dead.
    pub(super) fn all_died(&mut self) {
        self.leases.clear();
    }

    pub(super) fn ended(&mut self, id: u8) {
        assert!(self.ended.insert(id), "request {id} ended twice");
        *self.ends.entry(id).or_default() += 1;
    }

    /// An event waits in the outbox.
    pub(super) fn announced(&mut self, id: u8, event: i64) {
        self.events.entry(id).or_default().insert(event);
    }

    /// These are left after the store was told to forget.
    pub(super) fn forgot(&mut self, left: &BTreeSet<u8>) {
        let gone: Vec<u8> = self.acknowledged.difference(left).copied().collect();
        for id in gone {
            assert!(self.ended.remove(&id), "request {id} was forgotten before its end");
            self.acknowledged.remove(&id);
        }
    }

    /// What was acknowledged is on record, and every end was announced once.
    pub(super) fn check(&self, on_record: &BTreeSet<u8>) {
        assert_eq!(
            *on_record, self.acknowledged,
            "what is on record is what was acknowledged"
        );
        let events: BTreeMap<u8, usize> = self.events.iter().map(|(id, events)| (*id, events.len())).collect();
        assert_eq!(events, self.ends, "every end is announced once");
    }

    /// No other claim of the request has a lease that holds.
    fn holds(&self, (id, number): Held, now: i64) {
        if let Some((other, until)) = self.leases.get(&id) {
            assert!(
                *other == number || *until <= now,
                "claim {number} of request {id} did something while claim {other} holds until {until}"
            );
        }
    }
}
