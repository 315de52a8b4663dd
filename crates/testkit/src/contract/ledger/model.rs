//! The ledger as it should be, in the fewest words: what each step answers, and what is read after it.
//!
//! Times are whole seconds after [`crate::sample::START`]. Every arrival has a second of its own, so that the order
//! in which requests arrived is the order of their times.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest_state_machine::ReferenceStateMachine;

/// How many ids the steps speak of: few, so that they meet.
pub(super) const IDS: u8 = 5;

/// A claim: whose request, and its number.
pub(super) type Held = (u8, u32);

/// What may be done to a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Receive {
        id: u8,
        meaning: u8,
        lease: Option<i64>,
    },
    ReceiveConcluded {
        id: u8,
        meaning: u8,
    },
    ClaimDue {
        lease: i64,
        limit: usize,
    },
    Renew {
        claims: Vec<Held>,
        done: Option<u64>,
        lease: i64,
    },
    HandBack(Held),
    Postpone {
        claim: Held,
        seconds: i64,
    },
    Park(Held),
    Conclude {
        claim: Held,
        good: bool,
        prints: bool,
    },
    LockStack(Held),
    TakeOver,
    /// The clock goes on; leases that ended meanwhile are anybody's.
    Pass {
        seconds: i64,
    },
    /// Every consumer is told of every event.
    Relay,
    ForgetOutputs,
    ForgetEvents,
    /// Requests that arrived that many seconds ago or earlier.
    ForgetRequests {
        age: i64,
    },
}

/// What a step answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Superseded,
    Claimed(Held),
    Recorded,
    Known,
    Conflict,
    /// The claims that were handed out and their tries, in that order.
    Taken(Vec<(Held, u32)>),
    /// The claims that are not good any more.
    Lost(BTreeSet<Held>),
    /// Who has the stack now.
    Stack(u8),
    Count(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Received,
    Executing,
    Waiting,
    Ended(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: i64,
    pub(super) good: bool,
    /// Whether what it printed is still kept.
    pub(super) prints: bool,
    /// Whether everybody was told.
    pub(super) told: bool,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: u8,
    pub(super) meaning: u8,
    pub(super) received_at: i64,
    pub(super) stand: Stand,
    /// Received: from when on it may be taken. Executing: when its lease ends. Waiting: since when.
    pub(super) moment: i64,
    pub(super) tries: u32,
    pub(super) done: Option<u64>,
    /// The newest claim's number.
    fence: u32,
    /// The numbers of the claims that somebody was given.
    given: Vec<u32>,
}

impl Entry {
    fn is_open(&self) -> bool {
        !matches!(self.stand, Stand::Ended(_))
    }

    /// The newest claim, whoever has it.
    pub(super) fn newest(&self) -> Held {
        (self.id, self.fence)
    }

    fn end_mut(&mut self) -> Option<&mut End> {
        match &mut self.stand {
            Stand::Ended(end) => Some(end),
            _ => None,
        }
    }

    fn take(&mut self, lease_until: i64) -> Held {
        self.fence += 1;
        self.tries += 1;
        self.given.push(self.fence);
        self.stand = Stand::Executing;
        self.moment = lease_until;
        self.done = None;
        (self.id, self.fence)
    }
}

/// The whole ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    /// In the order of their arrival.
    pub(super) entries: Vec<Entry>,
    /// Whose events are kept, in the order of their ends.
    events: Vec<u8>,
    /// Who has the stack.
    pub(super) stack: Option<u8>,
    /// How many requests ever ended.
    pub(super) ends: usize,
}

impl Model {
    pub(super) fn find(&self, id: u8) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    fn find_mut(&mut self, id: u8) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// Whose events somebody is still to be told of, in the order of their ends.
    pub(super) fn untold(&self) -> Vec<u8> {
        let is_untold = |id: &u8| {
            let stand = self.find(*id).map(|entry| entry.stand);
            matches!(stand, Some(Stand::Ended(End { told: false, .. })))
        };
        self.events.iter().copied().filter(is_untold).collect()
    }

    fn is_forgettable(&self, entry: &Entry, before: i64) -> bool {
        !entry.is_open() && entry.received_at < before && !self.events.contains(&entry.id)
    }

    /// The request that a claim is good for.
    fn claimed(&mut self, (id, number): Held) -> Option<&mut Entry> {
        self.find_mut(id)
            .filter(|entry| entry.is_open() && entry.fence == number)
    }

