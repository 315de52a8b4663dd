//! The ledger's contract as a state machine: any steps in any order, on a ledger and on the [`Model`] beside it.
//!
//! What each step answers and all that can be read after it must be the same. The [`InvariantChecker`] does not know the
//! model: it holds the answers alone against what must never happen. A run that fails is cut down to the fewest
//! steps that still fail, and these are shown; they belong into the suite beside this as a case of their own, so no
//! file of failed runs is kept. `PROPTEST_RNG_SEED` repeats a run.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::work::{Claim, Progress};
use cc_devops_requests::fingerprint::Fingerprint;
use cc_devops_requests::ports::{Backlog, Forgotten, Ports};
use cc_devops_requests::record::{
    Conclusion, NewRequest, Receipt, Renewal, RequestFilter, RequestHead, RequestRecord, RequestState, StackLock,
    WaitingRequest,
};
use cc_devops_requests::retention::Kept;
use jiff::Timestamp;
use proptest::test_runner::{Config, TestError, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use super::invariants::InvariantChecker;
use super::model::{Answer, End, Entry, Held, IDS, Model, Reference, Stand, Step};
use crate::outbox;
use crate::sample::{self, after, request_id};

/// How many runs there are, and of how many steps at most; half of them at least.
const RUNS: u32 = 64;
const STEPS: usize = 40;

/// More than any run has of anything.
const ALL: usize = 200;

/// The ledger does in any order of steps what the model of it does: claims, leases, ends, the outbox and forgetting.
/// For a backend that one process holds alone, and that forgets when it is told to.
pub fn ledger_steps(fresh: impl AsyncFn() -> Ports) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let config = Config {
        cases: RUNS,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(
        &Reference::sequential_strategy(STEPS / 2..=STEPS),
        |(mut model, steps, seen)| {
            runtime.block_on(async {
                let mut ledger = Real::new(fresh().await);
                for step in &steps {
                    // What was not taken is left out first when a run is cut down.
                    if let Some(seen) = &seen {
                        seen.fetch_add(1, Ordering::SeqCst);
                    }
                    let expected = model.step(step);
                    let answer = ledger.step(step, model.now).await;
                    assert_eq!(answer, expected, "what {step:?} answers");
                    ledger.compare(&model).await;
                }
                let checked = ledger.ports.audit.verify().await.expect("verify");
                assert!(checked.breaks.is_empty(), "the audit chain holds: {:?}", checked.breaks);
            });
            Ok(())
        },
    );
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(why, (_, steps, _))) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("    {step:?}")).collect();
            let steps = steps.join("\n");
            panic!("{why}\nafter these steps, the fewest that were found:\n{steps}")
        }
        Err(error) => panic!("{error}"),
    }
}

fn name(id: u8) -> String {
    format!("r{id}")
}

/// The number of a request's id.
fn number(id: &str) -> u8 {
    id.strip_prefix('r')
        .and_then(|number| number.parse().ok())
        .expect("an id of these steps")
}

fn request(id: u8, meaning: u8, received_at: i64) -> NewRequest {
    let mut head = sample::head(&name(id));
    head.fingerprint = Fingerprint([meaning; 32]);
    head.received_at = after(received_at);
    sample::request_of(head)
}

fn head_of(entry: &Entry) -> RequestHead {
    request(entry.id, entry.meaning, entry.received_at).head
}

fn conclusion(id: u8, good: bool, prints: bool, at: i64) -> Conclusion {
    let head = sample::head(&name(id));
    let ended = if good {
        sample::success(&head, at)
    } else {
        sample::failure(&head, at, Reason::ApiError)
    };
    Conclusion {
        output: prints.then(|| "it says".to_owned()),
        ..ended
    }
}

fn progress(done: u64) -> Progress {
    Progress {
        done,
        of: 9,
        what: "repositories".to_owned(),
    }
}

fn claim((id, attempt): Held) -> Claim {
    Claim {
        request: request_id(&name(id)),
        attempt,
    }
}

fn held(claim: &Claim) -> Held {
    (number(claim.request.as_str()), claim.attempt)
}

/// Done, or superseded; no other refusal.
fn good<T>(answer: PortResult<T>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            assert_eq!(
                error.kind,
                PortErrorKind::Superseded,
                "refused for another reason: {error}"
            );
            None
        }
    }
}

fn answer(answer: Option<()>) -> Answer {
    if answer.is_some() {
        Answer::Done
    } else {
        Answer::Superseded
    }
}

/// The ledger under test.
struct Real {
    ports: Ports,
    invariants: InvariantChecker,
}

impl Real {
    fn new(ports: Ports) -> Self {
        Self {
            ports,
            invariants: InvariantChecker::default(),
        }
    }

