//! A run of the housekeeping with a crash at every port call of it, on any backend.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::audit::{AuditFilter, Section};
use cc_devops_kernel::ports::{AuditArchive, PortResult};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::Receipt;
use cc_devops_requests::retention::{Pruner, Rules};
use jiff::SignedDuration;

use super::{Backend, CrashPoint, CrashPoints, Moment, Report};
use crate::contract::retention::{entries, holds, numbers};
use crate::outbox::waiting;
use crate::sample::{self, request_id};

/// The entries that are old when the run begins, by their numbers.
const OLD: std::ops::Range<i64> = 1..6;

/// Those that are not, in seconds after the start.
const NEW: std::ops::Range<i64> = 40 * 86_400..40 * 86_400 + 3;

/// An archive in memory, which survives a crash.
#[derive(Default)]
struct Archive(Mutex<BTreeSet<i64>>);

impl Archive {
    fn numbers(&self) -> BTreeSet<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl AuditArchive for Archive {
    async fn keep(&self, section: &Section) -> PortResult<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(numbers(&section.rows));
        Ok(format!("{}-{}", section.first, section.last))
    }
}

/// Runs the housekeeping over old rows and new with a crash at every port call, before and after its effect,
/// each time on a fresh backend, and checks after the restart that the trail holds, that every row that is gone
/// was exported before, and that nothing is gone that must be kept; and the same after another run has finished.
pub async fn enumerate_retention<B: Backend>(fresh: impl AsyncFn() -> B) -> Report {
    let calls = live(fresh().await, None).await.calls();
    let mut report = Report { runs: 0, calls };
    for moment in Moment::ALL {
        for call in 0..calls {
            let points = live(fresh().await, Some(CrashPoint { call, moment })).await;
            assert!(points.crashed(), "call {call} is made every time");
            report.runs += 1;
        }
    }
    report
}

fn pruner(ports: &Ports, archive: &Arc<Archive>) -> Pruner {
    let rules = Rules {
        requests_days: 30,
        events_days: 30,
        audit_days: Some(30),
        dead_letters_days: 30,
        outputs_days: 10,
    };
    Pruner::new(rules, ports, Some(archive.clone()))
}

async fn run(pruner: &Pruner) -> PortResult<()> {
    let mut run = pruner.begin();
    while pruner.step(&mut run).await? {}
    Ok(())
}

async fn live<B: Backend>(mut backend: B, point: Option<CrashPoint>) -> CrashPoints {
    let ports = backend.open().await;
    let open = ports.ledger.receive(&sample::request("open"), None).await.unwrap();
    assert!(matches!(open, Receipt::Recorded), "it is new");
    let untold = sample::request("untold");
    let conclusion = sample::success(&untold.head, 1);
    ports.ledger.receive_concluded(&untold, &conclusion).await.unwrap();
    entries(&ports, OLD).await;
    entries(&ports, NEW).await;
    backend.advance(SignedDuration::from_hours(50 * 24));

    let archive = Arc::new(Archive::default());
    let points = point.map_or_else(CrashPoints::never, CrashPoints::at);
    let ended = run(&pruner(&points.wrap(&ports), &archive)).await;
    assert_eq!(ended.is_err(), points.crashed(), "{point:?}: {ended:?}");
    drop(ports);

    let ports = backend.open().await;
    check(&ports, &archive, point).await;
    run(&pruner(&ports, &archive)).await.unwrap();
    check(&ports, &archive, point).await;
    let left = ports
        .audit
        .list(&AuditFilter::default(), None, 1_000)
        .await
        .unwrap()
        .items;
    assert_eq!(
        numbers(&left),
        NEW.collect::<Vec<_>>(),
        "{point:?}: what is old is gone in the end"
    );
    points
}

async fn check(ports: &Ports, archive: &Archive, point: Option<CrashPoint>) {
    holds(ports, &format!("after {point:?}")).await;
    let left = ports
        .audit
        .list(&AuditFilter::default(), None, 1_000)
        .await
        .unwrap()
        .items;
    let left: BTreeSet<i64> = numbers(&left).into_iter().collect();
    let kept: BTreeSet<i64> = left.union(&archive.numbers()).copied().collect();
    let all: BTreeSet<i64> = OLD.chain(NEW).collect();
    assert_eq!(kept, all, "{point:?}: a row is in the trail or in the export");
    for id in ["open", "untold"] {
        let found = ports.ledger.find(&request_id(id)).await.unwrap();
        assert!(found.is_some(), "{point:?}: {id} is needed");
    }
    let untold = waiting(ports, 60 * 86_400).await;
    assert_eq!(untold.len(), 1, "{point:?}: what is to be told is told");
}