    /// The same, where it is being carried out.
    fn executing(&mut self, claim: Held) -> Option<&mut Entry> {
        self.claimed(claim).filter(|entry| entry.stand == Stand::Executing)
    }

    /// Gives an executing request that place, from then on.
    fn leave(&mut self, claim: Held, stand: Stand, moment: i64) -> Option<&mut Entry> {
        let entry = self.executing(claim)?;
        (entry.stand, entry.moment) = (stand, moment);
        Some(entry)
    }

    /// How a request of that id stands beside one that arrives.
    fn known(&self, id: u8, meaning: u8) -> Option<Answer> {
        let entry = self.find(id)?;
        Some(if entry.meaning == meaning {
            Answer::Known
        } else {
            Answer::Conflict
        })
    }

    fn arrive(&mut self, id: u8, meaning: u8, moment: i64) -> &mut Entry {
        self.entries.push(Entry {
            id,
            meaning,
            received_at: self.now,
            stand: Stand::Received,
            moment,
            tries: 0,
            done: None,
            fence: 0,
            given: Vec::new(),
        });
        self.entries.last_mut().expect("one was put there")
    }

    fn end(&mut self, id: u8, good: bool, prints: bool) {
        let end = End {
            at: self.now,
            good,
            prints,
            told: false,
        };
        let entry = self.find_mut(id).expect("it was found before");
        entry.stand = Stand::Ended(end);
        entry.done = None;
        self.events.push(id);
        self.ends += 1;
        if self.stack == Some(id) {
            self.stack = None;
        }
    }

    /// Renews these claims; gives those that are not good any more.
    fn renew(&mut self, claims: &[Held], done: Option<u64>, lease_until: i64) -> BTreeSet<Held> {
        let mut lost = BTreeSet::new();
        for claim in claims {
            match self.executing(*claim) {
                None => {
                    lost.insert(*claim);
                }
                Some(entry) => {
                    entry.moment = lease_until;
                    entry.done = done.or(entry.done);
                }
            }
        }
        lost
    }

    fn forget_requests(&mut self, before: i64) -> u64 {
        let old = self.entries.iter().filter(|entry| self.is_forgettable(entry, before));
        let gone: BTreeSet<u8> = old.map(|entry| entry.id).collect();
        self.entries.retain(|entry| !gone.contains(&entry.id));
        gone.len() as u64
    }

    /// Takes a step.
    pub(super) fn step(&mut self, step: &Step) -> Answer {
        let now = self.now;
        let done = |good: bool| if good { Answer::Done } else { Answer::Superseded };
        match *step {
            Step::Receive { id, meaning, lease } => {
                self.now += 1;
                if let Some(known) = self.known(id, meaning) {
                    return known;
                }
                let now = self.now;
                let entry = self.arrive(id, meaning, now);
                lease.map_or(Answer::Recorded, |lease| Answer::Claimed(entry.take(now + lease)))
            }
            Step::ReceiveConcluded { id, meaning } => {
                self.now += 1;
                self.known(id, meaning).unwrap_or_else(|| {
                    self.arrive(id, meaning, self.now);
                    self.end(id, false, false);
                    Answer::Recorded
                })
            }
            Step::ClaimDue { lease, limit } => {
                let due = self
                    .entries
                    .iter_mut()
                    .filter(|entry| matches!(entry.stand, Stand::Received | Stand::Executing) && entry.moment <= now);
                let taken = due.take(limit).map(|entry| (entry.take(now + lease), entry.tries));
                Answer::Taken(taken.collect())
            }
            Step::Renew {
                ref claims,
                done,
                lease,
            } => Answer::Lost(self.renew(claims, done, now + lease)),
            Step::HandBack(claim) => {
                let entry = self.leave(claim, Stand::Received, now);
                done(entry.map(|entry| entry.tries -= 1).is_some())
            }
            Step::Postpone { claim, seconds } => done(self.leave(claim, Stand::Received, now + seconds).is_some()),
            Step::Park(claim) => {
                let entry = self.leave(claim, Stand::Waiting, now);
                done(entry.map(|entry| entry.done = None).is_some())
            }
            Step::Conclude { claim, good, prints } => {
                let is_good = self.claimed(claim).is_some();
                if is_good {
                    self.end(claim.0, good, prints);
                }
                done(is_good)
            }
            Step::LockStack(claim) => match self.claimed(claim).map(|entry| entry.id) {
                None => Answer::Superseded,
                Some(id) => Answer::Stack(*self.stack.get_or_insert(id)),
            },
            Step::TakeOver => {
                let mut count = 0;
                for entry in self.entries.iter_mut().filter(|entry| entry.stand == Stand::Executing) {
                    (entry.stand, entry.moment) = (Stand::Received, now);
                    entry.fence += 1;
                    count += 1;
                }
                Answer::Count(count)
            }
            Step::Pass { seconds } => {
                self.now += seconds;
                Answer::Done
            }
            Step::Relay => {
                self.entries
                    .iter_mut()
                    .filter_map(Entry::end_mut)
                    .for_each(|end| end.told = true);
                Answer::Done
            }
            Step::ForgetOutputs => {
                let ends = self.entries.iter_mut().filter_map(Entry::end_mut);
                let kept = ends.filter(|end| end.prints);
                Answer::Count(kept.map(|end| end.prints = false).count() as u64)
            }
            // The newest one stays.
            Step::ForgetEvents => {
                Answer::Count(self.events.drain(..self.events.len().saturating_sub(1)).count() as u64)
            }
            Step::ForgetRequests { age } => Answer::Count(self.forget_requests(now - age)),
        }
    }