    /// Takes the step at that time.
    async fn step(&mut self, step: &Step, now: i64) -> Answer {
        let ledger = &*self.ports.ledger;
        let invariants = &mut self.invariants;
        match step {
            Step::Receive { id, meaning, lease } => {
                let lease = lease.map(|lease| now + lease);
                let receipt = ledger.receive(&request(*id, *meaning, now), lease.map(after)).await;
                self.receipt(*id, receipt.expect("receive"), now, lease).await
            }
            Step::ReceiveConcluded { id, meaning } => {
                let ended = conclusion(*id, false, false, now);
                let receipt = ledger.receive_concluded(&request(*id, *meaning, now), &ended).await;
                let receipt = receipt.expect("receive");
                if matches!(receipt, Receipt::Recorded) {
                    invariants.ended(*id);
                }
                self.receipt(*id, receipt, now, None).await
            }
            Step::ClaimDue { lease, limit } => self.claim_due(now, now + lease, *limit).await,
            Step::Renew { claims, done, lease } => {
                let renewals: Vec<Renewal> = claims
                    .iter()
                    .map(|one| Renewal {
                        claim: claim(*one),
                        progress: done.map(progress),
                    })
                    .collect();
                let lost = ledger.renew(&renewals, after(now + lease)).await.expect("renew");
                let lost: BTreeSet<Held> = lost.iter().map(held).collect();
                for one in claims.iter().filter(|one| !lost.contains(one)) {
                    invariants.renewed(*one, now, now + lease);
                }
                Answer::Lost(lost)
            }
            Step::HandBack(one) => {
                let done = good(ledger.hand_back(&claim(*one), after(now)).await);
                answer(done.inspect(|()| invariants.gave_up(*one, now)))
            }
            Step::Postpone { claim: one, seconds } => {
                let done = good(ledger.postpone(&claim(*one), after(now + seconds)).await);
                answer(done.inspect(|()| invariants.gave_up(*one, now)))
            }
            Step::Park(one) => {
                let done = good(ledger.park(&claim(*one), after(now)).await);
                answer(done.inspect(|()| invariants.gave_up(*one, now)))
            }
            Step::Conclude {
                claim: one,
                good: well,
                prints,
            } => {
                let ended = conclusion(one.0, *well, *prints, now);
                let done = good(ledger.conclude(&claim(*one), &ended).await);
                answer(done.inspect(|()| {
                    invariants.gave_up(*one, now);
                    invariants.ended(one.0);
                }))
            }
            Step::LockStack(one) => {
                let lock = good(ledger.lock_stack(&claim(*one), &sample::stack("sample")).await);
                lock.map_or(Answer::Superseded, |lock| match lock {
                    StackLock::Acquired(lease) => Answer::Stack(number(lease.request.as_str())),
                    StackLock::Held { by } => Answer::Stack(number(by.as_str())),
                })
            }
            Step::TakeOver => {
                invariants.all_died();
                Answer::Count(ledger.take_over(after(now)).await.expect("take over"))
            }
            Step::Pass { .. } => Answer::Done,
            Step::Relay => {
                outbox::log_and_queue(&self.ports, now).await;
                let due = outbox::waiting(&self.ports, now).await;
                outbox::settle_all(&self.ports, &due, now).await;
                Answer::Done
            }
            Step::ForgetOutputs => self.forget(Kept::Outputs, after(now + 1)).await,
            Step::ForgetEvents => self.forget(Kept::Events, after(now + 1)).await,
            Step::ForgetRequests { age } => {
                let count = self.forget(Kept::Requests, after(now - age)).await;
                let left: BTreeSet<u8> = self
                    .list()
                    .await
                    .iter()
                    .map(|one| number(one.head.id.as_str()))
                    .collect();
                self.invariants.forgot(&left);
                count
            }
        }
    }

    async fn claim_due(&mut self, now: i64, until: i64, limit: usize) -> Answer {
        let taken = self.ports.ledger.claim_due(after(now), after(until), limit).await;
        let mut claims = Vec::new();
        for one in taken.expect("claim") {
            let detail = sample::request_of(one.head.clone()).detail;
            assert!(
                one.detail.expose() == detail.expose(),
                "the detail is what was received"
            );
            self.invariants.claimed(held(&one.claim), now, until);
            claims.push((held(&one.claim), one.tries));
        }
        Answer::Taken(claims)
    }