    /// Every claim that somebody was given, good or not, and one of a request that is not there.
    fn claims(&self) -> Vec<Held> {
        let of = |entry: &Entry| entry.given.iter().map(|number| (entry.id, *number)).collect::<Vec<_>>();
        self.entries.iter().flat_map(of).chain([(IDS, 1)]).collect()
    }

    fn is_given(&self, claim: Held) -> bool {
        self.claims().contains(&claim)
    }
}

/// What the steps are made by.
pub(super) struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::default()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let claims = model.claims();
        let newest = model
            .entries
            .iter()
            .filter_map(|entry| Some((entry.id, *entry.given.last()?)));
        let newest: Vec<Held> = newest.collect();
        // Claims that may be good come more often than those that were superseded.
        let claim = || {
            let any = select(claims.clone());
            if newest.is_empty() {
                any.boxed()
            } else {
                prop_oneof![1 => any, 3 => select(newest.clone())].boxed()
            }
        };
        let id = || 0..IDS;
        let meaning = || prop_oneof![4 => Just(0_u8), 1 => Just(1)];
        let lease = || 1_i64..60;
        let steps = prop_oneof![
            6 => (id(), meaning(), proptest::option::of(lease()))
                .prop_map(|(id, meaning, lease)| Step::Receive { id, meaning, lease }),
            1 => (id(), meaning()).prop_map(|(id, meaning)| Step::ReceiveConcluded { id, meaning }),
            6 => (lease(), 1_usize..4).prop_map(|(lease, limit)| Step::ClaimDue { lease, limit }),
            3 => (subsequence(claims.clone(), 0..=claims.len().min(4)), proptest::option::of(0_u64..9), lease())
                .prop_map(|(claims, done, lease)| Step::Renew { claims, done, lease }),
            1 => claim().prop_map(Step::HandBack),
            2 => (claim(), 0_i64..60).prop_map(|(claim, seconds)| Step::Postpone { claim, seconds }),
            2 => claim().prop_map(Step::Park),
            5 => (claim(), any::<bool>(), any::<bool>())
                .prop_map(|(claim, good, prints)| Step::Conclude { claim, good, prints }),
            2 => claim().prop_map(Step::LockStack),
            1 => Just(Step::TakeOver),
            5 => (1_i64..90).prop_map(|seconds| Step::Pass { seconds }),
            3 => Just(Step::Relay),
            1 => Just(Step::ForgetOutputs),
            2 => Just(Step::ForgetEvents),
            3 => (0_i64..60).prop_map(|age| Step::ForgetRequests { age }),
        ];
        let model = model.clone();
        steps
            .prop_filter("it can be taken here", move |step| Self::preconditions(&model, step))
            .boxed()
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        match step {
            Step::HandBack(claim)
            | Step::Postpone { claim, .. }
            | Step::Park(claim)
            | Step::Conclude { claim, .. }
            | Step::LockStack(claim) => model.is_given(*claim),
            Step::Renew { claims, .. } => claims.iter().all(|claim| model.is_given(*claim)),
            // Which event is the newest in a log depends on whether it waits there to be told or elsewhere.
            Step::ForgetEvents => model.untold().is_empty(),
            // A backend may keep the newest of all requests, so that its place is not given again.
            Step::ForgetRequests { age } => model
                .entries
                .last()
                .is_none_or(|newest| !model.is_forgettable(newest, model.now - age)),
            _ => true,
        }
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.step(step);
        model
    }
}