    async fn receipt(&mut self, id: u8, receipt: Receipt, now: i64, lease: Option<i64>) -> Answer {
        match receipt {
            Receipt::Claimed(claim) => {
                self.invariants.acknowledged(id);
                self.invariants
                    .claimed(held(&claim), now, lease.expect("a claim was asked for"));
                Answer::Claimed(held(&claim))
            }
            Receipt::Recorded => {
                self.invariants.acknowledged(id);
                Answer::Recorded
            }
            Receipt::Known(known) => {
                let found = self.ports.ledger.find(&request_id(&name(id))).await.expect("find");
                assert_eq!(Some(*known), found, "what is known is what is on record");
                Answer::Known
            }
            Receipt::Conflict => Answer::Conflict,
        }
    }

    async fn forget(&self, what: Kept, before: Timestamp) -> Answer {
        let forgotten = self
            .ports
            .retention
            .forget(what, before, None, ALL)
            .await
            .expect("forget");
        let Forgotten { removed, next } = forgotten;
        assert_eq!(next, None, "there were fewer than a step looks at");
        Answer::Count(removed)
    }

    /// Everything on record, the newest first.
    async fn list(&self) -> Vec<RequestRecord> {
        let page = self.ports.ledger.list(&RequestFilter::default(), None, ALL).await;
        page.expect("list").items
    }

    /// What is read is what the model holds, and what must never happen did not.
    async fn compare(&mut self, model: &Model) {
        let (ledger, now) = (&*self.ports.ledger, model.now);
        let expected: Vec<RequestRecord> = model.entries.iter().rev().map(|entry| self.record(entry)).collect();
        assert_eq!(self.list().await, expected, "the list");
        for id in 0..=IDS {
            let found = ledger.find(&request_id(&name(id))).await.expect("find");
            assert_eq!(
                found,
                model.find(id).map(|entry| self.record(entry)),
                "what is found of {id}"
            );
        }
        let waiting = ledger.waiting(None, ALL).await.expect("waiting");
        assert_eq!(waiting, parked(model), "what waits");
        let holder = ledger.holder_of(&sample::stack("sample")).await.expect("holder");
        assert_eq!(holder, model.stack.map(|id| request_id(&name(id))), "who has the stack");
        assert_eq!(ledger.backlog().await.expect("backlog"), backlog(model), "the backlog");

        let due = outbox::waiting(&self.ports, now).await;
        let keys: Vec<u8> = outbox::keys(&due).into_iter().map(number).collect();
        assert_eq!(keys, model.untold(), "who is to be told of what");
        for entry in &due {
            self.invariants
                .announced(number(outbox::event(entry).body.key()), entry.id);
        }
        let trail = self
            .ports
            .audit
            .list(&AuditFilter::default(), None, ALL)
            .await
            .expect("audit");
        assert_eq!(trail.items.len(), model.ends, "every end has one row in the trail");

        let on_record = self.list().await;
        let on_record = on_record.iter().map(|one| number(one.head.id.as_str())).collect();
        self.invariants.check(&on_record);
    }

    /// How the model's request reads.
    fn record(&self, entry: &Entry) -> RequestRecord {
        let (state, ended) = match entry.stand {
            Stand::Received => (RequestState::Received, None),
            Stand::Executing => (RequestState::Executing, None),
            Stand::Waiting => (RequestState::Waiting, None),
            Stand::Ended(end) if end.told => (RequestState::Published, Some(end)),
            Stand::Ended(end) => (outbox::state_once_ended(&self.ports), Some(end)),
        };
        let ended = ended.map(|End { at, good, prints, .. }| conclusion(entry.id, good, prints, at));
        RequestRecord {
            head: head_of(entry),
            state,
            tries: entry.tries,
            progress: entry.done.map(progress),
            output: ended.as_ref().and_then(|ended| ended.output.clone()),
            completed: ended.map(|ended| ended.completed),
        }
    }
}

fn parked(model: &Model) -> Vec<WaitingRequest> {
    let parked = model.entries.iter().filter(|entry| entry.stand == Stand::Waiting);
    let mut parked: Vec<WaitingRequest> = parked
        .map(|entry| WaitingRequest {
            claim: claim(entry.newest()),
            head: head_of(entry),
            since: after(entry.moment),
        })
        .collect();
    parked.sort_by_key(|waiting| (waiting.since, waiting.head.id.clone()));
    parked
}

fn backlog(model: &Model) -> Backlog {
    let count = |stand| model.entries.iter().filter(|entry| entry.stand == stand).count() as u64;
    let open = model
        .entries
        .iter()
        .filter(|entry| !matches!(entry.stand, Stand::Ended(_)));
    Backlog {
        received: count(Stand::Received),
        executing: count(Stand::Executing),
        waiting: count(Stand::Waiting),
        unpublished: model.untold().len() as u64,
        oldest_open: open.map(|entry| after(entry.received_at)).min(),
    }
}
